import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FakeServer, VirtualTime } from "@tributary/testing"
import { UndiciClient } from "@tributary/undici"
import { Deferred, Effect, Exit, Fiber, Scope, Stream } from "effect"
import type * as http from "node:http"
import { causeOf } from "./failures.ts"
import { serve } from "./server.ts"

const mib = 1024 * 1024

/** Writes as fast as it may, and counts. */
const endless = () => {
  let written = 0
  const piece = Buffer.alloc(64 * 1024, "x")
  const listener: http.RequestListener = (_, response) => {
    const write = () => {
      while (!response.destroyed && response.write(piece)) written += piece.length
      written += piece.length
    }
    response.on("drain", write)
    write()
  }
  return { listener, written: () => written }
}

const turnOfTheLoop = Effect.async<void>((resume) => {
  setImmediate(() => resume(Effect.void))
})

/** Until that stands still. */
const settled = (count: () => number) =>
  Effect.gen(function* () {
    let before = -1
    while (before !== count()) {
      before = count()
      yield* Effect.sleep("100 millis")
    }
    return before
  })

describe("a body that is not read", () => {
  it.scopedLive("stops the server, and gives its connection back in time", () =>
    Effect.gen(function* () {
      const { listener, written } = endless()
      const server = yield* serve(listener)
      const client = yield* UndiciClient.make({ unreadTimeout: "400 millis", connections: 1 })
      const response = yield* client.get(server.url)
      assert.isBelow(yield* settled(written), 32 * mib, "what lies in the buffers of the two sockets")
      yield* server.allClosed
      assert.strictEqual(causeOf(yield* Effect.flip(response.text))._tag, "BodyAbandoned")
      assert.strictEqual((yield* client.get(server.url)).status, 200, "the only connection is free")
    })
  )

  it.scopedLive("goes with the scope of the request, if it has one", () =>
    Effect.gen(function* () {
      const server = yield* serve(endless().listener)
      const client = HttpClient.withScope(
        yield* UndiciClient.make({ connections: 1, maxRedirections: 1, tracing: "all" })
      )
      for (let i = 0; i < 3; i++) {
        const { status } = yield* Effect.scoped(client.get(server.url))
        assert.strictEqual(status, 200)
      }
      yield* server.allClosed
    })
  )

  it.scopedLive("does not go while it is read, however slowly", () =>
    Effect.gen(function* () {
      const { url } = yield* serve((_, response) => response.end(Buffer.alloc(4 * mib)))
      const client = yield* UndiciClient.make({ unreadTimeout: "500 millis", bodyTimeout: "500 millis" })
      const response = yield* client.get(url)
      let size = 0
      yield* Stream.runForEach(response.stream, (chunk) => {
        const first = size === 0
        size += chunk.length
        return first ? Effect.sleep("800 millis") : Effect.void
      })
      assert.strictEqual(size, 4 * mib)
    })
  )
})

describe("a stream", () => {
  it.scopedLive("is sent no faster than it is read", () =>
    Effect.gen(function* () {
      const { listener, written } = endless()
      const { url } = yield* serve(listener)
      const client = yield* UndiciClient.make()
      const response = yield* client.get(url)
      let read = 0
      yield* Stream.runForEach(Stream.take(response.stream, 4), (chunk) =>
        Effect.sync(() => {
          read += chunk.length
        }).pipe(
          Effect.zipRight(settled(written)),
          Effect.zipRight(Effect.sync(() => assert.isBelow(written() - read, 32 * mib)))
        )
      )
    })
  )

  it.scopedLive("that is left before its end gives its connection back", () =>
    Effect.gen(function* () {
      const server = yield* serve(endless().listener)
      const client = yield* UndiciClient.make({ connections: 1 })
      for (let i = 0; i < 5; i++) {
        const response = yield* client.get(server.url)
        yield* Stream.runDrain(Stream.take(response.stream, 1))
      }
      yield* server.allClosed
    })
  )

  it.scopedLive("that was compressed too", () =>
    Effect.gen(function* () {
      const { url } = yield* FakeServer.serve(FakeServer.gzipBomb())
      const client = yield* UndiciClient.make({ connections: 1 })
      for (let i = 0; i < 3; i++) {
        const response = yield* client.get(url)
        const taken = yield* Stream.runCount(Stream.take(response.stream, 2))
        assert.strictEqual(taken, 2)
      }
    })
  )
})

