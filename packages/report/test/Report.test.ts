import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { SqlClient, type SqlError } from "@effect/sql"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Ledger, Parameter, Slice, Source } from "@tributary/collect"
import { Aggregate, Report } from "@tributary/report"
import { DateTime, Effect, Layer, Schema, TestClock } from "effect"

const weather = Source.make({
  name: "weather",
  base: "http://localhost",
  request: "/{city}",
  for: { city: Parameter.list(["Seattle", "New York", "Paris", "Oslo"]) },
  records: "$[*]",
  schema: Schema.Struct({ date: Schema.String, high: Schema.Number }),
  key: ["city", "date"]
})

const settlement = (city: string, outcome: Ledger.Outcome): Ledger.Settlement => ({
  slice: Slice.make({ source: "weather", parameters: { city }, windowEnds: {} }),
  outcome,
  attempts: 1,
  startedAt: DateTime.unsafeMake(0)
})

const collected = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const ledger = yield* Ledger.Ledger
  yield* sql`CREATE TABLE weather (city TEXT, date TEXT, high REAL)`
  yield* sql`INSERT INTO weather VALUES ('Seattle', '2015-01-04', 5), ('Seattle', '2015-01-05', 7)`
  yield* ledger.open(weather, 4)
  const rejections = [{ position: 2, reason: "expected a number at high", raw: "{}" }]
  yield* ledger.settle(settlement("Seattle", { _tag: "Done", records: 2, rejections, cursor: null }))
  yield* ledger.settle(settlement("New York", { _tag: "Skipped", error: "StatusError", message: "status 404" }))
  yield* ledger.settle(settlement("Paris", { _tag: "Failed", error: "TimeoutError", message: "no answer" }))
})

const database = Ledger.layer.pipe(Layer.provideMerge(SqliteClient.layer({ filename: ":memory:" })), Layer.orDie)

const weekly = Aggregate.make({
  name: "Weekly",
  from: "weather",
  by: [Aggregate.week("date")],
  measures: { high: Aggregate.avg("high") }
})
const all = Aggregate.make({ name: "All", from: "weather", measures: { days: Aggregate.count() } })

describe("make", () => {
  it.effect("has the aggregates in their order, and what the ledger says", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2025, 0, 5))
      yield* collected
      const report = yield* Report.make({ title: "Weather", aggregates: [weekly, all] })
      assert.strictEqual(report.title, "Weather")
      assert.strictEqual(DateTime.formatIso(report.generatedAt), "2025-01-05T00:00:00.000Z")
      assert.deepStrictEqual(
        report.tables.map(({ name, rows }) => [name, rows]),
        [
          [
            "Weekly",
            [
              ["2014-12-29", 5],
              ["2015-01-05", 7]
            ]
          ],
          ["All", [[2]]]
        ]
      )
      const { done, failed, pending, planned, records, rejected, skipped } = report.sources[0]!
      assert.deepStrictEqual([planned, done, failed, skipped, pending, records, rejected], [4, 1, 1, 1, 1, 2, 1])
      assert.deepStrictEqual(
        report.missing.map(({ outcome, slice }) => [outcome, slice]),
        [
          ["failed", "city=Paris"],
          ["skipped", "city=New York"]
        ]
      )
      assert.deepStrictEqual(
        report.rejects.map(({ position, reason }) => [position, reason]),
        [[2, "expected a number at high"]]
      )
    }).pipe(Effect.provide(database))
  )

  it.effect("fails with SqlError if an aggregate's table is not there, and leaves the connection usable", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Report.make({ title: "Weather", aggregates: [all] }))
      assert.strictEqual(error._tag, "SqlError")
      yield* collected
      assert.strictEqual((yield* Report.make({ title: "Weather", aggregates: [weekly] })).tables.length, 1)
    }).pipe(Effect.provide(database))
  )

  it("says in its type what it needs and how it fails", () => {
    expectTypeOf(Report.make).returns.toEqualTypeOf<
      Effect.Effect<Report.Report, SqlError.SqlError, SqlClient.SqlClient | Ledger.Ledger>
    >()
  })
})
