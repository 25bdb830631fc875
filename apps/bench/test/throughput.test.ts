import { assert, describe, it } from "@effect/vitest"
import { Effect, TestClock } from "effect"
import * as Throughput from "../src/Throughput.ts"

describe("Throughput", () => {
  it.effect("is that of the first batch that takes a quarter of a second", () =>
    Effect.gen(function* () {
      const sizes: Array<number> = []
      // A warm one takes 2 ms, the first 64 take 3.
      const perSecond = yield* Throughput.perSecond((size) => {
        sizes.push(size)
        return TestClock.adjust(size * (size === 64 ? 3 : 2))
      })
      assert.deepStrictEqual(sizes, [64, 128])
      assert.strictEqual(perSecond, 500)
    })
  )
})
