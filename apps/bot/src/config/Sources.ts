/**
 * A source of the file to a Source of @tributary/collect, and the limits of its host.
 *
 * @since 0.1.0
 */
import { Field, Parameter, Source } from "@tributary/collect"
import { Duration, Record, Redacted } from "effect"
import type { Columns } from "./Aggregates.ts"
import * as Decode from "./Decode.ts"
import * as Nearest from "./Nearest.ts"
import type { Mistake, Path } from "./Problem.ts"
import * as Shape from "./Shape.ts"
import type * as Tree from "./Tree.ts"

/**
 * At most `limit` requests in any `window`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  readonly limit: number
  readonly window: Duration.Duration
}

/**
 * What a source of the file came to. `options` make a Source if there are no `mistakes`; `columns` are those of its table, if they can
 * be told.
 *
 * @since 0.1.0
 * @category models
 */
export interface Read {
  readonly options: Source.Options
  readonly limits: ReadonlyArray<Limit>
  readonly columns: Columns | undefined
  readonly mistakes: ReadonlyArray<Mistake>
}

/**
 * Reads `sources.<name>`.
 *
 * @since 0.1.0
 */
export const read = ([name, tree]: readonly [name: string, tree: Tree.Tree]): Read => {
  const path = ["sources", name]
  const { isBroken, mistakes, value } = decode(tree, path)
  const parameters = Record.map(value.for ?? {}, toParameter)
  const fields = value.fields ?? {}
  const options: Source.Options = {
    name,
    base: value.base ?? "",
    request: value.request ?? "",
    headers: Record.map(value.headers ?? {}, (header) => Redacted.make(header)),
    for: parameters,
    paginate: value.paginate && "link",
    records: value.records ?? "",
    fields: Record.map(fields, ({ at }) => at),
    schema: Field.struct(fields),
    key: value.key ?? [],
    concurrency: value.concurrency,
    missing: value.missing
  }
  // What could not be decoded, and what hangs on it, has been told or cannot be judged yet.
  const isJudged = ([root = ""]: Path) => root === "name" || ![root, ...(uses[root] ?? [])].map(String).some(isBroken)
  const found = Source.check(options).filter(({ path }) => isJudged(path))
  return {
    options,
    limits: (value.limits ?? []).map(([limit, , unit]) => ({ limit, window: Duration.decode(`1 ${unit}`) })),
    columns: isJudged(["columns"]) ? columnsOf(parameters, fields) : undefined,
    mistakes: [...mistakes, ...found.map((problem) => toMistake(path, options, problem))]
  }
}

const decode = Decode.struct(Shape.Source)

/** Which keys of a source speak of which others. */
const uses: Readonly<Record<string, ReadonlyArray<string>>> = {
  request: ["for"],
  schema: ["fields"],
  key: ["for", "fields"],
  columns: ["for", "fields"]
}

type Asked = NonNullable<(typeof Shape.Source.Type)["for"]>[string]

const toParameter = (asked: Asked): Parameter.Parameter => {
  if (!("from" in asked)) return Parameter.list(asked)
  const [count, , unit] = asked.step ?? [1, " ", "day"]
  return Parameter.dates({ from: asked.from, to: asked.to, step: { count, unit: units[unit] } })
}

const units = {
  day: "day",
  days: "day",
  week: "week",
  weeks: "week",
  month: "month",
  months: "month",
  year: "year",
  years: "year"
} as const

const columnsOf = (
  parameters: Readonly<Record<string, Parameter.Parameter>>,
  fields: Readonly<Record<string, Field.Field>>
): Columns =>
  new Map([
    ...Object.entries(parameters).map(([name, { lastDayAt, type }]): [string, Field.Type] => [
      name,
      lastDayAt === undefined ? types[type] : "date"
    ]),
    ...Object.entries(fields).map(([name, { type }]): [string, Field.Type] => [name, type])
  ])

const types = { text: "string", real: "number", integer: "integer" } as const

/** From a path into the options to one into the file. */
const toMistake = (path: Path, options: Source.Options, problem: Source.Problem): Mistake => {
  const { expected, got } = problem
  const [root, name] = problem.path
  const parameters = Object.keys(options.for ?? {})
  const isName = got === JSON.stringify(name)
  switch (root) {
    case "name":
      return { path, at: "key", expected, got }
    case "for":
    case "headers":
      return { path: [...path, ...problem.path], at: "key", expected, got }
    case "fields":
      if (isName) return { path: [...path, ...problem.path], at: "key", expected, got }
      return { path: [...path, ...problem.path, "at"], expected, got }
    case "request":
      return { path: [...path, "request"], expected, got, ...Nearest.meant(parameters)(bare(got)) }
    case "key":
      return {
        path: [...path, ...problem.path],
        expected,
        got,
        ...Nearest.meant([...parameters, ...Object.keys(options.fields ?? {})])(bare(got))
      }
    default:
      return { path: [...path, ...problem.path], expected, got }
  }
}

const bare = (quoted: string): string => quoted.replace(/^"(.*)"$/, "$1")
