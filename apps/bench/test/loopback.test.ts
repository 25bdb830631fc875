import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Loopback from "../src/Loopback.ts"

describe("Loopback", () => {
  it.scopedLive("serves what it is given, until the scope closes", () =>
    Effect.gen(function* () {
      const served = yield* Effect.scoped(
        Effect.gen(function* () {
          const port = yield* Loopback.serve(() => ({ status: 503, headers: { "x-sort": "bad" } }))
          const { headers, status } = yield* Effect.flatten(Loopback.client(port))
          return { port, status, sort: headers["x-sort"] }
        })
      )
      assert.deepStrictEqual({ status: served.status, sort: served.sort }, { status: 503, sort: "bad" })
      const error = yield* Effect.flip(Effect.flatten(Loopback.client(served.port)))
      assert.match(error.message, /ECONNREFUSED/)
    })
  )

  it.scopedLive("has a port that refuses", () =>
    Effect.gen(function* () {
      const ask = yield* Loopback.client(yield* Loopback.deadPort)
      const error = yield* Effect.flip(ask)
      assert.strictEqual(error._tag, "ConnectionError")
      assert.match(error.message, /ECONNREFUSED/)
    })
  )
})
