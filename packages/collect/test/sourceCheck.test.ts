import { assert, describe, it } from "@effect/vitest"
import { Parameter, Source } from "@tributary/collect"
import { Redacted, Schema } from "effect"

const valid: Source.Options = {
  name: "weather",
  base: "https://api.example.com/v1",
  request: "/daily/{city}{?date,date_end}",
  for: {
    city: Parameter.list(["Seattle"]),
    date: Parameter.dates({ from: "2015-01-01", to: "2015-01-28" })
  },
  records: "$.days[*]",
  fields: { date: "$.date", high: "$.temp['max']" },
  schema: Schema.Struct({ date: Schema.String, high: Schema.Number }),
  key: ["city", "date"]
}

const name = "a name of lower-case letters, digits and _, beginning with a letter, not with tributary_ or sqlite_"
const base = "an http or https address without query and fragment"
const template = "a URI template such as /v1/daily/{city}{?date}"
const variables = "one of the variables city, date, date_end"
const parameter = "a name of lower-case letters, digits and _, beginning with a letter, not with tributary_"
const columns = "columns, each once: city, date, high"
const singular = "a JSONPath (RFC 9535) to one value, such as $.date"
const whole = "a whole number from 1 to 256"
const list = Parameter.list(["x"])

type Mistake = readonly [string, Partial<Source.Options>, Source.Problem["path"], expected: string, got: string]

const mistakes: ReadonlyArray<Mistake> = [
  ["name in upper case", { name: "Weather" }, ["name"], name, '"Weather"'],
  ["name of the ledger's", { name: "tributary_x" }, ["name"], name, '"tributary_x"'],
  ["name of SQLite's", { name: "sqlite_x" }, ["name"], name, '"sqlite_x"'],
  ["no name", { name: "" }, ["name"], name, '""'],
  ["base without scheme", { base: "api.example.com" }, ["base"], base, '"api.example.com"'],
  ["base of another scheme", { base: "ftp://x" }, ["base"], base, '"ftp://x"'],
  ["base with query", { base: "http://x/?a=1" }, ["base"], base, '"http://x/?a=1"'],
  ["base with fragment", { base: "http://x/#a" }, ["base"], base, '"http://x/#a"'],
  ["whole address as request", { request: "http://x/" }, ["request"], template, '"http://x/"'],
  ["open brace", { request: "/{city" }, ["request"], template, '"/{city"'],
  ["empty expression", { request: "/{}" }, ["request"], template, '"/{}"'],
  ["reserved operator", { request: "/{=city}" }, ["request"], template, '"/{=city}"'],
  ["unknown variable", { request: "/{town}" }, ["request"], variables, '"town"'],
  ["window end of a list", { request: "/{city_end}" }, ["request"], variables, '"city_end"'],
  [
    "variable without parameters",
    { for: {}, request: "/{city}", key: ["date"] },
    ["request"],
    "no variable, as `for` has no parameters",
    '"city"'
  ],
  ["header name", { headers: { "x y": "1" } }, ["headers", "x y"], "a header name (RFC 9110, 5.1)", '"x y"'],
  [
    "secret with a line break",
    { headers: { authorization: Redacted.make("s3cret\n") } },
    ["headers", "authorization"],
    "a value of one line, in Latin-1 (RFC 9110, 5.5)",
    "another value"
  ],
  ["parameter in upper case", { for: { ...valid.for, City: list } }, ["for", "City"], parameter, '"City"'],
  [
    "parameter of the store's",
    { for: { ...valid.for, tributary_slice: list } },
    ["for", "tributary_slice"],
    parameter,
    '"tributary_slice"'
  ],
  [
    "parameter named as a window end",
    { for: { ...valid.for, date_end: list } },
    ["for", "date_end"],
    "a name that is not that of a window's last day",
    '"date_end"'
  ],
  [
    "field with many values",
    { fields: { date: "$.date", high: "$..high" } },
    ["fields", "high"],
    singular,
    '"$..high"'
  ],
  [
    "field that the schema lacks",
    { fields: { ...valid.fields, low: "$.low" } },
    ["fields", "low"],
    "the same names in fields and schema",
    '"low"'
  ],
  [
    "field that only the schema has",
    { fields: { date: "$.date" } },
    ["fields", "high"],
    "the same names in fields and schema",
    '"high"'
  ],
  [
    "field of the store's",
    { fields: undefined, schema: Schema.Struct({ date: Schema.String, tributary_slice: Schema.String }) },
    ["fields", "tributary_slice"],
    "a name of letters, digits and _, not beginning with tributary_",
    '"tributary_slice"'
  ],
  [
    "field with a space",
    { fields: undefined, schema: Schema.Struct({ date: Schema.String, "max temp": Schema.String }) },
    ["fields", "max temp"],
    "a name of letters, digits and _, not beginning with tributary_",
    '"max temp"'
  ],
  [
    "fields that SQL takes for one",
    { fields: undefined, schema: Schema.Struct({ date: Schema.String, Date: Schema.String }) },
    ["fields", "Date"],
    "names that differ in more than upper and lower case",
    '"Date"'
  ],
  [
    "field that SQL takes for a parameter",
    { fields: undefined, schema: Schema.Struct({ City: Schema.String }) },
    ["fields", "City"],
    "names that differ in more than upper and lower case",
    '"City"'
  ],
  ["no key", { key: [] }, ["key"], "at least one column", "[]"],
  ["unknown key", { key: ["city", "day"] }, ["key", 1], columns, '"day"'],
  ["key twice", { key: ["city", "city"] }, ["key", 1], columns, '"city"'],
  ["no concurrency", { concurrency: 0 }, ["concurrency"], whole, "0"],
  ["half a slice", { concurrency: 1.5 }, ["concurrency"], whole, "1.5"],
  ["too many", { concurrency: 257 }, ["concurrency"], whole, "257"],
  ["status of success", { missing: [404, 204] }, ["missing", 1], "a status from 400 to 499", "204"]
]

