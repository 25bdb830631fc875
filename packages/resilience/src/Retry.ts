/**
 * Retries by policies that combine, with exponential backoff, jitter and the server's own word on when to come back.
 *
 * @since 0.1.0
 */
import {
  Cause,
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Either,
  type Fiber,
  FiberRef,
  GlobalValue,
  Iterable,
  Option,
  Predicate,
  Random,
  Schedule,
  ScheduleDecision,
  ScheduleInterval
} from "effect"
import { dual } from "effect/Function"
import { begin, bound as backoffBound, ended, type Stepper, withBase } from "./internal/backoff.ts"
import * as Direct from "./internal/direct.ts"
import * as RetryBudget from "./RetryBudget.ts"

/**
 * Exponential backoff: how often and how patiently to try.
 *
 * @since 0.1.0
 * @category models
 */
export interface Backoff {
  readonly _tag: "Backoff"
  /** Tries in all, the first one included; may be `Infinity`. */
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
 * Two policies as one, by `join`, `meet` or `followedBy`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Combined {
  readonly _tag: "Join" | "Meet" | "FollowedBy"
  readonly left: Policy
  readonly right: Policy
}

/**
 * How often and how patiently to try. A plain value: `format` prints it, `Equal.equals` compares it, and `join`, `meet`
 * and `followedBy` combine it.
 *
 * Each part of a combination counts its own tries and keeps its own backoff, as if it were alone. Chance is drawn once
 * after a failed try, for all parts. So these laws hold of each single run, whatever the jitter, and not just on average:
 *
 * - `join` and `meet` are associative, commutative and idempotent, absorb each other, and distribute over each other
 * - `followedBy` is associative, and distributes from the left over `join` and `meet`
 * - `none` is the identity of `join` and `followedBy`, `make({ attempts: Infinity, base: 0 })` that of `meet`
 *
 * Policies that are equal by a law give the same delays. `Equal.equals` compares how they are built, and may call
 * them different.
 *
 * @since 0.1.0
 * @category models
 */
export type Policy = Backoff | Combined

/**
 * A plain policy. Values that make no sense (attempts below 1, a factor below 1, ...) are a `RangeError`.
 *
 * - `attempts` defaults to 3; with `Infinity` only `within`, `while` or the budget end it
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
    readonly jitter?: Backoff["jitter"] | undefined
  } = {}
): Backoff => {
  const { attempts = 3, factor = 2, jitter = "full" } = options
  if (!(Number.isInteger(attempts) || attempts === Number.POSITIVE_INFINITY) || attempts < 1) {
    throw new RangeError(`attempts is a whole number of at least 1, or Infinity, got ${attempts}`)
  }
  if (!(factor >= 1)) throw new RangeError(`factor is at least 1, got ${factor}`)
  return Data.struct({
    _tag: "Backoff",
    attempts,
    base: Duration.decode(options.base ?? "50 millis"),
    factor,
    cap: Duration.decode(options.cap ?? "20 seconds"),
    jitter
  })
}

/**
 * One try, and no other.
 *
 * @since 0.1.0
 * @category constructors
 */
export const none: Backoff = make({ attempts: 1 })

/**
 * Goes on as long as either of the two does, after the shorter delay of those that still go on: `Schedule.union` of
 * policies.
 *
 * @since 0.1.0
 * @category combining
 */
export const join: {
  (that: Policy): (self: Policy) => Policy
  (self: Policy, that: Policy): Policy
} = dual(2, (self: Policy, that: Policy): Policy => Data.struct({ _tag: "Join", left: self, right: that }))

/**
 * Goes on as long as both do, after the longer delay of the two: `Schedule.intersect` of policies.
 *
 * @since 0.1.0
 * @category combining
 */
export const meet: {
  (that: Policy): (self: Policy) => Policy
  (self: Policy, that: Policy): Policy
} = dual(2, (self: Policy, that: Policy): Policy => Data.struct({ _tag: "Meet", left: self, right: that }))

/**
 * When the first one gives no further try, the second goes on from its own beginning. So the tries in all are those of
 * both, less one: the try that was the last of the first one is where the second begins to count.
 *
 * @example
 * ```ts
 * import { Duration, pipe } from "effect"
 * import { Retry } from "@tributary/resilience"
 *
 * // Twice soon, then once a minute for a quarter of an hour.
 * const policy = pipe(
 *   Retry.make({ attempts: 3, base: "1 second", jitter: "none" }),
 *   Retry.followedBy(Retry.make({ attempts: 16, base: "1 minute", factor: 1, cap: "1 minute", jitter: "none" }))
 * )
 *
 * const tries = Retry.attempts(policy) // 18
 * const waits = Array.from(Retry.bounds(policy), Duration.format) // 1s, 2s, 1m, 1m, ...
 * const line = Retry.format(policy) // (3 attempts, 1s x2 up to 20s, no jitter) followedBy (16 attempts, 1m, no jitter)
 * ```
 *
 * @since 0.1.0
 * @category combining
 */
export const followedBy: {
  (that: Policy): (self: Policy) => Policy
  (self: Policy, that: Policy): Policy
} = dual(2, (self: Policy, that: Policy): Policy => Data.struct({ _tag: "FollowedBy", left: self, right: that }))

/**
 * Tries in all at most, the first one included; may be `Infinity`.
 *
 * @since 0.1.0
 * @category getters
 */
export const attempts = (policy: Policy): number => {
  switch (policy._tag) {
    case "Backoff":
      return policy.attempts
    case "Join":
      return Math.max(attempts(policy.left), attempts(policy.right))
    case "Meet":
      return Math.min(attempts(policy.left), attempts(policy.right))
    case "FollowedBy":
      return attempts(policy.left) + attempts(policy.right) - 1
  }
}

/**
 * The delays of a policy, try by try, if chance is as given: numbers from 0 to 1, one for each failed try. They end with
 * the policy or with the numbers, and are not yet rounded up to whole milliseconds as `retry` does.
 *
 * @since 0.1.0
 * @category getters
 */
export const delays: {
  (chances: Iterable<number>): (policy: Policy) => Iterable<Duration.Duration>
  (policy: Policy, chances: Iterable<number>): Iterable<Duration.Duration>
} = dual(2, (policy: Policy, chances: Iterable<number>): Iterable<Duration.Duration> => ({
  *[Symbol.iterator]() {
    let stepper = begin(policy)
    for (const chance of chances) {
      const step = stepper(chance)
      if (step === undefined) return
      yield Duration.millis(step.delay)
      stepper = step.next
    }
  }
}))

/**
 * The upper bounds of a policy's delays, try by try: what it does with the worst of luck. Endless if the policy is:
 * `Iterable.take` shows the first ones.
 *
 * @since 0.1.0
 * @category getters
 */
export const bounds = (policy: Policy): Iterable<Duration.Duration> =>
  // No delay gets shorter when chance grows.
  delays(
    policy,
    Iterable.makeBy(() => 1)
  )

/**
 * The upper bound of a plain policy's delay after the given try (from 1), be another try due or not:
 * `min(cap, base * factor^(attempt - 1))`, and `min(cap, base * 3^attempt)` with decorrelated jitter.
 *
 * @since 0.1.0
 * @category getters
 */
export const bound =
  (policy: Backoff) =>
  (attempt: number): Duration.Duration =>
    Duration.millis(backoffBound(policy)(attempt))

/**
 * A policy in one line: `3 attempts, 50ms x2 up to 20s, full jitter`. What plays no part is left out. A part of a
 * combination stands in parentheses: `(endless, 1m, no jitter) meet (5 attempts, no delay)`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const format = (policy: Policy): string => {
  if (policy._tag === "Backoff") return formatBackoff(policy)
  // All three are associative: the same one again needs no parentheses.
  const operand = (part: Policy) => (part._tag === policy._tag ? format(part) : `(${format(part)})`)
  return `${operand(policy.left)} ${operators[policy._tag]} ${operand(policy.right)}`
}

const operators = { Join: "join", Meet: "meet", FollowedBy: "followedBy" } as const

const formatBackoff = ({ attempts, base, cap, factor, jitter }: Backoff): string => {
  if (attempts === 1) return "no retry"
  const tries = attempts === Number.POSITIVE_INFINITY ? "endless" : `${attempts} attempts`
  const first = Duration.min(base, cap)
  if (Duration.equals(first, Duration.zero)) return `${tries}, no delay`
  const isGrowing = Duration.lessThan(base, cap) && (jitter === "decorrelated" || factor > 1)
  const growth = isGrowing && jitter !== "decorrelated" ? ` x${factor}` : ""
  const limit = !isGrowing ? "" : Duration.isFinite(cap) ? ` up to ${Duration.format(cap)}` : " uncapped"
  return `${tries}, ${Duration.format(first)}${growth}${limit}, ${jitter === "none" ? "no" : jitter} jitter`
}

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
  /** Which errors ask to slow down, as a 429 does: the delay is longer and costs the budget less. Defaults to none. */
  readonly isThrottle?: Predicate.Predicate<E> | undefined
  /**
   * After such an error each part of the policy that waits at all has a `base` of at least this. Its `cap` still holds, and
   * every try counts, whatever its error. Defaults to 1 second.
   */
  readonly throttleBase?: Duration.DurationInput | undefined
  /** Run after a failed try that another one follows, before the wait. */
  readonly onRetry?: ((error: E, attempt: Attempt) => Effect.Effect<void, never, R>) | undefined
}

