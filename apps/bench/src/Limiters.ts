/**
 * Our rate limiter and those of others, each asked for a turn as its users ask.
 */
import * as Shared from "@effect/experimental/RateLimiter"
import Bottleneck from "bottleneck"
import { RateLimiter as Ours } from "@tributary/resilience"
import { Effect, Layer, RateLimiter, type Scope } from "effect"
import pLimit from "p-limit"
import PQueue from "p-queue"
import pThrottle from "p-throttle"
import { RateLimiterMemory, RateLimiterQueue } from "rate-limiter-flexible"

/**
 * Waits for a turn to start.
 */
export type Take =
  | { readonly _tag: "Promise"; readonly take: () => Promise<unknown> }
  | { readonly _tag: "Effect"; readonly take: Effect.Effect<unknown> }

/**
 * So many starts in so many milliseconds.
 */
export interface Rate {
  readonly starts: number
  readonly millis: number
}

/**
 * - `package`: the npm package, whose version belongs to its figures.
 * - `make`: a limiter of that rate.
 * - `shut`: where no rate makes everybody wait, a limiter that does.
 */
export interface Limiter {
  readonly name: string
  readonly package: string
  readonly make: (rate: Rate) => Effect.Effect<Take, never, Scope.Scope>
  readonly shut?: Effect.Effect<Take>
}

const nothing = (): void => {}

const promised = (take: () => Promise<unknown>): Effect.Effect<Take> => Effect.succeed({ _tag: "Promise", take })

/**
 * A GCRA that lets all of `starts` follow each other after a quiet time.
 */
export const tributary: Limiter = {
  name: "tributary",
  package: "@tributary/resilience",
  make: ({ millis, starts }) =>
    Effect.map(Ours.make({ limits: [{ limit: starts, window: millis, burst: starts }] }), (limiter) => ({
      _tag: "Effect",
      take: limiter.take("key")
    }))
}

/**
 * Fixed windows; every call that waits has a timer of its own.
 */
export const throttle: Limiter = {
  name: "p-throttle",
  package: "p-throttle",
  make: ({ millis, starts }) =>
    // Its type says that it returns what the function does; it returns a promise of it.
    promised(pThrottle({ limit: starts, interval: millis })(nothing) as unknown as () => Promise<void>)
}

/**
 * Fixed windows.
 */
const queue: Limiter = {
  name: "p-queue",
  package: "p-queue",
  make: ({ millis, starts }) => {
    const queue = new PQueue({ intervalCap: starts, interval: millis })
    return promised(() => queue.add(nothing))
  }
}

/**
 * Concurrency alone.
 */
const limit: Limiter = {
  name: "p-limit",
  package: "p-limit",
  make: ({ starts }) => {
    const limit = pLimit(Math.min(starts, 64))
    return promised(() => limit(nothing))
  },
  shut: Effect.suspend(() => {
    const limit = pLimit(1)
    // A race of nobody never ends.
    void limit(() => Promise.race([]))
    return promised(() => limit(nothing))
  })
}

/**
 * Fixed windows in memory; where a call has to wait, through the package's own queue.
 */
export const flexible: Limiter = {
  name: "rate-limiter-flexible",
  package: "rate-limiter-flexible",
  make: ({ millis, starts }) =>
    Effect.sync(() => {
      const limiter = new RateLimiterMemory({ points: starts, duration: millis / 1000 })
      const queue = new RateLimiterQueue(limiter, { maxQueueSize: Number.MAX_SAFE_INTEGER })
      return { _tag: "Promise", take: () => queue.removeTokens(1) }
    })
}

/**
 * A least time between starts where it is a whole millisecond or more; else a reservoir that is filled up again.
 */
export const bottleneck: Limiter = {
  name: "bottleneck",
  package: "bottleneck",
  make: ({ millis, starts }) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.sync(
          () =>
            new Bottleneck(
              starts === 1
                ? { minTime: millis }
                : { reservoir: starts, reservoirRefreshAmount: starts, reservoirRefreshInterval: millis }
            )
        ),
        // Its heartbeat would keep the process alive.
        (limiter) => Effect.promise(() => limiter.disconnect())
      ),
      (limiter) => ({ _tag: "Promise", take: () => limiter.schedule(() => Promise.resolve()) })
    )
}

/**
 * A token bucket as large as the limit, a token at a time in whole milliseconds.
 */
const effect: Limiter = {
  name: "effect RateLimiter",
  package: "effect",
  make: ({ millis, starts }) =>
    Effect.map(RateLimiter.make({ limit: starts, interval: millis }), (limited) => ({
      _tag: "Effect",
      take: limited(Effect.void)
    }))
}

/**
 * A token bucket as large as the limit, in the memory store.
 */
const experimental: Limiter = {
  name: "@effect/experimental RateLimiter",
  package: "@effect/experimental",
  make: ({ millis, starts }) =>
    Effect.gen(function* () {
      const sleep = yield* Shared.makeSleep
      const take = sleep({ algorithm: "token-bucket", key: "key", limit: starts, window: millis })
      return { _tag: "Effect" as const, take: Effect.orDie(take) }
    }).pipe(Effect.provide(Layer.provide(Shared.layer, Shared.layerStoreMemory)))
}

/** Those that take a rate. */
export const ratePeers: ReadonlyArray<Limiter> = [throttle, queue, flexible, bottleneck, effect, experimental]

export const peers: ReadonlyArray<Limiter> = [...ratePeers, limit]
