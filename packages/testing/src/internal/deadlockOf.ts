import { Duration, Effect, Fiber, FiberId, FiberRef, FiberStatus } from "effect"
import { Deadlock, WaitingFiber } from "../Deadlock.ts"
import type { Crew } from "./crew.ts"
import type { World } from "./world.ts"

const spansOf = (fiber: Fiber.RuntimeFiber<unknown, unknown>): ReadonlyArray<string> => {
  const names: Array<string> = []
  let span = fiber.currentSpan
  while (span?._tag === "Span") {
    names.push(span.name)
    span = span.parent._tag === "Some" ? span.parent.value : undefined
  }
  return names
}

/** @internal */
export const deadlockOf =
  (world: World) =>
  (crew: Crew): Effect.Effect<Deadlock> =>
    Effect.map(
      Effect.forEach(Array.from(crew.members), ([fiber, { number }]) =>
        Effect.map(Fiber.status(fiber), (status) => {
          const on = FiberStatus.isSuspended(status) ? status.blockingOn : FiberId.none
          return new WaitingFiber({
            id: FiberId.threadName(fiber.id()),
            number,
            spans: spansOf(fiber),
            annotations: Object.fromEntries(fiber.getFiberRef(FiberRef.currentLogAnnotations)),
            waitsFor: world.endless.has(fiber)
              ? "sleeps without end"
              : on._tag === "None" || on === fiber.id()
                ? undefined
                : `waits for ${FiberId.threadName(on)} (or for a Deferred made there)`
          })
        })
      ),
      (fibers) => new Deadlock({ elapsed: Duration.nanos(world.now), fibers })
    )
