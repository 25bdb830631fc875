/**
 * The demo API's rate limit as its server enforces it: a bucket of `burst` tokens that gains `rate` tokens a second.
 */
import { Clock, Effect } from "effect"

/**
 * - `rate`: tokens gained in one second.
 * - `burst`: tokens in the full bucket, with which it starts.
 */
export interface Options {
  readonly rate: number
  readonly burst: number
}

/**
 * `take` takes a token and gives 0. When there is none it takes nothing and gives the whole seconds, rounded up, after
 * which there will be one.
 */
export interface TokenBucket {
  readonly take: Effect.Effect<number>
}

const second = 1_000_000

/**
 * A full bucket.
 */
export const make = (options: Options): TokenBucket => {
  // The bucket is kept as the time at which it is full again. Whole microseconds keep the sums exact, so that a token
  // promised for a second is there at that second.
  const interval = Math.round(second / options.rate)
  let fullAt = 0

  const take = Effect.map(Clock.currentTimeNanos, (nanos) => {
    const now = Number(nanos / 1000n)
    const next = Math.max(fullAt, now) + interval
    const wait = next - now - interval * options.burst
    if (wait > 0) {
      return Math.ceil(wait / second)
    }
    fullAt = next
    return 0
  })

  return { take }
}
