/**
 * What became of each slice: done, failed or skipped, and which records were set aside.
 *
 * Three tables, meant to be read by hand too: `tributary_sources`, `tributary_slices` and `tributary_rejects`. A slice that
 * is not in the ledger has not been collected yet.
 *
 * @since 0.1.0
 */
import { Migrator, SqlClient, type SqlError } from "@effect/sql"
import { Context, DateTime, Effect, Layer, Schema } from "effect"
import { reconcile } from "./internal/reconcile.ts"
import { transaction } from "./internal/transaction.ts"
import { type Slice, toStored } from "./Slice.ts"
import type { Source } from "./Source.ts"

/**
 * A record that did not fit its Schema, and where.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rejection {
  /** Its place within the slice, from 0. */
  readonly position: number
  readonly reason: string
  /** The record as it came, as JSON. */
  readonly raw: string
}

/**
 * What became of a slice. `error` is the tag of the error that decided it.
 *
 * @since 0.1.0
 * @category models
 */
export type Outcome =
  | {
      readonly _tag: "Done"
      readonly records: number
      readonly rejections: ReadonlyArray<Rejection>
      /** Where the last page came from. */
      readonly cursor: string | null
    }
  | { readonly _tag: "Failed" | "Skipped"; readonly error: string; readonly message: string }

/**
 * @since 0.1.0
 * @category models
 */
export interface Settlement {
  readonly slice: Slice
  readonly outcome: Outcome
  /** Requests sent for the slice, retries included. */
  readonly attempts: number
  readonly startedAt: DateTime.Utc
}

/**
 * The numbers of one source.
 *
 * @since 0.1.0
 * @category models
 */
export interface SourceSummary {
  readonly source: string
  /** Slices in the plan when the source was last run, and those collected before that are no longer part of it. */
  readonly planned: number
  readonly done: number
  readonly failed: number
  readonly skipped: number
  /** Not collected yet. */
  readonly pending: number
  /** Done, without a single record. */
  readonly empty: number
  readonly records: number
  /** Records set aside. */
  readonly rejected: number
}

/**
 * A slice without data, and why.
 *
 * @since 0.1.0
 * @category models
 */
export interface MissingSlice {
  readonly source: string
  readonly slice: string
  readonly outcome: "failed" | "skipped"
  /** The error's tag. */
  readonly error: string
  readonly message: string
  readonly attempts: number
  /** ISO 8601, UTC. */
  readonly finishedAt: string
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Reject extends Rejection {
  readonly source: string
  readonly slice: string
}

/**
 * Raised when a source is not the one whose slices the ledger holds: what was collected and what would be collected now
 * do not belong together.
 *
 * @since 0.1.0
 * @category errors
 */
export class DefinitionChanged extends Schema.TaggedError<DefinitionChanged>("@tributary/collect/DefinitionChanged")(
  "DefinitionChanged",
  {
    source: Schema.String,
    /** The parts that differ, such as `records` or `key`. */
    parts: Schema.Array(Schema.String)
  }
) {
  override get message(): string {
    return (
      `source "${this.source}" was collected under another definition (${this.parts.join(", ")} changed); ` +
      `collect it afresh, or into another database`
    )
  }
}

/**
 * @since 0.1.0
 * @category services
 */
export class Ledger extends Context.Tag("@tributary/collect/Ledger")<
  Ledger,
  {
    /**
     * Makes a source and the size of its plan known. Slices whose window is another one in this plan are pending again. Fails
     * with `DefinitionChanged` if the source is known under another definition.
     */
    readonly open: (source: Source, planned: number) => Effect.Effect<void, DefinitionChanged | SqlError.SqlError>
    /** Forgets a source and all its slices. False if it was not known. */
    readonly forget: (source: string) => Effect.Effect<boolean, SqlError.SqlError>
    /** Those of the slices, all of one source, that are not done and not skipped. */
    readonly unsettled: (slices: ReadonlyArray<Slice>) => Effect.Effect<ReadonlyArray<Slice>, SqlError.SqlError>
    /** Writes down what became of a slice, over what was there before. */
    readonly settle: (settlement: Settlement) => Effect.Effect<void, SqlError.SqlError>
    /** In the order of the sources' names. */
    readonly summary: Effect.Effect<ReadonlyArray<SourceSummary>, SqlError.SqlError>
    /** The failed slices, then the skipped ones, in the order of source and slice. */
    readonly missing: Effect.Effect<ReadonlyArray<MissingSlice>, SqlError.SqlError>
    /** In the order of source, slice and position. */
    readonly rejects: Effect.Effect<ReadonlyArray<Reject>, SqlError.SqlError>
  }
>() {}

/** A record that was set aside is kept up to this many characters. */
const mostRaw = 10_000

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  yield* migrate

  const open = (source: Source, planned: number) =>
    Effect.gen(function* () {
      const [known] = yield* sql<{ definition: string }>`
        SELECT definition FROM tributary_sources WHERE name = ${source.name}`
      if (known !== undefined && known.definition !== source.definition) {
        return yield* new DefinitionChanged({
          source: source.name,
          parts: differences(known.definition, source.definition)
        })
      }
      const outside = yield* reconcile(sql)(source)
      const row = { name: source.name, definition: source.definition, planned: planned + outside }
      yield* sql`
        INSERT INTO tributary_sources ${sql.insert(row)}
        ON CONFLICT (name) DO UPDATE SET definition = excluded.definition, planned = excluded.planned`
    }).pipe(transaction(sql))

