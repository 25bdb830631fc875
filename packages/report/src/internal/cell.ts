import type { Table } from "../Aggregate.ts"

/**
 * A table as text. The numbers of a column have as many decimals as its longest needs, but no more than two; one that would
 * then read as zero keeps two digits.
 *
 * @internal
 */
export const format = (table: Table): ReadonlyArray<ReadonlyArray<string>> => {
  const decimals = table.columns.map((_, column) =>
    table.rows.reduce((most, row) => Math.max(most, decimalsOf(row[column] ?? null)), 0)
  )
  return table.rows.map((row) => row.map((cell, column) => text(cell, decimals[column] ?? 0)))
}

/** Of each column, whether it holds nothing but numbers. @internal */
export const numeric = (table: Table): ReadonlyArray<boolean> =>
  table.columns.map((_, column) => table.rows.every((row) => typeof (row[column] ?? 0) === "number"))

type Cell = Table["rows"][number][number]

// Above this, a decimal is noise, and toFixed turns to exponents anyway.
const large = 1e15

const isPlain = (cell: Cell): cell is number => typeof cell === "number" && Math.abs(cell) < large

const decimalsOf = (cell: Cell): number => {
  if (!isPlain(cell)) return 0
  const hundredths = Math.abs(Math.round(cell * 100))
  if (hundredths % 100 === 0) return 0
  return hundredths % 10 === 0 ? 1 : 2
}

const text = (cell: Cell, decimals: number): string => {
  if (cell === null) return "–"
  if (!isPlain(cell)) return String(cell)
  if (cell !== 0 && Math.abs(cell) < 0.005) return String(Number(cell.toPrecision(2)))
  return cell.toFixed(decimals)
}
