/**
 * A server on loopback that lets 200 requests a second through, 20 at once, and answers the rest 429.
 */
import { Effect, type Scope } from "effect"
import * as Child from "../Child.ts"
import * as Loopback from "../Loopback.ts"

/**
 * - `rate`: requests a second.
 * - `burst`: requests at once, after a quiet time.
 */
export interface Limit {
  readonly rate: number
  readonly burst: number
}

export const limit: Limit = { rate: 200, burst: 20 }

/**
 * What the server says of its limit:
 *
 * - `nothing`: a refusal is a bare 429.
 * - `retry-after`: a 429 says in `Retry-After` when to come back.
 * - `headers`: so it does, and every response has `RateLimit-Policy` and `RateLimit`
 *   (draft-ietf-httpapi-ratelimit-headers-10): the rate, what is left of the burst, and when it is whole again.
 */
const says = ["nothing", "retry-after", "headers"] as const
export type Says = (typeof says)[number]

/**
 * - `retryAfter`: 0 if a token was taken; else the whole seconds, rounded up, after which there is one.
 * - `left`: whole tokens.
 * - `fullIn`: whole seconds, rounded up, until the bucket is full.
 */
export interface Taken {
  readonly retryAfter: number
  readonly left: number
  readonly fullIn: number
}

/**
 * A full bucket of `burst` tokens that gains `rate` a second. `now` is in milliseconds.
 */
export const bucket = ({ burst, rate }: Limit): { readonly take: (now: number) => Taken } => {
  let tokens = burst
  let filledAt = Number.NEGATIVE_INFINITY
  return {
    take: (now) => {
      tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * rate)
      filledAt = now
      const retryAfter = tokens < 1 ? Math.ceil((1 - tokens) / rate) : 0
      if (retryAfter === 0) tokens--
      return { retryAfter, left: Math.floor(tokens), fullIn: Math.ceil((burst - tokens) / rate) }
    }
  }
}

/**
 * The headers of an answer.
 */
export const headers =
  (says: Says) =>
  ({ fullIn, left, retryAfter }: Taken): Readonly<Record<string, string>> => ({
    ...(says !== "nothing" && retryAfter > 0 ? { "retry-after": String(retryAfter) } : {}),
    ...(says === "headers"
      ? { "ratelimit-policy": `"default";q=${limit.rate};w=1`, ratelimit: `"default";r=${left};t=${fullIn}` }
      : {})
  })

/**
 * Serves on a free port until the scope closes, and gives the port.
 */
export const serve = (says: Says): Effect.Effect<number, never, Scope.Scope> =>
  Effect.clockWith((clock) => {
    const { take } = bucket(limit)
    return Loopback.serve(() => {
      const taken = take(Number(clock.unsafeCurrentTimeNanos() / 1000n) / 1000)
      return { status: taken.retryAfter > 0 ? 429 : 200, headers: headers(says)(taken) }
    })
  })

/**
 * The child process that serves, and says that much.
 */
export const child = (argument: string): Effect.Effect<never> =>
  Effect.scoped(Effect.flatMap(serve(says.find((word) => word === argument) ?? "nothing"), Child.answer))
