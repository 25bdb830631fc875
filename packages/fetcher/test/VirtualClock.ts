/** A clock that jumps to the next sleeper whenever nothing else is left to run. */
import { Clock, Duration, Effect, Fiber, Scheduler } from "effect"

interface Sleeper {
  readonly at: number
  readonly wake: () => void
}

/** Runs an effect in virtual time, from 0. Dies where all that is left waits for ever. */
export const run = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.gen(function* () {
    let now = 0
    const sleepers = new Set<Sleeper>()
    const clock: Clock.Clock = {
      [Clock.ClockTypeId]: Clock.ClockTypeId,
      unsafeCurrentTimeMillis: () => now,
      unsafeCurrentTimeNanos: () => BigInt(Math.round(now * 1e6)),
      currentTimeMillis: Effect.sync(() => now),
      currentTimeNanos: Effect.sync(() => BigInt(Math.round(now * 1e6))),
      sleep: (duration) =>
        Effect.async<void>((resume) => {
          const sleeper = { at: now + Duration.toMillis(duration), wake: () => resume(Effect.void) }
          sleepers.add(sleeper)
          return Effect.sync(() => sleepers.delete(sleeper))
        })
    }
    // Effect's own scheduler waits for a real timer now and then.
    const scheduler = new Scheduler.MixedScheduler(Number.MAX_SAFE_INTEGER)
    const fiber = yield* effect.pipe(Effect.withClock(clock), Effect.withScheduler(scheduler), Effect.fork)
    while (true) {
      yield* Effect.async<void>((resume) => void setImmediate(() => resume(Effect.void)))
      if (fiber.unsafePoll() !== null) return yield* Fiber.join(fiber)
      const next = Array.from(sleepers).reduce<Sleeper | undefined>(
        (first, sleeper) => (first === undefined || sleeper.at < first.at ? sleeper : first),
        undefined
      )
      if (next === undefined) return yield* Effect.dieMessage("nothing left to run")
      sleepers.delete(next)
      now = Math.max(now, next.at)
      next.wake()
    }
  })
