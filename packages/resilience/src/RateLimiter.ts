/**
 * Keyed rate limits that queue: whoever comes too early waits its turn.
 *
 * Each key (a host, a token, a tenant) has a GCRA of its own, a queue and, while somebody waits, an entry in a timer that
 * all share. Waiting costs no tokens: a waiter is charged when it starts, so an interrupted one leaves the state as if it
 * had never queued. What the server says goes back in: `throttled` for a 429, `observe` for its headers.
 *
 * @since 0.1.0
 */
import {
  type Brand,
  Cause,
  Context,
  DateTime,
  Duration,
  Effect,
  Exit,
  Layer,
  Option,
  type Predicate,
  Schema,
  type Scheduler,
  type Scope
} from "effect"
import { dual } from "effect/Function"
import * as Deadline from "./Deadline.ts"
import { type Cost, epsilon, type Priority, type Rate, type Reservation as Charge, Waiter } from "./Gcra.ts"
import * as Direct from "./internal/direct.ts"
import { LimitedKey } from "./internal/limitedKey.ts"
import * as Limits from "./internal/limits.ts"
import { Timer, timersOf } from "./internal/timers.ts"

export { type Cost, type Priority } from "./Gcra.ts"

/**
 * The turn would come too late. Nothing was taken and nobody was held up.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimitExceeded extends Schema.TaggedError<RateLimitExceeded>("@tributary/resilience/RateLimitExceeded")(
  "RateLimitExceeded",
  {
    key: Schema.String,
    /** What holds it back longest: a limit by its name (one that the server told says so), or `pause`. */
    limit: Schema.String,
    /** How long from now until a turn can be had. */
    retryAfter: Schema.DurationFromMillis
  }
) {
  override get message(): string {
    const wait = Duration.format(this.retryAfter)
    return `"${this.key}" has no turn in time, because of its limit "${this.limit}"; the next one comes in ${wait}`
  }
}

/**
 * A start that takes more at once than its limit ever lets through. Nothing was taken.
 *
 * @since 0.1.0
 * @category errors
 */
export class CostExceedsCapacity extends Schema.TaggedError<CostExceedsCapacity>(
  "@tributary/resilience/CostExceedsCapacity"
)("CostExceedsCapacity", {
  key: Schema.String,
  /** The limit by its name. */
  limit: Schema.String,
  /** What the start takes of the limit's resource. */
  cost: Schema.Number,
  /** The limit's burst. */
  capacity: Schema.Number
}) {
  override get message(): string {
    const { capacity, cost, key, limit } = this
    return `"${key}" can never start what takes ${cost} at once of its limit "${limit}", whose burst is ${capacity}`
  }
}

/**
 * At most `limit` starts per `window` in the long run, and at most `burst` at once.
 *
 * In any window of length `w` there are at most `limit / window * w + burst` starts. A quota that must hold in every
 * window is therefore split: 5,000 a day are `{ limit: 4_000, window: "1 day", burst: 1_000 }`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  /** Starts, or amounts of the resource, per window; above 0. */
  readonly limit: number
  readonly window: Duration.DurationInput
  /**
   * Starts that may follow each other without a pause after a quiet time; at least 1. Rounded down. Defaults to what
   * accrues in 100 ms, but at least 2 (so that a late timer can catch up) and at most `limit`; for another resource than
   * requests, to `limit`.
   */
  readonly burst?: number | undefined
  /** What is counted, as the costs name it. Defaults to `requests`. */
  readonly resource?: string | undefined
  /** For errors and snapshots. Defaults to the resource and the window, as in `requests per 1s`. One of a kind in a key. */
  readonly name?: string | undefined
}

/**
 * The search for a rate that a server bears and does not tell. It doubles until the server says that it is too much,
 * then halves the interval between the highest rate that went well and the lowest that did not. Needs to hear of
 * `throttled` and `succeeded` (or `withLimitWithin`, which tells both); what fails otherwise never speeds it up.
 *
 * @since 0.1.0
 * @category models
 */
