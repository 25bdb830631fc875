import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as IdempotencyKey from "@tributary/fetcher/IdempotencyKey"
import * as RateLimitedClient from "@tributary/fetcher/RateLimitedClient"
import { FakeServer, VirtualTime } from "@tributary/testing"
import { Effect, Layer, Random, TestClock } from "effect"

const url = "http://fake.test/payments"
const keyOf = (request: HttpClientRequest.HttpClientRequest) => request.headers["idempotency-key"]

describe("add", () => {
  it.effect("a quoted UUID of version 7, each time another one", () =>
    Effect.gen(function* () {
      const requests = yield* Effect.replicateEffect(IdempotencyKey.add(HttpClientRequest.post(url)), 1000)
      const keys = requests.map(keyOf)
      assert.strictEqual(new Set(keys).size, 1000)
      for (const key of keys) {
        assert.match(key ?? "", /^"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$/)
      }
    })
  )

  it.effect("begins with the time", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(0x0123_4567_89ab)
      assert.match(keyOf(yield* IdempotencyKey.add(HttpClientRequest.post(url))) ?? "", /^"01234567-89ab-7/)
    })
  )

  it.effect("the same chance at the same time gives the same key", () =>
    Effect.gen(function* () {
      const key = IdempotencyKey.add(HttpClientRequest.post(url)).pipe(Effect.map(keyOf))
      const first = yield* Effect.withRandom(key, Random.make("seed"))
      assert.strictEqual(yield* Effect.withRandom(key, Random.make("seed")), first)
    })
  )

  it.effect("only where the method needs one, and none is there", () =>
    Effect.gen(function* () {
      for (const method of ["GET", "HEAD", "OPTIONS", "PUT", "DELETE"] as const) {
        assert.isUndefined(keyOf(yield* IdempotencyKey.add(HttpClientRequest.make(method)(url))))
      }
      assert.isDefined(keyOf(yield* IdempotencyKey.add(HttpClientRequest.patch(url))))
      const own = HttpClientRequest.setHeader(HttpClientRequest.post(url), "Idempotency-Key", "own")
      assert.strictEqual(keyOf(yield* IdempotencyKey.add(own)), "own")
    })
  )

  const flaky = RateLimitedClient.layer().pipe(
    Layer.provideMerge(
      FakeServer.layer(
        FakeServer.script([FakeServer.status(503), FakeServer.reset, FakeServer.status(201), FakeServer.status(201)])
      )
    )
  )

  it.effect("a POST is sent again with the same key", () =>
    Effect.gen(function* () {
      const { log } = yield* FakeServer.FakeServer
      const client = HttpClient.mapRequestEffect(yield* HttpClient.HttpClient, IdempotencyKey.add)
      assert.strictEqual((yield* client.post(url)).status, 201)
      assert.strictEqual((yield* client.post(url)).status, 201)
      const keys = (yield* log).map(({ headers }) => headers["idempotency-key"])
      assert.strictEqual(keys.length, 4)
      assert.strictEqual(new Set(keys.slice(0, 3)).size, 1)
      assert.strictEqual(new Set(keys).size, 2)
    }).pipe(Effect.provide(flaky), VirtualTime.run())
  )

  it.effect("and not at all without one", () =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      assert.strictEqual((yield* client.post(url)).status, 503)
    }).pipe(Effect.provide(flaky), VirtualTime.run())
  )
})

it("types", () => {
  expectTypeOf(IdempotencyKey.add(HttpClientRequest.post(url))).toEqualTypeOf<
    Effect.Effect<HttpClientRequest.HttpClientRequest>
  >()
})
