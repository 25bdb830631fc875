import { Cause, type Context, Deferred, Effect, Exit, type Fiber, type FiberId, Option, Supervisor } from "effect"
import type { Observer } from "./world.ts"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** @internal */
export type Happening = "started" | "sleeps" | "wakes" | "succeeded" | "failed" | "interrupted"

interface Member {
  readonly number: number
  readonly parent: AnyFiber | undefined
}

/**
 * All fibers of a run, however they were started, from the first (the program itself) until the last has ended.
 *
 * @internal
 */
export class Crew extends Supervisor.AbstractSupervisor<void> implements Observer {
  readonly value = Effect.void
  readonly members = new Map<AnyFiber, Member>()
  /** Done when all have ended, or when for the first time none can go on. */
  readonly halted: Deferred.Deferred<void>
  private readonly over: Deferred.Deferred<void>
  private readonly runner: FiberId.FiberId
  private readonly observe: ((fiber: number, what: Happening) => void) | undefined
  private readonly told = new Set<AnyFiber>()
  private main: AnyFiber | undefined
  private started = 0
  private isEnding = false

  constructor(runner: FiberId.FiberId, observe: ((fiber: number, what: Happening) => void) | undefined) {
    super()
    this.runner = runner
    this.observe = observe
    this.halted = Deferred.unsafeMake(runner)
    this.over = Deferred.unsafeMake(runner)
  }

  /** Interrupts all that are left. Ends when they have ended, or when none can go on. */
  readonly stop: Effect.Effect<void> = Effect.suspend(() => {
    this.end()
    return Deferred.await(this.over)
  })

  override onStart<A, E, R>(
    _context: Context.Context<R>,
    _effect: Effect.Effect<A, E, R>,
    parent: Option.Option<AnyFiber>,
    fiber: Fiber.RuntimeFiber<A, E>
  ): void {
    this.started++
    this.members.set(fiber, { number: this.started, parent: Option.getOrUndefined(parent) })
    this.main ??= fiber
    this.observe?.(this.started, "started")
  }

  override onEnd<A, E>(exit: Exit.Exit<A, E>, fiber: Fiber.RuntimeFiber<A, E>): void {
    this.happened(
      fiber,
      Exit.match(exit, {
        onSuccess: () => "succeeded",
        onFailure: (cause) => (Cause.isInterruptedOnly(cause) ? "interrupted" : "failed")
      })
    )
    this.members.delete(fiber)
    this.told.delete(fiber)
    if (fiber === this.main) this.end()
    if (this.members.size === 0) this.finish()
    else if (this.isEnding && this.told.size === 0) this.interruptNext()
  }

  slept(fiber: AnyFiber): void {
    this.happened(fiber, "sleeps")
  }

  woke(fiber: AnyFiber): void {
    this.happened(fiber, "wakes")
  }

  stuck(): void {
    if (!this.isEnding) Deferred.unsafeDone(this.halted, Effect.void)
    else if (!this.interruptNext()) this.finish()
  }

  private happened(fiber: AnyFiber, what: Happening): void {
    const member = this.members.get(fiber)
    if (member !== undefined) this.observe?.(member.number, what)
  }

  private end(): void {
    if (this.isEnding) return
    this.isEnding = true
    this.interruptNext()
  }

  private finish(): void {
    Deferred.unsafeDone(this.halted, Effect.void)
    Deferred.unsafeDone(this.over, Effect.void)
  }

  /**
   * The program first, since it may need the others to clean up; then those whose starter is gone; and those that a starter
   * should have ended when that starter cannot.
   */
  private interruptNext(): boolean {
    const untold = Array.from(this.members.keys()).filter((fiber) => !this.told.has(fiber))
    const orphans = untold.filter((fiber) => {
      const parent = this.members.get(fiber)?.parent
      return parent === undefined || !this.members.has(parent)
    })
    const next =
      this.main !== undefined && untold.includes(this.main) ? [this.main] : orphans.length > 0 ? orphans : untold
    for (const fiber of next) {
      this.told.add(fiber)
      fiber.unsafeInterruptAsFork(this.runner)
    }
    return next.length > 0
  }
}
