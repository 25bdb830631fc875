/**
 * A bench: contenders that do the same work, and what is measured of them.
 */
import { Data, Effect, Option, type Scope } from "effect"
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
 * - `package`: whose version belongs to the figures: the npm package, unless there is an `installed`.
 * - `installed`: for what does not come with this app: its version, if this machine has it. Who is missing is left out.
 * - `quick`: takes part in `--quick`: ours and the two best peers.
 * - `rounds`: for one whose run takes long and differs little; the bench's own number by default.
 * - `measure`: one run, its figures by metric.
 */
export interface Contender {
  readonly name: string
  readonly package: string
  readonly installed?: Effect.Effect<Option.Option<string>>
  readonly quick: boolean
  readonly rounds?: number
  readonly measure: Effect.Effect<Readonly<Record<string, number>>, MeasureError, Scope.Scope>
}

/**
 * - `notes`: how it is measured, who is left out and why.
 * - `surroundings`: the same, as far as it depends on the machine.
 */
export interface Bench {
  readonly name: string
  readonly title: string
  readonly metrics: Readonly<Record<string, Metric>>
  readonly contenders: ReadonlyArray<Contender>
  readonly rounds: number
  readonly quickRounds: number
  readonly notes: ReadonlyArray<string>
  readonly surroundings?: Effect.Effect<ReadonlyArray<string>>
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
 * The same bench as this machine can run it. Its notes say who is left out.
 */
export const here = (bench: Bench): Effect.Effect<Bench> =>
  Effect.gen(function* () {
    const [missing, contenders] = yield* Effect.partition(bench.contenders, (contender) =>
      Effect.flatMap(
        contender.installed ?? Effect.succeedSome(""),
        Option.match({ onNone: () => Effect.fail(contender.name), onSome: () => Effect.succeed(contender) })
      )
    )
    const notes = [
      ...bench.notes,
      ...(yield* bench.surroundings ?? Effect.succeed([])),
      ...(missing.length === 0 ? [] : [`Left out, as this machine does not have them: ${missing.join(", ")}.`])
    ]
    return { ...bench, contenders, notes }
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
