/**
 * Those who wait at the limiter's core.
 */
import { Gcra } from "@tributary/resilience"
import { Effect } from "effect"

class FiberWaiter extends Gcra.Waiter {
  readonly #resume: (effect: Effect.Effect<number>) => void

  constructor(resume: (effect: Effect.Effect<number>) => void) {
    super(1, 1, Number.POSITIVE_INFINITY)
    this.#resume = resume
  }

  granted(now: number): void {
    this.#resume(Effect.succeed(now))
  }

  expired(): void {
    this.#resume(Effect.interrupt)
  }
}

/**
 * A waiter as `RateLimiter.take` makes it: what wakes its fiber is in it, the fiber is not.
 */
export const make = (resume: (effect: Effect.Effect<number>) => void): Gcra.Waiter => new FiberWaiter(resume)
