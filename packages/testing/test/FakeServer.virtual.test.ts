import { HttpClient } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as FakeServer from "@tributary/testing/FakeServer"
import * as VirtualTime from "@tributary/testing/VirtualTime"
import { Clock, Effect, type Layer, type Scope } from "effect"

const server = FakeServer.handle(({ path }) => FakeServer.json({ path })).pipe(
  FakeServer.sometimes(0.2, FakeServer.script([FakeServer.status(503), FakeServer.reset])),
  FakeServer.drip({ bytes: 5, every: "3 millis" }),
  FakeServer.latency({ median: "80 millis", p95: "400 millis" }),
  FakeServer.limited({ limit: 50, window: "1 second", burst: 5 })
)

/** Twenty at a time, each until it succeeds. */
const collect = Effect.gen(function* () {
  const { log, url } = yield* FakeServer.FakeServer
  const get = (path: string): Effect.Effect<void, never, HttpClient.HttpClient> =>
    HttpClient.get(url + path).pipe(
      Effect.flatMap((response) => Effect.as(response.text, response)),
      Effect.flatMap(({ headers, status }) =>
        status === 200
          ? Effect.void
          : Effect.delay(get(path), status === 429 ? Number(headers["retry-after"]) * 1_000 : 100)
      ),
      Effect.catchAll(() => Effect.delay(get(path), "100 millis"))
    )
  yield* Effect.forEach(
    Array.from({ length: 500 }, (_, i) => `/${i}`),
    get,
    { concurrency: 20 }
  )
  return {
    seen: (yield* log).map(({ at, status, url }) => ({ at, status, url })),
    took: yield* Clock.currentTimeMillis
  }
})

describe("a fake server in virtual time", () => {
  it.live("serves a client that must wait and try again, and twice the same", () =>
    Effect.gen(function* () {
      const once = Effect.suspend(() => collect.pipe(Effect.provide(FakeServer.layer(server)), VirtualTime.run()))
      const { seen, took } = yield* once
      const admitted = seen.filter(({ status }) => status !== 429)
      assert.isAtLeast(admitted.length, 500)
      assert.isAtLeast(took, ((admitted.length - 5) / 50) * 1_000)
      assert.isNotEmpty(seen.filter(({ status }) => status === 503))
      assert.deepStrictEqual(yield* once, { seen, took })
    })
  )
})

describe("the types", () => {
  it("say that a server of any behaviour can be made, and what that takes", () => {
    expectTypeOf(FakeServer.client).returns.toEqualTypeOf<
      Effect.Effect<FakeServer.FakeServer["Type"] & { readonly client: HttpClient.HttpClient }>
    >()
    expectTypeOf(FakeServer.serve).returns.toEqualTypeOf<
      Effect.Effect<FakeServer.FakeServer["Type"], never, Scope.Scope>
    >()
    expectTypeOf(FakeServer.layer).returns.toEqualTypeOf<Layer.Layer<FakeServer.FakeServer | HttpClient.HttpClient>>()
    expectTypeOf(FakeServer.layerLoopback).returns.toEqualTypeOf<Layer.Layer<FakeServer.FakeServer>>()
    expectTypeOf<FakeServer.FakeServer["Type"]["log"]>().toEqualTypeOf<Effect.Effect<ReadonlyArray<FakeServer.Seen>>>()
  })
})
