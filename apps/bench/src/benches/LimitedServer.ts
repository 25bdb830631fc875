/**
 * A server on loopback that lets 200 requests a second through, 20 at once, and answers the rest 429 with `Retry-After`.
 */
import { createServer, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Effect, type Scope } from "effect"
import * as Child from "../Child.ts"

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
 * A full bucket of `burst` tokens that gains `rate` a second: `take(now)`, in milliseconds, takes a token and gives 0, or
 * takes none and gives the whole seconds, rounded up, after which there is one.
 */
export const bucket = ({ burst, rate }: Limit): { readonly take: (now: number) => number } => {
  let tokens = burst
  let filledAt = Number.NEGATIVE_INFINITY
  return {
    take: (now) => {
      tokens = Math.min(burst, tokens + ((now - filledAt) / 1000) * rate)
      filledAt = now
      if (tokens < 1) return Math.ceil((1 - tokens) / rate)
      tokens--
      return 0
    }
  }
}

/**
 * Serves on a free port until the scope closes, and gives the port.
 */
export const serve: Effect.Effect<number, never, Scope.Scope> = Effect.gen(function* () {
  const clock = yield* Effect.clock
  const { take } = bucket(limit)
  const server = yield* Effect.acquireRelease(
    Effect.async<Server>((resume) => {
      const server = createServer((_, response) => {
        const retryAfter = take(Number(clock.unsafeCurrentTimeNanos() / 1000n) / 1000)
        if (retryAfter > 0) response.writeHead(429, { "retry-after": String(retryAfter) })
        response.end("{}")
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  )
  return (server.address() as AddressInfo).port
})

/**
 * The child process that serves.
 */
export const child: Effect.Effect<never> = Effect.scoped(Effect.flatMap(serve, Child.answer))
