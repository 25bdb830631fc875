import { SqlClient } from "@effect/sql"
import { assert, describe, it } from "@effect/vitest"
import { Parameter, RecordStore, Slice, Source } from "@tributary/collect"
import { Effect, Schema } from "effect"
import * as Database from "./support/Database.ts"

const make = (options: Partial<Source.Options> = {}) =>
  Source.make({
    name: "weather",
    base: "http://api.test",
    request: "/{city}",
    for: { city: Parameter.list(["a", "b"]) },
    records: "$[*]",
    schema: Schema.Struct({ day: Schema.Int, high: Schema.NullOr(Schema.Number) }),
    key: ["city", "day"],
    ...options
  })

const slice = (city: string) => Slice.make({ source: "weather", parameters: { city }, windowEnds: {} })
const [a, b] = [slice("a"), slice("b")]
const row = (city: string, day: number, high: number | null) => ({ city, day, high })

const opened = (source: Source.Source) => Effect.tap(RecordStore.RecordStore, (store) => store.open(source))

describe("RecordStore", () => {
  it.effect("makes a table as the user would have", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const source = make({
        schema: Schema.Struct({
          day: Schema.Int,
          high: Schema.NullOr(Schema.Number),
          wet: Schema.Boolean,
          at: Schema.DateTimeUtc,
          tags: Schema.Array(Schema.String)
        })
      })
      const store = yield* opened(source)
      yield* store.open(source)
      const columns = yield* sql<{
        name: string
        type: string
        pk: number
      }>`SELECT name, type, pk FROM pragma_table_info('weather')`
      assert.deepStrictEqual(
        columns.map(({ name, pk, type }) => [name, type, pk]),
        [
          ["city", "TEXT", 1],
          ["day", "INTEGER", 2],
          ["high", "REAL", 0],
          ["wet", "INTEGER", 0],
          ["at", "TEXT", 0],
          ["tags", "TEXT", 0],
          ["tributary_slice", "TEXT", 0]
        ]
      )
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("puts a slice's rows in the place of those it brought before", () =>
    Effect.gen(function* () {
      const source = make()
      const store = yield* opened(source)
      yield* store.replace(source, a, [row("a", 1, 1), row("a", 2, null)])
      yield* store.replace(source, b, [row("b", 1, 9)])
      yield* store.replace(source, a, [row("a", 2, 2), row("a", 3, 3)])
      assert.deepStrictEqual(yield* Database.rows("weather"), [
        { ...row("a", 2, 2), tributary_slice: "city=a" },
        { ...row("a", 3, 3), tributary_slice: "city=a" },
        { ...row("b", 1, 9), tributary_slice: "city=b" }
      ])
      yield* store.replace(source, a, [])
      assert.deepStrictEqual(yield* Database.rows("weather"), [{ ...row("b", 1, 9), tributary_slice: "city=b" }])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("keeps the last of several rows with one key, of one slice or of two", () =>
    Effect.gen(function* () {
      const source = make()
      const store = yield* opened(source)
      yield* store.replace(source, a, [row("a", 1, 1), row("a", 2, 2), row("a", 1, 3)])
      assert.deepStrictEqual(yield* Database.rows("weather"), [
        { ...row("a", 1, 3), tributary_slice: "city=a" },
        { ...row("a", 2, 2), tributary_slice: "city=a" }
      ])
      yield* store.replace(source, b, [row("a", 2, 7)])
      assert.deepStrictEqual(yield* Database.rows("weather"), [
        { ...row("a", 1, 3), tributary_slice: "city=a" },
        { ...row("a", 2, 7), tributary_slice: "city=b" }
      ])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("does not take keys for the same that are not", () =>
    Effect.gen(function* () {
      const source = make({ schema: Schema.Struct({ x: Schema.String, y: Schema.String }), key: ["x", "y"] })
      const store = yield* opened(source)
      const rows = [
        ["a", "b,c"],
        ["a,b", "c"],
        ['a"', "b"],
        ["a", '"b']
      ].map(([x = "", y = ""]) => ({ city: "a", x, y }))
      yield* store.replace(source, a, rows)
      assert.lengthOf(yield* Database.rows("weather"), 4)
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("takes a table that has only a key", () =>
    Effect.gen(function* () {
      const source = make({ for: {}, request: "/", schema: Schema.Struct({ id: Schema.String }), key: ["id"] })
      const store = yield* opened(source)
      yield* store.replace(source, a, [{ id: "x" }])
      yield* store.replace(source, b, [{ id: "x" }])
      assert.deepStrictEqual(yield* Database.rows("weather"), [{ id: "x", tributary_slice: "city=b" }])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("takes many rows, and few rows of many columns", () =>
    Effect.gen(function* () {
      const sql = yield* SqlClient.SqlClient
      const source = make()
      const store = yield* opened(source)
      yield* store.replace(
        source,
        a,
        Array.from({ length: 30_000 }, (_, day) => row("a", day, day))
      )
      assert.deepStrictEqual(yield* sql`SELECT count(*) AS n, sum(high) AS sum FROM weather`, [
        { n: 30_000, sum: (29_999 * 30_000) / 2 }
      ])

      const names = Array.from({ length: 500 }, (_, index) => `c${index}`)
      const wide = make({
        name: "wide",
        for: {},
        request: "/",
        schema: Schema.Struct(Object.fromEntries(names.map((name) => [name, Schema.Int]))),
        key: ["c0"]
      })
      yield* store.open(wide)
      yield* store.replace(
        wide,
        a,
        Array.from({ length: 200 }, (_, id) => Object.fromEntries(names.map((name) => [name, id])))
      )
      assert.deepStrictEqual(yield* sql`SELECT count(*) AS n, sum(c499) AS sum FROM wide`, [{ n: 200, sum: 19_900 }])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("takes names that SQL has its own use for", () =>
    Effect.gen(function* () {
      const source = make({
        name: "order",
        for: { group: Parameter.list(["g"]), table: Parameter.list([1]) },
        request: "/",
        schema: Schema.Struct({ select: Schema.String, Values: Schema.Int, constructor: Schema.optional(Schema.Int) }),
        key: ["group", "select"]
      })
      const store = yield* opened(source)
      const both = { group: "g", table: 1, select: "s", Values: 2, constructor: null }
      yield* store.replace(source, a, [both])
      yield* store.replace(source, a, [{ ...both, Values: 3 }])
      assert.deepStrictEqual(yield* Database.rows("order"), [{ ...both, Values: 3, tributary_slice: "city=a" }])
      yield* store.drop("order")
      yield* store.open(source)
      assert.deepStrictEqual(yield* Database.rows("order"), [])
    }).pipe(Effect.provide(Database.memory))
  )

  it.effect("keeps text as it is", () =>
    Effect.gen(function* () {
      const source = make({ for: {}, request: "/", schema: Schema.Struct({ id: Schema.String }), key: ["id"] })
      const store = yield* opened(source)
      const texts = ["1", "1.0", "007", "", "'; DROP TABLE weather; --", "a\u0000b", "😀"]
      yield* store.replace(
        source,
        a,
        texts.map((id) => ({ id }))
      )
      const kept = (yield* Database.rows("weather")).map(({ id }) => id)
      assert.sameMembers(kept, texts)
    }).pipe(Effect.provide(Database.memory))
  )
})
