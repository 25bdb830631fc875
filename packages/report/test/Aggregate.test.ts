import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { SqlClient, type SqlError } from "@effect/sql"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Aggregate } from "@tributary/report"
import { DateTime, Effect, Either, FastCheck } from "effect"

type Row = readonly [city: string | null, date: string | null, high: number | null]

const load = Effect.fn(function* (rows: ReadonlyArray<Row>) {
  const sql = yield* SqlClient.SqlClient
  yield* sql`CREATE TABLE weather (city TEXT, date TEXT, high REAL)`
  if (rows.length > 0) {
    yield* sql`INSERT INTO weather ${sql.insert(rows.map(([city, date, high]) => ({ city, date, high })))}`
  }
})

const ask = (rows: ReadonlyArray<Row>, options: Omit<Aggregate.Options, "name" | "from">) =>
  load(rows).pipe(
    Effect.zipRight(Aggregate.run(Aggregate.make({ name: "test", from: "weather", ...options }))),
    Effect.provide(SqliteClient.layer({ filename: ":memory:" }))
  )

const { avg, count, field, max, min, month, sum, week } = Aggregate

describe("run", () => {
  it.effect("puts every day into the ISO week of its Monday", () =>
    Effect.gen(function* () {
      const mondays: Readonly<Record<string, ReadonlyArray<string>>> = {
        "2015-12-21": ["2015-12-27"],
        "2015-12-28": ["2015-12-28", "2015-12-31", "2016-01-01", "2016-01-03", "2016-01-03T23:59:59.999Z"],
        "2016-01-04": ["2016-01-04", "2016-01-04T00:00:00.000Z"],
        "2016-02-29": ["2016-02-29", "2016-03-06"],
        "2019-12-30": ["2020-01-01"],
        "2021-02-22": ["2021-02-28"],
        "2021-03-01": ["2021-03-01"]
      }
      const rows = Object.values(mondays).flat()
      const table = yield* ask(
        rows.map((date) => [null, date, 1]),
        { by: [week("date")], measures: { days: count() } }
      )
      assert.deepStrictEqual(
        table.rows,
        Object.entries(mondays).map(([monday, days]) => [monday, days.length])
      )
    })
  )

  it.effect("puts every day into its month, and what is no date into NULL, which comes first", () =>
    Effect.gen(function* () {
      const table = yield* ask(
        [
          ["a", "2016-02-29", 1],
          ["a", "2016-03-01T00:00:00.000Z", 2],
          ["a", "2015-12-31", 3],
          ["a", null, 4],
          ["a", "soon", 5]
        ],
        { by: [month("date")], measures: { high: sum("high") } }
      )
      assert.deepStrictEqual(table.rows, [
        [null, 9],
        ["2015-12", 3],
        ["2016-02", 1],
        ["2016-03", 2]
      ])
    })
  )

  it.effect("names its columns and their roles", () =>
    Effect.gen(function* () {
      const table = yield* ask([], { by: [field("city"), week("date")], measures: { high: avg("high") } })
      assert.deepStrictEqual(table, {
        name: "test",
        from: "weather",
        columns: [
          { name: "city", role: "field" },
          { name: "week", role: "window", unit: "week" },
          { name: "high", role: "measure" }
        ],
        rows: []
      })
    })
  )

  it.effect("gives one row without dimensions, even of nothing", () =>
    Effect.gen(function* () {
      const measures = { rows: count(), values: count("high"), mean: avg("high"), total: sum("high"), low: min("high") }
      const rows: ReadonlyArray<Row> = [
        ["a", null, 1],
        ["a", null, null],
        ["b", null, 4]
      ]
      assert.deepStrictEqual((yield* ask(rows, { measures })).rows, [[3, 2, 2.5, 5, 1]])
      assert.deepStrictEqual((yield* ask([], { measures })).rows, [[0, 0, null, null, null]])
    })
  )

  const day = FastCheck.integer({ min: 0, max: 1900 }).map((days) =>
    DateTime.formatIso(DateTime.add(DateTime.unsafeMake("2011-12-20T18:30:00Z"), { days }))
  )
  const row: FastCheck.Arbitrary<Row> = FastCheck.tuple(
    FastCheck.constantFrom("Seattle", "New York", "東京", 'O\'Hare "x"; --', null),
    FastCheck.oneof(
      day,
      day.map((text) => text.slice(0, 10)),
      FastCheck.constant(null)
    ),
    // Quarters add up without rounding.
    FastCheck.oneof(
      FastCheck.integer({ min: -400, max: 400 }).map((quarters) => quarters / 4),
      FastCheck.constant(null)
    )
  )

  it.effect.prop(
    "counts as plain TypeScript does",
    { rows: FastCheck.array(row, { maxLength: 60 }), unit: FastCheck.constantFrom("week" as const, "month" as const) },
    ({ rows, unit }) =>
      Effect.gen(function* () {
        const window = (date: string | null) => {
          if (date === null) return null
          const start = DateTime.startOf(DateTime.unsafeMake(date), unit, { weekStartsOn: 1 })
          return DateTime.formatIso(start).slice(0, unit === "week" ? 10 : 7)
        }
        const groups = new Map<
          string,
          { readonly key: ReadonlyArray<string | null>; readonly highs: Array<number | null> }
        >()
        for (const [city, date, high] of rows) {
          const key = [city, window(date)]
          const group = groups.get(JSON.stringify(key)) ?? { key, highs: [] }
          group.highs.push(high)
          groups.set(JSON.stringify(key), group)
        }
        const expected = [...groups.values()].map(({ highs, key }) => {
          const values = highs.filter((high) => high !== null)
          const total = values.reduce((sum, high) => sum + high, 0)
          const known = (value: number) => (values.length === 0 ? null : value)
          const numbers = [total / values.length, total, Math.min(...values), Math.max(...values)]
          return [...key, ...numbers.map(known), highs.length, values.length]
        })

        const table = yield* ask(rows, {
          by: [field("city"), unit === "week" ? week("date") : month("date")],
          measures: {
            mean: avg("high"),
            total: sum("high"),
            low: min("high"),
            high: max("high"),
            rows: count(),
            values: count("high")
          }
        })
        const text = (row: ReadonlyArray<unknown>) => JSON.stringify(row.map((cell) => (cell === 0 ? 0 : cell)))
        assert.sameDeepMembers(table.rows.map(text), expected.map(text))

        // NULL first, then as SQLite compares bytes.
        const keys = table.rows.map(([city, window]) =>
          [city ?? "", window ?? ""].map((key) => Buffer.from(String(key)))
        )
        for (const [index, [city, window]] of keys.slice(1).entries()) {
          const [before, earlier] = keys[index]!
          const order = Buffer.compare(before!, city!)
          assert.isTrue(order < 0 || (order === 0 && Buffer.compare(earlier!, window!) < 0))
        }
      })
  )

  it.effect("fails with SqlError where a table or a column is not there", () =>
    Effect.gen(function* () {
      const column = yield* Effect.flip(ask([["a", null, 1]], { by: [field("ctiy")], measures: { rows: count() } }))
      assert.strictEqual(column._tag, "SqlError")
      const table = yield* Effect.flip(
        Aggregate.run(Aggregate.make({ name: "x", from: "wether", measures: { rows: count() } })).pipe(
          Effect.provide(SqliteClient.layer({ filename: ":memory:" }))
        )
      )
      assert.strictEqual(table._tag, "SqlError")
    })
  )

  it.effect("lets no name out of its quotes, not even past make", () =>
    Effect.gen(function* () {
      yield* load([["a", null, 1]])
      const name = `city" FROM weather; DROP TABLE weather; --`
      const evil: Aggregate.Aggregate = {
        name: "x",
        from: "weather",
        by: [field(name)],
        measures: { [name]: max(name) }
      }
      assert.strictEqual((yield* Effect.flip(Aggregate.run(evil)))._tag, "SqlError")
      const good = Aggregate.make({ name: "x", from: "weather", measures: { rows: count() } })
      assert.deepStrictEqual((yield* Aggregate.run(good)).rows, [[1]])
    }).pipe(Effect.provide(SqliteClient.layer({ filename: ":memory:" })))
  )

  it("says in its type what it needs and how it fails", () => {
    expectTypeOf(Aggregate.run).returns.toEqualTypeOf<
      Effect.Effect<Aggregate.Table, SqlError.SqlError, SqlClient.SqlClient>
    >()
  })
})

