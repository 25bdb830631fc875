import { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as SingleFlight from "@tributary/fetcher/SingleFlight"
import { VirtualTime } from "@tributary/testing"
import { Data, Effect, Exit, FastCheck, Fiber, Layer, Stream, TestClock } from "effect"

class Broken extends Data.TaggedError("Broken")<{ readonly n: number }> {}

const settle = Effect.repeatN(Effect.yieldNow(), 20)

describe("run", () => {
  it.effect("runs once for all who ask at the same time, and anew for who asks later", () =>
    Effect.gen(function* () {
      const flights = yield* SingleFlight.make<number, never>()
      let runs = 0
      const work = flights.run(
        "a",
        Effect.delay(
          Effect.sync(() => ++runs),
          "1 second"
        )
      )
      const all = yield* Effect.fork(Effect.all([work, work, work], { concurrency: "unbounded" }))
      yield* TestClock.adjust("1 second")
      assert.deepStrictEqual(yield* Fiber.join(all), [1, 1, 1])
      const again = yield* Effect.fork(work)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(again), 2)
      assert.strictEqual(yield* flights.size, 0)
    })
  )

  it.effect("keeps keys apart", () =>
    Effect.gen(function* () {
      const flights = yield* SingleFlight.make<string, never>()
      const work = (key: string) => flights.run(key, Effect.as(Effect.yieldNow(), key))
      const results = yield* Effect.forEach(["a", "b"], work, { concurrency: "unbounded" })
      assert.deepStrictEqual(results, ["a", "b"])
    })
  )

  it.effect("shares failures and defects, and does not keep them", () =>
    Effect.gen(function* () {
      const flights = yield* SingleFlight.make<number, Broken>()
      let runs = 0
      const fails = Effect.zipRight(
        Effect.yieldNow(),
        Effect.suspend(() => new Broken({ n: ++runs }))
      )
      const failure = Effect.map(Effect.flip(flights.run("a", fails)), ({ n }) => n)
      assert.deepStrictEqual(yield* Effect.all([failure, failure], { concurrency: 2 }), [1, 1])
      assert.strictEqual(yield* flights.run("a", Effect.succeed(7)), 7)
      const died = yield* Effect.exit(flights.run("a", Effect.die("no")))
      assert.isTrue(Exit.isFailure(died))
      assert.strictEqual(yield* flights.size, 0)
    })
  )

  it.effect("goes on for the others when the one who started it is interrupted", () =>
    Effect.gen(function* () {
      const flights = yield* SingleFlight.make<string, never>()
      const work = flights.run("a", Effect.delay(Effect.succeed("done"), "1 second"))
      const first = yield* Effect.fork(work)
      yield* settle
      const second = yield* Effect.fork(work)
      yield* settle
      yield* Fiber.interrupt(first)
      yield* TestClock.adjust("1 second")
      assert.strictEqual(yield* Fiber.join(second), "done")
    })
  )

  it.effect("ends with the last one, who waits for its finalizers; a newcomer waits too", () =>
    Effect.gen(function* () {
      const flights = yield* SingleFlight.make<string, never>()
      const log: Array<string> = []
      const say = (what: string) => Effect.sync(() => log.push(what))
      const slow = Effect.onInterrupt(Effect.never, () => Effect.zipRight(Effect.sleep("1 second"), say("released")))
      const fibers = yield* Effect.forEach([1, 2], () => Effect.fork(flights.run("a", slow)))
      yield* settle
      const leaving = yield* Effect.fork(Effect.zipRight(Fiber.interruptAll(fibers), say("left")))
      yield* settle
      const late = yield* Effect.fork(flights.run("a", Effect.as(say("anew"), "second")))
      yield* settle
      assert.deepStrictEqual(log, [])
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(leaving)
      assert.strictEqual(yield* Fiber.join(late), "second")
      assert.strictEqual(log[0], "released")
      assert.strictEqual(yield* flights.size, 0)
    })
  )

  it.effect.prop(
    "at most one runs at a time, and who is not interrupted is served, whoever else is",
    {
      callers: FastCheck.array(
        FastCheck.record({
          at: FastCheck.integer({ min: 0, max: 60 }),
          patience: FastCheck.option(FastCheck.integer({ min: 0, max: 40 }), { nil: undefined })
        }),
        { minLength: 1, maxLength: 12 }
      ),
      takes: FastCheck.integer({ min: 0, max: 20 }),
      closing: FastCheck.integer({ min: 0, max: 5 })
    },
    ({ callers, closing, takes }) =>
      Effect.gen(function* () {
        const flights = yield* SingleFlight.make<number, never>()
        let running = 0
        let most = 0
        let runs = 0
        const work = Effect.acquireUseRelease(
          Effect.sync(() => {
            most = Math.max(most, ++running)
            return ++runs
          }),
          (n) => Effect.as(Effect.sleep(takes), n),
          () =>
            Effect.zipRight(
              Effect.sleep(closing),
              Effect.sync(() => running--)
            )
        )
        const fibers = yield* Effect.forEach(callers, ({ at, patience }) =>
          Effect.fork(
            Effect.gen(function* () {
              yield* Effect.sleep(at)
              const fiber = yield* Effect.fork(flights.run("a", work))
              if (patience !== undefined) {
                yield* Effect.sleep(patience)
                yield* Fiber.interrupt(fiber)
              }
              return yield* Fiber.await(fiber)
            })
          )
        )
        const exits = yield* Effect.forEach(fibers, Fiber.join)
        const unserved = exits.filter((exit, i) => callers[i]?.patience === undefined && Exit.isFailure(exit))
        assert.strictEqual(most, 1)
        assert.strictEqual(unserved.length, 0)
        assert.strictEqual(running, 0)
        assert.strictEqual(yield* flights.size, 0)
      }).pipe(VirtualTime.run()),
    { fastCheck: { numRuns: 1_000 } }
  )

  it("has the types of the work", () => {
    expectTypeOf(SingleFlight.make<number, Broken>).returns.toEqualTypeOf<
      Effect.Effect<SingleFlight.SingleFlight<number, Broken>>
    >()
    expectTypeOf(SingleFlight.layer()).toEqualTypeOf<Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient>>()
  })
})

