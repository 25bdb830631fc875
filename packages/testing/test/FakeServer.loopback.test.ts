import { FetchHttpClient, HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import * as FakeServer from "@tributary/testing/FakeServer"
import { Clock, Effect, Exit, Fiber, Scope } from "effect"
import { connect, type Socket } from "node:net"

const { status, text } = FakeServer

/** The bytes that come, and whether the other side has ended when it is looked at. */
const rawGet = (url: string) =>
  Effect.acquireRelease(
    Effect.async<{ readonly socket: Socket; readonly seen: { text: string; end: string } }>((resume) => {
      const { hostname, port } = new URL(url)
      const seen = { text: "", end: "open" }
      const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true }, () => {
        socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        resume(Effect.succeed({ socket, seen }))
      })
      socket.on("data", (data) => (seen.text += data.toString("latin1")))
      socket.on("end", () => (seen.end = "ended"))
      socket.on("error", (error) => (seen.end = error.message))
    }),
    ({ socket }) => Effect.sync(() => socket.destroy())
  )

const until = (check: () => boolean) =>
  Effect.repeat(Effect.sleep("2 millis"), { until: check }).pipe(Effect.timeout("5 seconds"))

// One after the other: they look at the handles of the whole process.
describe.sequential("on loopback", () => {
  it.live("closing cuts off whoever is connected, at once, and leaves no open handle", () =>
    Effect.gen(function* () {
      const handles = () => process.getActiveResourcesInfo().filter((name) => /TCP/.test(name))
      const before = handles()
      const scope = yield* Scope.make()
      const { log, url } = yield* Scope.extend(
        FakeServer.serve(
          FakeServer.routes({
            "/idle": status(200),
            "/silent": FakeServer.silence,
            "/late": FakeServer.latency(status(200), "1 hour"),
            "/stalled": text("0123456789").pipe(FakeServer.stallMidBody),
            "/slow": text("0123456789").pipe(FakeServer.drip({ bytes: 1, every: "1 hour" }))
          })
        ),
        scope
      )
      const get = (path: string) => Effect.exit(Effect.flatMap(HttpClient.get(url + path), ({ text }) => text))
      const fiber = yield* get("/idle").pipe(
        Effect.zipRight(Effect.forEach(["/silent", "/late", "/stalled", "/slow"], get, { concurrency: "unbounded" })),
        Effect.provide(NodeHttpClient.layerUndici),
        Effect.fork
      )
      yield* Effect.repeat(Effect.delay(log, "2 millis"), { until: (seen) => seen.length === 5 })
      assert.isAbove(handles().length, before.length)
      const from = yield* Clock.currentTimeMillis
      yield* Scope.close(scope, Exit.void)
      assert.isBelow((yield* Clock.currentTimeMillis) - from, 1_000)
      const exits = yield* Fiber.join(fiber)
      assert.deepStrictEqual(
        exits.map((exit) => Exit.isSuccess(exit)),
        [false, false, false, false]
      )
      yield* until(() => handles().length === before.length)
    })
  )

  it.scopedLive("a client that hangs up has been seen, and is not waited for", () =>
    Effect.gen(function* () {
      const { log, url } = yield* FakeServer.serve(FakeServer.latency(status(200), "1 hour"))
      const { socket } = yield* rawGet(url)
      yield* Effect.repeat(Effect.delay(log, "2 millis"), { until: (seen) => seen.length === 1 })
      socket.destroy()
      assert.deepStrictEqual(
        (yield* log).map(({ status }) => status),
        [200]
      )
    })
  )

  it.scopedLive("a hang-up ends the server's half of the connection, a reset both", () =>
    Effect.gen(function* () {
      const hangUp = yield* rawGet((yield* FakeServer.serve(FakeServer.hangUp)).url)
      const reset = yield* rawGet((yield* FakeServer.serve(FakeServer.reset)).url)
      yield* until(() => hangUp.seen.end !== "open" && reset.seen.end !== "open")
      assert.deepStrictEqual([hangUp.seen.end, reset.seen.end], ["ended", "read ECONNRESET"])
      assert.isTrue(hangUp.socket.writable)
    })
  )

  it.scopedLive("a wrong length is on the wire as it was asked for", () =>
    Effect.gen(function* () {
      const { url } = yield* FakeServer.serve(text("0123456789").pipe(FakeServer.lengthOffBy(-4)))
      const { seen } = yield* rawGet(url)
      yield* until(() => seen.end !== "open")
      assert.match(seen.text, /\r\ncontent-length: 6\r\n/)
      assert.match(seen.text, /\r\n\r\n0123456789$/)
    })
  )

  it.scopedLive("a handler that throws is a 500 that says why", () =>
    Effect.gen(function* () {
      const { url } = yield* FakeServer.serve(
        FakeServer.handle(() => {
          throw new Error("a mistake in the test")
        })
      )
      const response = yield* HttpClient.get(url)
      assert.deepStrictEqual([response.status, yield* response.text], [500, "Error: a mistake in the test"])
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("fetch unfolds the gzip bomb", () =>
    Effect.gen(function* () {
      const { url } = yield* FakeServer.serve(FakeServer.gzipBomb(2))
      const response = yield* HttpClient.get(url)
      assert.strictEqual((yield* response.arrayBuffer).byteLength, 2 * 1024 * 1024)
    }).pipe(Effect.provide(FetchHttpClient.layer))
  )
})