describe("check and make", () => {
  it("report every mistake at once, with its place", () => {
    const options: Aggregate.Options = {
      name: " ",
      from: "weather; DROP TABLE x",
      by: [field("city"), field("a b"), week("date"), week("other"), month("1st")],
      measures: { city: avg("high"), "high!": avg("high"), low: min(""), total: { function: "sum" } }
    }
    const problems = Aggregate.check(options)
    assert.deepStrictEqual(
      problems.map(({ path }) => path),
      [
        ["name"],
        ["from"],
        ["by", 1],
        ["by", 3],
        ["by", 4],
        ["measures", "city"],
        ["measures", "high!"],
        ["measures", "low"],
        ["measures", "total"]
      ]
    )
    assert.deepStrictEqual(problems.at(-1), {
      path: ["measures", "total"],
      expected: "a field, as in sum(high)",
      got: "sum()"
    })
    try {
      Aggregate.make(options)
      assert.fail("made it")
    } catch (error) {
      assert.instanceOf(error, Aggregate.InvalidAggregate)
      assert.deepStrictEqual(error.problems, problems)
      assert.include(error.message, `by.3: expected a name that no other column has, got "week"`)
    }
  })

  it("want at least one measure", () => {
    assert.deepStrictEqual(Aggregate.check({ name: "x", from: "weather", measures: {} }), [
      { path: ["measures"], expected: "at least one measure", got: "none" }
    ])
  })
})

describe("parseDimension", () => {
  it.each([
    ["city", field("city")],
    [" _c1 ", field("_c1")],
    ["week(date)", week("date")],
    [" month ( date ) ", month("date")],
    ["week", field("week")]
  ])("reads %j", (text, expected) => {
    assert.deepStrictEqual(Aggregate.parseDimension(text), Either.right(expected))
  })

  it.each(["", "week()", "year(date)", "week(date", "1st", "a b", "a-b", "week(a,b)", `x"; DROP TABLE y`, "städte"])(
    "does not read %j and says what it takes",
    (text) => {
      assert.deepStrictEqual(Aggregate.parseDimension(text), Either.left("a field, week(field) or month(field)"))
    }
  )
})

describe("parseMeasure", () => {
  it.each([
    ["avg(high)", avg("high")],
    ["sum(high)", sum("high")],
    ["min( high )", min("high")],
    ["max(high)", max("high")],
    ["count(high)", count("high")],
    ["count()", count()]
  ])("reads %j", (text, expected) => {
    assert.deepStrictEqual(Aggregate.parseMeasure(text), Either.right(expected))
  })

  it.each(["", "high", "avg()", "avg", "count", "count(*)", "median(high)", "avg(a b)", "avg(high) x", "avg(1)"])(
    "does not read %j and says what it takes",
    (text) => {
      assert.deepStrictEqual(
        Aggregate.parseMeasure(text),
        Either.left("avg(field), sum(field), min(field), max(field), count(field) or count()")
      )
    }
  )
})
