import { Array as Arr, Option, Order } from "effect"
import type { Table } from "../Aggregate.ts"
import * as calendar from "./calendar.ts"
import { visible } from "./text.ts"

/**
 * A table turned for drawing: x is the first window, or else the first dimension; each combination of the other dimensions is
 * a series.
 *
 * @internal
 */
export interface Plot {
  readonly x: { readonly name: string; readonly unit: "week" | "month" | undefined; readonly values: ReadonlyArray<X> }
  readonly measures: ReadonlyArray<string>
  readonly series: ReadonlyArray<Series>
  /** What the table has and the drawing does not. */
  readonly notes: ReadonlyArray<string>
}

/** `at` is a point of time in milliseconds, or a category's position. @internal */
export interface X {
  readonly at: number
  readonly label: string
}

/** The measures at an x; an x that is not there is a gap. @internal */
export interface Series {
  readonly name: string
  readonly points: ReadonlyMap<number, ReadonlyArray<number | null>>
}

/** More lines than this cannot be told apart. @internal */
const mostSeries = 12

/** None if there is nothing to draw. @internal */
export const make = (table: Table): Option.Option<Plot> => {
  const columns = table.columns.map((column, index) => ({ ...column, index }))
  const measures = columns.filter(
    (column) => column.role === "measure" && table.rows.some((row) => Number.isFinite(row[column.index]))
  )
  const dimensions = columns.filter((column) => column.role !== "measure")
  const x = dimensions.find((column) => column.role === "window") ?? dimensions[0]
  if (x === undefined || measures.length === 0) return Option.none()
  const others = dimensions.filter((column) => column !== x)

  const xOf = (row: Row): string => label(row[x.index])
  const seriesOf = (row: Row): string => others.map((column) => label(row[column.index])).join(", ")

  const names = Array.from(new Set(table.rows.map(seriesOf)))
  const series = new Map(names.slice(0, mostSeries).map((name) => [name, new Map<number, Array<number | null>>()]))
  const labels = Array.from(new Set(table.rows.map(xOf)))
  const values = x.role === "window" ? inTime(labels) : inPlaces(labels, Math.ceil(mostBars / series.size))
  if (values.length === 0) return Option.none()

  const positions = new Map(values.map(({ at, label }) => [label, at]))
  for (const row of table.rows) {
    const at = positions.get(xOf(row))
    if (at !== undefined)
      series.get(seriesOf(row))?.set(
        at,
        measures.map(({ index }) => finite(row[index]))
      )
  }
  const left = labels.length - values.length
  return Option.some({
    x: { name: drawable(x.name), unit: x.unit, values },
    measures: measures.map(({ name }) => drawable(name)),
    series: Array.from(series, ([name, points]) => ({ name, points })),
    notes: [
      ...(names.length > series.size ? [`The first ${series.size} of ${names.length} series.`] : []),
      ...(left === 0
        ? []
        : x.role === "window"
          ? [`Rows without a ${x.unit} are not drawn.`]
          : [`The first ${values.length} of ${labels.length} by ${visible(x.name)}.`])
    ]
  })
}

type Row = Table["rows"][number]

// More bars than this become hairlines.
const mostBars = 160

const label = (cell: Row[number] | undefined): string => drawable(String(cell ?? "(none)"))

// ECharts looks texts up in plain objects: there, a label "__proto__" would be found, and changed. It gets an invisible end.
const drawable = (text: string): string => (text in Object.prototype ? `${text}\u200b` : visible(text))

const finite = (cell: Row[number] | undefined): number | null =>
  typeof cell === "number" && Number.isFinite(cell) ? cell : null

const inTime = (labels: ReadonlyArray<string>): ReadonlyArray<X> =>
  Arr.sortWith(
    Arr.filterMap(labels, (label) => Option.map(calendar.parse(label), (at) => ({ at, label }))),
    ({ at }) => at,
    Order.number
  )

const inPlaces = (labels: ReadonlyArray<string>, most: number): ReadonlyArray<X> =>
  labels.slice(0, most).map((label, at) => ({ at, label }))
