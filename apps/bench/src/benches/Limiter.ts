/**
 * `limiter`: what a turn costs that is free at once, and what one costs that has to wait.
 */
// @effect-diagnostics asyncFunction:off
// The peers are asked as their users ask them: by `await`.
import { Gcra } from "@tributary/resilience"
import { Effect, type Scope } from "effect"
import type { Bench, Contender, MeasureError } from "../Bench.ts"
import * as Child from "../Child.ts"
import * as Limiters from "../Limiters.ts"
import * as Throughput from "../Throughput.ts"
import * as Dispatch from "./Dispatch.ts"

const fibers = 64

/** So high that nobody waits. */
const open: Limiters.Rate = { starts: 1_000_000_000, millis: 1000 }

const core = Effect.suspend(() => {
  const gate = new Gcra.Gate([{ interval: open.millis / open.starts, burst: open.starts }])
  return Throughput.perSecond((size) =>
    Effect.sync(() => {
      let refused = 0
      for (let i = 0; i < size; i++) if (!gate.take(performance.now())) refused++
      if (refused > 0) throw new Error(`${refused} of ${size} takes were refused`)
    })
  )
})

/** `size` takes by so many workers at once, each of which asks again when it got its turn. */
const takes = (workers: number, how: Limiters.Take): Effect.Effect<number> => {
  if (how._tag === "Effect") {
    const { take } = how
    return Throughput.perSecond((size) => {
      const share = Effect.forEach(Array.from({ length: size / workers }), () => take, { discard: true })
      return workers === 1 ? share : Effect.replicateEffect(share, workers, { concurrency: workers, discard: true })
    })
  }
  const { take } = how
  const share = async (size: number): Promise<void> => {
    for (let i = 0; i < size; i++) await take()
  }
  return Throughput.perSecond((size) =>
    Effect.promise(() => Promise.all(Array.from({ length: workers }, () => share(size / workers))))
  )
}

const bytes = (who: string): Effect.Effect<number, MeasureError, Scope.Scope> =>
  Child.start({ role: "weigh", argument: who, flags: ["--expose-gc"] })

const best = new Set([Limiters.throttle.name, Limiters.flexible.name])

const both = (limiter: Limiters.Limiter, quick: boolean): ReadonlyArray<Contender> =>
  [1, fibers].map((workers) => ({
    name: `${limiter.name} ${workers === 1 ? "sequential" : workers}`,
    package: limiter.package,
    quick,
    measure: Effect.map(
      Effect.flatMap(limiter.make(open), (how) => takes(workers, how)),
      (value) => ({ "acquires/s": value })
    )
  }))

const waiter = (name: string, limiter: Limiters.Limiter, quick: boolean): Contender => ({
  name,
  package: limiter.package,
  quick,
  measure: Effect.map(bytes(limiter.name), (value) => ({ "bytes/waiter": value }))
})

export const limiter: Bench = {
  name: "limiter",
  title: "A turn of a rate limiter",
  metrics: {
    "acquires/s": { unit: "1/s", better: "more", baseline: `${Limiters.throttle.name} sequential` },
    "bytes/waiter": { unit: "B", better: "less", baseline: Limiters.throttle.name },
    "dispatch-growth": { unit: "x", better: "less" }
  },
  rounds: 5,
  quickRounds: 3,
  contenders: [
    {
      name: "tributary core",
      package: Limiters.tributary.package,
      quick: true,
      measure: Effect.all({ "acquires/s": core, "bytes/waiter": bytes("core"), "dispatch-growth": Dispatch.growth })
    },
    ...both(Limiters.tributary, true),
    waiter("tributary fiber", Limiters.tributary, true),
    ...Limiters.peers.flatMap((peer) => [
      ...both(peer, best.has(peer.name)),
      waiter(peer.name, peer, best.has(peer.name))
    ])
  ],
  notes: [
    "`acquires/s`: turns that are free at once (1,000,000,000 a second allowed), taken by one loop (`sequential`) or by " +
      `${fibers} at once (\`${fibers}\`). \`core\` is the algorithm without Effect, with a reading of the clock for each turn.`,
    "`bytes/waiter`: heap of one who waits for a turn. `tributary core` is the waiter in its queue, `tributary fiber` the " +
      "same with the fiber that waits, as for the Effect peers; for the others the promise they return, without the async " +
      "function that would await it.",
    "`dispatch-growth`: cost of letting one start when 100,000 wait over the cost when 10 do.",
    "p-limit limits concurrency and not the rate: it is here for the cost of its queue. rate-limiter-flexible is asked " +
      "through its `RateLimiterQueue`, the one of its parts that waits."
  ]
}
