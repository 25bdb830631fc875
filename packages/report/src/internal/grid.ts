import { columnsOf, counted, cut } from "./text.ts"

/** @internal */
export interface Column {
  readonly name: string
  /** Numbers: aligned to the right, and never cut. */
  readonly right: boolean
}

/** @internal */
export type Style = "bold" | "dim" | "red" | "yellow" | "green"

/** @internal */
export type Paint = (style: Style, text: string) => string

/**
 * A table in lines of at most `width` columns. Cells must hold no control characters.
 *
 * @internal
 */
export const lines = ({
  columns,
  paint,
  rows,
  styleOf,
  width
}: {
  readonly columns: ReadonlyArray<Column>
  readonly rows: ReadonlyArray<ReadonlyArray<string>>
  readonly width: number
  readonly paint: Paint
  readonly styleOf?: (row: number, column: number) => Style | undefined
}): ReadonlyArray<string> => {
  const shown = rows.length <= mostRows ? rows.length : mostRows - tail
  const visible = [...rows.slice(0, shown), ...rows.slice(Math.max(shown, rows.length - tail))]
  const widths = fit(columns, visible, width)
  const line = (cells: ReadonlyArray<string>, style: (column: number) => Style | undefined = () => undefined) =>
    widths
      .map((width, column) => {
        const text = cut(width)(cells[column] ?? "")
        const space = " ".repeat(width - columnsOf(text))
        const chosen = style(column)
        const painted = chosen === undefined ? text : paint(chosen, text)
        return columns[column]?.right ? space + painted : painted + space
      })
      .join(gap)
      .trimEnd()

  const body = visible.map((row, index) =>
    line(row, (column) => styleOf?.(index < shown ? index : rows.length - visible.length + index, column))
  )
  const hidden = rows.length - visible.length
  const left = columns.length - widths.length
  return [
    line(
      columns.map(({ name }) => name),
      () => "bold"
    ),
    paint("dim", widths.map((width) => "─".repeat(width)).join(gap)),
    ...body.slice(0, shown),
    ...(hidden > 0 ? [paint("dim", `… ${counted("more row")(hidden)}`)] : []),
    ...body.slice(shown),
    ...(left > 0 ? [paint("dim", `… ${counted("more column")(left)}`)] : [])
  ]
}

const gap = "  "
const mostRows = 20
const tail = 8
const narrowest = 6

// The columns' widths; fewer than there are columns where not all fit.
const fit = (
  columns: ReadonlyArray<Column>,
  rows: ReadonlyArray<ReadonlyArray<string>>,
  width: number
): ReadonlyArray<number> => {
  const cells = columns.map((_, column) => rows.reduce((most, row) => Math.max(most, columnsOf(row[column] ?? "")), 1))
  const natural = columns.map(({ name }, column) => Math.max(columnsOf(name), cells[column] ?? 0))
  const least = columns.map(({ right }, column) =>
    Math.min(natural[column] ?? 0, right ? (cells[column] ?? 0) : narrowest)
  )
  const totalOf = (widths: ReadonlyArray<number>) =>
    widths.reduce((sum, width) => sum + width + gap.length, -gap.length)

  let kept = columns.length
  while (kept > 1 && totalOf(least.slice(0, kept)) > width) kept--
  const widths = natural.slice(0, kept)
  for (let excess = totalOf(widths) - width; excess > 0; excess--) {
    const widest = widestOf(widths, least)
    if (widest === undefined) break
    widths[widest] = (widths[widest] ?? 0) - 1
  }
  return widths
}

// Of those that can still give way.
const widestOf = (widths: ReadonlyArray<number>, least: ReadonlyArray<number>): number | undefined => {
  let widest: number | undefined
  for (const [column, width] of widths.entries()) {
    if (width > (least[column] ?? 0) && (widest === undefined || width > (widths[widest] ?? 0))) widest = column
  }
  return widest
}
