/**
 * An aggregate of the file to an Aggregate of @tributary/report.
 *
 * @since 0.1.0
 */
import type { Field } from "@tributary/collect"
import { Aggregate } from "@tributary/report"
import { Either } from "effect"
import * as Decode from "./Decode.ts"
import * as Nearest from "./Nearest.ts"
import { listed, type Mistake, type Path, quoted } from "./Problem.ts"
import * as Shape from "./Shape.ts"
import type * as Tree from "./Tree.ts"

/**
 * The columns of a source's table.
 *
 * @since 0.1.0
 * @category models
 */
export type Columns = ReadonlyMap<string, Field.Type>

/**
 * What an aggregate of the file came to; `options` make an Aggregate if there are no `mistakes`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Read {
  readonly options: Aggregate.Options
  readonly mistakes: ReadonlyArray<Mistake>
}

/**
 * Reads `aggregates.<name>`. `tables` has every source by its name; one whose columns cannot be told has `undefined`. Without
 * any, which is a mistake of its own, `from` is not looked at.
 *
 * @since 0.1.0
 */
export const read =
  (tables: ReadonlyMap<string, Columns | undefined>) =>
  ([name, tree]: readonly [name: string, tree: Tree.Tree]): Read => {
    const path = ["aggregates", name]
    const { isBroken, mistakes, value } = decode(tree, path)
    const { from = "", by = [], measures = {} } = value
    const columns = tables.get(from)

    const dimensions = by.map((text, index) => parsed([...path, "by", index], Aggregate.parseDimension(text)))
    const measured = Object.entries(measures).map(([name, text]) => ({
      name,
      ...parsed([...path, "measures", name], Aggregate.parseMeasure(text))
    }))
    const parts = [...dimensions, ...measured]
    const grouped = dimensions.flatMap(({ path, value }) => (value === undefined ? [] : [{ path, value }]))
    const options: Aggregate.Options = {
      name,
      from,
      by: grouped.map(({ value }) => value),
      measures: Object.fromEntries(measured.flatMap(({ name, value }) => (value === undefined ? [] : [[name, value]])))
    }
    const clashes = Aggregate.check(options).flatMap(
      ({ expected, got, path: [part, place] }): ReadonlyArray<Mistake> => {
        const dimension = part === "by" && typeof place === "number" ? grouped[place] : undefined
        if (dimension !== undefined) return [{ path: dimension.path, expected, got }]
        // What stands in a name's own place is looked at elsewhere: the source's, and the aggregate's own.
        return part === "measures" && place !== undefined
          ? [{ path: [...path, part, place], at: "key", expected, got }]
          : []
      }
    )
    return {
      options,
      mistakes: [
        ...mistakes,
        ...(isName.test(name) ? [] : [{ path, at: "key", expected: aName, got: quoted(name) } as const]),
        ...(isBroken("from") || tables.size === 0 || tables.has(from)
          ? []
          : [unknown([...path, "from"], from, "sources", tables.keys())]),
        ...parts.flatMap(({ mistakes }) => mistakes),
        ...parts.flatMap(({ path, value }) => (columns === undefined ? [] : checkField(path, value, columns))),
        ...clashes
      ]
    }
  }

const decode = Decode.struct(Shape.Aggregate)

const isName = /^[a-z][a-z0-9_]*$/
const aName = "a name of lower-case letters, digits and _, beginning with a letter"

const parsed = <A>(path: Path, either: Either.Either<A, string>) =>
  Either.match(either, {
    onLeft: (expected) => ({ path, value: undefined, mistakes: [{ path, expected }] }),
    onRight: (value) => ({ path, value, mistakes: [] })
  })

/** The field must be a column, of a type that suits its use. */
const checkField = (
  path: Path,
  use: Aggregate.Dimension | Aggregate.Measure | undefined,
  columns: Columns
): ReadonlyArray<Mistake> => {
  if (use?.field === undefined) return []
  const type = columns.get(use.field)
  if (type === undefined)
    return [{ ...unknown(path, use.field, "source's columns", columns.keys()), got: quoted(use.field) }]
  const types = suitable(use)
  return types === undefined || types.includes(type)
    ? []
    : [
        {
          path,
          expected: `a column of type ${types.join(" or ")}`,
          got: `${quoted(use.field)}, which is of type ${type}`
        }
      ]
}

const suitable = (use: Aggregate.Dimension | Aggregate.Measure): ReadonlyArray<Field.Type> | undefined => {
  if ("function" in use) return use.function === "avg" || use.function === "sum" ? ["number", "integer"] : undefined
  return use._tag === "Window" ? ["date", "datetime"] : undefined
}

const unknown = (path: Path, name: string, what: string, names: Iterable<string>): Mistake => {
  const all = [...names]
  return { path, expected: `one of the ${what}: ${listed(all)}`, ...Nearest.meant(all)(name) }
}
