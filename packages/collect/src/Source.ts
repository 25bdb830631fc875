/**
 * An API to collect from, as a value: what to ask for, and how to read what comes.
 *
 * @since 0.1.0
 */
import { type HttpClient, HttpClientRequest } from "@effect/platform"
import { FetchError, Fetcher, Mismatch, Paginate } from "@tributary/fetcher"
import { Duration, Effect, Either, ParseResult, Redacted, Schema, Stream } from "effect"
import type { JSONPathQuery } from "json-p3"
import { parseTemplate } from "url-template"
import * as Column from "./Column.ts"
import { problemsOf } from "./internal/problems.ts"
import { compile, select, valuesOf } from "./internal/select.ts"
import type { Parameter } from "./Parameter.ts"
import { type Slice, toStored } from "./Slice.ts"

/**
 * @since 0.1.0
 * @category models
 */
export type Parameters = Readonly<Record<string, Parameter>>

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<
  S extends Schema.Schema.AnyNoContext = Schema.Schema.AnyNoContext,
  P extends Parameters = Parameters
> {
  /** Lower-case letters, digits and `_`; also the name of its table. Not `tributary_*` nor `sqlite_*`. */
  readonly name: string
  /** The http or https address that `request` is appended to. */
  readonly base: string
  /**
   * A URI template (RFC 6570, level 4) over the parameters, such as `/v1/daily/{city}{?date}`. Of a range of dates there is
   * also `<name>_end`, the last day of the window. `{year:4}` takes the first four characters.
   */
  readonly request: string
  /** Sent with every request of this source, to this origin only. Defaults to none. */
  readonly headers?: Readonly<Record<string, string | Redacted.Redacted>> | undefined
  /** What to ask for: a slice for every combination of values. Defaults to one slice without parameters. */
  readonly for?: P | undefined
  /** `link`: further pages as `Link: <...>; rel="next"` says (RFC 8288). Defaults to one page a slice. */
  readonly paginate?: "link" | undefined
  /** Where the records are in a page: a JSONPath (RFC 9535), such as `$.days[*]`. */
  readonly records: string
  /** Where each field is in a record: a JSONPath with one result at most. Defaults to the record as it is. */
  readonly fields?: Readonly<Record<string, string>> | undefined
  /** A struct over the fields. What it decodes to makes the columns. */
  readonly schema: S
  /** The columns, parameters or fields, that make a row the same row. */
  readonly key: ReadonlyArray<(keyof Schema.Schema.Type<S> | keyof P) & string>
  /** Slices under way at once. Defaults to 8. */
  readonly concurrency?: number | undefined
  /**
   * The statuses by which this API says that it has nothing for a slice, such as 404. Such a slice is skipped for good
   * instead of failed. Defaults to none.
   */
  readonly missing?: ReadonlyArray<number> | undefined
}

/**
 * A mistake in the options: where, what was expected, what came.
 *
 * @since 0.1.0
 * @category models
 */
export interface Problem {
  /** Into the options, such as `["fields", "high"]`. */
  readonly path: ReadonlyArray<string | number>
  readonly expected: string
  readonly got: string
}

/**
 * What one request brought.
 *
 * @since 0.1.0
 * @category models
 */
export interface Page {
  readonly records: ReadonlyArray<unknown>
  /** Where the page came from, redacted. */
  readonly cursor: string
  /** How often it was asked for. */
  readonly attempts: number
}

/**
 * A row as the database binds it, by column.
 *
 * @since 0.1.0
 * @category models
 */
export type Row = Readonly<Record<string, Column.Value>>

/**
 * @since 0.1.0
 * @category models
 */
export interface Source {
  readonly name: string
  /** Whom the requests go to, with the port where it is not the scheme's own. */
  readonly host: string
  readonly parameters: Parameters
  /** The parameters, then the fields; a field of the same name takes the parameter's place. */
  readonly columns: ReadonlyArray<Column.Column>
  readonly key: ReadonlyArray<string>
  readonly concurrency: number
  readonly missing: ReadonlySet<number>
  /** What decides which rows there are, as text: while it stays the same, what was collected stays valid. */
  readonly definition: string
  readonly pages: (slice: Slice) => Stream.Stream<Page, FetchError.FetchError, HttpClient.HttpClient>
  readonly toRow: (slice: Slice) => (record: unknown) => Either.Either<Row, Mismatch.Mismatch>
}

/**
 * Thrown by `make`: the options have these mistakes.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidSource extends Schema.TaggedError<InvalidSource>("@tributary/collect/InvalidSource")(
  "InvalidSource",
  {
    source: Schema.String,
    problems: Schema.Array(
      Schema.Struct({
        path: Schema.Array(Schema.Union(Schema.String, Schema.Number)),
        expected: Schema.String,
        got: Schema.String
      })
    )
  }
) {
  override get message(): string {
    const lines = this.problems.map(({ expected, got, path }) => `${path.join(".")}: expected ${expected}, got ${got}`)
    return `source "${this.source}" is not valid\n${lines.join("\n")}`
  }
}

/**
 * All mistakes in the options at once; none if they make a source.
 *
 * @since 0.1.0
 * @category guards
 */
export const check = (options: Options): ReadonlyArray<Problem> => problemsOf(options)