  const forget = (source: string) =>
    Effect.gen(function* () {
      yield* sql`DELETE FROM tributary_rejects WHERE source = ${source}`
      yield* sql`DELETE FROM tributary_slices WHERE source = ${source}`
      const known = yield* sql`DELETE FROM tributary_sources WHERE name = ${source} RETURNING name`
      return known.length > 0
    }).pipe(transaction(sql))

  const unsettled = (slices: ReadonlyArray<Slice>) => {
    const [first] = slices
    if (first === undefined) return Effect.succeed(slices)
    return Effect.map(
      sql<{ slice: string }>`
        SELECT slice FROM tributary_slices
        WHERE source = ${first.source} AND outcome <> 'failed' AND ${sql.in(
          "slice",
          slices.map(({ id }) => id)
        )}`,
      (rows) => {
        const settled = new Set(rows.map(({ slice }) => slice))
        return slices.filter(({ id }) => !settled.has(id))
      }
    )
  }

  const settle = ({ attempts, outcome, slice, startedAt }: Settlement) =>
    Effect.gen(function* () {
      const done = outcome._tag === "Done" ? outcome : undefined
      const row = {
        source: slice.source,
        slice: slice.id,
        parameters: JSON.stringify(toStored(slice)),
        outcome: outcome._tag.toLowerCase(),
        records: done?.records ?? 0,
        rejected: done?.rejections.length ?? 0,
        attempts,
        cursor: done?.cursor ?? null,
        error: outcome._tag === "Done" ? null : outcome.error,
        message: outcome._tag === "Done" ? null : outcome.message,
        started_at: DateTime.formatIso(startedAt),
        finished_at: DateTime.formatIso(yield* DateTime.now)
      }
      yield* sql`DELETE FROM tributary_slices WHERE source = ${slice.source} AND slice = ${slice.id}`
      yield* sql`INSERT INTO tributary_slices ${sql.insert(row)}`
      yield* sql`DELETE FROM tributary_rejects WHERE source = ${slice.source} AND slice = ${slice.id}`
      for (const { position, raw, reason } of done?.rejections ?? []) {
        const reject = { source: slice.source, slice: slice.id, position, reason, raw: raw.slice(0, mostRaw) }
        yield* sql`INSERT INTO tributary_rejects ${sql.insert(reject)}`
      }
    }).pipe(transaction(sql))

  const summary = sql<SourceSummary>`
    SELECT name AS source, planned, done, failed, skipped,
      CASE WHEN planned > done + failed + skipped THEN planned - done - failed - skipped ELSE 0 END AS pending,
      empty, records, rejected
    FROM (
      SELECT name, planned,
        count(CASE WHEN outcome = 'done' THEN 1 END) AS done,
        count(CASE WHEN outcome = 'failed' THEN 1 END) AS failed,
        count(CASE WHEN outcome = 'skipped' THEN 1 END) AS skipped,
        count(CASE WHEN outcome = 'done' AND records = 0 AND rejected = 0 THEN 1 END) AS empty,
        coalesce(sum(records), 0) AS records,
        coalesce(sum(rejected), 0) AS rejected
      FROM tributary_sources LEFT JOIN tributary_slices ON source = name
      GROUP BY name, planned
    ) AS numbers
    ORDER BY name`

  const missing = sql<MissingSlice>`
    SELECT source, slice, outcome, error, message, attempts, finished_at AS "finishedAt"
    FROM tributary_slices WHERE outcome <> 'done' ORDER BY outcome, source, slice`

  const rejects = sql<Reject>`
    SELECT source, slice, position, reason, raw FROM tributary_rejects ORDER BY source, slice, position`

  return Ledger.of({ open, forget, unsettled, settle, summary, missing, rejects })
})

const differences = (before: string, after: string): ReadonlyArray<string> => {
  const [old, now]: ReadonlyArray<Record<string, unknown>> = [JSON.parse(before), JSON.parse(after)]
  return Object.keys({ ...old, ...now }).filter((part) => JSON.stringify(old?.[part]) !== JSON.stringify(now?.[part]))
}

const migrate = Migrator.make({})({
  table: "tributary_migrations",
  loader: Migrator.fromRecord({
    "1_ledger": Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      yield* sql`
        CREATE TABLE tributary_sources (
          name TEXT PRIMARY KEY,
          definition TEXT NOT NULL,
          planned INTEGER NOT NULL
        )`
      yield* sql`
        CREATE TABLE tributary_slices (
          source TEXT NOT NULL,
          slice TEXT NOT NULL,
          parameters TEXT NOT NULL,
          outcome TEXT NOT NULL CHECK (outcome IN ('done', 'failed', 'skipped')),
          records INTEGER NOT NULL,
          rejected INTEGER NOT NULL,
          attempts INTEGER NOT NULL,
          "cursor" TEXT,
          error TEXT,
          message TEXT,
          started_at TEXT NOT NULL,
          finished_at TEXT NOT NULL,
          PRIMARY KEY (source, slice)
        )`
      yield* sql`
        CREATE TABLE tributary_rejects (
          source TEXT NOT NULL,
          slice TEXT NOT NULL,
          position INTEGER NOT NULL,
          reason TEXT NOT NULL,
          raw TEXT NOT NULL,
          PRIMARY KEY (source, slice, position)
        )`
    })
  })
})

/**
 * The ledger in the database at hand. Makes its tables where they are missing.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Ledger, Migrator.MigrationError | SqlError.SqlError, SqlClient.SqlClient> =
  Layer.effect(Ledger, make)
