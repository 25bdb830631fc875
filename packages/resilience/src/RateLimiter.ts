/**
 * Keyed rate limits that queue: whoever comes too early waits its turn.
 *
 * Each key (a host, a token, a tenant) has a GCRA of its own, a first-in first-out queue and, while somebody waits, one
 * timer. Waiting costs no tokens: a waiter is charged when it starts, so an interrupted one leaves the state as if it had
 * never queued. `pause` is for the server's word (`Retry-After`): it holds back everybody of that key.
 *
 * @since 0.1.0
 */
import { Context, DateTime, Duration, Effect, FiberMap, Layer, Schema, type Scope } from "effect"
import { dual } from "effect/Function"
import { epsilon, Gate, type Rate, Waiter } from "./Gcra.ts"

/**
 * Raised by `takeWithin` when the turn would come too late. Nothing was taken and nobody was held up.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimitExceeded extends Schema.TaggedError<RateLimitExceeded>("@tributary/resilience/RateLimitExceeded")(
  "RateLimitExceeded",
  {
    key: Schema.String,
    /** How long from now until a turn can be had. */
    retryAfter: Schema.DurationFromMillis
  }
) {
  override get message(): string {
    return `the rate limit of "${this.key}" has no turn in time; the next one comes in ${Duration.format(this.retryAfter)}`
  }
}

/**
 * At most `limit` starts per `window` in the long run, and at most `burst` at once.
 *
 * In any window of length `w` there are at most `limit / window * w + burst` starts.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  /** Starts per window, above 0. */
  readonly limit: number
  readonly window: Duration.DurationInput
  /**
   * Starts that may follow each other without a pause after a quiet time; at least 1. Defaults to what accrues in 100 ms,
   * but at least 2 (so that a late timer can catch up) and at most `limit`. Rounded down.
   */
  readonly burst?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The limits of every key, or of each key by its name. All of a key's limits hold at once. A key without limits never
   * waits, except for a pause.
   */
  readonly limits: ReadonlyArray<Limit> | ((key: string) => ReadonlyArray<Limit>)
}

/**
 * What a key is doing at the moment.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  readonly key: string
  /** How many wait. */
  readonly waiting: number
  /** How long until the next start is allowed; zero if it is allowed now. */
  readonly availableIn: Duration.Duration
  /** How long a pause holds the key back; zero if it does not. */
  readonly pausedFor: Duration.Duration
}

/**
 * Hands out turns to start, key by key.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { RateLimiter } from "@tributary/resilience"
 *
 * const program = Effect.forEach(
 *   ["a", "b", "c"],
 *   (name) => Effect.log(name).pipe(RateLimiter.withLimit("api.example.com")),
 *   { concurrency: 8 }
 * ).pipe(Effect.provide(RateLimiter.layer({ limits: [{ limit: 10, window: "1 second" }] })))
 * ```
 *
 * @since 0.1.0
 * @category services
 */
export class RateLimiter extends Context.Tag("@tributary/resilience/RateLimiter")<
  RateLimiter,
  {
    /** Waits for a turn, however long it takes. First come, first served. */
    readonly take: (key: string) => Effect.Effect<void>
    /**
     * Waits for a turn that comes within `maxWait`. Fails at once with `RateLimitExceeded`, and takes nothing, when it can
     * be told that none will; also when a pause that comes later makes it so.
     */
    readonly takeWithin: (key: string, maxWait: Duration.DurationInput) => Effect.Effect<void, RateLimitExceeded>
    /**
     * Nobody of that key starts for `duration` from now, and then one by one at the limits' pace. A pause only grows: a
     * shorter one than what is left changes nothing.
     */
    readonly pause: (key: string, duration: Duration.DurationInput) => Effect.Effect<void>
    /** The same up to a point of time, which is looked up on the wall clock once, now. */
    readonly pauseUntil: (key: string, until: DateTime.DateTime) => Effect.Effect<void>
    /** The keys that are in use: those that wait, are paused, or whose bucket is not full again. */
    readonly snapshot: Effect.Effect<ReadonlyArray<Snapshot>>
  }
>() {}

/** Keys are looked through for idle ones at most this often (milliseconds). */
const sweepEvery = 60_000

/** Where rounding says zero and the gate says not yet, a sleep of zero would go round and round. */
const shortestTimer = Duration.millis(1)

/** A sleep above 2^31 - 1 ms never ends: Effect's clock takes it for an infinite one. */
const longestTimer = Duration.millis(2 ** 31 - 1)

/** Timers have no finer grain. Never shorter than asked, but for the rounding of a sum. */
const wholeMillis = (millis: number): Duration.Duration => Duration.millis(Math.max(0, Math.ceil(millis - epsilon)))

const toRate = ({ burst, limit, window }: Limit): Rate => {
  const millis = Duration.toMillis(window)
  if (!(limit > 0) || !(millis > 0) || !Number.isFinite(limit) || !Number.isFinite(millis)) {
    throw new RangeError(`a limit needs a finite limit and window above 0, got ${limit} per ${millis} ms`)
  }
  const most = burst ?? Math.min(Math.max(1, limit), Math.max(2, (limit / millis) * 100))
  if (!(most >= 1) || !Number.isFinite(most)) throw new RangeError(`a burst is finite and at least 1, got ${most}`)
  return { interval: millis / limit, burst: Math.floor(most) }
}

