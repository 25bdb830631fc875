import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Feed from "../src/benches/Feed.ts"
import * as JsonServer from "../src/benches/JsonServer.ts"
import * as Loopback from "../src/Loopback.ts"

describe("Feed", () => {
  it.scopedLive.each(["tributary", "p-limit", "p-queue"] as const)("%s makes every request", (name) =>
    Effect.gen(function* () {
      let seen = 0
      const port = yield* Loopback.serve(() => {
        seen++
        return { status: 200, body: JSON.stringify(JsonServer.catalog) }
      })
      const mebibytes = yield* Feed.peak({ name, count: 200, url: `http://127.0.0.1:${port}/` })
      assert.strictEqual(seen, 200)
      assert.isAbove(mebibytes, 10)
    })
  )

  it.scopedLive("fails if an answer is not right", () =>
    Effect.gen(function* () {
      const port = yield* Loopback.serve(() => ({ status: 200, body: "{}" }))
      const error = yield* Effect.flip(Feed.peak({ name: "tributary", count: 20, url: `http://127.0.0.1:${port}/` }))
      assert.strictEqual(error.message, "0 of 20 answers were right")
    })
  )
})
