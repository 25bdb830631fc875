import { setImmediate } from "node:timers"
import { Clock, Duration, Effect, type Fiber, Scheduler } from "effect"
import { Sleepers } from "./sleepers.ts"

/** @internal */
export interface Observer {
  readonly slept: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => void
  readonly woke: (fiber: Fiber.RuntimeFiber<unknown, unknown>) => void
  /** Nothing can run, nothing is held, and nobody sleeps. */
  readonly stuck: () => void
}

/** A busy program lets the machine's own timers and I/O in after so many tasks, as Effect's own scheduler does. */
const tasksPerTurn = 2048

const nanosPerMilli = 1_000_000n

/** The nearest double, also where the nanoseconds themselves are beyond doubles (104 days from zero). */
const toMillis = (nanos: bigint): number => {
  const rounded = Number(nanos)
  return Number.isSafeInteger(rounded)
    ? rounded / 1e6
    : Number(nanos / nanosPerMilli) + Number(nanos % nanosPerMilli) / 1e6
}

const fromMillis = (millis: number): bigint =>
  Number.isInteger(millis) ? BigInt(millis) * nanosPerMilli : BigInt(Math.round(millis * 1e6))

/** Not `Duration.toNanos`, which rounds above 2^53 ns (104 days). */
const toNanos = Duration.match({ onMillis: fromMillis, onNanos: (nanos: bigint) => nanos })

/**
 * The run queue and the time of one program. It owns the queue to know when it is empty: then nothing can run, and time may
 * go on.
 *
 * @internal
 */
export class World {
  readonly sleepers = new Sleepers()
  /** Who sleeps without end. */
  readonly endless = new Set<Fiber.RuntimeFiber<unknown, unknown>>()
  readonly clock: Clock.Clock = new VirtualClock(this)
  observer: Observer | undefined
  woken = 0
  /** The monotonic clock, in nanoseconds. */
  now = 0n

  private tasks = new Scheduler.PriorityBuckets()
  private ahead = 0n
  private held = 0
  private isDraining = false
  private isArmed = false

  readonly scheduler: Scheduler.Scheduler = Scheduler.make((task, priority) => {
    this.tasks.scheduleTask(task, priority)
    if (this.isDraining) return
    this.isDraining = true
    queueMicrotask(this.drain)
  })

  get elapsedMillis(): number {
    return toMillis(this.now)
  }

  get wallMillis(): number {
    return toMillis(this.now + this.ahead)
  }

  setWall(millis: number): void {
    this.ahead = fromMillis(millis) - this.now
  }

  hold(): void {
    this.held++
  }

  release(): void {
    this.held--
    this.arm()
  }

  sleepUntil(at: bigint, wake: () => void): () => void {
    const sleeper = this.sleepers.add(at, wake)
    // Who sleeps need not have come through the queue: `Runtime.runFork` starts a fiber on the spot.
    this.arm()
    return () => this.sleepers.remove(sleeper)
  }

  private readonly drain = (): void => {
    let left = tasksPerTurn
    while (this.tasks.buckets.length > 0) {
      if (left <= 0) {
        setImmediate(this.drain)
        return
      }
      const { buckets } = this.tasks
      this.tasks.buckets = []
      for (const [, tasks] of buckets) {
        for (const task of tasks) task()
        left -= tasks.length
      }
    }
    this.isDraining = false
    this.arm()
  }

  /**
   * Looks again one turn of the event loop later. The microtasks come first, so promises that need nothing else have
   * settled by then; a turn costs less than a microsecond.
   */
  private arm(): void {
    if (this.isArmed) return
    this.isArmed = true
    setImmediate(this.tick)
  }

  /** One sleeper at a time, as Node's timers: what it sets off runs before the next one of that instant wakes. */
  private readonly tick = (): void => {
    this.isArmed = false
    if (this.isDraining || this.held > 0) return
    const sleeper = this.sleepers.takeEarliest()
    if (sleeper === undefined) {
      this.observer?.stuck()
      return
    }
    this.now = sleeper.at
    this.woken++
    sleeper.wake()
    this.arm()
  }
}

/** @internal */
export class VirtualClock implements Clock.Clock {
  readonly [Clock.ClockTypeId]: Clock.ClockTypeId = Clock.ClockTypeId
  readonly world: World
  readonly currentTimeMillis = Effect.sync(() => this.unsafeCurrentTimeMillis())
  readonly currentTimeNanos = Effect.sync(() => this.unsafeCurrentTimeNanos())

  constructor(world: World) {
    this.world = world
  }

  unsafeCurrentTimeMillis(): number {
    return this.world.wallMillis
  }

  unsafeCurrentTimeNanos(): bigint {
    return this.world.now
  }

  sleep(duration: Duration.Duration): Effect.Effect<void> {
    const { world } = this
    return Effect.withFiberRuntime((fiber) =>
      Effect.async<void>((resume) => {
        world.observer?.slept(fiber)
        if (!Duration.isFinite(duration)) {
          world.endless.add(fiber)
          return Effect.sync(() => world.endless.delete(fiber))
        }
        return Effect.sync(
          world.sleepUntil(world.now + toNanos(duration), () => {
            world.observer?.woke(fiber)
            resume(Effect.void)
          })
        )
      })
    )
  }
}
