/**
 * All parts around one call, in the one order that is right.
 *
 * From the outside in: total deadline, hedge, retry (with its budget), breaker, rate limit, permit, breaker again, the
 * attempt's timeout. So
 *
 * - waiting counts against the total time alone, and who cannot be served in time is told at once, having taken nothing
 * - every attempt takes a turn and a permit of its own, a retry before those who come for the first time
 * - an open breaker turns away before the queue, and again after it
 * - the breaker hears of calls that were made, never of a limit, an interruption or a throttle; a throttle goes to the
 *   rate limiter
 *
 * A part that is left out costs nothing, neither at run time nor in the errors.
 *
 * @since 0.1.0
 */
import { Cause, Duration, Effect, Exit, type Fiber, Option, Predicate, type Scope } from "effect"
import { dual } from "effect/Function"
import * as CircuitBreaker from "./CircuitBreaker.ts"
import * as ConcurrencyLimiter from "./ConcurrencyLimiter.ts"
import * as Deadline from "./Deadline.ts"
import * as Hedge from "./Hedge.ts"
import * as Direct from "./internal/direct.ts"
import * as RateLimiter from "./RateLimiter.ts"
import * as Retry from "./Retry.ts"
import * as RetryBudget from "./RetryBudget.ts"

/**
 * Which failures are tried again, and when. Of the parts' own errors `AttemptTimeout` is, and no other.
 *
 * @since 0.1.0
 * @category models
 */
export interface RetryOptions<E> {
  /** Defaults to `Retry.make()`: 3 attempts, full jitter from 50 ms. */
  readonly policy?: Retry.Policy | undefined
  /** Which of the call's errors are worth another try. Defaults to all of them. */
  readonly while?: Predicate.Predicate<E> | undefined
  /** The same by tag, if `while` agrees. Defaults to all tags. */
  readonly tags?: ReadonlyArray<Retry.Tags<E>> | undefined
  /** Run after a failed try that another one follows, before the wait. */
  readonly onRetry?: ((error: E | Deadline.AttemptTimeout, attempt: Retry.Attempt) => Effect.Effect<void>) | undefined
}

/** What the parts have to know about the errors of the calls. */
interface Facts<E> {
  /** Under which the parts that have keys know the call: a host, a model, a tenant. Defaults to `default`. */
  readonly key?: string | undefined
  /** The total time, with all waits and tries. Shortened by the `Deadline` it runs in. */
  readonly deadline?: Duration.DurationInput | undefined
  /** The time of one attempt, from where it has its turn and its permit. */
  readonly attempt?: Duration.DurationInput | undefined
  /** What an attempt takes of the rate limiter. Defaults to one request. */
  readonly cost?: RateLimiter.Cost | undefined
  /** The class in which a first try waits, from 0 to 3; a retry waits in 0. Defaults to 1. */
  readonly priority?: RateLimiter.Priority | undefined
  /** Which errors say that there were too many, as a 429 does. Defaults to none. */
  readonly isThrottle?: Predicate.Predicate<E> | undefined
  /** The wait that an error asks for; it is never shortened. Defaults to none. */
  readonly retryAfter?: ((error: E) => Option.Option<Duration.DurationInput>) | undefined
  /**
   * Which errors count against the one who was called. Defaults to all but throttles. An attempt that took too long always
   * does.
   */
  readonly isFailure?: Predicate.Predicate<E> | undefined
}

/**
 * The parts to compose, each of them left out or there. A plain value: `{ ...policy, key }` is the same for another key.
 *
 * @since 0.1.0
 * @category models
 */
export interface Policy<in E> extends Facts<E> {
  readonly hedge?: Hedge.Hedge["Type"] | undefined
  readonly retry?: RetryOptions<E> | undefined
  /** Pays for retries; without `retry` it plays no part. A hedge asks its own `gate`, which `make` connects. */
  readonly budget?: RetryBudget.RetryBudget["Type"] | undefined
  readonly breaker?: CircuitBreaker.CircuitBreaker["Type"] | undefined
  readonly limiter?: RateLimiter.RateLimiter["Type"] | undefined
  readonly concurrency?: ConcurrencyLimiter.ConcurrencyLimiter["Type"] | undefined
}

/** A policy for whatever errors. */
interface AnyPolicy extends Omit<Policy<never>, "retry"> {
  readonly retry?: AnyRetryOptions | undefined
}

interface AnyRetryOptions extends Omit<RetryOptions<never>, "tags"> {
  readonly tags?: ReadonlyArray<string> | undefined
}

