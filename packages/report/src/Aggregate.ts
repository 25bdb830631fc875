/**
 * What is asked of the collected rows: groups, windows of time and measures, computed in SQL.
 *
 * @since 0.1.0
 */
import { SqlClient, type SqlError } from "@effect/sql"
import type { Source } from "@tributary/collect"
import { Effect, Either, Schema } from "effect"

/**
 * Thrown by `make`: the options have these mistakes.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidAggregate extends Schema.TaggedError<InvalidAggregate>("@tributary/report/InvalidAggregate")(
  "InvalidAggregate",
  {
    aggregate: Schema.String,
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
    return `aggregate "${this.aggregate}" is not valid\n${lines.join("\n")}`
  }
}

/**
 * What rows are grouped by: a column as it is, or the week or month its date lies in.
 *
 * A week is the ISO week (Monday to Sunday) and shown as the date of its Monday, a month as `YYYY-MM`, both in UTC. `name` is
 * the column's name in the result.
 *
 * @since 0.1.0
 * @category models
 */
export type Dimension =
  | { readonly _tag: "Field"; readonly name: string; readonly field: string }
  | { readonly _tag: "Window"; readonly name: string; readonly unit: "week" | "month"; readonly field: string }

/**
 * One number per group. NULLs are left out, as SQL does; `count` without a field counts rows. Only `count` may lack a field.
 *
 * @since 0.1.0
 * @category models
 */
export interface Measure {
  readonly function: "avg" | "sum" | "min" | "max" | "count"
  readonly field?: string | undefined
}

/**
 * A question to one table. Made by `make`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Aggregate {
  readonly name: string
  readonly from: string
  readonly by: ReadonlyArray<Dimension>
  readonly measures: Readonly<Record<string, Measure>>
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The heading of its table and chart. */
  readonly name: string
  /** The table to ask: a source's name. */
  readonly from: string
  /** Defaults to none, which gives one row over everything. */
  readonly by?: ReadonlyArray<Dimension> | undefined
  /** By the column's name in the result; at least one. */
  readonly measures: Readonly<Record<string, Measure>>
}

/**
 * The answer: the dimensions' columns, then the measures', and a row for each group, ordered by the dimensions with NULL first.
 *
 * @since 0.1.0
 * @category models
 */
export interface Table {
  readonly name: string
  readonly from: string
  readonly columns: ReadonlyArray<{
    readonly name: string
    readonly role: "field" | "window" | "measure"
    /** Only of a window. */
    readonly unit?: "week" | "month" | undefined
  }>
  readonly rows: ReadonlyArray<ReadonlyArray<string | number | null>>
}

/**
 * All mistakes in the options at once; none if they make an aggregate. The names of tables, columns and results are letters,
 * digits and `_`, and do not start with a digit.
 *
 * @since 0.1.0
 * @category guards
 */
export const check = (options: Options): ReadonlyArray<Source.Problem> => {
  const problems: Array<Source.Problem> = []
  const report = (path: Source.Problem["path"], expected: string, got: string) => problems.push({ path, expected, got })
  const taken = new Set<string>()
  const checkName = (path: Source.Problem["path"], name: string) => {
    if (!identifier.test(name)) report(path, aName, JSON.stringify(name))
    else if (taken.has(name)) report(path, "a name that no other column has", JSON.stringify(name))
    taken.add(name)
  }
  const checkField = (path: Source.Problem["path"], field: string) => {
    if (!identifier.test(field)) report(path, aName, JSON.stringify(field))
  }

  if (options.name.trim() === "") report(["name"], "a name", JSON.stringify(options.name))
  checkField(["from"], options.from)
  for (const [index, dimension] of (options.by ?? []).entries()) {
    checkName(["by", index], dimension.name)
    if (dimension.field !== dimension.name) checkField(["by", index], dimension.field)
  }
  const measures = Object.entries(options.measures)
  if (measures.length === 0) report(["measures"], "at least one measure", "none")
  for (const [name, measure] of measures) {
    checkName(["measures", name], name)
    if (measure.field !== undefined) checkField(["measures", name], measure.field)
    else if (measure.function !== "count") {
      report(["measures", name], `a field, as in ${measure.function}(high)`, `${measure.function}()`)
    }
  }
  return problems
}

/**
 * An aggregate from its options. Options that are not valid are a mistake in the program and throw `InvalidAggregate`; use
 * `check` for those that come from outside.
 *
 * @example
 * ```ts
 * import { Aggregate } from "@tributary/report"
 *
 * export const weekly = Aggregate.make({
 *   name: "Weekly weather",
 *   from: "weather",
 *   by: [Aggregate.field("city"), Aggregate.week("date")],
 *   measures: { high: Aggregate.avg("high"), rain: Aggregate.sum("precipitation"), days: Aggregate.count() }
 * })
 *
 * export const table = Aggregate.run(weekly)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Aggregate => {
  const problems = check(options)
  if (problems.length > 0) throw new InvalidAggregate({ aggregate: options.name, problems })
  return { name: options.name, from: options.from, by: options.by ?? [], measures: options.measures }
}

/**
 * Groups by a column's value.
 *
 * @since 0.1.0
 * @category dimensions
 */
export const field = (name: string): Dimension => ({ _tag: "Field", name, field: name })

/**
 * Groups by the ISO week of a date or datetime column; the result's column is named `week`. What is not a date becomes NULL.
 *
 * @since 0.1.0
 * @category dimensions
 */
