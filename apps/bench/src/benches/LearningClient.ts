/**
 * A client that is told no limit: our rate limiter, which hears every answer of the server and finds the rate by itself.
 */
import { RateLimiter } from "@tributary/resilience"
import { Effect, type Scope } from "effect"
import type * as Loopback from "../Loopback.ts"

/**
 * Asks the server once, when its turn has come. True if it was served; if not, it is to be asked again as a retry.
 */
export type Ask = (isRetry: boolean) => Effect.Effect<boolean>

const key = "server"

const field = (headers: Loopback.Response["headers"], name: string): string => String(headers[name] ?? "")

/**
 * What the two fields say together, if both are there: the rate, what is left, and in how many seconds it is whole again.
 */
export const announced = (headers: Loopback.Response["headers"]): RateLimiter.Observation | undefined => {
  const policy = /;q=(?<limit>\d+);w=(?<window>\d+)/.exec(field(headers, "ratelimit-policy"))?.groups
  const state = /;r=(?<remaining>\d+);t=(?<reset>\d+)/.exec(field(headers, "ratelimit"))?.groups
  if (policy === undefined || state === undefined) return undefined
  return {
    limit: Number(policy["limit"]),
    window: Number(policy["window"]) * 1000,
    remaining: Number(state["remaining"]),
    reset: Number(state["reset"]) * 1000
  }
}

const retryAfter = (headers: Loopback.Response["headers"]): number | undefined => {
  const seconds = field(headers, "retry-after")
  return seconds === "" ? undefined : Number(seconds) * 1000
}

/**
 * Takes a turn for every request, and tells the limiter what became of it.
 */
export const make = (call: Effect.Effect<Loopback.Response>): Effect.Effect<Ask, never, Scope.Scope> =>
  Effect.map(RateLimiter.make({ limits: [], discover: true }), (limiter) => {
    let inFlight = 0
    return (isRetry) =>
      Effect.gen(function* () {
        const turn = yield* limiter.take(key, { priority: isRetry ? 0 : 1 })
        inFlight++
        const { headers, status } = yield* call
        inFlight--
        const isServed = status !== 429
        const observation = announced(headers)
        if (observation !== undefined) yield* limiter.observe(key, { ...observation, inFlight })
        yield* isServed
          ? limiter.succeeded(key, turn)
          : limiter.throttled(key, { retryAfter: retryAfter(headers), turn })
        return isServed
      })
  })