type Has<P, K extends string> = P extends { readonly [_ in K]?: infer V }
  ? [V] extends [undefined]
    ? false
    : K extends keyof P
      ? true
      : false
  : false

/**
 * The errors that the parts of a policy add.
 *
 * @since 0.1.0
 * @category models
 */
export type Errors<P> =
  | (Has<P, "deadline"> extends true ? Deadline.DeadlineExceeded : never)
  | (Has<P, "attempt"> extends true ? Deadline.AttemptTimeout | Deadline.DeadlineExceeded : never)
  | (Has<P, "breaker"> extends true ? CircuitBreaker.CircuitOpen : never)
  | (Has<P, "limiter"> extends true
      ? RateLimiter.RateLimitExceeded | (Has<P, "cost"> extends true ? RateLimiter.CostExceedsCapacity : never)
      : never)

/**
 * What to make the parts of. Those that are not there are not made.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options extends Facts<never> {
  readonly hedge?: Omit<Hedge.Options, "gate"> | undefined
  readonly retry?: AnyRetryOptions | undefined
  readonly budget?: RetryBudget.Options | undefined
  readonly breaker?: CircuitBreaker.Options | undefined
  readonly limiter?: RateLimiter.Options | undefined
  readonly concurrency?: ConcurrencyLimiter.Options | undefined
}

interface Instances {
  readonly hedge: Hedge.Hedge["Type"]
  readonly budget: RetryBudget.RetryBudget["Type"]
  readonly breaker: CircuitBreaker.CircuitBreaker["Type"]
  readonly limiter: RateLimiter.RateLimiter["Type"]
  readonly concurrency: ConcurrencyLimiter.ConcurrencyLimiter["Type"]
}

/**
 * The policy that `make` makes of options: the same, with the parts themselves in place of their options.
 *
 * @since 0.1.0
 * @category models
 */
export type Made<O> = {
  readonly [K in keyof O]: K extends keyof Instances ? Instances[K] | Extract<O[K], undefined> : O[K]
}

/**
 * The defaults for calls over a network: 30 seconds in all and 10 an attempt, 3 attempts on a shared budget, a breaker, at most
 * 20 at once per key. No rate: that is the server's to say.
 *
 * @since 0.1.0
 * @category constants
 */
export const defaults = {
  deadline: "30 seconds",
  attempt: "10 seconds",
  retry: {},
  budget: {},
  breaker: {},
  concurrency: { perKey: 20 }
} as const satisfies Options

/**
 * Makes the parts, which live as long as the scope. Options that make no sense are a defect (`RangeError`).
 *
 * @example
 * ```ts
 * import { Data, Effect, Option } from "effect"
 * import { Policy } from "@tributary/resilience"
 *
 * class Busy extends Data.TaggedError("Busy")<{ readonly retryAfterMillis: number }> {}
 * class Down extends Data.TaggedError("Down")<{}> {}
 *
 * declare const call: (id: number) => Effect.Effect<string, Busy | Down>
 *
 * const program = Effect.gen(function* () {
 *   const policy = yield* Policy.make({
 *     ...Policy.defaults,
 *     limiter: { limits: [{ limit: 10, window: "1 second" }] },
 *     isThrottle: (error: Busy | Down) => error._tag === "Busy",
 *     retryAfter: (error: Busy | Down) => (error._tag === "Busy" ? Option.some(error.retryAfterMillis) : Option.none())
 *   })
 *   return yield* Effect.forEach([1, 2, 3], (id) => Policy.apply(call(id), policy), { concurrency: 50 })
 * }).pipe(Effect.scoped)
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <const O extends Options>(options: O): Effect.Effect<Made<O>, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { breaker, budget, concurrency, hedge, limiter } = options
    const purse = budget && (yield* RetryBudget.make(budget))
    const instances = {
      ...(purse && { budget: purse }),
      ...(hedge && { hedge: yield* Hedge.make(purse ? { ...hedge, gate: purse.withdraw() } : hedge) }),
      ...(breaker && { breaker: yield* CircuitBreaker.make(breaker) }),
      ...(limiter && { limiter: yield* RateLimiter.make(limiter) }),
      ...(concurrency && { concurrency: yield* ConcurrencyLimiter.make(concurrency) })
    }
    // For each option that is there, its instance.
    return { ...options, ...instances } as Made<O>
  })

const defaultKey = "default"

const defaultRetry = Retry.make()

type Own =
  | CircuitBreaker.CircuitOpen
  | RateLimiter.RateLimitExceeded
  | RateLimiter.CostExceedsCapacity
  | Deadline.DeadlineExceeded

/** An error of a part: what a user says about the errors of a call is not asked about it. */
const isOwn = (error: unknown): error is Own =>
  error instanceof CircuitBreaker.CircuitOpen ||
  error instanceof RateLimiter.RateLimitExceeded ||
  error instanceof RateLimiter.CostExceedsCapacity ||
  error instanceof Deadline.DeadlineExceeded