export const week = (field: string): Dimension => ({ _tag: "Window", name: "week", unit: "week", field })

/**
 * Groups by the month of a date or datetime column; the result's column is named `month`. What is not a date becomes NULL.
 *
 * @since 0.1.0
 * @category dimensions
 */
export const month = (field: string): Dimension => ({ _tag: "Window", name: "month", unit: "month", field })

/**
 * The mean; NULL if every value is.
 *
 * @since 0.1.0
 * @category measures
 */
export const avg = (field: string): Measure => ({ function: "avg", field })

/**
 * The sum; NULL if every value is.
 *
 * @since 0.1.0
 * @category measures
 */
export const sum = (field: string): Measure => ({ function: "sum", field })

/**
 * The smallest value, of text the first; NULL if every value is.
 *
 * @since 0.1.0
 * @category measures
 */
export const min = (field: string): Measure => ({ function: "min", field })

/**
 * The largest value, of text the last; NULL if every value is.
 *
 * @since 0.1.0
 * @category measures
 */
export const max = (field: string): Measure => ({ function: "max", field })

/**
 * The number of rows, or of rows where `field` is not NULL.
 *
 * @since 0.1.0
 * @category measures
 */
export const count = (field?: string): Measure =>
  field === undefined ? { function: "count" } : { function: "count", field }

/**
 * Reads `city`, `week(date)` or `month(date)`; `Left` says what was expected.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseDimension = (text: string): Either.Either<Dimension, string> => {
  const { call, name } = parse(text)
  if (name !== undefined && call === undefined) return Either.right(field(name))
  if (name !== undefined && call === "week") return Either.right(week(name))
  if (name !== undefined && call === "month") return Either.right(month(name))
  return Either.left("a field, week(field) or month(field)")
}

/**
 * Reads `avg(field)`, `sum(field)`, `min(field)`, `max(field)`, `count(field)` or `count()`; `Left` says what was expected.
 *
 * @since 0.1.0
 * @category parsing
 */
export const parseMeasure = (text: string): Either.Either<Measure, string> => {
  const { call, name } = parse(text)
  if (name !== undefined && (call === "avg" || call === "sum" || call === "min" || call === "max")) {
    return Either.right({ function: call, field: name })
  }
  if (call === "count") return Either.right(count(name))
  return Either.left("avg(field), sum(field), min(field), max(field), count(field) or count()")
}

/**
 * Asks the database. Fails with `SqlError` if the table or a column is not there. For SQLite.
 *
 * @since 0.1.0
 * @category running
 */
export const run: (aggregate: Aggregate) => Effect.Effect<Table, SqlError.SqlError, SqlClient.SqlClient> = Effect.fn(
  "Aggregate.run"
)(function* (aggregate: Aggregate) {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* statement(sql, aggregate).values
  return {
    name: aggregate.name,
    from: aggregate.from,
    columns: [
      ...aggregate.by.map((dimension) =>
        dimension._tag === "Window"
          ? { name: dimension.name, role: "window" as const, unit: dimension.unit }
          : { name: dimension.name, role: "field" as const }
      ),
      ...Object.keys(aggregate.measures).map((name) => ({ name, role: "measure" as const }))
    ],
    rows: rows.map((row) => row.map(toCell))
  }
})

const identifier = /^[A-Za-z_][A-Za-z0-9_]*$/
const aName = "a name of letters, digits and _ that does not start with a digit"

// "f(x)" is { call: "f", name: "x" }, "f()" is { call: "f" }, "x" is { name: "x" }, and anything else is {}.
const parse = (text: string): { readonly call?: string | undefined; readonly name?: string | undefined } => {
  const match = /^\s*(?:([A-Za-z]+)\s*\(\s*(\w*)\s*\)|(\w+))\s*$/.exec(text)
  const name = match?.[2] ?? match?.[3]
  if (name === undefined || (name !== "" && !identifier.test(name))) return {}
  return { call: match?.[1], name: name === "" ? undefined : name }
}

const statement = (sql: SqlClient.SqlClient, aggregate: Aggregate) => {
  // With its table before it, a misspelt column is an error; alone, SQLite may take a quoted name for a string.
  const column = (field: string) => sql`${sql(aggregate.from)}.${sql(field)}`
  const dimension = (dimension: Dimension) => {
    if (dimension._tag === "Field") return column(dimension.field)
    // The Sunday on or after the date ends its ISO week.
    return dimension.unit === "week"
      ? sql`date(${column(dimension.field)}, 'weekday 0', '-6 days')`
      : sql`strftime('%Y-%m', ${column(dimension.field)})`
  }
  const measure = (measure: Measure) =>
    sql`${sql.literal(measure.function)}(${measure.field === undefined ? sql.literal("*") : column(measure.field)})`
  // By position: a result's column may be named like another of the table.
  const positions = aggregate.by.map((_, index) => String(index + 1))
  return sql`SELECT ${sql.csv([
    ...aggregate.by.map((item) => sql`${dimension(item)} AS ${sql(item.name)}`),
    ...Object.entries(aggregate.measures).map(([name, item]) => sql`${measure(item)} AS ${sql(name)}`)
  ])} FROM ${sql(aggregate.from)} ${sql.csv("GROUP BY", positions)} ${sql.csv("ORDER BY", positions)}`
}

const toCell = (value: unknown): string | number | null =>
  value === null || typeof value === "number" || typeof value === "string" ? value : String(value)
