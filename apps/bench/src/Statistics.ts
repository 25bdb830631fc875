/**
 * What becomes of single measurements: whose turn it is, the middle of several, rows beside a baseline.
 */
import { Array, Option, Order } from "effect"
import type { Metric, Row } from "./Bench.ts"

/**
 * Round by round one of each (ours, A, B, ours, A, B, ...), so that what slows the machine down for a while slows down
 * everybody. Who asks for fewer rounds of its own drops out after them.
 */
export const alternate =
  (rounds: number) =>
  <A extends { readonly rounds?: number }>(
    contenders: ReadonlyArray<A>
  ): ReadonlyArray<{ readonly round: number; readonly contender: A }> =>
    Array.flatMap(Array.range(1, rounds), (round) =>
      contenders.filter((contender) => round <= (contender.rounds ?? rounds)).map((contender) => ({ round, contender }))
    )

/**
 * The middle one; of an even number of values the mean of the two in the middle.
 */
export const median = (values: Array.NonEmptyReadonlyArray<number>): number => {
  const sorted = Array.sort(values, Order.number)
  const upper = Math.floor(sorted.length / 2)
  const middle = sorted.slice(sorted.length % 2 === 1 ? upper : upper - 1, upper + 1)
  return middle.reduce((sum, value) => sum + value, 0) / middle.length
}

/**
 * One figure of one run.
 */
export interface Sample {
  readonly name: string
  readonly metric: string
  readonly value: number
}

/**
 * The medians by name and metric, in the order in which they first came. `ratio` is the value over that of the metric's
 * baseline: null where there is none, or it is zero.
 */
export const rows =
  (metrics: Readonly<Record<string, Metric>>) =>
  (samples: ReadonlyArray<Sample>): ReadonlyArray<Row> => {
    const groups = Array.groupBy(samples, ({ metric, name }) => JSON.stringify([name, metric]))
    const medians = Object.values(groups).map((group) => ({
      name: group[0].name,
      metric: group[0].metric,
      value: median(Array.map(group, ({ value }) => value))
    }))
    return medians.map((row) => {
      const { baseline, unit } = metrics[row.metric] ?? { unit: "" }
      const base = Array.findFirst(medians, ({ metric, name }) => metric === row.metric && name === baseline)
      const ratio = Option.filterMap(base, ({ value }) => (value > 0 ? Option.some(row.value / value) : Option.none()))
      return { ...row, unit, ratio: Option.getOrNull(ratio) }
    })
  }