/** Answers after a second. */
const model = (answer: (n: number) => Response) => {
  const seen: Array<HttpClientRequest.HttpClientRequest> = []
  const client = HttpClient.make((request) =>
    Effect.delay(
      Effect.sync(() => HttpClientResponse.fromWeb(request, answer(seen.push(request)))),
      "1 second"
    )
  )
  return {
    seen,
    layer: (options?: SingleFlight.Options) =>
      SingleFlight.layer(options).pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
  }
}

const url = "http://example.com/a?b=1"

const texts = (requests: ReadonlyArray<HttpClientRequest.HttpClientRequest>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(
      Effect.forEach(requests, (request) => Effect.flatMap(HttpClient.execute(request), ({ text }) => text), {
        concurrency: "unbounded"
      })
    )
    yield* TestClock.adjust("1 second")
    yield* TestClock.adjust("1 second")
    yield* settle
    return yield* Fiber.join(fiber)
  })

describe("layer", () => {
  const get = HttpClientRequest.get(url)

  const rows: ReadonlyArray<
    readonly [name: string, requests: ReadonlyArray<HttpClientRequest.HttpClientRequest>, sent: number]
  > = [
    ["the same GET", [get, get, get], 1],
    ["a fragment is not sent", [get, HttpClientRequest.get(`${url}#top`)], 1],
    ["the same HEAD", [HttpClientRequest.head(url), HttpClientRequest.head(url)], 1],
    ["GET and HEAD", [get, HttpClientRequest.head(url)], 2],
    ["another query", [get, HttpClientRequest.get("http://example.com/a?b=2")], 2],
    [
      "the query told apart from the URL",
      [get, HttpClientRequest.get("http://example.com/a", { urlParams: { b: 1 } })],
      1
    ],
    ["another token", ["a", "b"].map((token) => HttpClientRequest.bearerToken(get, token)), 2],
    ["another Accept", [get, HttpClientRequest.acceptJson(get)], 2],
    ["another trace", ["1", "2"].map((id) => HttpClientRequest.setHeader(get, "traceparent", id)), 1],
    ["POST", [HttpClientRequest.post(url), HttpClientRequest.post(url)], 2],
    ["DELETE", [HttpClientRequest.del(url), HttpClientRequest.del(url)], 2]
  ]
  for (const [name, requests, sent] of rows) {
    it.effect(`${name}: ${sent} sent`, () =>
      Effect.gen(function* () {
        const { layer, seen } = model(() => new Response("hello"))
        yield* Effect.provide(texts(requests), layer())
        assert.strictEqual(seen.length, sent)
      })
    )
  }

  it.effect("gives each a body of its own, that can be read again", () =>
    Effect.gen(function* () {
      const { layer, seen } = model(() => Response.json({ a: 1 }))
      const fiber = yield* Effect.fork(
        Effect.all([HttpClient.get(url), HttpClient.get(url)], { concurrency: 2 }).pipe(Effect.provide(layer()))
      )
      yield* TestClock.adjust("1 second")
      yield* settle
      const [one, other] = yield* Fiber.join(fiber)
      yield* Stream.runForEach(one.stream, (chunk) => Effect.sync(() => chunk.fill(0)))
      assert.deepStrictEqual(yield* other.json, { a: 1 })
      assert.strictEqual(yield* other.text, '{"a":1}')
      assert.strictEqual(seen.length, 1)
    })
  )

  it.effect("shares a failure", () =>
    Effect.gen(function* () {
      let n = 0
      const client = HttpClient.make((request) =>
        Effect.zipRight(
          Effect.yieldNow(),
          Effect.suspend(() => {
            n++
            return new HttpClientError.RequestError({ request, reason: "Transport" })
          })
        )
      )
      const layer = SingleFlight.layer().pipe(Layer.provide(Layer.succeed(HttpClient.HttpClient, client)))
      const failure = Effect.map(Effect.flip(HttpClient.get(url)), ({ reason }) => reason)
      const both = Effect.provide(Effect.all([failure, failure], { concurrency: 2 }), layer)
      assert.deepStrictEqual(yield* both, ["Transport", "Transport"])
      assert.strictEqual(n, 1)
    })
  )

  it.effect("one takes what is known to be too large, the others go alone", () =>
    Effect.gen(function* () {
      const { layer, seen } = model(() => new Response("hello", { headers: { "content-length": "5" } }))
      const bodies = yield* Effect.provide(texts([get, get, get]), layer({ maxBodyBytes: 4 }))
      assert.deepStrictEqual(bodies, ["hello", "hello", "hello"])
      assert.strictEqual(seen.length, 3)
    })
  )

  it.effect("all go alone when reading shows that it is too large", () =>
    Effect.gen(function* () {
      const { layer, seen } = model(() => new Response("hello", { headers: { "content-encoding": "identity" } }))
      const bodies = yield* Effect.provide(texts([get, get]), layer({ maxBodyBytes: 4 }))
      assert.deepStrictEqual(bodies, ["hello", "hello"])
      assert.strictEqual(seen.length, 3)
    })
  )

  it.effect("does not hold back a stream that never ends", () =>
    Effect.gen(function* () {
      const { layer, seen } = model(() => {
        const body = new ReadableStream({
          start: (controller) => controller.enqueue(new TextEncoder().encode("data: 1\n\n"))
        })
        return new Response(body, { headers: { "content-type": "text/event-stream" } })
      })
      const first = HttpClient.get(url).pipe(
        Effect.flatMap(({ stream }) => Stream.runHead(stream)),
        Effect.provide(layer())
      )
      const fiber = yield* Effect.fork(first)
      yield* TestClock.adjust("1 second")
      yield* Fiber.join(fiber)
      assert.strictEqual(seen.length, 1)
    })
  )
})
