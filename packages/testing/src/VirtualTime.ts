/**
 * Time that jumps to the next sleeper as soon as nothing can run, so that an hour of sleeps takes as long as its work does.
 *
 * The program under it is not changed and not driven by hand: whatever takes time from `Clock` (`Effect.sleep`, `Schedule`,
 * `Effect.timeout`, `Stream.debounce`, timers of its own) runs on virtual time, in an order that is the same in every run.
 *
 * @since 0.1.0
 */
import { Cause, Clock, Context, DateTime, Deferred, Duration, Effect, Exit, Fiber, Layer, Random } from "effect"
import { dual } from "effect/Function"
import type { Deadlock } from "./Deadlock.ts"
import { Crew, type Happening } from "./internal/crew.ts"
import { deadlockOf } from "./internal/deadlockOf.ts"
import { VirtualClock, World } from "./internal/world.ts"

export * from "./Deadlock.ts"

/**
 * Something that happened to a fiber of the run.
 *
 * @since 0.1.0
 * @category models
 */
export interface Event {
  /** Milliseconds since the run began, with the nanoseconds as fractions. */
  readonly at: number
  /** The fiber, counted from 1 (the program itself) in the order in which they started. */
  readonly fiber: number
  readonly what: Happening
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** What `Random` is seeded with. Defaults to 0. */
  readonly seed?: number | string | undefined
  /**
   * Told what happens, in order: the same program with the same seed gives the same events. Must not throw. Defaults to
   * nobody.
   */
  readonly onEvent?: ((event: Event) => void) | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  /** Virtual time since it began. Jumps of the wall clock are not in it. */
  readonly elapsed: Duration.Duration
  /** How many sleep, but for those who sleep without end. */
  readonly sleeping: number
  /** How many sleepers were woken so far. */
  readonly woken: number
}

/**
 * The virtual time that a program runs in, for those who know of it.
 *
 * @since 0.1.0
 * @category services
 */
export class VirtualTime extends Context.Tag("@tributary/testing/VirtualTime")<
  VirtualTime,
  {
    /**
     * Makes the wall clock jump, either way. It goes on from there. The monotonic clock and whoever sleeps are not affected.
     * An input that is no date is a defect (`IllegalArgumentException`).
     */
    readonly setWallClock: (to: DateTime.DateTime.Input) => Effect.Effect<void>
    readonly snapshot: Effect.Effect<Snapshot>
  }
>() {}

const serviceOf = (world: World): VirtualTime["Type"] => ({
  setWallClock: (to) => Effect.sync(() => world.setWall(DateTime.toEpochMillis(DateTime.unsafeMake(to)))),
  snapshot: Effect.sync(() => ({
    elapsed: Duration.nanos(world.now),
    sleeping: world.sleepers.size,
    woken: world.woken
  }))
})

/**
 * Virtual time for all that it is provided to, for a suite (`it.layer`) or a part of a program. It is shared, and it has no
 * end that could be known: everything waiting may be all there is to do, so there is no `Deadlock`, and fibers are left to their
 * scopes. Prefer `run` where one effect is the whole program.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: { readonly seed?: Options["seed"] } = {}): Layer.Layer<VirtualTime> =>
  Layer.suspend(() => {
    const world = new World()
    return Layer.mergeAll(
      Layer.setScheduler(world.scheduler),
      Layer.setClock(world.clock),
      Layer.setRandom(Random.make(options.seed ?? 0)),
      Layer.succeed(VirtualTime, serviceOf(world))
    )
  })

const worldOf = (clock: Clock.Clock): World | undefined => (clock instanceof VirtualClock ? clock.world : undefined)

/** No jump of the virtual time around it, if there is one, while an effect runs. */
const holding = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => {
    const world = worldOf(clock)
    return world === undefined
      ? self
      : Effect.acquireUseRelease(
          Effect.sync(() => world.hold()),
          () => self,
          () => Effect.sync(() => world.release())
        )
  })

