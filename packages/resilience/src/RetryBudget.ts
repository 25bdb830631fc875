/**
 * One budget of retries for many calls, so that an outage is not answered with many times the load.
 *
 * A token bucket without a clock: a retry costs tokens, a success brings some back. While all is well nobody notices; when
 * most calls fail the tokens run out, and each call is made once until successes come again. The numbers are those of the
 * AWS SDKs' standard retry quota, but for the income: theirs is 1, which pays for one retry in fourteen successes, and a
 * steady error rate of 7 % uses it up for good.
 *
 * @since 0.1.0
 */
import { Context, Effect, Layer } from "effect"
import { dual } from "effect/Function"
import * as Direct from "./internal/direct.ts"

/**
 * While `s` attempts succeed, at most `(tokens + s * income) / cost` are retries, be there as many calls as may: in an
 * outage, 35 with the defaults (100 if all errors are throttles).
 *
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Tokens at first, and at most; finite, at least 0. Defaults to 500. */
  readonly tokens?: number | undefined
  /** Tokens that a retry costs; finite, above 0. Defaults to 14. */
  readonly cost?: number | undefined
  /** Tokens that a retry costs whose error asked to slow down, as a 429 does; finite, above 0. Defaults to 5. */
  readonly throttleCost?: number | undefined
  /** Tokens that a success brings; finite, at least 0. Defaults to 7. */
  readonly income?: number | undefined
}

/**
 * What a budget holds at the moment.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  /** What is left. */
  readonly tokens: number
  /** What it holds at most. */
  readonly capacity: number
}

/**
 * Pays for retries.
 *
 * There is no error for an empty budget: the call then fails with the error that it would have retried.
 *
 * @since 0.1.0
 * @category services
 */
export class RetryBudget extends Context.Tag("@tributary/resilience/RetryBudget")<
  RetryBudget,
  {
    /** What a retry costs. */
    readonly cost: number
    /** What a retry costs whose error asked to slow down. */
    readonly throttleCost: number
    /** Takes so many tokens, by default `cost`, and is true; takes nothing and is false if there are fewer. */
    readonly withdraw: (tokens?: number) => Effect.Effect<boolean>
    /**
     * Adds so many tokens, by default what a success brings; never above the capacity. Also to give back what was
     * withdrawn for a retry that was not made.
     */
    readonly deposit: (tokens?: number) => Effect.Effect<void>
    readonly snapshot: Effect.Effect<Snapshot>
  }
>() {}

const finite = (name: string, value: number, isRight: boolean): number => {
  if (!isRight || !Number.isFinite(value)) throw new RangeError(`${name} is out of range, got ${value}`)
  return value
}

/**
 * A full budget. Numbers that make no sense, here and later, are a defect (`RangeError`), as they are a mistake in the
 * program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options = {}): Effect.Effect<RetryBudget["Type"]> =>
  Effect.sync(() => {
    const { cost = 14, income = 7, throttleCost = 5, tokens: capacity = 500 } = options
    finite("tokens", capacity, capacity >= 0)
    finite("cost", cost, cost > 0)
    finite("throttleCost", throttleCost, throttleCost > 0)
    finite("income", income, income >= 0)
    let left = capacity

    const withdraw = (tokens: number = cost): Effect.Effect<boolean> =>
      Effect.sync(() => {
        finite("tokens", tokens, tokens >= 0)
        if (tokens > left) return false
        left -= tokens
        return true
      })

    const add = (tokens: number): void => {
      left = Math.min(capacity, left + finite("tokens", tokens, tokens >= 0))
    }

    const deposit = (tokens: number = income): Effect.Effect<void> => Effect.sync(() => add(tokens))

    const snapshot = Effect.sync((): Snapshot => ({ tokens: left, capacity }))

    const service = RetryBudget.of({ cost, throttleCost, withdraw, deposit, snapshot })
    return Direct.attach("budget")({ deposit: () => add(income) })(service)
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<RetryBudget> => Layer.effect(RetryBudget, make(options))

/**
 * Asked before another attempt, with what it costs (by default `cost`): true if it is paid, false if it must not be made.
 *
 * @since 0.1.0
 * @category models
 */
export type Gate = (tokens?: number) => Effect.Effect<boolean>

/**
 * Lets one call be retried on a budget, by whatever means. `retry` gets two things:
 *
 * - the call as an attempt to be run, again and again but not twice at a time: its success brings tokens
 * - the gate to ask before another attempt
 *
 * What was paid for an attempt that did not begin, because of an interruption or for whatever reason, is given back.
 *
 * @example
 * ```ts
 * import { Data, Effect, Schedule } from "effect"
 * import { RetryBudget } from "@tributary/resilience"
 *
 * class Busy extends Data.TaggedError("Busy")<{}> {}
 * class Down extends Data.TaggedError("Down")<{}> {}
 *
 * declare const call: Effect.Effect<string, Busy | Down>
 *
 * const program: Effect.Effect<string, Busy | Down, RetryBudget.RetryBudget> = Effect.gen(function* () {
 *   const budget = yield* RetryBudget.RetryBudget
 *   return yield* RetryBudget.withBudget(call, budget, (attempt, gate) =>
 *     Effect.retry(attempt, {
 *       schedule: Schedule.exponential("50 millis"),
 *       times: 2,
 *       while: (error) => gate(error._tag === "Busy" ? budget.throttleCost : budget.cost)
 *     })
 *   )
 * })
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const withBudget: {
  <A, E, R, A2, E2, R2>(
    budget: RetryBudget["Type"],
    retry: (attempt: Effect.Effect<A, E, R>, gate: Gate) => Effect.Effect<A2, E2, R2>
  ): (self: Effect.Effect<A, E, R>) => Effect.Effect<A2, E2, R2>
  <A, E, R, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    budget: RetryBudget["Type"],
    retry: (attempt: Effect.Effect<A, E, R>, gate: Gate) => Effect.Effect<A2, E2, R2>
  ): Effect.Effect<A2, E2, R2>
} = dual(
  3,
  <A, E, R, A2, E2, R2>(
    self: Effect.Effect<A, E, R>,
    budget: RetryBudget["Type"],
    retry: (attempt: Effect.Effect<A, E, R>, gate: Gate) => Effect.Effect<A2, E2, R2>
  ): Effect.Effect<A2, E2, R2> =>
    Effect.suspend(() => {
      // Paid for an attempt that has not begun yet.
      let owed = 0
      const attempt = Effect.suspend(() => {
        owed = 0
        return Effect.zipLeft(self, budget.deposit())
      })
      const gate: Gate = (tokens = budget.cost) =>
        Effect.uninterruptible(
          Effect.map(budget.withdraw(tokens), (isPaid) => {
            if (isPaid) owed += tokens
            return isPaid
          })
        )
      return Effect.ensuring(
        retry(attempt, gate),
        Effect.suspend(() => (owed > 0 ? budget.deposit(owed) : Effect.void))
      )
    })
)
