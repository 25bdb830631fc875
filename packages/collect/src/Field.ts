/**
 * The field types that a config file can name, each a Schema from what APIs send to what the database keeps.
 *
 * @since 0.1.0
 */
import { DateTime, Option, ParseResult, Schema } from "effect"
import { isDate } from "./Parameter.ts"

const decimal = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i

const numeric = Schema.transformOrFail(Schema.Union(Schema.Number, Schema.String), Schema.JsonNumber, {
  strict: true,
  decode: (input, _, ast) => {
    const text = typeof input === "string" ? input.trim() : ""
    if (typeof input === "number") return ParseResult.succeed(input)
    return decimal.test(text) ? ParseResult.succeed(Number(text)) : ParseResult.fail(new ParseResult.Type(ast, input))
  },
  encode: ParseResult.succeed
})

const number = numeric.annotations({ identifier: "a number" })

// Beyond 2^53 two different numbers may have become the same on their way here: such an id is to be read as a string.
const integer = Schema.compose(numeric, Schema.Int.pipe(Schema.filter(Number.isSafeInteger))).annotations({
  identifier: "a whole number below 2^53"
})

const date = Schema.String.pipe(Schema.filter(isDate, { identifier: "a date (YYYY-MM-DD)" }))

const instant = /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(:\d{2}(?:\.\d+)?)?(?:Z|([+-]\d{2}):?(\d{2})?)?$/i

// JavaScript takes a date-time without a zone for local time, so that the same data would differ from machine to machine,
// and the 30th of February for the 2nd of March.
const toUtc = (text: string): Option.Option<DateTime.Utc> => {
  const [, day = "", time = "", seconds = "", hours, minutes = "00"] = instant.exec(text) ?? []
  const zone = hours === undefined ? "Z" : `${hours}:${minutes}`
  return isDate(day) ? DateTime.make(`${day}T${time}${seconds}${zone}`) : Option.none()
}

const datetime = Schema.transformOrFail(Schema.String, Schema.String, {
  strict: true,
  decode: (text, _, ast) =>
    Option.match(toUtc(text), {
      onNone: () => ParseResult.fail(new ParseResult.Type(ast, text)),
      onSome: (date) => ParseResult.succeed(DateTime.formatIso(date))
    }),
  encode: ParseResult.succeed
}).annotations({ identifier: "a date and time (ISO 8601)" })

const schemas = {
  /** Text. */
  string: Schema.String.annotations({ identifier: "a string" }),
  /** A JSON number, or a decimal number in a string. */
  number,
  /** The same without a fraction, from -(2^53 - 1) to 2^53 - 1. */
  integer,
  boolean: Schema.Boolean.annotations({ identifier: "true or false" }),
  /** `YYYY-MM-DD`, a day that exists. */
  date,
  /** ISO 8601; without a zone it is taken for UTC. Kept in UTC, with milliseconds. */
  datetime,
  /** Any JSON value, null included, kept as JSON. */
  json: Schema.Unknown.pipe(Schema.filter((value) => value !== undefined, { identifier: "a JSON value" }))
}

/**
 * @since 0.1.0
 * @category models
 */
export type Type = keyof typeof schemas

/**
 * The names of all types: `string`, `number`, `integer`, `boolean`, `date`, `datetime`, `json`.
 *
 * @since 0.1.0
 * @category models
 */
export const types: ReadonlyArray<Type> = ["string", "number", "integer", "boolean", "date", "datetime", "json"]

/**
 * One field of a record.
 *
 * @since 0.1.0
 * @category models
 */
export interface Field {
  readonly type: Type
  /** A value that is null or absent is kept as NULL instead of rejecting the record. Defaults to false. */
  readonly optional?: boolean | undefined
}

/**
 * The Schema of a record with these fields.
 *
 * @since 0.1.0
 * @category conversions
 */
export const struct = (fields: Readonly<Record<string, Field>>): Schema.Schema.AnyNoContext =>
  Schema.Struct(
    Object.fromEntries(
      Object.entries(fields).map(([name, { optional = false, type }]) => {
        const schema: Schema.Schema.AnyNoContext = schemas[type]
        return [name, optional ? Schema.optional(Schema.NullOr(schema)) : schema]
      })
    )
  )
