import { assert, describe, it } from "@effect/vitest"
import { VirtualTime } from "@tributary/testing"
import { Clock, Effect } from "effect"
import * as LearningClient from "../src/benches/LearningClient.ts"
import * as LimitedServer from "../src/benches/LimitedServer.ts"

const requests = 2000
const { burst, rate } = LimitedServer.limit

/** The bench, with a server that answers after 2 ms of virtual time. */
const run = (says: LimitedServer.Says) =>
  Effect.gen(function* () {
    const { take } = LimitedServer.bucket(LimitedServer.limit)
    let refused = 0
    const call = Effect.gen(function* () {
      const taken = take(yield* Clock.currentTimeMillis)
      if (taken.retryAfter > 0) refused++
      yield* Effect.sleep("2 millis")
      return { status: taken.retryAfter > 0 ? 429 : 200, headers: LimitedServer.headers(says)(taken) }
    })
    const ask = yield* LearningClient.make(call)
    const insist = (isRetry: boolean): Effect.Effect<void> =>
      Effect.flatMap(ask(isRetry), (isServed) => (isServed ? Effect.void : insist(true)))
    const startedAt = yield* Clock.currentTimeMillis
    yield* Effect.replicateEffect(insist(false), requests, { concurrency: "unbounded", discard: true })
    const seconds = ((yield* Clock.currentTimeMillis) - startedAt) / 1000
    return { refused, slowness: seconds / ((requests - burst) / rate) }
  }).pipe(Effect.scoped, VirtualTime.run({ seed: 1 }))

describe("LearningClient", () => {
  it("reads the two fields together", () => {
    const read = (policy: string, state: string) =>
      LearningClient.announced({ "ratelimit-policy": policy, ratelimit: state })
    assert.deepStrictEqual(read(`"default";q=200;w=1`, `"default";r=19;t=1`), {
      limit: 200,
      window: 1000,
      remaining: 19,
      reset: 1000
    })
    assert.isUndefined(read(`"default";q=200`, `"default";r=19;t=1`))
    assert.isUndefined(LearningClient.announced({ "ratelimit-policy": `"default";q=200;w=1` }))
    assert.isUndefined(LearningClient.announced({}))
  })

  it.effect("is not refused by a server that says its limit, and hardly slower", () =>
    Effect.gen(function* () {
      const { refused, slowness } = yield* run("headers")
      assert.strictEqual(refused, 0)
      assert.isAtMost(slowness, 1.03)
    })
  )

  it.effect("finds the limit of a server that says nothing", () =>
    Effect.gen(function* () {
      const { refused, slowness } = yield* run("nothing")
      assert.isAtLeast(refused, 1)
      assert.isAtMost(refused, 5)
      assert.isAtMost(slowness, 1.4)
    })
  )
})