const isTimeout = (error: unknown): error is Deadline.AttemptTimeout => error instanceof Deadline.AttemptTimeout

/** Asks `about` the errors of the call alone. */
const ofCall =
  <E, B>(about: ((error: E) => B) | undefined, other: B) =>
  (error: E | Own | Deadline.AttemptTimeout): B =>
    about === undefined || isOwn(error) || isTimeout(error) ? other : about(error)

const classify =
  <E>({ isFailure, isThrottle }: Policy<E>) =>
  (exit: Exit.Exit<unknown, E | Own | Deadline.AttemptTimeout>): CircuitBreaker.Outcome => {
    if (Exit.isSuccess(exit)) return "success"
    const failure = Cause.failureOption(exit.cause)
    if (Option.isNone(failure)) return CircuitBreaker.classify(exit)
    const error = failure.value
    // The total time may have been over before the attempt had a chance: that says nothing.
    if (isOwn(error)) return "ignored"
    if (isTimeout(error)) return "failure"
    if (isThrottle?.(error) === true) return "ignored"
    return isFailure?.(error) === false ? "success" : "failure"
  }

type Any<A, E, R> = Effect.Effect<A, E | Own | Deadline.AttemptTimeout, R>

/** Tells the limiter what became of its turn. */
const telling = <A, E, R>(
  self: Any<A, E, R>,
  policy: Policy<E>,
  limiter: RateLimiter.RateLimiter["Type"],
  turn: RateLimiter.Turn
): Any<A, E, R> => {
  const { key = defaultKey } = policy
  return Effect.matchCauseEffect(self, {
    onSuccess: (value) => Effect.as(limiter.succeeded(key, turn), value),
    onFailure: (cause) => throttling(cause, policy, limiter, turn)
  })
}

/** Fails with the cause, after the limiter heard of it if it is a throttle. */
const throttling = <E>(
  cause: Cause.Cause<E | Own | Deadline.AttemptTimeout>,
  { isThrottle, key = defaultKey, retryAfter }: Policy<E>,
  limiter: RateLimiter.RateLimiter["Type"],
  turn: RateLimiter.Turn
): Effect.Effect<never, E | Own | Deadline.AttemptTimeout> => {
  const failure = Cause.failureOption(cause)
  if (Option.isNone(failure) || !ofCall(isThrottle, false)(failure.value)) return Effect.failCause(cause)
  const asked = ofCall(retryAfter, Option.none())(failure.value)
  const throttled = limiter.throttled(key, { turn, retryAfter: Option.getOrUndefined(asked) })
  return Effect.zipRight(throttled, Effect.failCause(cause))
}

const guarded = <A, E, R>(self: Any<A, E, R>, policy: Policy<E>): Any<A, E, R> =>
  policy.breaker === undefined
    ? self
    : policy.breaker.protect(self, policy.key ?? defaultKey, { classify: classify(policy) })

const nothing = (): void => {}

/** Waits for a permit, as long as there is time. */
const permitted = <A, E, R>(
  self: Any<A, E, R>,
  concurrency: ConcurrencyLimiter.ConcurrencyLimiter["Type"] | undefined,
  {
    key,
    priority,
    total
  }: {
    readonly key: string
    readonly priority: RateLimiter.Priority
    readonly total: Deadline.Total | undefined
  }
): Any<A, E, R> => {
  if (concurrency === undefined) return self
  return total === undefined
    ? concurrency.withPermit(key, { priority })(self)
    : Effect.suspend(() => {
        let started = false
        const start = Effect.suspend(() => {
          started = true
          return self
        })
        const within = concurrency.withPermitWithin(key, { priority, maxWait: Math.max(0, total.rest) })
        return Effect.catchAllCause(within(start), (cause) =>
          // Before the start there is but one error: no permit came in time.
          started || !Cause.isFailure(cause)
            ? Effect.failCause(cause as Cause.Cause<E | Own | Deadline.AttemptTimeout>)
            : Effect.fail(total.exceeded("permit"))
        )
      })
}

/** A call within the time that it has. */
type Timed<A, E, R> = (fiber: Fiber.RuntimeFiber<unknown, unknown>, total: Deadline.Total | undefined) => Any<A, E, R>

