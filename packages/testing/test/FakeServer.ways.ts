/** One server, two ways to reach it: in memory and in test time, or on loopback over undici. */
import type { HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import * as FakeServer from "@tributary/testing/FakeServer"
import { type Clock, Context, Duration, Effect, Fiber, Layer, Option, TestClock, TestContext } from "effect"

/** Lets so many milliseconds pass for the server. */
class Pass extends Context.Tag("@tributary/testing/test/FakeServer.ways/Pass")<
  Pass,
  (millis: number) => Effect.Effect<void>
>() {}

export const pass = (millis: number) => Effect.flatMap(Pass, (pass) => pass(millis))

type Reach = FakeServer.FakeServer | HttpClient.HttpClient | Pass

export interface Way {
  readonly name: "in memory" | "on loopback"
  readonly over: (behaviour: FakeServer.Behaviour) => <A, E>(program: Effect.Effect<A, E, Reach>) => Effect.Effect<A, E>
}

/** When every server starts: a Monday, in milliseconds since the epoch. */
export const monday = Date.parse("2026-11-16T09:00:00.250Z")

/** Test time that moves on as long as the program runs. */
const inTestTime = <A, E>(program: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.gen(function* () {
    yield* TestClock.setTime(monday)
    const fiber = yield* Effect.fork(program)
    while (Option.isNone(yield* Fiber.poll(fiber))) yield* TestClock.adjust("1 second")
    return yield* Fiber.join(fiber)
  }).pipe(Effect.provide(TestContext.TestContext))

const inMemory = (behaviour: FakeServer.Behaviour) =>
  Layer.merge(
    FakeServer.layer(behaviour),
    Layer.succeed(Pass, (millis) => Effect.sleep(millis))
  )

/** The server really waits, but its clock stands still but for `pass`: a slow machine does not let a limit refill. */
const onLoopback = (behaviour: FakeServer.Behaviour) =>
  Layer.unwrapEffect(
    Effect.map(Effect.clock, (clock) => {
      const manual = manualClock(clock, monday)
      const serving: Clock.Clock = Object.assign(Object.create(manual), {
        sleep: (duration: Duration.Duration) => clock.sleep(duration)
      })
      return Layer.mergeAll(
        Layer.scoped(FakeServer.FakeServer, Effect.withClock(FakeServer.serve(behaviour), serving)),
        Layer.succeed(Pass, (millis) => manual.sleep(Duration.millis(millis))),
        NodeHttpClient.layerUndici
      )
    })
  )

export const ways: ReadonlyArray<Way> = [
  {
    name: "in memory",
    over: (behaviour) => (program) => inTestTime(Effect.provide(program, inMemory(behaviour)))
  },
  { name: "on loopback", over: (behaviour) => (program) => Effect.provide(program, onLoopback(behaviour)) }
]

/** A clock for one fiber alone: who sleeps on it sets it forward. Its nanoseconds are as inexact as a `TestClock`'s. */
const manualClock = (clock: Clock.Clock, from: number): Clock.Clock => {
  let now = from
  return Object.assign(Object.create(clock), {
    unsafeCurrentTimeMillis: () => Math.floor(now),
    unsafeCurrentTimeNanos: () => BigInt(Math.round(now * 1e6)),
    currentTimeMillis: Effect.sync(() => Math.floor(now)),
    currentTimeNanos: Effect.sync(() => BigInt(Math.round(now * 1e6))),
    sleep: (duration: Duration.Duration) =>
      Effect.sync(() => {
        now += Duration.toMillis(duration)
      })
  })
}

export const inManualTime =
  (from: number) =>
  <A, E, R>(program: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.flatMap(Effect.clock, (clock) => Effect.withClock(program, manualClock(clock, from)))