export interface Discovery {
  /** Starts a second at first; above 0. Defaults to 10. */
  readonly initial?: number | undefined
  /** Starts a second at most; above 0. Defaults to no bound but the key's limits. */
  readonly most?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /**
   * The limits of every key, or of each key by its name. All of a key's limits hold at once, taken in one step. A key
   * without limits never waits, except for what the server says.
   */
  readonly limits: ReadonlyArray<Limit> | ((key: string) => ReadonlyArray<Limit>)
  /** Searches for the rate of each key that the server does not tell. Defaults to not. */
  readonly discover?: Discovery | true | undefined
  /** By how much a rate is undercut that the server told or that was found; from 0 to below 1. Defaults to 0.03. */
  readonly headroom?: number | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface TakeOptions {
  /**
   * What the start takes: so many requests, or amounts by resource (`requests` is then 1 unless it is named). Finite and at
   * least 0. Defaults to one request.
   */
  readonly cost?: Cost | undefined
  /**
   * The class it waits in, from 0, which goes first and is meant for retries, to 3, which goes last. A class that was
   * passed over 16 times goes next. Defaults to 1.
   */
  readonly priority?: Priority | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface TakeWithinOptions extends TakeOptions {
  /** How long to wait at most. Defaults to no bound but the `Deadline` it runs in. */
  readonly maxWait?: Duration.DurationInput | undefined
}

/**
 * The point of time at which something started, in milliseconds of the limiter's own clock: given back with what the
 * server said, it tells whether that is news.
 *
 * @since 0.1.0
 * @category models
 */
export type Turn = number & Brand.Brand<"@tributary/resilience/Turn">

/**
 * @since 0.1.0
 * @category models
 */
export interface ThrottledOptions {
  /** How long to stay away, as the server says. The key is paused for so long. */
  readonly retryAfter?: Duration.DurationInput | undefined
  /** The turn of the request that was refused. Without it, a rate is cut at most once a second. */
  readonly turn?: Turn | undefined
}

/**
 * What a server says about a limit in the headers of any response. What is not finite, or negative, is ignored.
 *
 * @since 0.1.0
 * @category models
 */
export interface Observation {
  /** Defaults to `requests`. */
  readonly resource?: string | undefined
  /** Which of the server's limits of that resource it is, where it has several: they are kept apart. */
  readonly name?: string | undefined
  /** How much the server allows in a window. */
  readonly limit?: number | undefined
  /** The window. With `limit`, the key keeps to that rate from now on, besides its own limits. */
  readonly window?: Duration.DurationInput | undefined
  /** How much is left. */
  readonly remaining?: number | undefined
  /** How long until nothing is left any more to wait for: with nothing remaining, nobody starts before. */
  readonly reset?: Duration.DurationInput | undefined
  /** Starts whose responses have not come: the server's count may not hold them yet. Defaults to 0. */
  readonly inFlight?: number | undefined
}

/**
 * What was taken, until it is known what it cost.
 *
 * @since 0.1.0
 * @category models
 */
export interface Reservation {
  readonly turn: Turn
  /**
   * Puts right what was charged, as if `actual` had been taken in the first place: what is left goes to those who wait, what
   * is missing is made up for by waiting. Once; later calls do nothing.
   */
  readonly settle: (actual: Cost) => Effect.Effect<void>
}

/**
 * What a limit holds at the moment.
 *
 * @since 0.1.0
 * @category models
 */
export interface LimitSnapshot {
  readonly name: string
  readonly resource: string
  readonly perSecond: number
  readonly burst: number
  /** What may be taken now; below zero while more was charged than was there. */
  readonly available: number
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
  /** Its own limits, those that the server told, and the one that was found. */
  readonly limits: ReadonlyArray<LimitSnapshot>
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
    /** Waits for a turn, however long it takes. Within a class of priority, first come, first served. */
    readonly take: {
      (key: string, options?: Omit<TakeOptions, "cost">): Effect.Effect<Turn>
      (key: string, options: TakeOptions): Effect.Effect<Turn, CostExceedsCapacity>
    }
    /**
     * Waits for a turn that comes within `maxWait` and within the `Deadline` it runs in. Fails at once with
     * `RateLimitExceeded`, and takes nothing, when it can be told that none will; also when what comes later (a pause, more
     * urgent ones) makes it so.
     */
    readonly takeWithin: {
      (key: string, options?: Omit<TakeWithinOptions, "cost">): Effect.Effect<Turn, RateLimitExceeded>
      (key: string, options: TakeWithinOptions): Effect.Effect<Turn, RateLimitExceeded | CostExceedsCapacity>
    }
    /**
     * The same for what costs so much at most, or more or less that: to be settled when it is known. What is not settled
     * when the scope closes stays charged.
     */
    readonly reserve: (
      key: string,
      options: TakeWithinOptions
    ) => Effect.Effect<Reservation, RateLimitExceeded | CostExceedsCapacity, Scope.Scope>
    /**
     * Nobody of that key starts for `duration` from now, and then one by one at the limits' pace. A pause only grows: a
     * shorter one than what is left changes nothing.
     */
    readonly pause: (key: string, duration: Duration.DurationInput) => Effect.Effect<void>
    /** The same up to a point of time, which is looked up on the wall clock once, now. One that is past is none. */
    readonly pauseUntil: (key: string, until: DateTime.DateTime) => Effect.Effect<void>
    /**
     * The server refused a request because there were too many, as by a 429. With `retryAfter` the key is paused for so long;
     * without it, the key's rate is cut by 15 % and searched for anew from there, up to what it was.
     */
    readonly throttled: (key: string, options?: ThrottledOptions) => Effect.Effect<void>
    /** A request went well: what a search for the rate needs to hear. Costs nothing where there is none. */
    readonly succeeded: (key: string, turn?: Turn) => Effect.Effect<void>
    /**
     * What the server says in the headers of a response, whatever its status. A rate is kept to from now on; without one,
     * no more than `remaining` start before `reset`.
     */
    readonly observe: (key: string, observation: Observation) => Effect.Effect<void>
    /**
     * Other limits for a key from now on, in place of those from the options. One that has the same name goes on with the
     * tokens that are there; a new one begins full. What was found or cut is forgotten.
     */
    readonly setLimits: (key: string, limits: ReadonlyArray<Limit>) => Effect.Effect<void>
    /** The keys that are in use: those that wait, are paused, whose bucket is not full again, or that learned something. */
    readonly snapshot: Effect.Effect<ReadonlyArray<Snapshot>>
  }
>() {}

/** Keys are looked through for idle ones at most this often (milliseconds). */
const sweepEvery = 60_000

/** What was learned of a key that is not used for so long is forgotten (milliseconds). */
const keptFor = 600_000

/** Timers have no finer grain. Never shorter than asked, but for the rounding of a sum. */
const wholeMillis = (millis: number): Duration.Duration => Duration.millis(Math.max(0, Math.ceil(millis - epsilon)))

type Refused = RateLimitExceeded | CostExceedsCapacity

interface Request {
  readonly cost: Cost
  readonly priority: Priority
  readonly deadline: number
}

type Resume<A> = (effect: Effect.Effect<A, Refused>) => void

type Refuse = (cost: Cost, availableAt: number) => Effect.Effect<never, Refused>

/** One who waits in a fiber. */
class Queued<A> extends Waiter {
  readonly #admission: Admission<A>
  readonly #resume: Resume<A>
  /** What it was given; it may be interrupted before it knows. */
  given: A | undefined = undefined
  /** Stops the timer of its deadline. */
  stop: (() => void) | undefined = undefined

  constructor({ cost, deadline, priority }: Request, admission: Admission<A>, resume: Resume<A>) {
    super(cost, priority, deadline)
    this.#admission = admission
    this.#resume = resume
  }

  granted(now: number): void {
    this.stop?.()
    this.given = this.#admission.admit(this.cost, now)
    this.#resume(Effect.succeed(this.given))
  }

  expired(availableAt: number): void {
    this.stop?.()
    this.#resume(this.#admission.refuse(this.cost, availableAt))
  }
}

/** How one that may start does, and one that may not does not. */
interface Admission<A> {
  readonly admit: (cost: Cost, now: number) => A
  readonly refuse: Refuse
  /** Takes back what was admitted. */
  readonly undo: (waiter: Queued<A>, now: number) => void
}

interface Charged {
  readonly key: LimitedKey
  readonly turn: Turn
  readonly charge: Charge
}

interface Entry {
  readonly key: LimitedKey
  readonly turns: Admission<Turn>
  readonly reservations: Admission<Charged>
}

/**
 * A rate limiter whose waiters are interrupted when the scope closes, as is whoever comes later. Limits that are not
 * positive and finite, costs that are negative, and the like are a defect (`RangeError`), as they are a mistake in the
 * program.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<RateLimiter["Type"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    // Monotonic, and shared by all that wait on this clock: a jump of the wall clock does not change the spacing.
    const timers = timersOf(clock)
    const now = (): number => timers.now()
    const entries = new Map<string, Entry>()
    const fixed = new Map<string, ReadonlyArray<Rate>>()
    const { headroom = 0.03, limits } = options
    const settings = {
      headroom: Limits.inRange("headroom")((value) => value >= 0 && value < 1)(headroom),
      discover: Limits.discoveryOf(options.discover)
    }
    const common = typeof limits === "function" ? undefined : Limits.toRates(limits)
    const ratesOf = (key: string): ReadonlyArray<Rate> =>
      fixed.get(key) ?? common ?? (typeof limits === "function" ? Limits.toRates(limits(key)) : [])

    let closed = false
    yield* Effect.addFinalizer(() =>
      Effect.sync(() => {
        closed = true
        for (const { key } of entries.values()) key.close()
        entries.clear()
      })
    )

    let sweptAt = now()
    const sweep = (at: number): void => {
      sweptAt = at
      for (const [name, { key }] of entries) {
        if (key.gate.isIdle(at) && (!key.hasLearned || at - key.usedAt >= keptFor)) entries.delete(name)
      }
    }

    const entryOf = (name: string, at: number): Entry => {
      if (at - sweptAt >= sweepEvery) sweep(at)
      let entry = entries.get(name)
      if (entry === undefined) {
        entry = makeEntry(name, new LimitedKey(ratesOf(name), settings, timers, at))
        entries.set(name, entry)
      }
      entry.key.usedAt = at
      return entry
    }

    const makeEntry = (name: string, key: LimitedKey): Entry => {
      const { gate } = key
      // Why one that would take so much does not start.
      const refuse: Refuse = (cost, availableAt) => {
        if (closed) return Effect.interrupt
        const exceeded = gate.exceeded(cost)
        if (exceeded !== undefined) {
          const { burst: capacity, name: limit, weight } = exceeded
          return Effect.fail(new CostExceedsCapacity({ key: name, limit, cost: weight, capacity }))
        }
        const at = now()
        const limit = gate.bottleneck(at, cost)
        return Effect.fail(new RateLimitExceeded({ key: name, limit, retryAfter: wholeMillis(availableAt - at) }))
      }
      return {
        key,
        turns: { admit: (_, at) => at as Turn, refuse, undo: (waiter) => gate.remove(waiter) },
        reservations: {
          admit: (cost, at) => ({ key, turn: at as Turn, charge: gate.open(cost, at) }),
          refuse,
          undo: (waiter, at) => {
            if (waiter.given === undefined) gate.remove(waiter)
            else gate.settle(waiter.given.charge, 0, at)
          }
        }
      }
    }

    const startTimer = <A>(key: LimitedKey, waiter: Queued<A>, scheduler: Scheduler.Scheduler): void => {
      const timer = new Timer(waiter.deadline, () => {
        const at = now()
        // A turn that comes at this very moment is in time.
        key.gate.dispatch(at)
        if (waiter.state === "waiting") {
          key.gate.remove(waiter)
          waiter.expired(key.gate.predict(at, waiter.cost, waiter.priority))
        }
        key.arm(at)
      })
      timers.add(timer, scheduler)
      waiter.stop = () => timers.remove(timer, scheduler)
    }

    const queue = <A>(key: LimitedKey, admission: Admission<A>, request: Request): Effect.Effect<A, Refused> =>
      Effect.withFiberRuntime((fiber) => {
        const scheduler = fiber.currentScheduler
        return Effect.async<A, Refused>((resume) => {
          // A fiber may yield before any step: the scope may have closed since there was no turn to take.
          if (closed) return resume(Effect.interrupt)
          const waiter = new Queued(request, admission, resume)
          key.gate.enqueue(waiter)
          if (request.deadline !== Number.POSITIVE_INFINITY) startTimer(key, waiter, scheduler)
          key.arm(now(), scheduler)
          return Effect.sync(() => {
            const at = now()
            waiter.stop?.()
            admission.undo(waiter, at)
            key.arm(at)
          })
        })
      })

    const acquire = <A>(
      name: string,
      { cost = 1, priority = 1 }: TakeOptions,
      maxWait: number,
      admissionOf: (entry: Entry) => Admission<A>
    ): Effect.Effect<A, Refused> =>
      Effect.suspend(() => {
        if (closed) return Effect.interrupt
        if (cost !== 1) Limits.checkCost(cost)
        const at = now()
        const entry = entryOf(name, at)
        const { gate } = entry.key
        const admission = admissionOf(entry)
        if (gate.take(at, cost, priority)) return Effect.succeed(admission.admit(cost, at))
        if (gate.exceeded(cost) !== undefined) return admission.refuse(cost, Number.POSITIVE_INFINITY)
        const deadline = at + maxWait
        const predicted = deadline === Number.POSITIVE_INFINITY ? at : gate.predict(at, cost, priority)
        return predicted > deadline + epsilon
          ? admission.refuse(cost, predicted)
          : queue(entry.key, admission, { cost, priority, deadline })
      })

    const acquireWithin = <A>(
      name: string,
      options: TakeWithinOptions,
      admissionOf: (entry: Entry) => Admission<A>
    ): Effect.Effect<A, Refused> =>
      Effect.flatMap(Deadline.remaining, (remaining) => {
        const left = Option.isSome(remaining) ? Duration.toMillis(remaining.value) : Number.POSITIVE_INFINITY
        const maxWait = Limits.millisOf(options.maxWait) ?? Number.POSITIVE_INFINITY
        return acquire(name, options, Math.max(0, Math.min(left, maxWait)), admissionOf)
      })

    const reserve = (name: string, options: TakeWithinOptions): Effect.Effect<Reservation, Refused, Scope.Scope> =>
      Effect.uninterruptibleMask((restore) => {
        let given: Charged | undefined
        const acquired = acquireWithin(name, options, ({ reservations }) => ({
          ...reservations,
          admit: (cost, at) => (given = reservations.admit(cost, at))
        }))
        return restore(acquired).pipe(
          // It may be interrupted when it was admitted and does not know yet.
          Effect.onInterrupt(() => Effect.sync(() => given?.key.settle(given.charge, 0, now()))),
          Effect.tap(({ charge, key }) =>
            Effect.addFinalizer(() => Effect.sync(() => key.settle(charge, charge.cost, now())))
          ),
          Effect.map(({ charge, key, turn }) => ({
            turn,
            settle: (actual: Cost) => Effect.sync(() => key.settle(charge, Limits.checkCost(actual), now()))
          }))
        )
      })

    const on = (name: string, change: (key: LimitedKey, at: number) => void): Effect.Effect<void> =>
      Effect.sync(() => {
        if (closed) return
        const at = now()
        change(entryOf(name, at).key, at)
      })

    const pause = (name: string, duration: Duration.DurationInput): Effect.Effect<void> =>
      on(name, (key, at) => key.pause(Duration.toMillis(duration), at))

    const pauseUntil = (name: string, until: DateTime.DateTime): Effect.Effect<void> =>
      Effect.suspend(() => {
        const millis = DateTime.toEpochMillis(until) - clock.unsafeCurrentTimeMillis()
        return millis > 0 ? pause(name, millis) : Effect.void
      })

    const throttled = (name: string, options: ThrottledOptions = {}): Effect.Effect<void> =>
      on(name, (key, at) =>
        key.throttled(at, { startedAt: options.turn, retryAfter: Limits.millisOf(options.retryAfter) })
      )

    const succeeded = (name: string, turn?: Turn): Effect.Effect<void> =>
      Effect.sync(() => {
        // Only a key that is known may be searching, but for one whose search begins with this.
        if (closed) return
        const entry = settings.discover === undefined ? entries.get(name) : entryOf(name, now())
        entry?.key.succeeded(now(), turn)
      })

    const observe = (name: string, observation: Observation): Effect.Effect<void> =>
      on(name, (key, at) => {
        const { inFlight = 0, limit, name, remaining, resource = "requests" } = observation
        const window = Limits.millisOf(observation.window)
        const reset = Limits.millisOf(observation.reset)
        key.observe({ resource, name, limit, window, remaining, reset, inFlight }, at)
      })

    const setLimits = (name: string, limits: ReadonlyArray<Limit>): Effect.Effect<void> =>
      Effect.suspend(() => {
        const rates = Limits.toRates(limits)
        fixed.set(name, rates)
        return on(name, (key, at) => key.configure(rates, at))
      })

    const snapshot = Effect.sync((): ReadonlyArray<Snapshot> => {
      const at = now()
      sweep(at)
      return Array.from(
        entries,
        ([
          name,
          {
            key: { gate }
          }
        ]) => ({
          key: name,
          waiting: gate.waiting,
          availableIn: wholeMillis(gate.availableAt - at),
          pausedFor: wholeMillis(gate.pausedUntil - at),
          limits: gate.levels(at).map(({ burst, interval, name, resource, tokens }) => ({
            name,
            resource,
            perSecond: 1_000 / interval,
            burst,
            available: tokens
          }))
        })
      )
    })

    const direct: Direct.Limiter = {
      take: (name, cost, priority) => {
        if (closed) return undefined
        if (cost !== 1) Limits.checkCost(cost)
        const at = now()
        return entryOf(name, at).key.gate.take(at, cost, priority) ? at : undefined
      },
      succeeded: (name, turn) => {
        entries.get(name)?.key.succeeded(now(), turn)
      }
    }

    const service = RateLimiter.of({
      // Fails with `CostExceedsCapacity` only where there is a cost, as one request is never more than a burst.
      take: ((name, options = {}) =>
        acquire(name, options, Number.POSITIVE_INFINITY, ({ turns }) => turns)) as RateLimiter["Type"]["take"],
      takeWithin: ((name, options = {}) =>
        acquireWithin(name, options, ({ turns }) => turns)) as RateLimiter["Type"]["takeWithin"],
      reserve,
      pause,
      pauseUntil,
      throttled,
      succeeded,
      observe,
      setLimits,
      snapshot
    })
    return Direct.attach("limiter")(direct)(service)
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

/**
 * What an effect takes, and what of its errors is the server's word that there were too many.
 *
 * @since 0.1.0
 * @category models
 */
export interface FeedbackOptions<E> extends TakeWithinOptions {
  /** Which errors say that there were too many, as a 429 does. Defaults to none. */
  readonly isThrottle?: Predicate.Predicate<E> | undefined
  /** For how long such an error asks to stay away. Defaults to not known. */
  readonly retryAfter?: ((error: E) => Option.Option<Duration.DurationInput>) | undefined
}

/**
 * Takes a turn of `key` that comes in time before an effect starts, as `takeWithin` does, and tells the limiter what became
 * of it: that it went well, or that the server refused it. Any other failure says nothing about the rate.
 *
 * @since 0.1.0
 * @category combinators
 */
export const withLimitWithin: {
  <E>(
    key: string,
    options: FeedbackOptions<NoInfer<E>>
  ): <A, R>(
    self: Effect.Effect<A, E, R>
  ) => Effect.Effect<A, E | RateLimitExceeded | CostExceedsCapacity, R | RateLimiter>
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    key: string,
    options: FeedbackOptions<E>
  ): Effect.Effect<A, E | RateLimitExceeded | CostExceedsCapacity, R | RateLimiter>
} = dual(
  3,
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    key: string,
    options: FeedbackOptions<E>
  ): Effect.Effect<A, E | RateLimitExceeded | CostExceedsCapacity, R | RateLimiter> =>
    Effect.flatMap(RateLimiter, (limiter) =>
      Effect.flatMap(limiter.takeWithin(key, options), (turn) =>
        Effect.onExit(self, (exit) => {
          if (Exit.isSuccess(exit)) return limiter.succeeded(key, turn)
          const error = Cause.failureOption(exit.cause)
          if (Option.isNone(error) || options.isThrottle?.(error.value) !== true) return Effect.void
          const retryAfter = Option.getOrUndefined(options.retryAfter?.(error.value) ?? Option.none())
          return limiter.throttled(key, { turn, retryAfter })
        })
      )
    )
)
