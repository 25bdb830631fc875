/**
 * A report as text for a terminal.
 *
 * @since 0.1.0
 */
import { DateTime } from "effect"
import { dual } from "effect/Function"
import * as cell from "./internal/cell.ts"
import { gaps } from "./internal/gap.ts"
import * as grid from "./internal/grid.ts"
import { gravity, tally } from "./internal/tally.ts"
import { columnsOf, counted, cut, visible, wrap } from "./internal/text.ts"
import type { Report } from "./Report.ts"
import type { Table } from "./Aggregate.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** In columns. Cells with text are cut until a table fits; numbers never are. */
  readonly width: number
  /** With ANSI colours. */
  readonly color: boolean
}

/**
 * Each table, what each source gave, what is missing and why, and the rejected records, in lines of at most `width` columns.
 *
 * Of a table with more than 20 rows the first 12 and the last 8 are shown, of the rejected records the first 10, and a line
 * says how many more there are. Whatever the data holds, the text has no control characters but line breaks and, with `color`,
 * its own colours.
 *
 * @example
 * ```ts
 * import { Console, Effect } from "effect"
 * import { Report, Terminal } from "@tributary/report"
 *
 * export const program = Report.make({ title: "Weather", aggregates: [] }).pipe(
 *   Effect.map(Terminal.render({ width: 80, color: true })),
 *   Effect.flatMap(Console.log)
 * )
 * ```
 *
 * @since 0.1.0
 * @category rendering
 */
export const render: {
  (options: Options): (report: Report) => string
  (report: Report, options: Options): string
} = dual(2, (report: Report, { color, width }: Options): string => {
  const page: Page = {
    width,
    paint: color ? (style, text) => `\u001b[${codes[style]}m${text}\u001b[0m` : (_, text) => text
  }
  const heading = (text: string) => page.paint("bold", cut(width)(visible(text)))
  return [
    heading(report.title),
    page.paint("dim", cut(width)(DateTime.formatIso(report.generatedAt))),
    ...report.tables.flatMap((table) => ["", heading(table.name), "", ...tableLines(table, page)]),
    "",
    heading("Sources"),
    "",
    ...sourceLines(report, page),
    "",
    ...missingLines(report, page),
    ...rejectLines(report, page),
    ""
  ].join("\n")
})

interface Page {
  readonly width: number
  readonly paint: grid.Paint
}

const codes: Readonly<Record<grid.Style, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33 }

const tableLines = (table: Table, page: Page): ReadonlyArray<string> => {
  if (table.rows.length === 0) return [cut(page.width)(`No rows in ${visible(table.from)}.`)]
  const numeric = cell.numeric(table)
  return grid.lines({
    ...page,
    columns: table.columns.map(({ name }, column) => ({ name: visible(name), right: numeric[column] ?? false })),
    rows: cell.format(table).map((row) => row.map(visible))
  })
}

const sourceLines = ({ sources }: Report, page: Page): ReadonlyArray<string> => {
  if (sources.length === 0) return ["Nothing was collected yet."]
  return grid.lines({
    ...page,
    columns: [{ name: "source", right: false }, ...tally.map((name) => ({ name, right: true }))],
    rows: sources.map((source) => [visible(source.source), ...tally.map((name) => String(source[name]))]),
    styleOf: (row, column) => {
      const name = tally[column - 1]
      const source = sources[row]
      return name === undefined || source === undefined ? undefined : styles[gravity(name)(source[name])]
    }
  })
}

const styles = { none: undefined, mild: "yellow", severe: "red" } as const

const missingLines = (report: Report, page: Page): ReadonlyArray<string> => {
  const missing = gaps(report)
  if (missing.length === 0) return [page.paint("green", "Nothing is missing.")]
  return [
    page.paint("bold", "Missing"),
    ...missing.flatMap((gap) => {
      const examples = gap.examples.slice(0, 3)
      const more = gap.count - examples.length
      const others = examples.length > 0 && more > 0 ? [`and ${more} more`] : []
      const style = gap.outcome === "failed" ? "red" : "yellow"
      return item(page, {
        source: gap.source,
        what: page.paint(style, `${counted("slice")(gap.count)} ${gap.outcome}`),
        why: gap.reason,
        which: [...examples, ...others]
      })
    })
  ]
}

const rejectLines = ({ rejects }: Report, page: Page): ReadonlyArray<string> => {
  if (rejects.length === 0) return []
  const shown = rejects.slice(0, mostRejects)
  return [
    "",
    page.paint("bold", "Rejected records"),
    ...shown.flatMap(({ position, reason, slice, source }) =>
      item(page, { source, what: page.paint("yellow", `record ${position}`), why: reason, which: [slice] })
    ),
    ...(rejects.length > shown.length
      ? ["", page.paint("dim", `… ${counted("more record")(rejects.length - shown.length)}`)]
      : [])
  ]
}

const mostRejects = 10

// A line that says what, and indented under it why, and in which slices.
const item = (
  { width }: Page,
  item: {
    readonly source: string
    /** Short and painted. */
    readonly what: string
    readonly why: string
    readonly which: ReadonlyArray<string>
  }
): ReadonlyArray<string> => {
  const room = width - 2
  const why = wrap({ columns: room, most: 3 })(visible(item.why))
  const which = item.which.map((text) => cut(room)(visible(text)))
  const name = cut(width - columnsOf(item.what) - 2)(visible(item.source))
  return ["", `${name}  ${item.what}`, ...[...why, ...which].map((line) => `  ${line}`)]
}
