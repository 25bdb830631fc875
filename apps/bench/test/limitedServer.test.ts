import { get } from "node:http"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as LimitedServer from "../src/benches/LimitedServer.ts"

const ask = (port: number) =>
  Effect.async<readonly [status: number | undefined, retryAfter: string | undefined]>((resume) => {
    const request = get({ host: "127.0.0.1", port }, (response) => {
      response.resume()
      response.once("end", () => resume(Effect.succeed([response.statusCode, response.headers["retry-after"]])))
    })
    request.once("error", (error) => resume(Effect.die(error)))
  })

describe("LimitedServer", () => {
  it("gives its burst at once, then its rate, and says when to come back", () => {
    const { take } = LimitedServer.bucket({ rate: 0.5, burst: 3 })
    assert.deepStrictEqual([0, 0, 0, 0, 500].map(take), [0, 0, 0, 2, 2])
    assert.strictEqual(take(2000), 0)
    assert.strictEqual(take(3000), 1)
    assert.deepStrictEqual([1e6, 1e6, 1e6, 1e6].map(take), [0, 0, 0, 2])
  })

  it.scopedLive("answers 429 with Retry-After beyond its burst", () =>
    Effect.gen(function* () {
      const port = yield* LimitedServer.serve
      const answers = yield* Effect.replicateEffect(ask(port), 200, { concurrency: 20 })
      const served = answers.filter(([status]) => status === 200)
      const refused = answers.filter(([status]) => status === 429)
      assert.isAtLeast(served.length, LimitedServer.limit.burst)
      assert.strictEqual(served.length + refused.length, answers.length)
      assert.isTrue(served.every(([, retryAfter]) => retryAfter === undefined))
      assert.isTrue(refused.every(([, retryAfter]) => retryAfter === "1"))
    })
  )
})
