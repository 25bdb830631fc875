/**
 * What the bot is to do, as its config file says.
 *
 * @since 0.1.0
 */
import { Source } from "@tributary/collect"
import { Aggregate } from "@tributary/report"
import { Array, Duration } from "effect"
import * as Aggregates from "./Aggregates.ts"
import * as Decode from "./Decode.ts"
import type { Mistake, Path } from "./Problem.ts"
import * as Shape from "./Shape.ts"
import * as Sources from "./Sources.ts"
import type * as Tree from "./Tree.ts"

/** Where an answer goes: to the terminal, or as a page to a file. */
type Output = { readonly _tag: "Table" } | { readonly _tag: "Html"; readonly path: string }

/**
 * All paths are absolute.
 *
 * @since 0.1.0
 * @category models
 */
export interface BotConfig {
  readonly name: string
  /** The SQLite file; `<name>.db` beside the config file unless it says otherwise. */
  readonly database: string
  readonly sources: ReadonlyArray<Source.Source>
  /** By host, with its port where that is not the scheme's own (as `URL.host`). All of a host's limits hold at once. */
  readonly limits: Readonly<Record<string, ReadonlyArray<Sources.Limit>>>
  readonly aggregates: ReadonlyArray<Aggregate.Aggregate>
  /** `[table]` unless the file says otherwise. */
  readonly reports: ReadonlyArray<Output>
}

/**
 * Reads a file's tree. `resolve` makes a path of the file absolute, `file` is the file's own name. `config` may be called if there are
 * no `mistakes`, here and in the tree.
 *
 * @since 0.1.0
 */
export const read = ({
  file,
  resolve,
  tree
}: {
  readonly tree: Tree.Tree
  readonly resolve: (path: string) => string
  readonly file: string
}): { readonly config: () => BotConfig; readonly mistakes: ReadonlyArray<Mistake> } => {
  const { mistakes, value } = decode(tree, [])
  const sources = entries(tree, "sources").map(Sources.read)
  const tables = new Map(sources.map(({ columns, options }) => [options.name, columns]))
  const aggregates = entries(tree, "aggregates").map(Aggregates.read(tables))
  const { name = "", reports = ["table"] } = value
  const database = resolve(value.database ?? `${name}.db`)
  const outputs = reports.map((report): Output =>
    report === "table" ? { _tag: "Table" } : { _tag: "Html", path: resolve(report.html) }
  )
  return {
    config: () => ({
      name,
      database,
      sources: sources.map(({ options }) => Source.make(options)),
      limits: limitsOf(sources),
      aggregates: aggregates.map(({ options }) => Aggregate.make(options)),
      reports: outputs
    }),
    mistakes: [
      ...mistakes,
      ...[...sources, ...aggregates].flatMap(({ mistakes }) => mistakes),
      ...overwritten(resolve(file), database, outputs)
    ]
  }
}

const decode = Decode.struct(Shape.File)

const entries = (tree: Tree.Tree, key: string): ReadonlyArray<readonly [string, Tree.Tree]> =>
  [...(tree.children.get(key)?.children ?? [])].flatMap(([name, child]) =>
    typeof name === "string" ? [[name, child] as const] : []
  )

/** What is written twice, or over the config file or the database, is lost. */
const overwritten = (file: string, database: string, outputs: ReadonlyArray<Output>): ReadonlyArray<Mistake> => {
  const taken = new Set<string>([file])
  const written: ReadonlyArray<readonly [path: Path, what: string, where: string]> = [
    [["database"], "another file than the config file", database],
    ...outputs.map((output, index) =>
      output._tag === "Table"
        ? ([["reports", index], "each report once", ""] as const)
        : ([["reports", index, "html"], "a file that nothing else is written to", output.path] as const)
    )
  ]
  return written.flatMap(([path, expected, where]) =>
    taken.size === taken.add(where).size ? [{ path, expected }] : []
  )
}

const limitsOf = (sources: ReadonlyArray<Sources.Read>): BotConfig["limits"] => {
  const hosts = new Map<string, ReadonlyArray<Sources.Limit>>()
  for (const { limits, options } of sources) {
    const { host } = new URL(options.base)
    if (limits.length > 0) hosts.set(host, [...(hosts.get(host) ?? []), ...limits])
  }
  return Object.fromEntries(Array.map([...hosts], ([host, limits]) => [host, Array.dedupeWith(limits, isSame)]))
}

const isSame = (left: Sources.Limit, right: Sources.Limit): boolean =>
  left.limit === right.limit && Duration.equals(left.window, right.window)
