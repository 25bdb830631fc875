/**
 * What goes wrong in the demo API, decided by a seed alone: never by time, and never by the order of requests.
 */
import { Chunk, Duration, Effect, Random } from "effect"

/**
 * - `seed`: the same seed gives the same faults.
 * - `outage`: the share of attempts that are answered with 503, from 0 to 1.
 * - `latency`: the least and the most time an answer takes.
 */
export interface Options {
  readonly seed: number
  readonly outage: number
  readonly latency: { readonly min: Duration.DurationInput; readonly max: Duration.DurationInput }
}

/**
 * What happens to one attempt.
 */
export interface Fate {
  readonly outage: boolean
  readonly latency: Duration.Duration
}

/**
 * The fate of the `attempt`-th attempt (from 1) at `target`, a path with its query. Every third attempt at a target
 * is spared, so that no target fails more than twice in a row.
 */
export const fate = (options: Options & { readonly target: string; readonly attempt: number }): Effect.Effect<Fate> =>
  Effect.gen(function* () {
    const { attempt, seed, target } = options
    const random = Random.make(`${seed} ${target} ${attempt}`)
    const drawn = yield* random.next
    const latency = yield* random.nextRange(
      Duration.toMillis(options.latency.min),
      Duration.toMillis(options.latency.max)
    )
    return { outage: drawn < options.outage && attempt % 3 !== 0, latency: Duration.millis(latency) }
  })

/**
 * Two different ones of `records`: the one the API has lost, and the one it spoils.
 */
export const victims = <A>(options: {
  readonly seed: number
  readonly records: ReadonlyArray<A>
}): Effect.Effect<{ readonly missing: A | undefined; readonly malformed: A | undefined }> =>
  Effect.map(Random.make(`${options.seed} victims`).shuffle(options.records), (shuffled) => {
    const [missing, malformed] = Chunk.toReadonlyArray(shuffled)
    return { missing, malformed }
  })
