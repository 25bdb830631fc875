import { Clock, Duration, Effect } from "effect"
import { setImmediate } from "node:timers/promises"

/** Comes back when nothing can run any more without the time going on. */
const atRest = Effect.promise(() => setImmediate())

/**
 * A clock that goes on when it is told to, from sleeper to sleeper; those of one instant wake in the order in which they
 * slept. A hundred times as quick as TestClock, which is what a thousand cases need.
 */
export const make = () => {
  let now = 0
  let sleepers: ReadonlyArray<{ readonly at: number; readonly wake: () => void }> = []
  const nanos = () => BigInt(Math.round(now * 1e6))
  const clock: Clock.Clock = {
    [Clock.ClockTypeId]: Clock.ClockTypeId,
    unsafeCurrentTimeMillis: () => now,
    unsafeCurrentTimeNanos: nanos,
    currentTimeMillis: Effect.sync(() => now),
    currentTimeNanos: Effect.sync(nanos),
    sleep: (duration: Duration.Duration) =>
      Effect.async<void>((resume) => {
        const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
        sleepers = [...sleepers, sleeper]
        return Effect.sync(() => {
          sleepers = sleepers.filter((other) => other !== sleeper)
        })
      })
  }
  /** Goes on until nobody sleeps. */
  const run: Effect.Effect<void> = Effect.gen(function* () {
    for (;;) {
      yield* atRest
      if (sleepers.length === 0) return
      const next = sleepers.reduce((first, other) => (other.at < first.at ? other : first))
      sleepers = sleepers.filter((other) => other !== next)
      now = Math.max(now, next.at)
      next.wake()
    }
  })
  return { clock, run, now: () => now, sleeping: () => sleepers.length }
}
