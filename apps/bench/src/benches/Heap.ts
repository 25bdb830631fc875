/**
 * What one that waits weighs, in a process of its own: nothing else moves its heap, and nothing has to be cleaned up.
 */
import { Gcra } from "@tributary/resilience"
import { Array, Effect } from "effect"
import * as Child from "../Child.ts"
import * as Limiters from "../Limiters.ts"
import * as Waiters from "./Waiters.ts"

/** One start in 200 ms: while it is weighed hardly any of them gets its turn, and no timer is beyond 2^31 ms. */
const shut: Limiters.Rate = { starts: 1, millis: 200 }

const heap = Effect.suspend(() => {
  if (globalThis.gc === undefined) return Effect.dieMessage("needs --expose-gc")
  globalThis.gc()
  globalThis.gc()
  return Effect.sync(() => process.memoryUsage().heapUsed)
})

const weigh = <E, R>(count: number, queueUp: Effect.Effect<unknown, E, R>): Effect.Effect<number, E, R> =>
  Effect.gen(function* () {
    const before = yield* heap
    // Held until it was weighed.
    const kept = yield* queueUp
    const after = yield* heap
    return kept === null ? 0 : (after - before) / count
  })

const core = Effect.suspend(() => {
  const count = 100_000
  const gate = new Gcra.Gate([{ interval: 1, burst: 1 }])
  const resume = (): void => {}
  const queueUp = Effect.sync(() => {
    for (let i = 0; i < count; i++) gate.enqueue(Waiters.make(resume))
    return gate
  })
  return weigh(count, queueUp)
})

const waiting = (how: Limiters.Take): Effect.Effect<number> => {
  const count = 10_000
  const queueUp: Effect.Effect<unknown> =
    how._tag === "Effect"
      ? Effect.replicateEffect(Effect.forkDaemon(how.take), count)
      : Effect.sync(() => Array.makeBy(count, how.take))
  // By then every one of them has come to where it waits.
  return weigh(count, Effect.zipLeft(queueUp, Effect.sleep("50 millis")))
}

/**
 * The child process that weighs one that waits in a limiter of that name, or in `core`, our algorithm's own queue.
 */
export const child = (name: string): Effect.Effect<never> => {
  const limiter = [Limiters.tributary, ...Limiters.peers].find((limiter) => limiter.name === name)
  const bytes =
    limiter === undefined ? core : Effect.scoped(Effect.flatMap(limiter.shut ?? limiter.make(shut), waiting))
  return Effect.flatMap(bytes, Child.answer)
}
