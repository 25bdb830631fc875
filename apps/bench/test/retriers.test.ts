import { assert, describe, it } from "@effect/vitest"
import { VirtualTime } from "@tributary/testing"
import { Deferred, Effect, Fiber, Schedule } from "effect"
import * as FlakyServer from "../src/benches/FlakyServer.ts"
import * as Retriers from "../src/Retriers.ts"

const peers = [Retriers.cockatiel, Retriers.schedule, Retriers.naive, Retriers.promise]
const ours = [Retriers.tributary, Retriers.budgetAlone, Retriers.patient]
const all = [...ours, ...peers]

const down = new Retriers.Unavailable({ message: "down" })

/** 1,000 calls of a server with these answers, in virtual time: only for those that live by Effect's clock. */
const load = ({ make }: Retriers.Retrier, isUp: () => boolean) =>
  Effect.gen(function* () {
    const insist = yield* make
    let attempts = 0
    let succeeded = 0
    const attempt = Effect.suspend(() => {
      attempts++
      return Effect.zipRight(Effect.sleep("2 millis"), isUp() ? Effect.void : Effect.fail(down))
    })
    const call = Effect.map(Effect.isSuccess(insist(attempt)), (isSuccess) => {
      if (isSuccess) succeeded++
    })
    yield* Effect.replicateEffect(call, 1000, { concurrency: 50, discard: true })
    return { attempts, succeeded }
  }).pipe(Effect.scoped, VirtualTime.run({ seed: 1 }))

const flaky = () => {
  const next = FlakyServer.statuses()
  return () => next() === 200
}

describe("Retriers", () => {
  it("have a name each", () => {
    assert.strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
  })

  it.scopedLive.each(all)("$name makes one attempt that succeeds", ({ make }) =>
    Effect.gen(function* () {
      const insist = yield* make
      let attempts = 0
      yield* insist(Effect.sync(() => void attempts++))
      assert.strictEqual(attempts, 1)
    })
  )

  // cockatiel's and p-retry's waits are real ones, and p-retry's first is a second long.
  it.scopedLive.each([...ours, Retriers.cockatiel, Retriers.schedule, Retriers.naive])(
    "$name tries again",
    ({ make }) =>
      Effect.gen(function* () {
        const insist = yield* make
        let attempts = 0
        yield* insist(Effect.suspend(() => (++attempts === 1 ? Effect.fail(down) : Effect.void)))
        assert.strictEqual(attempts, 2)
      })
  )

  it.scopedLive("p-retry stops waiting once it is interrupted", () =>
    Effect.gen(function* () {
      const insist = yield* Retriers.promise.make
      const failed = yield* Deferred.make<void>()
      const timers = Effect.sync(() => process.getActiveResourcesInfo().filter((name) => name === "Timeout").length)
      const before = yield* timers
      const waiting = yield* Effect.fork(
        insist(Effect.zipRight(Deferred.succeed(failed, undefined), Effect.fail(down)))
      )
      yield* Deferred.await(failed)
      yield* Effect.repeat(timers, { until: (count) => count > before, schedule: Schedule.forever })
      yield* Fiber.interrupt(waiting)
      assert.strictEqual(yield* timers, before)
    })
  )

  it.effect("ours hardly ask a dead server again", () =>
    Effect.gen(function* () {
      const { attempts } = yield* load(Retriers.tributary, () => false)
      assert.isAtMost(attempts, 100)
      // 1,000 first ones, and the 35 of the reserve.
      assert.strictEqual((yield* load(Retriers.budgetAlone, () => false)).attempts, 1035)
      assert.strictEqual((yield* load(Retriers.naive, () => false)).attempts, 3000)
      assert.strictEqual((yield* load(Retriers.schedule, () => false)).attempts, 4000)
    })
  )

  it.effect("ours get through to a flaky one", () =>
    Effect.gen(function* () {
      assert.isAtLeast((yield* load(Retriers.patient, flaky())).succeeded, 980)
      // 0.3 ^ 3 of 1,000 fail: 27, with a standard deviation of 5.
      assert.isAtLeast((yield* load(Retriers.tributary, flaky())).succeeded, 960)
    })
  )
})
