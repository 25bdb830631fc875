/**
 * A fiber that stands in for the one that starts it, so that it can be cut off on its own.
 *
 * It starts on the spot: an effect that does not wait is done when `start` returns. That, and no fiber for the time, is
 * what makes it cheaper than a fork and a race.
 */
import {
  Cause,
  type Context,
  Effect,
  Fiber,
  type FiberId,
  FiberRef,
  type FiberRefs,
  Runtime,
  type RuntimeFlags
} from "effect"

type AnyFiber = Fiber.RuntimeFiber<unknown, unknown>

/** A fiber, and the fiber refs it began with. */
export interface Subfiber<A, E> {
  readonly fiber: Fiber.RuntimeFiber<A, E>
  readonly refs: FiberRefs.FiberRefs
}

/**
 * Starts an effect with the context and the fiber refs that `parent` has at this point, changed by `updateRefs`. Call it
 * where the parent cannot be interrupted before it waits for the fiber (`awaiting`).
 */
export const start = <A, E, R>(options: {
  readonly parent: AnyFiber
  readonly runtimeFlags: RuntimeFlags.RuntimeFlags
  readonly effect: Effect.Effect<A, E, R>
  readonly updateRefs?: (refs: FiberRefs.FiberRefs, fiberId: FiberId.Runtime) => FiberRefs.FiberRefs
  /** Whether it starts at once, or when what runs now has come to rest. Defaults to true. */
  readonly immediate?: boolean
}): Subfiber<A, E> => {
  const { effect, immediate = true, parent, runtimeFlags, updateRefs } = options
  let refs = parent.getFiberRefs()
  const runtime = Runtime.make({
    // The parent runs an effect that requires R.
    context: parent.currentContext as Context.Context<R>,
    runtimeFlags,
    fiberRefs: refs
  })
  const fiber = Runtime.runFork(runtime, effect, {
    immediate,
    updateRefs: (forked, id) => (refs = updateRefs?.(forked, id) ?? forked)
  })
  return { fiber, refs }
}

/**
 * Waits until `register` calls back. An interruption that comes meanwhile runs `onInterrupt` and goes no further here:
 * the parent, uninterruptible as it must be, comes to it once it is interruptible again.
 *
 * It is handed on though the parent is uninterruptible, as what is interruptible within the subfibers must be told. One
 * that came before is not: whoever starts something in a finalizer means it to run.
 */
export const awaiting = (options: {
  readonly parent: AnyFiber
  readonly register: (done: () => void) => void
  readonly onInterrupt: Effect.Effect<unknown>
}): Effect.Effect<unknown> => {
  const { onInterrupt, parent, register } = options
  const wait = Effect.async<void>((resume) => register(() => resume(Effect.void)))
  return Cause.isEmpty(parent.getFiberRef(FiberRef.interruptedCause))
    ? Effect.catchAllCause(Effect.interruptible(wait), () => onInterrupt)
    : wait
}

/** The outcome of a subfiber. What it changed in its fiber refs comes with its success, as by `Fiber.join`. */
export const join = <A, E>({ fiber, refs }: Subfiber<A, E>): Effect.Effect<A, E> => {
  const exit = fiber.unsafePoll()
  if (exit === null) return Fiber.join(fiber)
  if (exit._tag === "Failure") return exit
  // Most change nothing, and to look is four times cheaper than to join.
  for (const [ref, values] of fiber.getFiberRefs().locals) {
    if (refs.locals.get(ref) !== values && ref !== FiberRef.currentRuntimeFlags) {
      return Effect.as(fiber.inheritAll, exit.value)
    }
  }
  return exit
}
