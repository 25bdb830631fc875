/**
 * Those who wait at the limiter's core.
 */
import { Gcra } from "@tributary/resilience"
import { Effect } from "effect"

/**
 * A waiter as `RateLimiter.take` makes it: what wakes its fiber is in it, the fiber is not.
 */
export const make = (resume: (effect: Effect.Effect<void>) => void): Gcra.Waiter =>
  new Gcra.Waiter(
    Number.POSITIVE_INFINITY,
    () => resume(Effect.void),
    () => resume(Effect.interrupt)
  )