/**
 * A source from its options. Options that are not valid are a mistake in the program and throw `InvalidSource`; use
 * `check` for those that come from outside.
 *
 * @example
 * ```ts
 * import { Parameter, Source } from "@tributary/collect"
 * import { Schema } from "effect"
 *
 * export const weather = Source.make({
 *   name: "weather",
 *   base: "https://api.example.com",
 *   request: "/v1/daily/{city}{?date}",
 *   for: {
 *     city: Parameter.list(["Seattle", "New York"]),
 *     date: Parameter.dates({ from: "2015-01-01", to: "2015-01-28" })
 *   },
 *   records: "$.days[*]",
 *   fields: { date: "$.date", high: "$.temp_max" },
 *   schema: Schema.Struct({ date: Schema.String, high: Schema.Number }),
 *   key: ["city", "date"]
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <S extends Schema.Schema.AnyNoContext, const P extends Parameters = {}>(
  options: Options<S, P>
): Source => {
  const problems = problemsOf(options)
  if (problems.length > 0) throw new InvalidSource({ source: options.name, problems })
  const parameters: Parameters = options.for ?? {}
  const columns = columnsOf(parameters, options.schema)
  const template = parseTemplate(options.request)
  const records = compile(options.records)
  const fields = Object.entries(options.fields ?? {}).map(([name, path]) => [name, compile(path)] as const)
  const decode = ParseResult.decodeUnknownEither(options.schema)

  // The address stays a string: taken apart into query parameters, it would be escaped anew by other rules.
  const request = (slice: Slice): Effect.Effect<HttpClientRequest.HttpClientRequest, FetchError.InvalidRequestError> =>
    Effect.try({
      try: () =>
        HttpClientRequest.get(join(options.base, template.expand(toStored(slice)))).pipe(
          HttpClientRequest.setHeaders({ accept: "application/json", ...unredacted(options.headers ?? {}) })
        ),
      // A prefix such as {city:1} may cut a character in two.
      catch: (cause) =>
        new FetchError.InvalidRequestError({
          request: FetchError.describe(HttpClientRequest.get(options.base)),
          attempts: 0,
          elapsed: Duration.zero,
          reason: "url",
          cause
        })
    })

  return {
    name: options.name,
    host: new URL(options.base).host,
    parameters,
    columns,
    key: options.key,
    concurrency: options.concurrency ?? 8,
    missing: new Set(options.missing),
    definition: JSON.stringify({
      request: options.request,
      paginate: options.paginate ?? null,
      records: options.records,
      fields: options.fields ?? null,
      columns,
      key: options.key
    }),
    pages: (slice) =>
      options.paginate === "link"
        ? Stream.mapEffect(Stream.unwrap(Effect.map(request(slice), Paginate.link())), readPage(records))
        : request(slice).pipe(Effect.flatMap(Fetcher.fetch()), Effect.flatMap(readPage(records))),
    toRow: (slice) => (record) =>
      Either.flatMap(
        Either.mapLeft(decode(fields.length === 0 ? record : pick(record, fields)), Mismatch.fromIssue),
        (decoded) => rowOf(columns, options.key, { ...slice.parameters, ...decoded })
      )
  }
}

const columnsOf = (parameters: Parameters, schema: Schema.Schema.AnyNoContext): ReadonlyArray<Column.Column> => {
  const types = new Map<string, Column.Type>()
  for (const [name, { type }] of Object.entries(parameters)) types.set(name, type)
  for (const { name, type } of Column.fromSchema(schema)) types.set(name, type)
  return Array.from(types, ([name, type]) => ({ name, type }))
}

const join = (base: string, path: string): string =>
  path === "" || path.startsWith("?") ? base + path : `${base.replace(/\/$/, "")}/${path.replace(/^\//, "")}`

const unredacted = (headers: Readonly<Record<string, string | Redacted.Redacted>>): Record<string, string> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Redacted.isRedacted(value) ? Redacted.value(value) : value])
  )

const readPage =
  (query: JSONPathQuery) =>
  (fetched: Fetcher.Fetched): Effect.Effect<Page, FetchError.DecodeError> =>
    Effect.flatMap(Fetcher.decode(Schema.Unknown)(fetched), (body) =>
      Either.match(select(query)(body), {
        onLeft: (expected) => Fetcher.decodeError(fetched)({ path: "", expected, got: body }),
        onRight: (records) => {
          const cursor = FetchError.describe(fetched.request).url
          return Effect.succeed({ records, cursor, attempts: fetched.attempts })
        }
      })
    )

const pick = (
  record: unknown,
  fields: ReadonlyArray<readonly [name: string, query: JSONPathQuery]>
): Record<string, unknown> => {
  const picked: Record<string, unknown> = {}
  for (const [name, query] of fields) {
    const [value] = valuesOf(query)(record)
    if (value !== undefined) picked[name] = value
  }
  return picked
}

const rowOf = (
  columns: ReadonlyArray<Column.Column>,
  key: ReadonlyArray<string>,
  values: Readonly<Record<string, unknown>>
): Either.Either<Row, Mismatch.Mismatch> => {
  const row: Record<string, Column.Value> = {}
  for (const { name, type } of columns) row[name] = Column.toSql(type)(values[name])
  const missing = key.find((name) => row[name] === null)
  if (missing !== undefined) {
    return Either.left({ path: missing, expected: "a value, as it is part of the key", got: "nothing" })
  }
  const large = Object.entries(row).find(([, value]) => typeof value === "bigint" && BigInt.asIntN(64, value) !== value)
  return large === undefined
    ? Either.right(row)
    : Either.left({ path: large[0], expected: "an integer of 64 bits", got: String(large[1]) })
}
