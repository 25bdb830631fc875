import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LimitedServer from "../src/benches/LimitedServer.ts"
import * as Loopback from "../src/Loopback.ts"

const taken = (retryAfter: number): LimitedServer.Taken => ({ retryAfter, left: 7, fullIn: 1 })

describe("LimitedServer", () => {
  it("gives its burst at once, then its rate, and says when to come back", () => {
    const { take } = LimitedServer.bucket({ rate: 0.5, burst: 3 })
    const wait = (now: number) => take(now).retryAfter
    assert.deepStrictEqual([0, 0, 0, 0, 500].map(wait), [0, 0, 0, 2, 2])
    assert.strictEqual(wait(2000), 0)
    assert.strictEqual(wait(3000), 1)
    assert.deepStrictEqual([1e6, 1e6, 1e6, 1e6].map(wait), [0, 0, 0, 2])
  })

  it("knows what is left, and when all of it is there again", () => {
    const { take } = LimitedServer.bucket({ rate: 0.5, burst: 3 })
    assert.deepStrictEqual(take(0), { retryAfter: 0, left: 2, fullIn: 2 })
    assert.deepStrictEqual(take(1000), { retryAfter: 0, left: 1, fullIn: 3 })
    assert.deepStrictEqual(take(1000), { retryAfter: 0, left: 0, fullIn: 5 })
    assert.deepStrictEqual(take(1000), { retryAfter: 1, left: 0, fullIn: 5 })
  })

  it("says as much as it is to", () => {
    const fields = { "ratelimit-policy": `"default";q=200;w=1`, ratelimit: `"default";r=7;t=1` }
    assert.deepStrictEqual(LimitedServer.headers("nothing")(taken(2)), {})
    assert.deepStrictEqual(LimitedServer.headers("retry-after")(taken(0)), {})
    assert.deepStrictEqual(LimitedServer.headers("retry-after")(taken(2)), { "retry-after": "2" })
    assert.deepStrictEqual(LimitedServer.headers("headers")(taken(0)), fields)
    assert.deepStrictEqual(LimitedServer.headers("headers")(taken(2)), { "retry-after": "2", ...fields })
  })

  it.scopedLive("answers 429 with Retry-After beyond its burst", () =>
    Effect.gen(function* () {
      const ask = yield* Loopback.client(yield* LimitedServer.serve("retry-after"))
      const answers = yield* Effect.replicateEffect(ask, 200, { concurrency: 20 })
      const served = answers.filter(({ status }) => status === 200)
      const refused = answers.filter(({ status }) => status === 429)
      assert.isAtLeast(served.length, LimitedServer.limit.burst)
      assert.strictEqual(served.length + refused.length, answers.length)
      assert.isTrue(served.every(({ headers }) => headers["retry-after"] === undefined))
      assert.isTrue(refused.every(({ headers }) => headers["retry-after"] === "1"))
    })
  )
})