/**
 * Holds virtual time still while an effect waits for the real world: the network, a file, a worker, a promise that more than
 * microtasks must settle. Inside, the clock is the machine's, so a timeout or a backoff there takes real time; outside, no
 * virtual time passes. Put it around the I/O alone.
 *
 * Without virtual time it changes nothing, so that a client may be built with it once and for all.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, HttpClient } from "@effect/platform"
 * import { Effect, Layer } from "effect"
 * import { VirtualTime } from "@tributary/testing"
 *
 * export const RealNetwork = Layer.effect(
 *   HttpClient.HttpClient,
 *   Effect.map(HttpClient.HttpClient, HttpClient.transform(VirtualTime.external))
 * ).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category combinators
 */
export const external = <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.clockWith((clock) => (worldOf(clock) === undefined ? self : holding(Effect.withClock(self, Clock.make()))))

/**
 * Runs an effect in virtual time, which begins at 0 (1970) on both clocks.
 *
 * Time goes on to the earliest sleeper when nothing can run. Sleepers of one instant wake in the order in which they
 * slept, each when the one before has done what it could. What an effect, its children, its daemons and `Runtime.runFork` start
 * belongs to the run; when the effect ends, those that are left are interrupted and waited for. `Random` is seeded.
 *
 * Success, failure and defects come through as they are. `Deadlock` is added: everything waits and nobody sleeps. The effect
 * is then interrupted, and its finalizers run.
 *
 * @example
 * ```ts
 * import { Effect } from "effect"
 * import { VirtualTime } from "@tributary/testing"
 *
 * const poll = Effect.log("still there").pipe(Effect.delay("10 minutes"), Effect.repeatN(1007))
 *
 * // A week, at once.
 * export const program: Effect.Effect<void, VirtualTime.Deadlock> = poll.pipe(VirtualTime.run({ seed: 42 }))
 * ```
 *
 * @since 0.1.0
 * @category running
 */
export const run: {
  (
    options?: Options
  ): <A, E, R>(self: Effect.Effect<A, E, R>) => Effect.Effect<A, E | Deadlock, Exclude<R, VirtualTime>>
  <A, E, R>(self: Effect.Effect<A, E, R>, options?: Options): Effect.Effect<A, E | Deadlock, Exclude<R, VirtualTime>>
} = dual(
  (args) => Effect.isEffect(args[0]),
  <A, E, R>(
    self: Effect.Effect<A, E, R>,
    options: Options = {}
  ): Effect.Effect<A, E | Deadlock, Exclude<R, VirtualTime>> => {
    const { onEvent, seed = 0 } = options
    return Effect.uninterruptibleMask((restore) =>
      Effect.gen(function* () {
        const world = new World()
        const crew = new Crew(
          yield* Effect.fiberId,
          onEvent && ((fiber, what) => onEvent({ at: world.elapsedMillis, fiber, what }))
        )
        world.observer = crew
        const program = yield* Effect.forkDaemon(restore(self)).pipe(
          Effect.provideService(VirtualTime, serviceOf(world)),
          Effect.withRandom(Random.make(seed)),
          Effect.withClock(world.clock),
          Effect.supervised(crew),
          Effect.withScheduler(world.scheduler)
        )
        yield* restore(Deferred.await(crew.halted)).pipe(Effect.onInterrupt(() => crew.stop))
        if (crew.members.size === 0) return yield* Fiber.join(program)
        const deadlock = yield* deadlockOf(world)(crew)
        yield* crew.stop
        // What the program failed with before, or its finalizers just now.
        const exit = program.unsafePoll()
        if (exit === null || Exit.isSuccess(exit) || Cause.isInterruptedOnly(exit.cause)) return yield* deadlock
        return yield* Effect.failCause(Cause.sequential(exit.cause, Cause.fail(deadlock)))
      })
    ).pipe(holding)
  }
)