describe("Source.check", () => {
  it("finds nothing in valid options", () => {
    assert.deepStrictEqual(Source.check(valid), [])
    assert.deepStrictEqual(Source.check({ ...valid, request: "", for: undefined, key: ["date"] }), [])
  })

  it.each(["{/city*}", "{city:3}", "{?city,date}", "{+city}{#date_end}", "?c={city}", "/{city}/{date:4}"])(
    "takes the template %s",
    (request) => {
      assert.deepStrictEqual(Source.check({ ...valid, request }), [])
    }
  )

  it.each(mistakes)("%s", (_, change, path, expected, got) => {
    assert.deepInclude(Source.check({ ...valid, ...change }), { path, expected, got })
  })

  it.each(mistakes.filter(([name]) => name !== "parameter in upper case"))("%s, and nothing else", (_, change) => {
    assert.lengthOf(Source.check({ ...valid, ...change }), 1)
  })

  it("says why a text is no JSONPath", () => {
    const [problem, ...others] = Source.check({ ...valid, records: "days" })
    assert.deepStrictEqual(others, [])
    assert.deepStrictEqual(problem?.path, ["records"])
    assert.strictEqual(problem?.expected, "a JSONPath (RFC 9535), such as $.days[*]")
    assert.match(problem?.got ?? "", /^"days": ./)
  })

  it("says that a schema is no struct", () => {
    assert.deepInclude(Source.check({ ...valid, schema: Schema.String }), {
      path: ["schema"],
      expected: "a struct of at least one field",
      got: '"string"'
    })
  })

  it("finds all mistakes at once", () => {
    const problems = Source.check({ ...valid, name: "W", base: "x", records: "[", key: ["day"], concurrency: -1 })
    assert.deepStrictEqual(
      problems.map(({ path }) => path),
      [["name"], ["base"], ["records"], ["key", 0], ["concurrency"]]
    )
  })
})

describe("Source.make", () => {
  it("throws all of them", () => {
    try {
      Source.make({ ...valid, name: "W", key: ["day"] })
      assert.fail("it did not throw")
    } catch (error) {
      assert.instanceOf(error, Source.InvalidSource)
      assert.deepStrictEqual(
        error.problems.map(({ path }) => path),
        [["name"], ["key", 0]]
      )
      assert.strictEqual(
        error.message,
        `source "W" is not valid\nname: expected ${name}, got "W"\nkey.0: expected ${columns}, got "day"`
      )
    }
  })

  it("makes a value to look at", () => {
    const source = Source.make({ ...valid, missing: [404] })
    assert.deepStrictEqual(source.columns, [
      { name: "city", type: "text" },
      { name: "date", type: "text" },
      { name: "high", type: "real" }
    ])
    assert.strictEqual(source.host, "api.example.com")
    assert.strictEqual(source.concurrency, 8)
    assert.deepStrictEqual([...source.missing], [404])
    assert.deepStrictEqual(source.key, ["city", "date"])
  })

  it("has the same definition while what it asks for stays the same", () => {
    const definition = (change: Partial<Source.Options>) => Source.make({ ...valid, ...change }).definition
    assert.strictEqual(
      definition({}),
      definition({
        base: "http://other",
        headers: { a: "1" },
        concurrency: 1,
        missing: [404],
        for: { ...valid.for, city: Parameter.list(["Boston"]) }
      })
    )
    assert.notStrictEqual(definition({}), definition({ records: "$.hours[*]" }))
    assert.notInclude(definition({ headers: { authorization: Redacted.make("s3cret") } }), "s3cret")
  })
})