// Not `Clock.currentTimeNanos`: the one of TestClock dies at a time that is no whole number of nanoseconds.
const monotonicMillis = Clock.clockWith((clock) => Effect.sync(() => Number(clock.unsafeCurrentTimeNanos()) / 1e6))

interface State {
  readonly attempt: number
  readonly startedAt: number | undefined
  readonly usual: Stepper
  readonly throttled: Stepper
}

const hasTag = (error: unknown, tags: ReadonlyArray<string> | undefined): boolean =>
  tags === undefined || (Predicate.hasProperty(error, "_tag") && tags.some((tag) => tag === error._tag))

// Beside the errors, so that they keep their types and are not touched.
const attemptsBefore = new WeakMap<object, number>()

/**
 * How many tries there were before an error came through `retry`; none if it did not.
 *
 * @since 0.1.0
 * @category getters
 */
export const attemptsOf = (error: unknown): Option.Option<number> =>
  Predicate.isObject(error) ? Option.fromNullable(attemptsBefore.get(error)) : Option.none()

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

/** The same for one who has the fiber at hand. @internal */
export const currentAttemptOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): number =>
  fiber.getFiberRef(currentAttemptRef)

const free: RetryBudget.Gate = () => Effect.succeed(true)

const initialOf = <E, R>({ isThrottle, policy, throttleBase = "1 second" }: Options<E, R>): State => {
  const slowed = isThrottle === undefined ? policy : withBase(Duration.decode(throttleBase))(policy)
  return { attempt: 1, startedAt: undefined, usual: begin(policy), throttled: begin(slowed) }
}