/** By a fiber of its own. */
const timedBy =
  <A, E, R>(self: Effect.Effect<A, E, R>, { attempt }: Policy<E>): Timed<A, E, R> =>
  (fiber, total) => {
    if (total !== undefined) return total.attempt(self, attempt, fiber)
    return attempt === undefined ? self : Deadline.attempt(self, attempt)
  }

/** One attempt: breaker, turn, permit, breaker, timeout. */
const attempting = <A, E, R>(
  run: Timed<A, E, R>,
  policy: Policy<E>,
  total: Deadline.Total | undefined
): Any<A, E, R> => {
  const { breaker, concurrency, cost, key = defaultKey, limiter } = policy
  const timed = (fiber: Fiber.RuntimeFiber<unknown, unknown>): Any<A, E, R> => run(fiber, total)
  if (breaker === undefined && concurrency === undefined && limiter === undefined) {
    return Effect.withFiberRuntime(timed)
  }

  const queued = (priority: RateLimiter.Priority): Any<A, E, R> => {
    const called = guarded(Effect.withFiberRuntime(timed), policy)
    const permit = permitted(called, concurrency, { key, priority, total })
    if (limiter === undefined) return permit
    const place = total === undefined ? { priority } : { priority, maxWait: Math.max(0, total.rest) }
    const take = limiter.takeWithin(key, cost === undefined ? place : { ...place, cost })
    return Effect.flatMap(take, (turn) => telling(permit, policy, limiter, turn))
  }

  return Effect.uninterruptibleMask((restore) =>
    Effect.withFiberRuntime<A, E | Own | Deadline.AttemptTimeout, R>((fiber) => {
      if (total !== undefined && total.rest <= 0) return Effect.fail(total.exceeded())
      // A retry has waited before, and its call has the least time left.
      const priority = Retry.currentAttemptOf(fiber) > 1 ? 0 : (policy.priority ?? 1)

      const directBreaker = breaker && Direct.of("breaker")(breaker)
      if (breaker !== undefined && directBreaker?.isOpen(key) !== false) {
        return restore(Effect.zipRight(breaker.check(key), queued(priority)))
      }
      const directLimiter = limiter && Direct.of("limiter")(limiter)
      const turn = limiter === undefined ? 0 : directLimiter?.take(key, cost ?? 1, priority)
      if (turn === undefined) return restore(queued(priority))
      const release = concurrency === undefined ? nothing : Direct.of("permits")(concurrency)?.take(key, priority)
      if (release === undefined) {
        const permit = permitted(guarded(Effect.withFiberRuntime(timed), policy), concurrency, { key, priority, total })
        return restore(limiter === undefined ? permit : telling(permit, policy, limiter, turn as RateLimiter.Turn))
      }
      // Nothing has happened since it was asked, but for what was taken.
      const end = directBreaker?.begin(key)
      const outcomeOf = classify(policy)
      return Effect.matchCauseEffect(restore(timed(fiber)), {
        onSuccess: (value) => {
          const exit = Exit.succeed(value)
          end?.("success")
          release(exit)
          directLimiter?.succeeded(key, turn)
          return exit
        },
        onFailure: (cause) => {
          const exit = Exit.failCause(cause)
          try {
            end?.(outcomeOf(exit))
          } finally {
            release(exit)
          }
          return limiter === undefined ? exit : throttling(cause, policy, limiter, turn as RateLimiter.Turn)
        }
      })
    })
  )
}

const retrying = <A, E, R>(
  self: Any<A, E, R>,
  policy: Policy<E>,
  retry: RetryOptions<E>,
  total: Deadline.Total | undefined
): Any<A, E, R> => {
  const { onRetry, tags } = retry
  const isTagged = ofCall<E, boolean>(
    (error) => tags === undefined || tags.some((tag) => Predicate.isTagged(error, tag)),
    true
  )
  const isWorthIt = ofCall(retry.while, true)
  const tell =
    onRetry &&
    ((error: E | Own | Deadline.AttemptTimeout, attempt: Retry.Attempt): Effect.Effect<void> => {
      if (isOwn(error)) return Effect.void
      const told = onRetry(error, attempt)
      return total === undefined ? told : Effect.ignore(Deadline.within(told, Math.max(0, total.rest)))
    })
  const retried = (within: number | undefined): Any<A, E, R> =>
    Retry.retry(self, {
      policy: retry.policy ?? defaultRetry,
      while: (error) => !isOwn(error) && isWorthIt(error) && isTagged(error),
      retryAfter: policy.retryAfter && ofCall(policy.retryAfter, Option.none()),
      budget: policy.budget,
      isThrottle: policy.isThrottle && ofCall(policy.isThrottle, false),
      onRetry: tell,
      // A wait that ends too late is not begun: the last error comes at once, with what it asks for.
      within
    })
  if (total !== undefined) return Effect.suspend(() => retried(total.rest))
  return Effect.flatMap(Deadline.remaining, (rest) =>
    retried(Option.isSome(rest) ? Duration.toMillis(rest.value) : undefined)
  )
}

