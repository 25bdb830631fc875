/**
 * A bench: contenders that do the same work, and what is measured of them.
 */
import { Data, Effect, type Scope } from "effect"
import * as Statistics from "./Statistics.ts"

/**
 * A measurement that did not come about.
 */
export class MeasureError extends Data.TaggedError("MeasureError")<{ readonly message: string }> {}

/**
 * - `baseline`: the contender whose value every `ratio` is over; without one there are no ratios.
 */
export interface Metric {
  readonly unit: string
  readonly better: "more" | "less"
  readonly baseline?: string
}

/**
 * - `package`: the npm package whose version belongs to the figures.
 * - `quick`: takes part in `--quick`: ours and the two best peers.
 * - `rounds`: for one whose run takes long and differs little; the bench's own number by default.
 * - `measure`: one run, its figures by metric.
 */
export interface Contender {
  readonly name: string
  readonly package: string
  readonly quick: boolean
  readonly rounds?: number
  readonly measure: Effect.Effect<Readonly<Record<string, number>>, MeasureError, Scope.Scope>
}

/**
 * - `notes`: how it is measured, who is left out and why.
 */
export interface Bench {
  readonly name: string
  readonly title: string
  readonly metrics: Readonly<Record<string, Metric>>
  readonly contenders: ReadonlyArray<Contender>
  readonly rounds: number
  readonly quickRounds: number
  readonly notes: ReadonlyArray<string>
}

/**
 * The median of one contender and metric. Its name begins with `tributary` if it is ours.
 */
export interface Row {
  readonly name: string
  readonly metric: string
  readonly value: number
  readonly unit: string
  readonly ratio: number | null
}

/**
 * The same bench for `--quick`.
 */
export const quick = (bench: Bench): Bench => ({
  ...bench,
  rounds: bench.quickRounds,
  contenders: bench.contenders.filter(({ quick }) => quick)
})

/**
 * Runs a bench's contenders in turn. `onRun` hears of every run before it starts.
 */
export const run =
  (onRun: (what: string) => Effect.Effect<void>) =>
  ({ contenders, metrics, name, rounds }: Bench): Effect.Effect<ReadonlyArray<Row>, MeasureError> =>
    Effect.forEach(Statistics.alternate(rounds)(contenders), ({ contender, round }) =>
      onRun(`${name}: round ${round} of ${rounds}: ${contender.name}`).pipe(
        Effect.zipRight(Effect.scoped(contender.measure)),
        Effect.map((figures) =>
          Object.entries(figures).map(([metric, value]) => ({ name: contender.name, metric, value }))
        )
      )
    ).pipe(Effect.map((runs) => Statistics.rows(metrics)(runs.flat())))
