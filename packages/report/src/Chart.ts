/**
 * Draws a table as one SVG, on the server and without a script.
 *
 * @since 0.1.0
 */
import { BarChart, LineChart } from "echarts/charts"
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components"
import * as echarts from "echarts/core"
import { SVGRenderer } from "echarts/renderers"
import { Hash, Option } from "effect"
import type { Table } from "./Aggregate.ts"
import * as calendar from "./internal/calendar.ts"
import * as plot from "./internal/plot.ts"
import { columnsOf, cut, escape } from "./internal/text.ts"

/**
 * The table as an SVG of 800 units' width that scales to its place; none if there is nothing to draw: no row, no number, or
 * no dimension (a single row is read more easily than drawn).
 *
 * With a week or month there are lines over time, without one there are grouped bars; each combination of the other dimensions
 * is a series, and each measure has a plot and a y axis of its own. What is missing is a gap and not a zero. Of more than 12
 * series the first 12 are drawn, of bars what there is room for, and a note says so.
 *
 * Text and axes have the element's CSS `color` (mid-grey by default), the background is transparent. Ids are made from the
 * table's content, so that many charts fit in one page.
 *
 * @example
 * ```ts
 * import { Effect, Option } from "effect"
 * import { Aggregate, Chart } from "@tributary/report"
 *
 * const prices = Aggregate.make({
 *   name: "Prices",
 *   from: "stocks",
 *   by: [Aggregate.field("symbol"), Aggregate.month("date")],
 *   measures: { price: Aggregate.avg("price") }
 * })
 *
 * export const image = Aggregate.run(prices).pipe(
 *   Effect.map(Chart.svg),
 *   Effect.map(Option.getOrElse(() => "nothing to draw"))
 * )
 * ```
 *
 * @since 0.1.0
 * @category rendering
 */
export const svg = (table: Table): Option.Option<string> => Option.map(plot.make(table), (plot) => draw(table, plot))

const width = 800
const plotHeight = 170
const plotTop = 34
const plotGap = 44
const axisHeight = 44
const noteHeight = 20
const slantedAxisHeight = 104
const legendRow = 22
const left = 64
// What a character takes at most on average; the reader's font is not known here.
const em = 8
const mostLegend = 22
const mostCategory = 14

// After Okabe and Ito's colours for colour-blind readers, made lighter or darker until each has a contrast of about 3:1 both on
// white and on near-black; without their yellow and black. A series beyond them is dashed.
const palette = ["#2580c3", "#d55e00", "#009e73", "#cc79a7", "#3d9fd3", "#c28a00"]

const draw = (table: Table, plot: plot.Plot): string => {
  const legend = plot.series.length > 1 || plot.series.some(({ name }) => name !== "")
  const right = legend ? 56 + Math.max(...plot.series.map(({ name }) => columnsOf(cut(mostLegend)(name)))) * em : 24
  const room = width - left - right
  const slanted = isSlanted(plot, room)
  const height =
    Math.max(
      plotTop + plot.measures.length * (plotHeight + plotGap) - plotGap + (slanted ? slantedAxisHeight : axisHeight),
      legend ? plotTop + plot.series.length * legendRow : 0
    ) +
    plot.notes.length * noteHeight

  echarts.use([LineChart, BarChart, GridComponent, LegendComponent, TitleComponent, SVGRenderer])
  const chart = echarts.init(null, null, { renderer: "svg", ssr: true, width, height })
  chart.setOption({
    animation: false,
    useUTC: true,
    color: palette,
    textStyle: { color: ink, fontFamily: "system-ui, sans-serif" },
    title: plot.notes.map((text, index) => ({
      text,
      left: left - 5,
      bottom: (plot.notes.length - 1 - index) * noteHeight,
      padding: 0,
      textStyle: { color: ink, fontSize: 11, fontWeight: "normal", fontStyle: "italic" }
    })),
    legend: {
      show: legend,
      orient: "vertical",
      left: width - right + 16,
      top: plotTop - 5,
      itemGap: legendRow - 14,
      selectedMode: false,
      formatter: (name: string) => cut(mostLegend)(name),
      textStyle: { color: ink, fontSize: 12 }
    },
    grid: plot.measures.map((_, index) => ({
      left,
      right,
      top: plotTop + index * (plotHeight + plotGap),
      height: plotHeight
    })),
    xAxis: plot.measures.map((_, index) => xAxis(plot, index, slanted)),
    yAxis: plot.measures.map((name, index) => ({
      type: "value",
      gridIndex: index,
      name: name,
      nameGap: 14,
      nameTextStyle: { color: ink, fontSize: 12, fontWeight: "bold", align: "left", padding: [0, 0, 0, 8 - left] },
      scale: plot.x.unit !== undefined,
      splitNumber: 4,
      axisLabel: { color: ink, fontSize: 11 },
      splitLine: { lineStyle: { color: ink, opacity: 0.18 } }
    })),
    series: plot.measures.flatMap((_, measure) =>
      plot.series.map((series, index) => seriesOption(plot, series, measure, index))
    )
  })
  const drawn = chart.renderToSVGString({ useViewBox: true })
  chart.dispose()
  return accessible(drawn, height, table, plot)
}