/**
 * Runs an effect by a policy. It fails with its own errors and with those of the parts that are there.
 *
 * The last error of a retry comes through as it is: `Retry.attemptsOf` tells how many tries there were. What the effect
 * asks of the policy by its errors (`isThrottle`, `retryAfter`, `while`, ...) is typed: it compiles only for errors that
 * the effect can have.
 *
 * @since 0.1.0
 * @category combinators
 */
// The three forms are one: what cannot fail, and what can, are told apart for the inference of `E` alone.
// @effect-diagnostics-next-line missingPipeableSignature:off
export const apply: {
  <E, const P extends Policy<NoInfer<E>>>(
    policy: P
  ): <A, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Errors<P>, R>
  <A, R, const P extends AnyPolicy>(self: Effect.Effect<A, never, R>, policy: P): Effect.Effect<A, Errors<P>, R>
  <A, E, R, const P extends AnyPolicy>(
    self: Effect.Effect<A, E, R>,
    policy: P & Policy<E>
  ): Effect.Effect<A, E | Errors<P>, R>
} = dual(2, <A, E, R, P extends Policy<E>>(self: Effect.Effect<A, E, R>, policy: P) =>
  // Only the parts that are there fail.
  isEmpty(policy) ? self : (compose(timedBy(self, policy), policy) as Effect.Effect<A, E | Errors<P>, R>)
)

const isEmpty = (policy: Policy<never>): boolean =>
  policy.deadline === undefined &&
  policy.attempt === undefined &&
  policy.hedge === undefined &&
  policy.retry === undefined &&
  policy.breaker === undefined &&
  policy.limiter === undefined &&
  policy.concurrency === undefined

const compose = <A, E, R>(run: Timed<A, E, R>, policy: Policy<E>): Any<A, E, R> => {
  const { deadline, hedge, key = defaultKey, retry } = policy
  const within = (total: Deadline.Total | undefined): Any<A, E, R> => {
    const once = attempting(run, policy, total)
    const retried = retry === undefined ? once : retrying(once, policy, retry, total)
    return hedge === undefined ? retried : hedge.run(key, retried)
  }
  return deadline === undefined
    ? within(undefined)
    : Effect.withFiberRuntime((fiber) => within(new Deadline.Total(fiber, deadline)))
}

/**
 * The time of one attempt, for a call that keeps it by itself.
 *
 * @since 0.1.0
 * @category models
 */
export interface AttemptTime {
  /** Milliseconds that the attempt may take, from now on: above 0, or `Infinity`. */
  readonly millis: number
  /** What to fail with when they are over. */
  readonly exceeded: () => Deadline.AttemptTimeout | Deadline.DeadlineExceeded
}

/**
 * `apply` for a call that has a timeout of its own, as drivers and clients have: it is told its time, and needs no fiber that
 * could be cut off. It must be over by then. What it calls does not inherit the deadline.
 *
 * @since 0.1.0
 * @category combinators
 */
export const applyTimed =
  <A, E, R>(
    self: (time: AttemptTime) => Effect.Effect<A, E | Deadline.AttemptTimeout | Deadline.DeadlineExceeded, R>
  ) =>
  <const P extends Policy<E>>(policy: P): Effect.Effect<A, E | Errors<P>, R> => {
    const millis = policy.attempt === undefined ? Number.POSITIVE_INFINITY : Duration.toMillis(policy.attempt)
    const run: Timed<A, E, R> = (fiber, given) => {
      // Without a total time of its own, there may be one that it runs in.
      const total = given ?? new Deadline.Total(fiber, Duration.infinity)
      const { rest } = total
      if (rest <= 0) return Effect.fail(total.exceeded("attempt"))
      return rest <= millis
        ? self({ millis: rest, exceeded: () => total.exceeded("attempt") })
        : self({ millis, exceeded: () => total.timedOut(millis) })
    }
    // Only the parts that are there fail.
    return compose(run, policy) as Effect.Effect<A, E | Errors<P>, R>
  }
