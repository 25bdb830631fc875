import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Ledger, Parameter, Plan, Slice, Source } from "@tributary/collect"
import { Chunk, DateTime, Effect, Layer, Schema, Stream, TestClock } from "effect"
import * as Database from "./support/Database.ts"

const source = (options: Partial<Source.Options> = {}) =>
  Source.make({
    name: "weather",
    base: "http://api.test",
    request: "/{city}",
    for: { city: Parameter.list(["a", "b", "c", "d", "e"]) },
    records: "$[*]",
    schema: Schema.Struct({ high: Schema.Number }),
    key: ["city"],
    ...options
  })

const slice = (city: string, name = "weather") => Slice.make({ source: name, parameters: { city }, windowEnds: {} })

const settlement = (slice: Slice.Slice, outcome: Ledger.Outcome): Ledger.Settlement => ({
  slice,
  outcome,
  attempts: 2,
  startedAt: DateTime.unsafeMake(0)
})

const done = (records: number, rejections: ReadonlyArray<Ledger.Rejection> = []): Ledger.Outcome => ({
  _tag: "Done",
  records,
  rejections,
  cursor: "http://api.test/a?page=2"
})

const failed: Ledger.Outcome = { _tag: "Failed", error: "StatusError", message: "status 500" }
const skipped: Ledger.Outcome = { _tag: "Skipped", error: "StatusError", message: "status 404" }
const rejection = (position: number): Ledger.Rejection => ({
  position,
  reason: "expected a number",
  raw: '{"high":"?"}'
})

const allSlices = (source: Source.Source) => Effect.map(Stream.runCollect(Plan.slices(source)), Chunk.toReadonlyArray)