const ink = "currentColor"

// Categories that do not fit side by side.
const isSlanted = (plot: plot.Plot, room: number): boolean =>
  plot.x.unit === undefined &&
  plot.x.values.some(({ label }) => columnsOf(cut(mostCategory)(label)) * em > room / plot.x.values.length)

const xAxis = (plot: plot.Plot, index: number, slanted: boolean) => {
  const isLast = index === plot.measures.length - 1
  const first = plot.x.values[0]?.at ?? 0
  const last = plot.x.values.at(-1)?.at ?? 0
  const ticks = plot.x.unit === undefined ? [] : calendar.ticks({ first, last, unit: plot.x.unit })
  const labels = new Map(ticks.map(({ at, label }) => [at, label]))
  const at = ticks.map(({ at }) => at)
  const shared = {
    gridIndex: index,
    name: isLast ? plot.x.name : "",
    nameLocation: "middle",
    nameGap: slanted ? slantedAxisHeight - 16 : axisHeight - 16,
    nameTextStyle: { color: ink, fontSize: 12 },
    axisLine: { onZero: false, lineStyle: { color: ink, opacity: 0.6 } }
  }
  return plot.x.unit === undefined
    ? {
        ...shared,
        type: "category",
        data: plot.x.values.map(({ label }) => label),
        axisTick: { show: false },
        axisLabel: {
          show: isLast,
          color: ink,
          fontSize: 11,
          hideOverlap: true,
          ...(slanted ? { rotate: 45 } : { interval: 0 }),
          formatter: (label: string) => cut(mostCategory)(label)
        }
      }
    : {
        ...shared,
        type: "time",
        // A single window has no extent of its own.
        ...(first === last ? { min: first - 1, max: last + 1 } : { min: first, max: last }),
        axisTick: { customValues: at, lineStyle: { color: ink, opacity: 0.6 } },
        axisLabel: {
          show: isLast,
          color: ink,
          fontSize: 11,
          customValues: at,
          hideOverlap: true,
          formatter: (value: number) => labels.get(value) ?? ""
        }
      }
}

const seriesOption = (plot: plot.Plot, series: plot.Series, measure: number, index: number) => {
  const shared = {
    name: series.name,
    xAxisIndex: measure,
    yAxisIndex: measure,
    silent: true,
    itemStyle: { color: palette[index % palette.length] }
  }
  if (plot.x.unit === undefined) {
    return {
      ...shared,
      type: "bar",
      barMaxWidth: 48,
      data: plot.x.values.map(({ at }) => series.points.get(at)?.[measure] ?? null)
    }
  }
  return {
    ...shared,
    type: "line",
    symbol: "circle",
    lineStyle: { width: 1.75, type: index < palette.length ? "solid" : "dashed" },
    data: linePoints(plot.x.values, plot.x.unit, (at) => series.points.get(at)?.[measure] ?? null)
  }
}

// With an empty point after each window that has no successor, where the line breaks. Points that no line touches, and all of
// them while there are few, get a dot.
const linePoints = (
  values: ReadonlyArray<plot.X>,
  unit: "week" | "month",
  valueAt: (at: number) => number | null
): ReadonlyArray<unknown> => {
  const next = calendar.next(unit)
  const points = values.flatMap(({ at }) => {
    const value = valueAt(at)
    return value === null ? [] : [{ at, value }]
  })
  return points.flatMap(({ at, value }, index) => {
    const follows = index > 0 && next(points[index - 1]?.at ?? 0) === at
    const end = next(at)
    const goesOn = points[index + 1]?.at === end
    const dot = points.length <= 40 || (!follows && !goesOn)
    const point = { value: [at, value], symbolSize: dot ? 5 : 0 }
    return goesOn || index === points.length - 1 ? [point] : [point, { value: [end, null] }]
  })
}

// ECharts' own head, its ids counted up over the process and its hover styles give way to what a page can hold many of.
const accessible = (drawn: string, height: number, table: Table, plot: plot.Plot): string => {
  const title = `${table.name}: ${plot.measures.join(", ")}${plot.x.name === "" ? "" : ` by ${plot.x.name}`}`
  const first = plot.x.values[0]?.label
  const last = plot.x.values.at(-1)?.label
  const description = [
    `${plot.x.unit === undefined ? "Bars" : "Lines"} from ${first} to ${last}.`,
    ...plot.series.flatMap(({ name }) => (name === "" ? [] : [name])).map((name) => `${name}.`),
    ...plot.notes
  ].join(" ")
  const id = `chart-${(Hash.string(JSON.stringify(table)) >>> 0).toString(36)}-`
  const head = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" color="#767676" aria-label="${escape(title)}"><desc>${escape(description)}</desc>`
  return drawn
    .replace(/^<svg[^>]*>/, () => head)
    .replace(/<style >[^]*?<\/style>/, "")
    .replaceAll(/ class="zr\d+-[^"]*"/g, "")
    .replaceAll(/="(url\(#)?zr\d+-/g, (_, url: string | undefined) => `="${url ?? ""}${id}`)
}