describe("interruption", () => {
  it.scopedLive("of ten thousand requests, at any moment, leaves no connection and no open handle", () =>
    Effect.gen(function* () {
      const server = yield* serve((request, response) => {
        if (request.url === "/head") response.write("x")
        else if (request.url === "/body") response.end("x".repeat(1000))
      })
      const handles = Effect.sync(() => process.getActiveResourcesInfo().filter((name) => /TCP|Timeout|DNS/.test(name)))
      const before = yield* handles
      const scope = yield* Scope.make()
      const client = yield* Scope.extend(UndiciClient.make({ connections: 20 }), scope)
      const paths = ["/silent", "/head", "/body"]
      yield* Effect.forEach(
        Array.from({ length: 10_000 }, (_, i) => i),
        (i) =>
          Effect.gen(function* () {
            const fiber = yield* Effect.fork(
              Effect.flatMap(client.get(`${server.url}${paths[i % 3]}`), (response) => response.text)
            )
            for (let turn = 0; turn < i % 7; turn++) yield* turnOfTheLoop
            yield* Fiber.interrupt(fiber)
          }),
        { concurrency: 50, discard: true }
      )
      // The connections are free again for others.
      const response = yield* client.get(`${server.url}/body`)
      assert.strictEqual((yield* response.text).length, 1000)
      yield* Scope.close(scope, Exit.void)
      yield* server.allClosed
      assert.strictEqual(server.open(), 0)
      yield* Effect.repeat(handles, { until: ({ length }) => length <= before.length, times: 100 })
      assert.isAtMost((yield* handles).length, before.length)
    })
  )

  it.scopedLive("cuts the connection off at once, and stops the request's body", () =>
    Effect.gen(function* () {
      const server = yield* serve((request) => request.resume())
      const client = yield* UndiciClient.make()
      const stopped = yield* Deferred.make<void>()
      const started = yield* Deferred.make<void>()
      const body = Stream.concat(Stream.make(new Uint8Array(1)), Stream.never).pipe(
        Stream.tap(() => Deferred.succeed(started, void 0)),
        Stream.ensuring(Deferred.succeed(stopped, void 0))
      )
      const fiber = yield* Effect.fork(
        client.execute(HttpClientRequest.bodyStream(HttpClientRequest.post(server.url), body))
      )
      yield* Deferred.await(started)
      yield* Fiber.interrupt(fiber)
      yield* Deferred.await(stopped)
      yield* server.allClosed
    })
  )

  it.scopedLive("of one who waits for a connection leaves the others in peace", () =>
    Effect.gen(function* () {
      const waiting = yield* Deferred.make<http.ServerResponse>()
      let asked = 0
      const server = yield* serve((_, response) => {
        if (++asked === 1) Deferred.unsafeDone(waiting, Effect.succeed(response))
        else response.end("other")
      })
      const client = yield* UndiciClient.make({ connections: 1 })
      const text = Effect.flatMap(client.get(server.url), (response) => response.text)
      const first = yield* Effect.fork(text)
      const response = yield* Deferred.await(waiting)
      const second = yield* Effect.fork(text)
      const third = yield* Effect.fork(text)
      yield* Effect.yieldNow()
      yield* Fiber.interrupt(second)
      response.end("first")
      assert.deepStrictEqual([yield* first, yield* third], ["first", "other"])
      assert.deepStrictEqual([asked, server.accepted()], [2, 1])
    })
  )
})

describe("when the scope closes", () => {
  const stalled = Effect.gen(function* () {
    const waiting = yield* Deferred.make<http.ServerResponse>()
    const server = yield* serve((_, response) => {
      response.write("a")
      Deferred.unsafeDone(waiting, Effect.succeed(response))
    })
    return { server, waiting }
  })

  it.scopedLive("requests under way end, and no more are taken", () =>
    Effect.gen(function* () {
      const { server, waiting } = yield* stalled
      const scope = yield* Scope.make()
      const client = yield* Scope.extend(UndiciClient.make(), scope)
      const running = yield* Effect.fork(Effect.flatMap(client.get(server.url), (response) => response.text))
      const response = yield* Deferred.await(waiting)
      const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
      yield* Effect.repeatN(turnOfTheLoop, 10)
      const refused = yield* Effect.flip(client.get(server.url))
      assert.strictEqual(causeOf(refused)._tag, "ClientClosed")
      response.end("b")
      assert.strictEqual(yield* running, "ab")
      yield* Fiber.join(closing)
      yield* server.allClosed
    })
  )

  it.scopedLive("what does not end is cut off", () =>
    Effect.gen(function* () {
      const { server, waiting } = yield* stalled
      const scope = yield* Scope.make()
      const client = yield* Scope.extend(UndiciClient.make({ drainTimeout: "50 millis" }), scope)
      const running = yield* Effect.fork(
        Effect.flatMap(client.get(server.url), (response) => Effect.flip(response.text))
      )
      yield* Deferred.await(waiting)
      yield* Scope.close(scope, Exit.void)
      assert.strictEqual(causeOf(yield* running)._tag, "ClientClosed")
      yield* server.allClosed
    })
  )

  it.scopedLive("a body that nobody reads is not waited for", () =>
    Effect.gen(function* () {
      const server = yield* serve(endless().listener)
      const scope = yield* Scope.make()
      const client = yield* Scope.extend(UndiciClient.make({ drainTimeout: "1 hour" }), scope)
      yield* client.get(server.url)
      yield* Scope.close(scope, Exit.void)
      yield* server.allClosed
    })
  )
})

it.effect("works in virtual time", () =>
  Effect.gen(function* () {
    const server = yield* serve((_, response) => response.end("real"))
    const client = HttpClient.transform(yield* UndiciClient.make(), VirtualTime.external)
    assert.strictEqual((yield* client.get(server.url)).status, 200)
  }).pipe(Effect.scoped, VirtualTime.external, VirtualTime.run())
)
