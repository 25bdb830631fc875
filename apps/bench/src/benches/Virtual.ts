/**
 * `virtual`: how fast virtual time goes from one sleeper to the next.
 */
import { RateLimiter, Retry } from "@tributary/resilience"
import { VirtualTime } from "@tributary/testing"
import { Array, Chunk, Clock, Effect, Order, Random, TestClock, TestContext } from "effect"
import type { Bench, Contender } from "../Bench.ts"

const calls = 20_000
const workers = 64
const seed = 1

/** TestClock would take minutes for the whole program, at the same pace all along. */
const cap = 5

/**
 * The calls, and a count of the instants at which something went on: whoever wakes passes by here at once.
 */
const makeProgram = Effect.sync(() => {
  let jumps = 0
  let last = -1n
  const look = Effect.clockWith((clock) =>
    Effect.sync(() => {
      const now = clock.unsafeCurrentTimeNanos()
      if (now === last) return
      last = now
      jumps++
    })
  )
  const program = Effect.scoped(
    Effect.gen(function* () {
      const limiter = yield* RateLimiter.make({ limits: [{ limit: 100, window: "1 second" }] })
      const call = look.pipe(
        Effect.zipRight(limiter.take("key")),
        Effect.zipRight(look),
        Effect.zipRight(Random.next),
        Effect.filterOrFail(
          (chance) => chance >= 0.1,
          () => "unlucky" as const
        ),
        Retry.retry({ policy: Retry.make() }),
        Effect.ignore
      )
      yield* Effect.replicateEffect(call, calls, { concurrency: workers, discard: true })
    })
  )
  return { program, jumps: () => jumps }
})

/** Sets the clock to the earliest sleeper's instant, again and again. */
const byHand = Effect.gen(function* () {
  const sleeps = Chunk.toReadonlyArray(yield* TestClock.sleeps())
  yield* Array.isNonEmptyReadonlyArray(sleeps) ? TestClock.setTime(Array.min(sleeps, Order.number)) : Effect.yieldNow()
}).pipe(Effect.forever)

const measure = (run: (program: Effect.Effect<void>) => Effect.Effect<unknown>): Contender["measure"] =>
  Effect.gen(function* () {
    const { jumps, program } = yield* makeProgram
    const startedAt = yield* Clock.currentTimeNanos
    yield* run(program)
    const seconds = Number((yield* Clock.currentTimeNanos) - startedAt) / 1e9
    return { "jumps/s": jumps() / seconds }
  })

export const virtual: Bench = {
  name: "virtual",
  title: `${calls.toLocaleString("en-US")} calls, rate-limited and retried, in virtual time`,
  metrics: { "jumps/s": { unit: "1/s", better: "more", baseline: "TestClock by hand" } },
  rounds: 3,
  quickRounds: 3,
  contenders: [
    {
      name: "tributary",
      package: "@tributary/testing",
      quick: true,
      measure: measure((program) => Effect.orDie(VirtualTime.run(program, { seed })))
    },
    {
      name: "TestClock by hand",
      package: "effect",
      quick: true,
      measure: measure((program) =>
        Effect.raceFirst(program, byHand).pipe(
          Effect.withRandom(Random.make(seed)),
          Effect.provide(TestContext.TestContext),
          Effect.timeoutOption(cap * 1000)
        )
      )
    }
  ],
  notes: [
    `A jump is a move of the clock to the next sleeper's instant. ${workers} workers make the calls, each of which takes a turn ` +
      "of a RateLimiter (100 a second), fails one time in ten (seeded) and is retried by Retry's default policy.",
    `TestClock by hand is set to the earliest of its \`sleeps\` in a loop; it is stopped after ${cap} s.`
  ]
}
