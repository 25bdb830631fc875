/**
 * Our way to call again what failed and those of others, each with its defaults and composed as its documentation does it.
 */
import { type CircuitBreaker, Policy, Retry } from "@tributary/resilience"
import {
  circuitBreaker,
  ConsecutiveBreaker,
  ExponentialBackoff,
  handleAll,
  retry as cockatielRetry,
  wrap
} from "cockatiel"
import { type Cause, Data, Effect, Schedule, type Scope } from "effect"
import pRetry from "p-retry"

/**
 * An attempt failed.
 */
export class Unavailable extends Data.TaggedError("Unavailable")<{ readonly message: string }> {}

type Attempt = Effect.Effect<void, Unavailable>

/**
 * Makes a call of as many attempts as it takes. What fails in the hands of a promise is an `UnknownException`.
 */
export type Insist = (
  attempt: Attempt
) => Effect.Effect<void, Unavailable | CircuitBreaker.CircuitOpen | Cause.UnknownException>

/**
 * - `package`: the npm package, whose version belongs to its figures.
 * - `make`: for many calls of the same server.
 */
export interface Retrier {
  readonly name: string
  readonly package: string
  readonly make: Effect.Effect<Insist, never, Scope.Scope>
}

const ours = (
  name: string,
  options: { readonly attempts?: number; readonly breaker: CircuitBreaker.Options | undefined }
): Retrier => ({
  name,
  package: "@tributary/resilience",
  make: Effect.map(
    Policy.make({
      retry: { policy: Retry.make({ attempts: options.attempts }) },
      budget: {},
      breaker: options.breaker
    }),
    (policy) => Policy.apply(policy)
  )
})

/** The defaults. */
export const tributary: Retrier = ours("tributary", { breaker: {} })

/** The defaults without the breaker: what the budget does alone. */
export const budgetAlone: Retrier = ours("tributary, no breaker", { breaker: undefined })

/** For a server that fails often and is to be asked all the same: up to 4 attempts. */
export const patient: Retrier = ours("tributary, patient", { attempts: 4, breaker: {} })

/** One that takes a function which returns a promise, and stops when it is told to. */
const promised =
  (run: (attempt: () => Promise<void>, signal: AbortSignal) => Promise<void>): Insist =>
  (attempt) =>
    Effect.tryPromise((signal) => run(() => Effect.runPromise(attempt), signal))

/**
 * 10 retries after 1, 2, 4, ... seconds.
 */
export const promise: Retrier = {
  name: "p-retry",
  package: "p-retry",
  make: Effect.succeed(promised((attempt, signal) => pRetry(attempt, { signal })))
}

/**
 * As its README composes them: 3 retries with its exponential backoff, through a breaker that opens for 10 seconds after 5
 * failures in a row.
 */
export const cockatiel: Retrier = {
  name: "cockatiel",
  package: "cockatiel",
  make: Effect.sync(() => {
    const policy = wrap(
      cockatielRetry(handleAll, { maxAttempts: 3, backoff: new ExponentialBackoff() }),
      circuitBreaker(handleAll, { halfOpenAfter: 10_000, breaker: new ConsecutiveBreaker(5) })
    )
    return promised((attempt, signal) => policy.execute(attempt, signal))
  })
}

/**
 * 3 retries after 100 ms, twice and four times as much, each more or less by a fifth.
 */
export const schedule: Retrier = {
  name: "effect Schedule",
  package: "effect",
  make: Effect.succeed(
    Effect.retry(Schedule.exponential("100 millis").pipe(Schedule.jittered, Schedule.intersect(Schedule.recurs(3))))
  )
}

/**
 * 3 attempts, one after the other.
 */
export const naive: Retrier = {
  name: "a loop of 3",
  package: "effect",
  make: Effect.succeed(Effect.retry({ times: 2 }))
}
