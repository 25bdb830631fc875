import { type HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as ByteStream from "@tributary/fetcher/ByteStream"
import type * as FetchError from "@tributary/fetcher/FetchError"
import * as RateLimitedClient from "@tributary/fetcher/RateLimitedClient"
import { FakeServer, VirtualTime } from "@tributary/testing"
import { Deferred, Duration, Effect, Either, Fiber, Layer, Random, type Scope, Sink, Stream } from "effect"
import type * as http from "node:http"
import * as zlib from "node:zlib"
import * as Loopback from "./Loopback.ts"

const get = HttpClientRequest.get("http://fake.test/file")
const kib = new Uint8Array(1024).fill(0x61)

const size = Sink.foldLeft(0, (total: number, bytes: Uint8Array) => total + bytes.length)

/** Bytes that came in all, and how it ended. */
const outcome = <R>(stream: Stream.Stream<Uint8Array, FetchError.FetchError, R>) =>
  Effect.suspend(() => {
    let size = 0
    return Stream.runForEach(stream, (bytes) => Effect.sync(() => void (size += bytes.length))).pipe(
      Effect.either,
      Effect.map((end) => [
        size,
        Either.match(end, {
          onLeft: (error) => ("phase" in error ? `${error._tag} ${error.phase}` : error._tag),
          onRight: () => "end"
        })
      ])
    )
  })

/** Writes as fast as it is read, without end; gives how much it wrote. */
const pour = (response: http.ServerResponse, wrote: (bytes: number) => void): void => {
  const more = () => {
    while (!response.destroyed && response.write(kib)) wrote(kib.length)
  }
  response.on("drain", more)
  more()
}

const untilClosed = (open: () => number) =>
  Effect.repeat(Effect.sleep("5 millis"), { until: () => open() === 0, times: 1000 })

describe("faults", () => {
  const text = FakeServer.text("a".repeat(100))
  const table: ReadonlyArray<
    readonly [
      what: string,
      server: FakeServer.Behaviour,
      expected: [size: number, end: string],
      options?: ByteStream.Options
    ]
  > = [
    ["none", text, [100, "end"]],
    ["no content", FakeServer.status(204), [0, "end"]],
    ["a reset in the middle", FakeServer.resetMidBody(text), [50, "ConnectError"]],
    ["fewer bytes than promised", FakeServer.lengthOffBy(10)(text), [100, "ConnectError"]],
    ["nothing any more", FakeServer.stallMidBody(text), [50, "TimeoutError body"]],
    ["a drip", FakeServer.drip({ bytes: 10, every: "59 seconds" })(text), [100, "end"]],
    ["a drip that is too slow", FakeServer.drip({ bytes: 10, every: "61 seconds" })(text), [0, "TimeoutError body"]],
    [
      "silence that is allowed",
      FakeServer.drip({ bytes: 50, every: "2 days" })(text),
      [100, "end"],
      { idleTimeout: Infinity }
    ],
    ["as large as allowed", text, [100, "end"], { maxBodyBytes: 100 }],
    ["told to be too large", text, [0, "BodyTooLargeError"], { maxBodyBytes: 99 }],
    ["found to be too large", FakeServer.gzipBomb(1), [0, "BodyTooLargeError"], { maxBodyBytes: 100 }],
    ["no connection", FakeServer.refused, [0, "ConnectError"]],
    ["no answer", FakeServer.silence, [0, "TimeoutError attempt"]],
    ["no success", FakeServer.status(404), [0, "StatusError"]],
    ["too many requests", FakeServer.status(429), [0, "RateLimitedError"]]
  ]
  for (const [what, server, expected, options] of table) {
    it.effect(`${what}`, () =>
      Effect.map(outcome(ByteStream.stream(get, options)), (result) => assert.deepStrictEqual(result, expected)).pipe(
        Effect.provide(
          RateLimitedClient.layer({ default: Loopback.impatient }).pipe(Layer.provideMerge(FakeServer.layer(server)))
        ),
        VirtualTime.run()
      )
    )
  }

  it.effect("an answer that says to come again is asked for again before the stream begins", () =>
    Effect.gen(function* () {
      const { log } = yield* FakeServer.FakeServer
      assert.deepStrictEqual(yield* outcome(ByteStream.stream(get)), [2, "end"])
      assert.strictEqual((yield* log).length, 2)
    }).pipe(
      Effect.provide(
        RateLimitedClient.layer().pipe(
          Layer.provideMerge(FakeServer.layer(FakeServer.script([FakeServer.status(503), FakeServer.text("ok")])))
        )
      ),
      VirtualTime.run()
    )
  )

  it.effect("the errors know their request, and how long it took", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.setUrlParam(get, "api_key", "hunter2")
      const error = yield* Effect.flip(Stream.runDrain(ByteStream.stream(request, { idleTimeout: "5 seconds" })))
      assert.deepStrictEqual(
        [error.request.url, error.attempts, Duration.toMillis(error.elapsed)],
        ["http://fake.test/file?api_key=REDACTED", 1, 15_000]
      )
    }).pipe(
      Effect.provide(FakeServer.layer(FakeServer.stallMidBody(text).pipe(FakeServer.latency("10 seconds")))),
      VirtualTime.run()
    )
  )
})

