import { assert, describe, it } from "@effect/vitest"
import { Column, Field } from "@tributary/collect"
import { Either, Schema } from "effect"

const decode = (field: Field.Field) => (input: unknown) =>
  Schema.decodeUnknownEither(Field.struct({ x: field }))(input === absent ? {} : { x: input })

const absent = Symbol("absent")

const good: ReadonlyArray<readonly [Field.Type, unknown, unknown]> = [
  ["string", "", ""],
  ["string", "a", "a"],
  ["number", 1.5, 1.5],
  ["number", "1.5", 1.5],
  ["number", " -2e3 ", -2000],
  ["number", ".5", 0.5],
  ["number", "+7.", 7],
  ["integer", 7, 7],
  ["integer", "7", 7],
  ["integer", "7.0", 7],
  ["integer", 9007199254740991, 9007199254740991],
  ["boolean", true, true],
  ["boolean", false, false],
  ["date", "2016-02-29", "2016-02-29"],
  ["datetime", "2015-01-02T03:04:05Z", "2015-01-02T03:04:05.000Z"],
  ["datetime", "2015-01-02T03:04:05.678901Z", "2015-01-02T03:04:05.678Z"],
  ["datetime", "2015-01-02T03:04:05+02:00", "2015-01-02T01:04:05.000Z"],
  ["datetime", "2015-01-02T03:04-0530", "2015-01-02T08:34:00.000Z"],
  ["datetime", "2015-01-02T03:04+02", "2015-01-02T01:04:00.000Z"],
  ["datetime", "2015-01-02 03:04", "2015-01-02T03:04:00.000Z"],
  ["datetime", "2015-01-02t03:04z", "2015-01-02T03:04:00.000Z"],
  ["json", { a: [1] }, { a: [1] }],
  ["json", "a", "a"],
  ["json", null, null]
]

const bad: ReadonlyArray<readonly [Field.Type, unknown]> = [
  ["string", 1],
  ["string", null],
  ["string", absent],
  ["number", ""],
  ["number", "1,5"],
  ["number", "0x10"],
  ["number", "NaN"],
  ["number", "Infinity"],
  ["number", "1e999"],
  ["number", true],
  ["number", null],
  ["integer", 1.5],
  ["integer", "1.5"],
  ["integer", "9007199254740993"],
  ["integer", 2 ** 53],
  ["boolean", "true"],
  ["boolean", 1],
  ["date", "2015-02-29"],
  ["date", "2015-01-01T00:00:00Z"],
  ["date", 20150101],
  ["datetime", "2015-02-30T10:00:00Z"],
  ["datetime", "2015-01-01T25:00:00Z"],
  ["datetime", "2015-01-01"],
  ["datetime", "2015-01-01T10:00 PST"],
  ["datetime", "1 January 2015"],
  ["datetime", 1420070400000],
  ["json", absent]
]

describe("Field", () => {
  it("lists its types", () => {
    assert.sameMembers([...Field.types], [...new Set(good.map(([type]) => type))])
  })

  it.each(good)("%s takes %o", (type, input, expected) => {
    assert.deepStrictEqual(decode({ type })(input), Either.right({ x: expected }))
  })

  it.each(bad)("%s refuses %o", (type, input) => {
    assert.isTrue(Either.isLeft(decode({ type })(input)))
  })

  it.each(Field.types)("an optional %s may be null or absent, and nothing else that is not one", (type) => {
    const read = decode({ type, optional: true })
    assert.deepStrictEqual(read(null), Either.right({ x: null }))
    assert.deepStrictEqual(read(absent), Either.right({}))
    const [, wrong] = bad.find(([of, input]) => of === type && input !== null && input !== absent) ?? []
    if (wrong !== undefined) assert.isTrue(Either.isLeft(read(wrong)))
  })

  it.each([
    ["string", "text"],
    ["number", "real"],
    ["integer", "integer"],
    ["boolean", "integer"],
    ["date", "text"],
    ["datetime", "text"],
    ["json", "json"]
  ] as const)("%s is kept as %s, optional or not", (type, column) => {
    for (const optional of [false, true]) {
      assert.deepStrictEqual(Column.fromSchema(Field.struct({ x: { type, optional } })), [{ name: "x", type: column }])
    }
  })
})
