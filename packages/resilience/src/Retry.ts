/**
 * Retries with exponential backoff, full jitter and the server's own word on when to come back.
 *
 * @since 0.1.0
 */
import {
  Clock,
  Data,
  Duration,
  Effect,
  FiberRef,
  GlobalValue,
  Option,
  Predicate,
  Random,
  Schedule,
  ScheduleDecision,
  ScheduleInterval
} from "effect"
import { dual } from "effect/Function"
import * as RetryBudget from "./RetryBudget.ts"

/**
 * How often and how patiently to try. A plain value: it can be printed, and `Equal.equals` compares it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Policy {
  /** Tries in all, the first one included. */
  readonly attempts: number
  /** Upper bound of the delay before the second try. */
  readonly base: Duration.Duration
  /** What the bound is multiplied with from try to try. */
  readonly factor: number
  /** The bound never grows above this. A `retryAfter` may. */
  readonly cap: Duration.Duration
  /**
   * How chance moves the delay (Brooker, "Exponential Backoff And Jitter", AWS 2015):
   *
   * - `full`: uniform between 0 and the bound
   * - `decorrelated`: uniform between `base` and three times the delay before, at most `cap`; `factor` plays no part
   * - `none`: the bound itself
   */
  readonly jitter: "full" | "decorrelated" | "none"
}

/**
 * A policy. Values that make no sense (attempts below 1, a factor below 1, ...) are a `RangeError`.
 *
 * - `attempts` defaults to 3
 * - `base` defaults to 50 milliseconds
 * - `factor` defaults to 2
 * - `cap` defaults to 20 seconds
 * - `jitter` defaults to `"full"`
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: {
    readonly attempts?: number | undefined
    readonly base?: Duration.DurationInput | undefined
    readonly factor?: number | undefined
    readonly cap?: Duration.DurationInput | undefined
    readonly jitter?: Policy["jitter"] | undefined
  } = {}
): Policy => {
  const { attempts = 3, factor = 2, jitter = "full" } = options
  if (!Number.isInteger(attempts) || attempts < 1) {
    throw new RangeError(`attempts is a whole number of at least 1, got ${attempts}`)
  }
  if (!(factor >= 1)) throw new RangeError(`factor is at least 1, got ${factor}`)
  return Data.struct({
    attempts,
    base: Duration.decode(options.base ?? "50 millis"),
    factor,
    cap: Duration.decode(options.cap ?? "20 seconds"),
    jitter
  })
}

/**
 * The upper bound of the delay after the given try (from 1): `min(cap, base * factor^(attempt - 1))`.
 *
 * @since 0.1.0
 * @category getters
 */
export const bound =
  (policy: Policy) =>
  (attempt: number): Duration.Duration =>
    Duration.min(policy.cap, Duration.times(policy.base, policy.factor ** (attempt - 1)))

/**
 * What is known when a try has failed and another one will follow.
 *
 * @since 0.1.0
 * @category models
 */
export interface Attempt {
  /** The number of the try that failed, from 1. */
  readonly attempt: number
  /** How long until the next one: whole milliseconds, rounded up. */
  readonly delay: Duration.Duration
}

/**
 * The `_tag`s of a union of errors.
 *
 * @since 0.1.0
 * @category models
 */
export type Tags<E> = E extends { readonly _tag: infer Tag extends string } ? Tag : never

/**
 * Which errors to retry, and when.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<E, R = never> {
  readonly policy: Policy
  /** Which errors are worth another try. Defaults to all of them. */
  readonly while?: Predicate.Predicate<E> | undefined
  /** The same by tag: only errors with one of these `_tag`s, if `while` agrees. Defaults to all tags. */
  readonly tags?: ReadonlyArray<Tags<E>> | undefined
  /**
   * The wait that an error asks for, as a server does by `Retry-After`: it takes the place of the backoff and is never
   * shortened. Defaults to none.
   */
  readonly retryAfter?: ((error: E) => Option.Option<Duration.DurationInput>) | undefined
  /** No further try starts later than this after the first one did. Defaults to no such limit. */
  readonly within?: Duration.DurationInput | undefined
  /** Shared with other calls: pays for every further try, and when it is spent, none is due. Defaults to no such limit. */
  readonly budget?: RetryBudget.RetryBudget["Type"] | undefined
  /** Which errors ask to slow down, as a 429 does: trying again then costs the budget less. Defaults to none. */
  readonly isThrottle?: Predicate.Predicate<E> | undefined
  /** Run after a failed try that another one follows, before the wait. */
  readonly onRetry?: ((error: E, attempt: Attempt) => Effect.Effect<void, never, R>) | undefined
}

// Not `Clock.currentTimeNanos`: the one of TestClock dies at a time that is no whole number of nanoseconds.
const monotonicMillis = Clock.clockWith((clock) => Effect.sync(() => Number(clock.unsafeCurrentTimeNanos()) / 1e6))

interface State {
  readonly attempt: number
  readonly startedAt: number | undefined
  /** The delay before, in milliseconds, whatever an error asked for. */
  readonly backoff: number | undefined
}

const backoffAfter = (policy: Policy, { attempt, backoff }: State, chance: number): number => {
  const most = Duration.toMillis(bound(policy)(attempt))
  if (policy.jitter === "none") return most
  if (policy.jitter === "full") return chance * most
  const base = Duration.toMillis(policy.base)
  return Math.min(Duration.toMillis(policy.cap), base + chance * (3 * (backoff ?? base) - base))
}

