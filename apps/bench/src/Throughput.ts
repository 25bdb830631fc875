/**
 * How often something can be done in a second.
 */
import { Clock, Effect } from "effect"

const enough = 0.25

/**
 * Runs batches, each twice as large as the one before, until one takes a quarter of a second: the small ones warm up
 * the compiler, the last one counts. So a contender that is a thousand times slower takes no longer to measure.
 */
export const perSecond = <E, R>(batch: (size: number) => Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> => {
  const from = (size: number): Effect.Effect<number, E, R> =>
    Effect.gen(function* () {
      const startedAt = yield* Clock.currentTimeNanos
      yield* batch(size)
      const seconds = Number((yield* Clock.currentTimeNanos) - startedAt) / 1e9
      return seconds < enough ? yield* from(size * 2) : size / seconds
    })
  return from(64)
}
