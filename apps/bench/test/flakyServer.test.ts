import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as FlakyServer from "../src/benches/FlakyServer.ts"
import * as Loopback from "../src/Loopback.ts"

const first = (count: number) => Array.from({ length: count }, FlakyServer.statuses())

describe("FlakyServer", () => {
  it("answers 30 % with 503, to everybody in the same order", () => {
    const statuses = first(10_000)
    assert.deepStrictEqual(statuses, first(10_000))
    assert.deepStrictEqual(new Set(statuses), new Set([200, 503]))
    assert.closeTo(statuses.filter((status) => status === 503).length / statuses.length, FlakyServer.share, 0.01)
  })

  it.scopedLive("serves so", () =>
    Effect.gen(function* () {
      const ask = yield* Loopback.client(yield* FlakyServer.serve)
      const answers = yield* Effect.replicateEffect(ask, 20)
      assert.deepStrictEqual(
        answers.map(({ status }) => status),
        first(20)
      )
    })
  )
})