/**
 * A rate limiter whose waiters are interrupted when the scope closes, as is whoever comes later. Limits that are not
 * positive and finite are a defect (`RangeError`), as they are a mistake in the program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<RateLimiter["Type"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    const runTimer = yield* FiberMap.makeRuntime<never, string>()
    const gates = new Map<string, Gate>()
    const { limits } = options
    const common = typeof limits === "function" ? undefined : limits.map(toRate)
    const ratesOf = typeof limits === "function" ? (key: string) => limits(key).map(toRate) : () => common ?? []
    // The nanosecond clock is the monotonic one: a jump of the wall clock does not change the spacing. It counts from
    // 1970, too large for a double to hold a nanosecond: counted from here, the sums of intervals stay exact.
    const startedAt = clock.unsafeCurrentTimeNanos()
    const now = (): number => Number(clock.unsafeCurrentTimeNanos() - startedAt) / 1e6

    let sweptAt = now()
    const sweep = (at: number): void => {
      sweptAt = at
      for (const [key, gate] of gates) if (gate.isIdle(at)) gates.delete(key)
    }

    const gateOf = (key: string, at: number): Gate => {
      if (at - sweptAt >= sweepEvery) sweep(at)
      let gate = gates.get(key)
      if (gate === undefined) {
        gate = new Gate(ratesOf(key))
        gates.set(key, gate)
      }
      return gate
    }

    // The timer of a key. It runs while somebody waits; a pause that comes meanwhile is seen when it wakes.
    const serve = (gate: Gate): Effect.Effect<void> =>
      Effect.suspend(() => {
        const at = now()
        gate.dispatch(at)
        if (gate.waiting === 0) return Effect.void
        const sleep = Duration.clamp(wholeMillis(gate.availableAt - at), {
          minimum: shortestTimer,
          maximum: longestTimer
        })
        return Effect.zipRight(clock.sleep(sleep), serve(gate))
      })

    // A key has one timer at most: this one takes the place of a timer that sleeps too long by now, or for nobody.
    const startTimer = (key: string, gate: Gate): void => {
      runTimer(key, Effect.interruptible(serve(gate)))
    }

    const queue = <E>(
      key: string,
      gate: Gate,
      makeFor: (resume: (effect: Effect.Effect<void, E>) => void) => Waiter
    ): Effect.Effect<void, E> =>
      Effect.async((resume) => {
        const waiter = makeFor(resume)
        gate.enqueue(waiter)
        if (gate.waiting === 1) startTimer(key, gate)
        return Effect.sync(() => {
          if (gate.remove(waiter) || gate.waiting === 0) startTimer(key, gate)
        })
      })

    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const gate of gates.values()) gate.clear()
        gates.clear()
      })
    )

    const take = (key: string): Effect.Effect<void> =>
      Effect.suspend(() => {
        if (closed) return Effect.interrupt
        const at = now()
        const gate = gateOf(key, at)
        return gate.take(at)
          ? Effect.void
          : queue<never>(
              key,
              gate,
              (resume) =>
                new Waiter(
                  Number.POSITIVE_INFINITY,
                  () => resume(Effect.void),
                  () => resume(Effect.interrupt)
                )
            )
      })

    const takeWithin = (key: string, maxWait: Duration.DurationInput): Effect.Effect<void, RateLimitExceeded> =>
      Effect.suspend(() => {
        if (closed) return Effect.interrupt
        const at = now()
        const gate = gateOf(key, at)
        if (gate.take(at)) return Effect.void
        const tooLate = (availableAt: number): Effect.Effect<never, RateLimitExceeded> =>
          closed
            ? Effect.interrupt
            : Effect.fail(new RateLimitExceeded({ key, retryAfter: wholeMillis(availableAt - now()) }))
        const deadline = at + Duration.toMillis(maxWait)
        const predicted = gate.predict(at)
        if (predicted > deadline + epsilon) return tooLate(predicted)
        return queue<RateLimitExceeded>(
          key,
          gate,
          (resume) =>
            new Waiter(
              deadline,
              () => resume(Effect.void),
              (availableAt) => resume(tooLate(availableAt))
            )
        )
      })

    const pause = (key: string, duration: Duration.DurationInput): Effect.Effect<void> =>
      Effect.sync(() => {
        const at = now()
        gateOf(key, at).pauseUntil(at + Duration.toMillis(duration))
      })

    const pauseUntil = (key: string, until: DateTime.DateTime): Effect.Effect<void> =>
      Effect.suspend(() => pause(key, Math.max(0, DateTime.toEpochMillis(until) - clock.unsafeCurrentTimeMillis())))

    const snapshot = Effect.sync((): ReadonlyArray<Snapshot> => {
      const at = now()
      sweep(at)
      return Array.from(gates, ([key, gate]) => ({
        key,
        waiting: gate.waiting,
        availableIn: wholeMillis(gate.availableAt - at),
        pausedFor: wholeMillis(gate.pausedUntil - at)
      }))
    })

    return RateLimiter.of({ take, takeWithin, pause, pauseUntil, snapshot })
  })

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<RateLimiter> => Layer.scoped(RateLimiter, make(options))

/**
 * Takes a turn of `key` before an effect starts, however long that takes.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withLimit: {
  (key: string): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R | RateLimiter>
  <A, E, R>(self: Effect.Effect<A, E, R>, key: string): Effect.Effect<A, E, R | RateLimiter>
} = dual(2, <A, E, R>(self: Effect.Effect<A, E, R>, key: string): Effect.Effect<A, E, R | RateLimiter> =>
  Effect.zipRight(
    Effect.flatMap(RateLimiter, (limiter) => limiter.take(key)),
    self
  )
)
