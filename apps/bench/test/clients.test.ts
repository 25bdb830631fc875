import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as JsonServer from "../src/benches/JsonServer.ts"
import * as Clients from "../src/Clients.ts"
import * as Crawlee from "../src/Crawlee.ts"
import * as Load from "../src/Load.ts"
import * as Loopback from "../src/Loopback.ts"
import * as Python from "../src/Python.ts"

const all = [
  Clients.bare,
  Clients.full,
  Clients.decoded(JsonServer.Catalog),
  Clients.platform(JsonServer.Catalog),
  Clients.undici,
  ...Clients.peers
]

/** A server that counts, and a load of 100 requests for it. */
const make = Effect.gen(function* () {
  let seen = 0
  const port = yield* Loopback.serve(() => {
    seen++
    return { status: 200, headers: { "content-type": "application/json" }, body: JSON.stringify(JsonServer.catalog) }
  })
  const url = `http://127.0.0.1:${port}/`
  return { load: { count: 100, workers: 10, url: () => url, isRight: JsonServer.isCatalog }, seen: () => seen, url }
})

describe("Clients", () => {
  it("have a name each", () => {
    assert.strictEqual(new Set(all.map(({ name }) => name)).size, all.length)
  })

  it.scopedLive.each(all)("$name gets every answer, parsed", ({ make: makeClient }) =>
    Effect.gen(function* () {
      const { load, seen } = yield* make
      yield* Load.seconds(load)(yield* makeClient)
      assert.strictEqual(seen(), 100)
    })
  )

  it.scopedLive("Crawlee gets every answer, parsed", () =>
    Effect.gen(function* () {
      const { load, seen } = yield* make
      yield* Crawlee.seconds(load)
      assert.strictEqual(seen(), 100)
      const error = yield* Effect.flip(Crawlee.seconds({ ...load, isRight: () => false }))
      assert.strictEqual(error.message, "0 of 100 answers were right")
    })
  )

  it.scopedLive.each([Python.aiohttp, Python.httpx])("$name gets every answer, if it is there", ({ installed, load }) =>
    Effect.gen(function* () {
      const { seen, url } = yield* make
      const { id } = JsonServer.catalog
      const measured = yield* Effect.either(load({ url, warmUp: 20, count: 100, workers: 10, id }))
      if (Option.isNone(yield* installed)) return assert.isTrue(measured._tag === "Left")
      assert.isTrue(measured._tag === "Right" && measured.right > 0)
      assert.strictEqual(seen(), 120)
      const error = yield* Effect.flip(load({ url, warmUp: 20, count: 100, workers: 10, id: id + 1 }))
      assert.match(error.message, /an answer was wrong/)
    })
  )
})