for (const { layer, name } of Loopback.transports) {
  describe(`over ${name}`, () => {
    it.scopedLive("the bytes, gzip undone by who asks for it", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((request, response) => {
          const isGzip = /gzip/.test(request.headers["accept-encoding"] ?? "")
          response.writeHead(200, isGzip ? { "content-encoding": "gzip" } : {})
          response.end(isGzip ? zlib.gzipSync(new Uint8Array(100_000)) : new Uint8Array(100_000))
        })
        const request = HttpClientRequest.get(url)
        assert.strictEqual(yield* Stream.run(ByteStream.stream(request), size), 100_000)
        assert.deepStrictEqual(
          (yield* outcome(ByteStream.stream(request, { maxBodyBytes: 50_000 })))[1],
          "BodyTooLargeError"
        )
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("an answer whose body nobody reads is hung up on with the scope", () =>
      Effect.gen(function* () {
        const { open, url } = yield* Loopback.serve((_, response) => pour(response, () => {}))
        const { status } = yield* Effect.scoped(ByteStream.open(HttpClientRequest.get(url)))
        assert.strictEqual(status, 200)
        yield* untilClosed(open)
        assert.strictEqual(open(), 0)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("who takes but the beginning frees the connection", () =>
      Effect.gen(function* () {
        const { open, url } = yield* Loopback.serve((_, response) => pour(response, () => {}))
        yield* ByteStream.stream(HttpClientRequest.get(url)).pipe(Stream.take(1), Stream.runDrain)
        yield* untilClosed(open)
        assert.strictEqual(open(), 0)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("a reader that stands still holds up the server", () =>
      Effect.gen(function* () {
        let written = 0
        const { url } = yield* Loopback.serve((_, response) => pour(response, (bytes) => void (written += bytes)))
        const begun = yield* Deferred.make<void>()
        yield* ByteStream.stream(HttpClientRequest.get(url)).pipe(
          Stream.runForEach(() => Effect.zipRight(Deferred.succeed(begun, undefined), Effect.never)),
          Effect.forkScoped
        )
        yield* Deferred.await(begun)
        // The buffers of sockets and streams fill up, and then nothing more is written.
        let before = -1
        yield* Effect.repeat(Effect.sleep("50 millis"), {
          until: () => {
            const isStill = written === before
            before = written
            return isStill
          },
          times: 200
        })
        assert.isBelow(written, 64 * 1024 * 1024)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("interrupted at any instant, no connection is left", () =>
      Effect.gen(function* () {
        const { open, url } = yield* Loopback.serve((_, response) => pour(response, () => {}))
        yield* Effect.forEach(
          Array.from({ length: 100 }),
          () =>
            Effect.gen(function* () {
              const fiber = yield* Effect.fork(Stream.runDrain(ByteStream.stream(HttpClientRequest.get(url))))
              yield* Effect.sleep(yield* Random.nextIntBetween(0, 15))
              yield* Fiber.interrupt(fiber)
            }),
          { concurrency: 10 }
        ).pipe(Effect.withRandom(Random.make("interruptions")))
        yield* untilClosed(open)
        assert.strictEqual(open(), 0)
      }).pipe(Effect.provide(layer))
    )
  })
}

it("types", () => {
  expectTypeOf(ByteStream.stream(get)).toEqualTypeOf<
    Stream.Stream<Uint8Array, FetchError.FetchError, HttpClient.HttpClient>
  >()
  expectTypeOf(get.pipe(ByteStream.open())).toEqualTypeOf<
    Effect.Effect<ByteStream.Opened, FetchError.FetchError, HttpClient.HttpClient | Scope.Scope>
  >()
})