const hasTag = (error: unknown, tags: ReadonlyArray<string> | undefined): boolean =>
  tags === undefined || (Predicate.hasProperty(error, "_tag") && tags.some((tag) => tag === error._tag))

// Beside the errors, so that they keep their types and are not touched.
const attempts = new WeakMap<object, number>()

/**
 * How many tries there were before an error came through `retry`; none if it did not.
 *
 * @since 0.1.0
 * @category getters
 */
export const attemptsOf = (error: unknown): Option.Option<number> =>
  Predicate.isObject(error) ? Option.fromNullable(attempts.get(error)) : Option.none()

const currentAttemptRef = GlobalValue.globalValue("@tributary/resilience/Retry/currentAttempt", () =>
  FiberRef.unsafeMake(1)
)

/**
 * The number of the try that is running, from 1; 1 outside of `retry` as well. Within nested retries, that of the
 * innermost one.
 *
 * @since 0.1.0
 * @category getters
 */
export const currentAttempt: Effect.Effect<number> = FiberRef.get(currentAttemptRef)

const free: RetryBudget.Gate = () => Effect.succeed(true)

const scheduleFrom = <E, R>(
  options: Options<E, R>,
  startedAt: number | undefined,
  gate: RetryBudget.Gate
): Schedule.Schedule<Attempt, E, R> => {
  const { policy } = options
  const within = options.within === undefined ? Number.POSITIVE_INFINITY : Duration.toMillis(options.within)
  return Schedule.makeWithState({ attempt: 1, startedAt, backoff: undefined }, (wallNow, error: E, state: State) =>
    Effect.gen(function* () {
      const now = yield* monotonicMillis
      const startedAt = state.startedAt ?? now
      const asked = options.retryAfter?.(error) ?? Option.none()
      const backoff = backoffAfter(policy, state, policy.jitter === "none" ? 0 : yield* Random.next)
      // Timers cut off fractions of a millisecond, which would shorten the wait.
      const delay = Math.ceil(Option.isSome(asked) ? Duration.toMillis(asked.value) : backoff)
      const attempt: Attempt = { attempt: state.attempt, delay: Duration.millis(delay) }
      const next: State = { attempt: state.attempt + 1, startedAt, backoff }
      const isWorthIt = options.while?.(error) !== false && hasTag(error, options.tags)
      const isDue = state.attempt < policy.attempts && isWorthIt && now + delay - startedAt <= within
      const cost = options.isThrottle?.(error) === true ? options.budget?.throttleCost : options.budget?.cost
      if (!isDue || !(yield* gate(cost))) {
        if (Predicate.isObject(error)) attempts.set(error, state.attempt)
        return [next, attempt, ScheduleDecision.done] as const
      }
      if (options.onRetry !== undefined) yield* options.onRetry(error, attempt)
      return [next, attempt, ScheduleDecision.continueWith(ScheduleInterval.after(wallNow + delay))] as const
    })
  )
}

/**
 * The policy as a `Schedule`, for `Effect.retry`, `Stream.retry` and the like. Its output is the try that failed; `within`
 * counts from the first failure. A schedule sees no successes, so there is no `budget`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const schedule = <E, R = never>(
  options: Omit<Options<E, R>, "budget" | "isThrottle">
): Schedule.Schedule<Attempt, E, R> => scheduleFrom(options, undefined, free)

/**
 * Tries an effect again as the policy says. When no further try is due, the last error comes through as it is, and
 * `attemptsOf` tells how many tries there were.
 *
 * @example
 * ```ts
 * import { Data, Effect, Option } from "effect"
 * import { Retry } from "@tributary/resilience"
 *
 * class Busy extends Data.TaggedError("Busy")<{ readonly retryAfterMillis: number }> {}
 * class Gone extends Data.TaggedError("Gone")<{}> {}
 *
 * declare const call: Effect.Effect<string, Busy | Gone>
 *
 * const program: Effect.Effect<string, Busy | Gone> = call.pipe(
 *   Retry.retry({
 *     policy: Retry.make({ attempts: 5, base: "200 millis" }),
 *     tags: ["Busy"],
 *     retryAfter: (error) => (error._tag === "Busy" ? Option.some(error.retryAfterMillis) : Option.none()),
 *     within: "1 minute"
 *   })
 * )
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const retry: {
  <E, R2 = never>(options: Options<NoInfer<E>, R2>): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | R2>
  <A, E, R, R2 = never>(self: Effect.Effect<A, E, R>, options: Options<NoInfer<E>, R2>): Effect.Effect<A, E, R | R2>
} = dual(2, <A, E, R, R2 = never>(self: Effect.Effect<A, E, R>, options: Options<E, R2>): Effect.Effect<A, E, R | R2> =>
  Effect.flatMap(monotonicMillis, (startedAt) => {
    let attempt = 0
    const counted = Effect.suspend(() => Effect.locally(self, currentAttemptRef, ++attempt))
    const run = (tries: Effect.Effect<A, E, R>, gate: RetryBudget.Gate) =>
      Effect.retry(tries, scheduleFrom(options, startedAt, gate))
    return options.budget === undefined ? run(counted, free) : RetryBudget.withBudget(counted, options.budget, run)
  })
)
