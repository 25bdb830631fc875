/**
 * `deadline`: what a time limit costs that is not reached.
 */
import * as Deadline from "@tributary/resilience/Deadline"
import { Effect } from "effect"
import type { Bench, Contender } from "../Bench.ts"
import * as Throughput from "../Throughput.ts"

const limit = "10 seconds"

const measure = <E>(call: Effect.Effect<void, E>): Contender["measure"] =>
  Effect.map(
    Effect.orDie(
      Throughput.perSecond((size) => Effect.forEach(Array.from({ length: size }), () => call, { discard: true }))
    ),
    (calls) => ({ "ns/call": 1e9 / calls })
  )

const effects = (suffix: string, effect: Effect.Effect<void>): ReadonlyArray<Contender> => [
  {
    name: `tributary${suffix}`,
    package: "@tributary/resilience",
    quick: true,
    measure: measure(Deadline.within(effect, limit))
  },
  { name: `Effect.timeout${suffix}`, package: "effect", quick: true, measure: measure(Effect.timeout(effect, limit)) },
  { name: `no limit${suffix}`, package: "effect", quick: true, measure: measure(effect) }
]

export const deadline: Bench = {
  name: "deadline",
  title: "A time limit around a call that does nothing",
  metrics: { "ns/call": { unit: "ns", better: "less", baseline: "Effect.timeout" } },
  rounds: 5,
  quickRounds: 3,
  contenders: [...effects("", Effect.void), ...effects(", suspending", Effect.yieldNow())],
  notes: [
    "One call after the other, in one fiber, within 10 seconds that never pass. The call is `Effect.void`; where it is " +
      "`suspending`, it is `Effect.yieldNow()`, which ends in a later turn of the scheduler, as any real call does: only then " +
      "does a limit have to watch the clock."
  ]
}