interface Step extends Attempt {
  /** Whether another try follows. */
  readonly isDue: boolean
  readonly next: State
}

/** What follows a failed try: nothing, or another one, which `onRetry` has been told of. */
const step =
  <E, R>(options: Options<E, R>, gate: RetryBudget.Gate) =>
  (error: E, state: State): Effect.Effect<Step, never, R> =>
    Effect.gen(function* () {
      const { isThrottle } = options
      const within = options.within === undefined ? Number.POSITIVE_INFINITY : Duration.toMillis(options.within)
      const now = yield* monotonicMillis
      const startedAt = state.startedAt ?? now
      const chance = yield* Random.next
      const usual = state.usual(chance)
      const throttled = state.throttled(chance)
      const isThrottled = isThrottle?.(error) === true
      const chosen = isThrottled ? throttled : usual
      const asked = options.retryAfter?.(error) ?? Option.none()
      // Timers cut off fractions of a millisecond, which would shorten the wait.
      const delay = Math.ceil(Duration.toMillis(Option.getOrElse(asked, () => chosen?.delay ?? 0)))
      const attempt: Attempt = { attempt: state.attempt, delay: Duration.millis(delay) }
      const next: State = {
        attempt: state.attempt + 1,
        startedAt,
        usual: usual?.next ?? ended,
        throttled: throttled?.next ?? ended
      }
      const isWorthIt = options.while?.(error) !== false && hasTag(error, options.tags)
      const isInTime = chosen !== undefined && isWorthIt && now + delay - startedAt <= within
      const cost = isThrottled ? options.budget?.throttleCost : options.budget?.cost
      const isDue = isInTime && (yield* gate(cost))
      if (!isDue && Predicate.isObject(error)) attemptsBefore.set(error, state.attempt)
      if (isDue && options.onRetry !== undefined) yield* options.onRetry(error, attempt)
      return { ...attempt, isDue, next }
    })

