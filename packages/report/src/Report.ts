/**
 * What was collected, what is missing and why: everything that a terminal, a page or a file shows.
 *
 * @since 0.1.0
 */
import { SqlClient, type SqlError } from "@effect/sql"
import { Ledger } from "@tributary/collect"
import { DateTime, Effect } from "effect"
import * as Aggregate from "./Aggregate.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Report {
  readonly title: string
  readonly generatedAt: DateTime.Utc
  readonly tables: ReadonlyArray<Aggregate.Table>
  readonly sources: ReadonlyArray<Ledger.SourceSummary>
  readonly missing: ReadonlyArray<Ledger.MissingSlice>
  readonly rejects: ReadonlyArray<Ledger.Reject>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  readonly title: string
  /** In the order in which they are shown. */
  readonly aggregates: ReadonlyArray<Aggregate.Aggregate>
}

/**
 * Asks the aggregates and the ledger, all in one transaction: while a run goes on, the numbers still belong together.
 *
 * Fails with `SqlError` if the database cannot be read or an aggregate names a table or column that is not there.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { Aggregate, Html, Report } from "@tributary/report"
 *
 * const weekly = Aggregate.make({
 *   name: "Weekly weather",
 *   from: "weather",
 *   by: [Aggregate.field("city"), Aggregate.week("date")],
 *   measures: { high: Aggregate.avg("high") }
 * })
 *
 * export const page = Report.make({ title: "Weather", aggregates: [weekly] }).pipe(Effect.map(Html.render))
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make: (options: Options) => Effect.Effect<Report, SqlError.SqlError, SqlClient.SqlClient | Ledger.Ledger> =
  Effect.fn("Report.make")(function* (options: Options) {
    const sql = yield* SqlClient.SqlClient
    const ledger = yield* Ledger.Ledger
    const generatedAt = yield* DateTime.now
    const answers = yield* sql.withTransaction(
      Effect.all({
        tables: Effect.forEach(options.aggregates, Aggregate.run),
        sources: ledger.summary,
        missing: ledger.missing,
        rejects: ledger.rejects
      })
    )
    return { title: options.title, generatedAt, ...answers }
  })
