import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { assert, describe, it } from "@effect/vitest"
import { FetchHttpClient, HttpClient } from "@effect/platform"
import { VirtualTime } from "@tributary/testing"
import { Clock, Duration, Effect, Either, Exit, Fiber, Layer, Runtime } from "effect"

const now = Clock.currentTimeMillis

const realTimer = (millis: number): Effect.Effect<void> => Clock.make().sleep(Duration.millis(millis))

/** A loopback server that takes its time. */
const slowServer = Effect.acquireRelease(
  Effect.async<{ readonly url: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      Effect.runFork(
        Effect.delay(
          Effect.sync(() => response.end(`you asked for ${request.url}`)),
          5
        )
      )
    })
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo
      resume(Effect.succeed({ url: `http://127.0.0.1:${port}`, close: () => server.close() }))
    })
  }),
  ({ close }) => Effect.sync(close)
)

const RealNetwork = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, HttpClient.transform(VirtualTime.external))
).pipe(Layer.provide(FetchHttpClient.layer))

describe("VirtualTime.external", () => {
  it.effect("holds time still while a real timer runs", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      yield* Effect.fork(
        Effect.andThen(
          Effect.sleep(1),
          Effect.sync(() => order.push("sleeper"))
        )
      )
      yield* VirtualTime.external(realTimer(20)).pipe(Effect.timeout(1))
      order.push(`external at ${yield* now}`)
      yield* Effect.sleep(1)
      order.push(`program at ${yield* now}`)
      assert.deepStrictEqual(order, ["external at 0", "sleeper", "program at 1"])
    }).pipe(VirtualTime.run())
  )

  it.effect("lets others run at that instant, and goes on when the last one has ended", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const io = (name: string, millis: number) =>
        Effect.andThen(
          VirtualTime.external(realTimer(millis)),
          Effect.map(now, (at) => order.push(`${name} at ${at}`))
        )
      yield* Effect.all(
        [
          Effect.andThen(
            io("short", 5),
            Effect.andThen(
              Effect.sleep(7),
              Effect.map(now, (at) => order.push(`sleeper at ${at}`))
            )
          ),
          io("long", 30)
        ],
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(order, ["short at 0", "long at 0", "sleeper at 7"])
    }).pipe(VirtualTime.run())
  )

  it.effect("serves real requests to a loopback server, between virtual sleeps", () =>
    Effect.gen(function* () {
      const { url } = yield* slowServer
      const bodies = yield* Effect.forEach(
        [1, 2, 3],
        (n) =>
          HttpClient.get(`${url}/${n}`).pipe(
            Effect.flatMap((response) => VirtualTime.external(response.text)),
            Effect.timeout("1 second"),
            Effect.delay(`${n} hours`)
          ),
        { concurrency: 3 }
      ).pipe(VirtualTime.run(), Effect.provide(RealNetwork))
      assert.deepStrictEqual(bodies, ["you asked for /1", "you asked for /2", "you asked for /3"])
    }).pipe(Effect.scoped)
  )

  it.effect("has real time inside, so that a timeout there ends a call that hangs", () =>
    Effect.gen(function* () {
      const result = yield* Effect.never.pipe(Effect.timeout("10 millis"), VirtualTime.external, Effect.either)
      assert.isTrue(Either.isLeft(result) && result.left._tag === "TimeoutException")
      assert.strictEqual(yield* now, 0)
    }).pipe(VirtualTime.run())
  )

  it.effect("lets time go on after failure, defect and interruption too", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* Effect.flip(VirtualTime.external(Effect.fail("failure"))), "failure")
      assert.deepStrictEqual(yield* Effect.exit(VirtualTime.external(Effect.die("defect"))), Exit.die("defect"))
      const fiber = yield* Effect.fork(VirtualTime.external(realTimer(60_000)))
      yield* Effect.yieldNow()
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      yield* Effect.sleep("1 hour")
      assert.strictEqual(yield* now, 3_600_000)
    }).pipe(VirtualTime.run())
  )

  it.effect("is held by what is inside of another one too", () =>
    Effect.gen(function* () {
      yield* VirtualTime.external(Effect.andThen(VirtualTime.external(realTimer(1)), realTimer(5))).pipe(
        Effect.timeout(1)
      )
      assert.strictEqual(yield* now, 0)
    }).pipe(VirtualTime.run())
  )

  it.effect("holds and lets go from a fiber with another scheduler too", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      const note = (what: string) => Effect.map(now, (at) => order.push(`${what} at ${at}`))
      const runtime = yield* Effect.runtime()
      // Effect.runSync has a scheduler of its own, and what it forks keeps it.
      Runtime.runSync(runtime, Effect.forkDaemon(Effect.andThen(VirtualTime.external(realTimer(5)), note("external"))))
      yield* Effect.andThen(Effect.sleep(1), note("sleeper"))
      assert.deepStrictEqual(order, ["external at 0", "sleeper at 1"])
    }).pipe(VirtualTime.run())
  )

  it.effect("is told of by the Deadlock of who forgot it", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(VirtualTime.run(realTimer(60_000)))
      assert.match(error.message, /VirtualTime\.external/)
    })
  )

  it.live("changes nothing without virtual time", () =>
    Effect.gen(function* () {
      const clock = yield* Effect.clock
      assert.strictEqual(yield* VirtualTime.external(Effect.clock), clock)
    })
  )

  it.effect("lets the machine's timers in while a program is busy", () =>
    Effect.gen(function* () {
      let rang = false
      yield* Effect.fork(
        Effect.andThen(
          realTimer(1),
          Effect.sync(() => (rang = true))
        )
      )
      yield* Effect.repeat(Effect.yieldNow(), { until: () => rang })
      assert.strictEqual(yield* now, 0)
    }).pipe(VirtualTime.run())
  )
})
