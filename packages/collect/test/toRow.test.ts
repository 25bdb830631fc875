import { assert, describe, it } from "@effect/vitest"
import { Field, Parameter, Slice, Source } from "@tributary/collect"
import { Either, Schema } from "effect"

const slice = Slice.make({ source: "s", parameters: { city: "Seattle", date: "2015-01-01" }, windowEnds: {} })

const toRow = (options: Partial<Source.Options>) =>
  Source.make({
    name: "s",
    base: "http://api.test",
    request: "/",
    for: { city: Parameter.list(["Seattle"]), date: Parameter.dates({ from: "2015-01-01", to: "2015-01-01" }) },
    records: "$[*]",
    schema: Schema.Struct({ high: Schema.Number }),
    key: ["city", "date"],
    ...options
  }).toRow(slice)

describe("toRow", () => {
  it("puts the parameters beside the fields", () => {
    assert.deepStrictEqual(
      toRow({})({ high: 12.5, other: 1 }),
      Either.right({ city: "Seattle", date: "2015-01-01", high: 12.5 })
    )
  })

  it("takes a field before the parameter of the same name", () => {
    const schema = Schema.Struct({ date: Schema.String, high: Schema.Number })
    assert.deepStrictEqual(
      toRow({ schema })({ date: "2015-01-02", high: 1 }),
      Either.right({ city: "Seattle", date: "2015-01-02", high: 1 })
    )
  })

  it("picks the fields by their paths", () => {
    const row = toRow({
      fields: { high: "$.temp['max']", first: "$.hours[0].high", last: "$.hours[-1].high" },
      schema: Schema.Struct({ high: Schema.Number, first: Schema.Number, last: Schema.NumberFromString })
    })
    assert.deepStrictEqual(
      row({ temp: { max: 3 }, hours: [{ high: 1 }, { high: "2" }] }),
      Either.right({ city: "Seattle", date: "2015-01-01", high: 3, first: 1, last: 2 })
    )
  })

  it("keeps what is no primitive as JSON, and the optional as NULL", () => {
    const schema = Field.struct({ tags: { type: "json" }, note: { type: "string", optional: true } })
    assert.deepStrictEqual(
      toRow({ schema })({ tags: ["a", { b: 1 }] }),
      Either.right({ city: "Seattle", date: "2015-01-01", tags: '["a",{"b":1}]', note: null })
    )
  })

  it("decodes with the whole Schema", () => {
    const schema = Schema.Struct({
      high: Schema.propertySignature(Schema.NumberFromString).pipe(Schema.fromKey("temp_max")),
      at: Schema.DateTimeUtc,
      wet: Schema.optionalWith(Schema.Boolean, { default: () => false })
    })
    assert.deepStrictEqual(
      toRow({ schema })({ temp_max: "7", at: "2015-01-01T12:00:00+01:00" }),
      Either.right({ city: "Seattle", date: "2015-01-01", high: 7, at: "2015-01-01T11:00:00.000Z", wet: 0 })
    )
  })

  it.each<readonly [string, Partial<Source.Options>, unknown, object]>([
    ["a wrong type", {}, { high: "hot" }, { path: "high", expected: "number", got: '"hot"' }],
    ["a missing field", {}, {}, { path: "high", expected: "number", got: "nothing" }],
    ["no object", {}, 7, { path: "", expected: "{ readonly high: number }", got: "7" }],
    [
      "a path to nothing",
      { fields: { high: "$.temp.max" } },
      { temp: null },
      { path: "high", expected: "number", got: "nothing" }
    ],
    [
      "a key without value",
      { schema: Schema.Struct({ id: Schema.NullOr(Schema.Int) }), key: ["id"] },
      { id: null },
      { path: "id", expected: "a value, as it is part of the key", got: "nothing" }
    ],
    [
      "an integer that no database keeps",
      { schema: Schema.Struct({ id: Schema.BigInt }), key: ["id"] },
      { id: "9223372036854775808" },
      { path: "id", expected: "an integer of 64 bits", got: "9223372036854775808" }
    ]
  ])("rejects %s", (_, options, record, mismatch) => {
    assert.deepStrictEqual(Either.flip(toRow(options)(record)), Either.right(mismatch) as never)
  })
})
