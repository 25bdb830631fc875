/**
 * What it costs to let one start, by the number of those that wait.
 */
import { Gcra } from "@tributary/resilience"
import { Array, Effect } from "effect"
import * as Throughput from "../Throughput.ts"
import * as Waiters from "./Waiters.ts"

/**
 * Dispatches in a second with always so many waiting. Time moves by the gate's interval, so that each lets one start; who
 * started queues again, as the same object, so that the gate is measured and not the garbage collector.
 */
const perSecond = (waiting: number): Effect.Effect<number> =>
  Effect.suspend(() => {
    let started = 0
    const gate = new Gcra.Gate([{ interval: 1, burst: 1 }])
    const waiters = Array.makeBy(waiting, () => Waiters.make(() => started++))
    for (const waiter of waiters) gate.enqueue(waiter)
    let now = 0
    const batch = (size: number) =>
      Effect.sync(() => {
        for (let i = 0; i < size; i++) {
          gate.dispatch(++now)
          const next = waiters[(now - 1) % waiting]
          if (next !== undefined) gate.enqueue(next)
        }
      })
    return Effect.tap(Throughput.perSecond(batch), () =>
      started === now ? Effect.void : Effect.dieMessage(`${started} started in ${now} dispatches`)
    )
  })

/**
 * The cost of a dispatch at 100,000 waiters over that at 10.
 */
export const growth: Effect.Effect<number> = Effect.zipWith(
  perSecond(10),
  perSecond(100_000),
  (few, many) => few / many
)
