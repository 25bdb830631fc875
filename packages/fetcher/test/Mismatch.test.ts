import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Mismatch } from "@tributary/fetcher"
import { Either, FastCheck, ParseResult, Schema } from "effect"

const mismatch = <A, I>(schema: Schema.Schema<A, I>, input: unknown, options?: { onExcessProperty: "error" }) =>
  Mismatch.fromIssue(
    Either.getOrThrowWith(Either.flip(ParseResult.decodeUnknownEither(schema, options)(input)), String)
  )

describe("fromIssue", () => {
  const Day = Schema.Struct({ temp_max: Schema.Number, when: Schema.Date, count: Schema.Int })
  const day = { temp_max: 1, when: "2026-01-05", count: 1 }
  const Days = Schema.Struct({ days: Schema.Array(Day) })

  it("says where, through arrays and structs", () => {
    assert.deepStrictEqual(mismatch(Days, { days: [day, { ...day, temp_max: "warm" }] }), {
      path: "days[1].temp_max",
      expected: "number",
      got: `"warm"`
    })
  })

  it("says what is missing", () => {
    assert.deepStrictEqual(mismatch(Days, {}), {
      path: "days",
      expected: String(Schema.Array(Day).ast),
      got: "nothing"
    })
    assert.deepStrictEqual(mismatch(Schema.Tuple(Schema.Int, Schema.Int), [1]), {
      path: "[1]",
      expected: "Int",
      got: "nothing"
    })
  })

  it("says which refinement or transformation was not met", () => {
    const at = (change: object) => mismatch(Days, { days: [{ ...day, ...change }] })
    assert.deepStrictEqual(at({ count: 1.5 }), { path: "days[0].count", expected: "Int", got: "1.5" })
    assert.deepStrictEqual(at({ count: "1" }), { path: "days[0].count", expected: "number", got: `"1"` })
    assert.strictEqual(at({ when: "yesterday" }).path, "days[0].when")
    assert.strictEqual(at({ when: "yesterday" }).expected, "Date")
    assert.deepStrictEqual(mismatch(Schema.NumberFromString, "x"), {
      path: "",
      expected: "NumberFromString",
      got: `"x"`
    })
  })

  it("takes a union as a whole", () => {
    const schema = Schema.Struct({ high: Schema.NullOr(Schema.Number) })
    assert.deepStrictEqual(mismatch(schema, { high: "x" }), { path: "high", expected: "number | null", got: `"x"` })
  })

  it("says which field is one too many", () => {
    assert.deepStrictEqual(
      mismatch(Schema.Struct({ a: Schema.Number }), { a: 1, extra: 1 }, { onExcessProperty: "error" }),
      {
        path: "extra",
        expected: "no such field",
        got: "1"
      }
    )
  })

  it("quotes names that would not be told from the path around them", () => {
    const schema = Schema.Record({ key: Schema.String, value: Schema.Number })
    assert.strictEqual(mismatch(schema, { "a.b": "x" }).path, `["a.b"]`)
    assert.strictEqual(mismatch(schema, { "": "x" }).path, `[""]`)
    assert.strictEqual(mismatch(schema, { "\u001b[2J": "x" }).path, String.raw`["\u001b[2J"]`)
    assert.strictEqual(mismatch(schema, { größe_2: "x" }).path, "größe_2")
    assert.strictEqual(mismatch(Schema.Struct({ a: schema }), { a: { "2026-01-05": "x" } }).path, "a.2026-01-05")
  })

  it("redacts before it cuts", () => {
    const issue = Either.getOrThrow(
      Either.flip(ParseResult.decodeUnknownEither(Schema.Number)(`${"x".repeat(94)}s3cret`))
    )
    const { got } = Mismatch.fromIssueWith((text) => text.replaceAll("s3cret", "HIDDEN"))(issue)
    assert.strictEqual(got, `"${"x".repeat(94)}HIDD…`)
  })

  it("pins its type", () => {
    expectTypeOf(Mismatch.fromIssue).toEqualTypeOf<(issue: ParseResult.ParseIssue) => Mismatch.Mismatch>()
    expectTypeOf(Mismatch.fromIssueWith).returns.toEqualTypeOf<typeof Mismatch.fromIssue>()
    expectTypeOf(Mismatch.show).toEqualTypeOf<(value: unknown) => string>()
    expectTypeOf(Mismatch.showWith).returns.toEqualTypeOf<typeof Mismatch.show>()
  })
})

describe("show", () => {
  it("shows JSON, cut at 100 characters", () => {
    assert.strictEqual(Mismatch.show({ a: [1, "b", null] }), `{"a":[1,"b",null]}`)
    assert.strictEqual(Mismatch.show("x".repeat(98)), `"${"x".repeat(98)}"`)
    assert.strictEqual(Mismatch.show("x".repeat(99)), `"${"x".repeat(98)}…`)
    assert.strictEqual(Mismatch.show(`${"x".repeat(97)}😀😀`), `"${"x".repeat(97)}…`)
  })

  it("shows what is no JSON", () => {
    const cycle: Record<string, unknown> = {}
    cycle["self"] = cycle
    assert.strictEqual(Mismatch.show(undefined), "undefined")
    assert.strictEqual(Mismatch.show(1n), "1")
    const deep = JSON.parse("[".repeat(50_000) + "]".repeat(50_000))
    assert.strictEqual(Mismatch.show(deep), "[object Array]")
    assert.strictEqual(Mismatch.show(Symbol.for("s")), "Symbol(s)")
    assert.strictEqual(Mismatch.show(cycle), "[object Object]")
  })

  it("lets nothing through that steers a terminal, and is never longer than 100", () => {
    assert.strictEqual(Mismatch.show("\u001b[31m\u009b\u202e\u2066"), String.raw`"\u001b[31m\u009b\u202e\u2066"`)
    FastCheck.assert(
      FastCheck.property(FastCheck.anything(), (value) => {
        const text = Mismatch.show(value)
        assert.isAtMost(text.length, 100)
        assert.notMatch(text, /[\p{Cc}\u200e\u200f\u2028-\u202e\u2066-\u2069]/u)
      })
    )
  })

  it("takes no longer than the value is large", { timeout: 2_000 }, () => {
    const large = Array.from({ length: 100_000 }, (_, id) => ({ id }))
    assert.isTrue(Mismatch.show(large).startsWith(`[{"id":0},`))
  })
})
