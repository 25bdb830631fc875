import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Limiters from "../src/Limiters.ts"

const all = [Limiters.tributary, ...Limiters.peers]

describe("Limiters", () => {
  it("have a name each", () => {
    assert.strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
  })

  it.scopedLive.each(all)("$name gives turns that are free", ({ make }) =>
    Effect.gen(function* () {
      const how = yield* make({ starts: 1_000_000_000, millis: 1000 })
      yield* Effect.replicateEffect(how._tag === "Effect" ? how.take : Effect.promise(how.take), 3)
    })
  )

  // A turn that has to wait takes real time: none of the peers lets itself be given a clock.
  it.scopedLive.each([Limiters.tributary, ...Limiters.ratePeers])("$name keeps the others waiting", ({ make }) =>
    Effect.gen(function* () {
      const how = yield* make({ starts: 1, millis: 60_000 })
      const take = how._tag === "Effect" ? how.take : Effect.promise(how.take)
      yield* take
      const second = yield* Effect.timeoutOption(take, "20 millis")
      assert.isTrue(second._tag === "None")
    })
  )
})