/**
 * The policy as a `Schedule`, for `Effect.retry`, `Stream.retry` and the like. Its output is the try that failed, with
 * the wait that follows; `within` counts from the first failure. A schedule sees no successes, so there is no `budget`.
 *
 * @since 0.1.0
 * @category conversions
 */
export const schedule = <E, R = never>(options: Omit<Options<E, R>, "budget">): Schedule.Schedule<Attempt, E, R> => {
  const after = step(options, free)
  return Schedule.makeWithState(initialOf(options), (now, error: E, state) =>
    Effect.map(after(error, state), ({ attempt, delay, isDue, next }) => {
      const interval = ScheduleInterval.after(now + Duration.toMillis(delay))
      const decision = isDue ? ScheduleDecision.continueWith(interval) : ScheduleDecision.done
      return [next, { attempt, delay }, decision] as const
    })
  )
}

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
  <A, E, R, R2 = never>(self: Effect.Effect<A, E, R>, options: Options<E, R2>): Effect.Effect<A, E, R | R2>
} = dual(2, <A, E, R, R2 = never>(self: Effect.Effect<A, E, R>, options: Options<E, R2>): Effect.Effect<A, E, R | R2> =>
  Effect.withFiberRuntime<A, E, R | R2>((fiber) => {
    const { budget } = options
    const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    const startedAt = Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const nth = (attempt: number): Effect.Effect<A, E, R> => Effect.locally(self, currentAttemptRef, attempt)

    const loop = (
      run: (attempt: number) => Effect.Effect<A, E, R>,
      gate: RetryBudget.Gate
    ): ((cause: Cause.Cause<E>, state: State) => Effect.Effect<A, E, R | R2>) => {
      const after = step(options, gate)
      const go = (cause: Cause.Cause<E>, state: State): Effect.Effect<A, E, R | R2> => {
        const failure = Cause.failureOrCause(cause)
        if (Either.isRight(failure)) return Effect.failCause(cause)
        return Effect.flatMap(after(failure.left, state), ({ delay, isDue, next }) => {
          if (!isDue) return Effect.failCause(cause)
          const again = Effect.catchAllCause(run(next.attempt), (cause) => go(cause, next))
          const millis = Duration.toMillis(delay)
          return millis > 0 ? Effect.zipRight(sleep(millis), again) : again
        })
      }
      return go
    }

    // Most calls succeed at once: nothing is made for their retries.
    const initial = (): State => ({ ...initialOf(options), startedAt })
    const first = fiber.getFiberRef(currentAttemptRef) === 1 ? self : nth(1)
    if (budget === undefined) return Effect.catchAllCause(first, (cause) => loop(nth, free)(cause, initial()))
    return Effect.matchCauseEffect(first, {
      onSuccess: (value) => {
        const direct = Direct.of("budget")(budget)
        if (direct === undefined) return Effect.as(budget.deposit(), value)
        direct.deposit()
        return Effect.succeed(value)
      },
      onFailure: (cause) => {
        // As an attempt of the budget it begins when it runs.
        let attempt = 1
        const counted = Effect.suspend(() => nth(attempt))
        return RetryBudget.withBudget(counted, budget, (again, gate) => {
          const run = (next: number) =>
            Effect.suspend(() => {
              attempt = next
              return again
            })
          return loop(run, gate)(cause, initial())
        })
      }
    })
  })
)

/** A timer above 2^31 - 1 ms never ends. */
const sleep = (millis: number): Effect.Effect<void> =>
  millis > longestTimer
    ? Effect.zipRight(
        Effect.sleep(longestTimer),
        Effect.suspend(() => sleep(millis - longestTimer))
      )
    : Effect.sleep(millis)

const longestTimer = 2 ** 31 - 1
