import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Context, Effect, TestClock } from "effect"
import type * as Clients from "../src/Clients.ts"
import * as Load from "../src/Load.ts"

const context = Context.make(
  HttpClient.HttpClient,
  HttpClient.make((request) => Effect.succeed(HttpClientResponse.fromWeb(request, new Response())))
)

/** Those who ask what they are made of: what was asked for in which order, and the most at a time. */
const make = () => {
  const urls: Array<string> = []
  let active = 0
  let most = 0
  const start = (url: string) => {
    urls.push(url)
    most = Math.max(most, ++active)
    return url
  }
  const end = (answer: string) => {
    active--
    return answer
  }
  const effects: Clients.Ask = {
    _tag: "Effect",
    context,
    get: (url) =>
      HttpClient.HttpClient.pipe(
        Effect.flatMap((client) => client.execute(HttpClientRequest.get("http://fake.test"))),
        Effect.zipRight(Effect.sync(() => start(url))),
        Effect.zipLeft(Effect.yieldNow()),
        Effect.map(end)
      )
  }
  const promises: Clients.Ask = { _tag: "Promise", get: (url) => Promise.resolve(start(url)).then(end) }
  return { asks: { effects, promises }, urls, most: () => most }
}

const load: Load.Load = { count: 7, workers: 3, url: String, isRight: (answer) => answer !== "9" }

describe("Load", () => {
  it.effect.each(["effects", "promises"] as const)("asks for each URL once, so many at once: %s", (kind) =>
    Effect.gen(function* () {
      const { asks, most, urls } = make()
      yield* Load.seconds(load)(asks[kind])
      assert.sameMembers(urls, ["0", "1", "2", "3", "4", "5", "6"])
      assert.strictEqual(most(), 3)
    })
  )

  it.effect.each(["effects", "promises"] as const)("fails for an answer that is wrong: %s", (kind) =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(Load.seconds({ ...load, count: 12 })(make().asks[kind]))
      assert.strictEqual(error.message, "11 of 12 answers were right")
    })
  )

  it.effect("fails as the client does", () =>
    Effect.gen(function* () {
      const failing: ReadonlyArray<Clients.Ask> = [
        { _tag: "Promise", get: () => Promise.reject(new Error("no answer")) },
        { _tag: "Effect", context, get: () => Effect.fail({ message: "no answer" }) }
      ]
      for (const ask of failing) {
        const error = yield* Effect.flip(Load.seconds(load)(ask))
        assert.strictEqual(error.message, "no answer")
      }
    })
  )

  it.effect("takes the time from the first request to the last answer", () =>
    Effect.gen(function* () {
      const get = () => Effect.as(TestClock.adjust("2 seconds"), "answer")
      assert.strictEqual(yield* Load.seconds({ ...load, workers: 1 })({ _tag: "Effect", context, get }), 14)
    })
  )
})
