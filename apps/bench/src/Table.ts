/**
 * Rows for a reader: a table a metric, the best first.
 */
import { Array, Order } from "effect"
import type { Metric, Row } from "./Bench.ts"

export interface Table {
  readonly header: Array.NonEmptyReadonlyArray<string>
  readonly lines: ReadonlyArray<Array.NonEmptyReadonlyArray<string>>
}

const digits = (most: number): Intl.NumberFormat => new Intl.NumberFormat("en-US", { maximumSignificantDigits: most })
const value = digits(4)
const ratio = digits(3)

/**
 * The tables of a bench's rows, in the order of its metrics.
 */
export const make =
  (metrics: Readonly<Record<string, Metric>>) =>
  (rows: ReadonlyArray<Row>): ReadonlyArray<Table> =>
    Object.entries(metrics).flatMap(([metric, { baseline, better, unit }]) => {
      const order = Order.mapInput(
        better === "more" ? Order.reverse(Order.number) : Order.number,
        (row: Row) => row.value
      )
      const own = Array.sort(
        rows.filter((row) => row.metric === metric),
        order
      )
      if (own.length === 0) return []
      // A metric such as `jumps/s` says its unit itself.
      const head: Table["header"] = [metric, unit === "" ? "value" : unit]
      return [
        {
          header: baseline === undefined ? head : [...head, `x ${baseline}`],
          lines: own.map((row): Table["header"] => {
            const line: Table["header"] = [row.name, value.format(row.value)]
            return baseline === undefined ? line : [...line, row.ratio === null ? "" : ratio.format(row.ratio)]
          })
        }
      ]
    })

const pad =
  (table: Table) =>
  (line: ReadonlyArray<string>): ReadonlyArray<string> =>
    line.map((cell, column) => {
      const width = Math.max(...[table.header, ...table.lines].map((line) => line[column]?.length ?? 0))
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })

/**
 * For a terminal.
 */
export const text = (table: Table): string =>
  [table.header, ...table.lines].map((line) => pad(table)(line).join("   ").trimEnd()).join("\n")

/**
 * For a Markdown file.
 */
export const markdown = (table: Table): string => {
  const [header = [], ...lines] = [table.header, ...table.lines].map(pad(table))
  const rule = header.map((cell, column) =>
    column === 0 ? "-".repeat(cell.length) : `${"-".repeat(cell.length - 1)}:`
  )
  return [header, rule, ...lines].map((line) => `| ${line.join(" | ")} |`).join("\n")
}
