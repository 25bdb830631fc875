/**
 * The shape of a config file: which keys it has, and what each may hold. The description of a value is what a mistake says was expected.
 *
 * @since 0.1.0
 */
import { Field, Parameter } from "@tributary/collect"
import { Schema } from "effect"

const text = (description: string, pattern = /./) => Schema.String.pipe(Schema.pattern(pattern, { description }))

const wholeNumber = (from: number, to: number) =>
  Schema.Number.pipe(Schema.int(), Schema.between(from, to)).annotations({
    description: `a whole number from ${from} to ${to}`
  })

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

const record = <A, I>(description: string, value: Schema.Schema<A, I>) =>
  Schema.Record({ key: Schema.String, value }).annotations({ description })

const list = <A, I>(description: string, item: Schema.Schema<A, I>) => Schema.Array(item).annotations({ description })

const filePath = text("the path of a file", /^\P{Cc}+$/u)

const count = (maximum: number) => Schema.NumberFromString.pipe(Schema.int(), Schema.between(1, maximum))

const Rate = Schema.TemplateLiteralParser(
  count(1_000_000_000),
  "/",
  Schema.Literal("second", "minute", "hour", "day")
).annotations({
  description: "a rate such as 10/second, 600/minute or 1000/day"
})

const Step = Schema.TemplateLiteralParser(
  // Far beyond it, there are no dates.
  count(10_000),
  " ",
  Schema.Literal("day", "days", "week", "weeks", "month", "months", "year", "years")
).annotations({ description: "a step such as 1 day, 2 weeks, 1 month or 1 year" })

const Day = Schema.String.pipe(Schema.filter(Parameter.isDate, { description: "a date such as 2015-01-31" }))

const Dates = Schema.Struct({ from: Day, to: Day, step: optional(Step) }).pipe(
  Schema.filter(({ from, to }) => (from <= to ? undefined : { path: ["to"], message: "a date not before `from`" }))
)

const Values = Schema.Array(
  Schema.Union(text("text or a number"), Schema.JsonNumber).annotations({ description: "text or a number" })
).pipe(
  Schema.minItems(1, { description: "a list of one value or more" }),
  Schema.filter((values) => {
    const seen = new Set<string>()
    return values.flatMap((value, index) =>
      seen.size === seen.add(String(value)).size ? [{ path: [index], message: "each value once" }] : []
    )
  })
)

/** What a source is asked for: a list of values, or a range of dates. */
const Asked = Schema.Union(Values, Dates).annotations({
  description: "a list such as [Seattle, New York], or dates such as { from: 2015-01-01, to: 2015-12-31, step: 1 day }"
})

const RecordField = Schema.Struct({
  at: text("a JSONPath such as $.date"),
  type: Schema.Literal(...Field.types),
  optional: optional(Schema.Boolean.annotations({ description: "true or false" }))
}).annotations({ description: "a field such as { at: $.date, type: date }" })

/**
 * One of `sources`. Names, the URL, the template and the JSONPaths are texts here: what they mean is for `Source.check` to judge.
 *
 * @since 0.1.0
 */
export const Source = Schema.Struct({
  base: text("an http or https URL"),
  headers: optional(
    record(
      "headers such as { accept: application/json }",
      text("text that a header can carry: Latin-1, on one line", /^[ -~\u00a0-\u00ff]*$/)
    )
  ),
  limits: optional(list("a list of rates such as [10/second, 600/minute]", Rate)),
  concurrency: optional(wholeNumber(1, 256)),
  request: text("a URI template such as /v1/daily/{city}{?date}"),
  for: optional(record("parameters such as { city: [Seattle, New York] }", Asked)),
  paginate: optional(
    Schema.Union(Schema.Literal("link"), Schema.Struct({ type: Schema.Literal("link") })).annotations({
      description: "link, or { type: link }"
    })
  ),
  missing: optional(list("a list of statuses such as [404]", wholeNumber(400, 499))),
  records: text("a JSONPath such as $.days[*]"),
  fields: record("fields such as { date: { at: $.date, type: date } }", RecordField).pipe(
    Schema.filter((fields) => Object.keys(fields).length > 0, { description: "an object with one field or more" })
  ),
  key: list("a list of names such as [city, date]", text("the name of a parameter or field"))
}).annotations({ description: "a source: an object with base, request, records, fields and key" })

/**
 * One of `aggregates`.
 *
 * @since 0.1.0
 */
export const Aggregate = Schema.Struct({
  from: text("the name of a source"),
  by: list("a list such as [city, week(date)]", text("a field, or a window such as week(date)")),
  measures: record(
    "measures such as { high: avg(high), days: count() }",
    text("a measure such as avg(high) or count()")
  ).pipe(
    Schema.filter((measures) => Object.keys(measures).length > 0, { description: "an object with one measure or more" })
  )
}).annotations({ description: "an aggregate: an object with from, by and measures" })

/**
 * The file as a whole. Sources and aggregates are looked at one by one, so that a mistake in one hides none in another.
 *
 * @since 0.1.0
 */
export const File = Schema.Struct({
  name: text("a name of letters, digits, -, _ and .", /^[A-Za-z0-9][\w.-]{0,99}$/),
  database: optional(filePath),
  sources: record("an object with one source or more", Schema.Unknown).pipe(
    Schema.filter((sources) => Object.keys(sources).length > 0, { description: "an object with one source or more" })
  ),
  aggregates: optional(record("an object of aggregates", Schema.Unknown)),
  reports: optional(
    list(
      "a list such as [table, { html: out/report.html }]",
      Schema.Union(Schema.Literal("table"), Schema.Struct({ html: filePath })).annotations({
        description: "table, or { html: PATH }"
      })
    )
  )
}).annotations({ description: "a config file: an object with name and sources" })