describe("Ledger", () => {
  it.effect("writes down what became of each slice", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      yield* TestClock.setTime(60_000)
      yield* ledger.open(source(), 5)
      yield* ledger.settle(settlement(slice("a"), done(3, [rejection(1)])))
      yield* ledger.settle(settlement(slice("b"), failed))
      yield* ledger.settle(settlement(slice("c"), skipped))

      const common = {
        source: "weather",
        attempts: 2,
        started_at: "1970-01-01T00:00:00.000Z",
        finished_at: "1970-01-01T00:01:00.000Z"
      }
      assert.deepStrictEqual(yield* Database.rows("tributary_slices"), [
        {
          ...common,
          slice: "city=a",
          parameters: '{"city":"a"}',
          outcome: "done",
          records: 3,
          rejected: 1,
          cursor: "http://api.test/a?page=2",
          error: null,
          message: null
        },
        {
          ...common,
          slice: "city=b",
          parameters: '{"city":"b"}',
          outcome: "failed",
          records: 0,
          rejected: 0,
          cursor: null,
          error: "StatusError",
          message: "status 500"
        },
        {
          ...common,
          slice: "city=c",
          parameters: '{"city":"c"}',
          outcome: "skipped",
          records: 0,
          rejected: 0,
          cursor: null,
          error: "StatusError",
          message: "status 404"
        }
      ])
      assert.deepStrictEqual(yield* Database.rows("tributary_rejects"), [
        { source: "weather", slice: "city=a", ...rejection(1) }
      ])
      assert.deepStrictEqual(yield* Database.rows("tributary_sources"), [
        { name: "weather", definition: source().definition, planned: 5 }
      ])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("knows what is left: neither done nor skipped, in the order of the plan", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      const slices = yield* allSlices(source())
      assert.deepStrictEqual(yield* ledger.unsettled(slices), slices)
      yield* ledger.settle(settlement(slice("b"), done(0)))
      yield* ledger.settle(settlement(slice("c"), failed))
      yield* ledger.settle(settlement(slice("d"), skipped))
      yield* ledger.settle(settlement(slice("a", "other"), done(0)))
      const left = yield* ledger.unsettled(slices)
      assert.deepStrictEqual(
        left.map(({ id }) => id),
        ["city=a", "city=c", "city=e"]
      )
      assert.deepStrictEqual(yield* ledger.unsettled([]), [])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("settles over what was there", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      yield* ledger.open(source(), 5)
      yield* ledger.settle(settlement(slice("a"), failed))
      yield* ledger.settle(settlement(slice("a"), done(2, [rejection(0), rejection(2)])))
      assert.deepStrictEqual(yield* ledger.missing, [])
      assert.lengthOf(yield* ledger.rejects, 2)
      yield* ledger.settle(settlement(slice("a"), done(2, [rejection(1)])))
      assert.deepStrictEqual(yield* ledger.rejects, [{ source: "weather", slice: "city=a", ...rejection(1) }])
      yield* ledger.settle(settlement(slice("a"), failed))
      assert.deepStrictEqual(yield* ledger.rejects, [])
      const [summary] = yield* ledger.summary
      assert.deepInclude(summary, { done: 0, failed: 1, pending: 4, records: 0, rejected: 0 })
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("sums up", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      assert.deepStrictEqual(yield* ledger.summary, [])
      yield* ledger.open(source(), 5)
      yield* ledger.open(source({ name: "untouched" }), 7)
      yield* ledger.settle(settlement(slice("a"), done(3, [rejection(3)])))
      yield* ledger.settle(settlement(slice("b"), done(0)))
      yield* ledger.settle(settlement(slice("c"), done(0, [rejection(0)])))
      yield* ledger.settle(settlement(slice("d"), failed))
      const none = { done: 0, failed: 0, skipped: 0, empty: 0, records: 0, rejected: 0 }
      assert.deepStrictEqual(yield* ledger.summary, [
        { source: "untouched", ...none, planned: 7, pending: 7 },
        {
          source: "weather",
          planned: 5,
          done: 3,
          failed: 1,
          skipped: 0,
          pending: 1,
          empty: 1,
          records: 3,
          rejected: 2
        }
      ])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("lists what is missing: the failed, then the skipped", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      for (const [city, outcome] of [
        ["d", failed],
        ["c", skipped],
        ["b", failed],
        ["a", done(1)]
      ] as const) {
        yield* ledger.settle(settlement(slice(city), outcome))
      }
      const common = { source: "weather", error: "StatusError", attempts: 2, finishedAt: "1970-01-01T00:00:00.000Z" }
      assert.deepStrictEqual(yield* ledger.missing, [
        { ...common, slice: "city=b", outcome: "failed", message: "status 500" },
        { ...common, slice: "city=d", outcome: "failed", message: "status 500" },
        { ...common, slice: "city=c", outcome: "skipped", message: "status 404" }
      ])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("keeps the beginning of a long record", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      yield* ledger.settle(settlement(slice("a"), done(0, [{ ...rejection(0), raw: "x".repeat(100_000) }])))
      const [reject] = yield* ledger.rejects
      assert.strictEqual(reject?.raw.length, 10_000)
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect.each<readonly [Partial<Source.Options>, ReadonlyArray<string>]>([
    [{ records: "$.rows[*]" }, ["records"]],
    [{ request: "/v2/{city}", paginate: "link" }, ["request", "paginate"]],
    [{ key: ["city", "high"] }, ["key"]],
    [{ schema: Schema.Struct({ high: Schema.String }) }, ["columns"]],
    [{ fields: { high: "$.max" } }, ["fields"]]
  ])("refuses a source that is another one now: %o", ([options, parts]) =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      yield* ledger.open(source(), 5)
      const error = yield* Effect.flip(ledger.open(source(options), 5))
      assert.strictEqual(error._tag, "DefinitionChanged")
      if (error._tag === "DefinitionChanged") assert.deepStrictEqual(error.parts, parts)
      assert.include(error.message, `(${parts.join(", ")} changed)`)
      assert.deepStrictEqual(yield* Database.rows("tributary_sources"), [
        { name: "weather", definition: source().definition, planned: 5 }
      ])
      yield* ledger.forget("weather")
      yield* ledger.open(source(options), 5)
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("forgets one source", () =>
    Effect.gen(function* () {
      const ledger = yield* Ledger.Ledger
      for (const name of ["weather", "other"]) {
        yield* ledger.open(source({ name }), 5)
        yield* ledger.settle(settlement(slice("a", name), done(1, [rejection(0)])))
      }
      yield* ledger.forget("weather")
      assert.deepStrictEqual(
        (yield* ledger.summary).map(({ source }) => source),
        ["other"]
      )
      assert.deepStrictEqual(
        (yield* ledger.rejects).map(({ source }) => source),
        ["other"]
      )
      assert.lengthOf(yield* Database.rows("tributary_slices"), 1)
    }).pipe(Effect.provide(Database.memory))
  )

  describe("when the plan has changed since", () => {
    const monthly = (from: string, to: string, cities: ReadonlyArray<string> = ["a"]) =>
      source({
        request: "/{city}{?month,month_end}",
        for: { city: Parameter.list(cities), month: Parameter.dates({ from, to, step: { count: 1, unit: "month" } }) }
      })
    const open = (source: Source.Source) => Effect.flatMap(Ledger.Ledger, (_) => _.open(source, Plan.size(source)))
    const settleAll = (source: Source.Source) =>
      Effect.gen(function* () {
        const ledger = yield* Ledger.Ledger
        for (const slice of yield* allSlices(source)) yield* ledger.settle(settlement(slice, done(1, [rejection(0)])))
      })
    const left = (source: Source.Source) =>
      Effect.gen(function* () {
        const ledger = yield* Ledger.Ledger
        return (yield* ledger.unsettled(yield* allSlices(source))).map(({ id }) => id)
      })

    it.effect("a window that was cut is asked for again when the range goes on", () =>
      Effect.gen(function* () {
        const ledger = yield* Ledger.Ledger
        const before = monthly("2015-01-01", "2015-02-14")
        yield* open(before)
        yield* settleAll(before)
        const after = monthly("2015-01-01", "2015-03-31")
        yield* open(after)
        assert.deepStrictEqual(yield* left(after), ["city=a,month=2015-02-01", "city=a,month=2015-03-01"])
        assert.deepInclude((yield* ledger.summary)[0], { planned: 3, done: 1, pending: 2 })
        assert.lengthOf(yield* ledger.rejects, 1)
      }).pipe(Effect.provide(Database.memory))
    )

    it.effect("what is outside of it now does not hide what is pending", () =>
      Effect.gen(function* () {
        const ledger = yield* Ledger.Ledger
        const before = monthly("2014-01-01", "2014-12-31")
        yield* open(before)
        yield* settleAll(before)
        const after = monthly("2014-12-01", "2015-02-28", ["a", "b"])
        yield* open(after)
        assert.lengthOf(yield* left(after), 5)
        assert.deepInclude((yield* ledger.summary)[0], { planned: 17, done: 12, pending: 5 })
        yield* open(after)
        yield* settleAll(after)
        assert.deepInclude((yield* ledger.summary)[0], { planned: 17, done: 17, pending: 0 })
      }).pipe(Effect.provide(Database.memory))
    )

    it.effect("in a long ledger too", () =>
      Effect.gen(function* () {
        const ledger = yield* Ledger.Ledger
        const sql = yield* SqlClient.SqlClient
        const numbers = (from: number, to: number) =>
          source({
            request: "/{page}",
            for: { page: Parameter.list(Array.from({ length: to - from }, (_, index) => from + index)) },
            key: ["page"]
          })
        const before = numbers(0, 2500)
        yield* open(before)
        yield* sql.withTransaction(settleAll(before))
        const after = numbers(500, 3000)
        yield* open(after)
        assert.deepInclude((yield* ledger.summary)[0], { planned: 3000, done: 2500, pending: 500 })
      }).pipe(Effect.provide(Database.memory))
    )
  })

  it.scoped("is there again in the same file", () =>
    Effect.gen(function* () {
      const database = Database.at(yield* Database.file)
      const first = Effect.gen(function* () {
        const ledger = yield* Ledger.Ledger
        yield* ledger.open(source(), 5)
        yield* ledger.settle(settlement(slice("a"), done(1)))
        return yield* ledger.summary
      })
      const second = Effect.flatMap(Ledger.Ledger, ({ summary }) => summary)
      const before = yield* Effect.provide(first, Layer.fresh(database))
      assert.deepStrictEqual(yield* Effect.provide(second, Layer.fresh(database)), before)
    })
  )
})
