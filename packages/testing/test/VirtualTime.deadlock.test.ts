import { assert, describe, it } from "@effect/vitest"
import { VirtualTime } from "@tributary/testing"
import { Cause, Clock, Data, Deferred, Duration, Effect, Exit, Fiber, FiberId, Option, Queue } from "effect"

class Broken extends Data.TaggedError("Broken")<{}> {}

const deadlockOf = <A, E>(effect: Effect.Effect<A, E>): Effect.Effect<VirtualTime.Deadlock, A | E> =>
  VirtualTime.run(effect).pipe(
    Effect.flip,
    Effect.filterOrElse(
      (error) => error instanceof VirtualTime.Deadlock,
      (error) => Effect.fail(error as E)
    )
  )

describe("VirtualTime.Deadlock", () => {
  it.effect("comes as soon as everything waits and nobody sleeps, and says when", () =>
    Effect.gen(function* () {
      const error = yield* deadlockOf(Effect.andThen(Effect.sleep("90 seconds"), Effect.never))
      assert.strictEqual(error._tag, "Deadlock")
      assert.strictEqual(Duration.toMillis(error.elapsed), 90_000)
      assert.match(error.message, /^After 1m 30s, nothing can run/)
      assert.deepStrictEqual(
        error.fibers.map(({ number }) => number),
        [1]
      )
    })
  )

  it.effect("names who waits: the spans, the log annotations, and what for", () =>
    Effect.gen(function* () {
      const ids: Array<string> = []
      const named = (n: number) => Effect.map(Effect.fiberId, (id) => (ids[n] = FiberId.threadName(id)))
      const error = yield* Effect.gen(function* () {
        yield* named(0)
        const queue = yield* Queue.unbounded<number>()
        const worker = yield* Effect.andThen(named(1), Queue.take(queue)).pipe(
          Effect.withSpan("fetch"),
          Effect.annotateLogs({ city: "Oslo" }),
          Effect.withSpan("collect"),
          Effect.fork
        )
        yield* Effect.fork(Effect.andThen(named(2), Effect.sleep(Infinity)))
        yield* Fiber.join(worker)
      }).pipe(Effect.withSpan("main"), deadlockOf)
      assert.deepStrictEqual(
        error.fibers.map(({ annotations, id, number, spans, waitsFor }) => ({
          annotations,
          id,
          number,
          spans,
          waitsFor
        })),
        [
          {
            annotations: {},
            id: ids[0]!,
            number: 1,
            spans: ["main"],
            waitsFor: `waits for ${ids[1]} (or for a Deferred made there)`
          },
          {
            annotations: { city: "Oslo" },
            id: ids[1]!,
            number: 2,
            spans: ["fetch", "collect", "main"],
            waitsFor: undefined
          },
          { annotations: {}, id: ids[2]!, number: 3, spans: ["main"], waitsFor: "sleeps without end" }
        ]
      )
      assert.strictEqual(
        error.message,
        [
          "At the start, nothing can run and nobody sleeps. These fibers wait for ever:",
          `  ${ids[0]} (main): waits for ${ids[1]} (or for a Deferred made there)`,
          `  ${ids[1]} (fetch < collect < main, city=Oslo)`,
          `  ${ids[2]} (main): sleeps without end`,
          "If one of them waits for the network, a file or a real timer: that belongs into VirtualTime.external."
        ].join("\n")
      )
    })
  )

  it.effect("has all who wait, and names the first ten", () =>
    Effect.gen(function* () {
      const error = yield* deadlockOf(
        Effect.forEach(Array.from({ length: 100 }), () => Effect.fork(Effect.never)).pipe(Effect.andThen(Effect.never))
      )
      assert.strictEqual(error.fibers.length, 101)
      assert.match(error.message, /\n {2}and 91 more\n/)
      assert.strictEqual(error.message.split("\n").length, 13)
    })
  )

  it.effect("is typed and can be caught, and the effect was interrupted and has cleaned up by then", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      yield* Effect.never.pipe(
        Effect.onInterrupt(() =>
          Effect.andThen(
            Effect.sleep("1 hour"),
            Effect.map(Clock.currentTimeMillis, (at) => order.push(`cleaned up at ${at}`))
          )
        ),
        VirtualTime.run(),
        Effect.catchTag("Deadlock", () => Effect.sync(() => order.push("caught")))
      )
      assert.deepStrictEqual(order, ["cleaned up at 3600000", "caught"])
    })
  )

  it.effect("comes too if the effect cannot be interrupted", () =>
    Effect.gen(function* () {
      const error = yield* deadlockOf(Effect.uninterruptible(Effect.andThen(Deferred.make<void>(), Deferred.await)))
      assert.strictEqual(error.fibers.length, 1)
    })
  )

  it.effect("comes if what the effect leaves behind does not end, after the effect's own failure", () =>
    Effect.gen(function* () {
      const stubborn = Effect.uninterruptible(Effect.andThen(Deferred.make<void>(), Deferred.await)).pipe(
        Effect.forkDaemon,
        // Or it would be interrupted before it has begun.
        Effect.zipLeft(Effect.yieldNow())
      )
      const error = yield* deadlockOf(stubborn)
      assert.deepStrictEqual(
        error.fibers.map(({ number }) => number),
        [2]
      )
      const exit = yield* Effect.exit(VirtualTime.run(Effect.andThen(stubborn, new Broken())))
      const failures = Exit.isFailure(exit) ? Array.from(Cause.failures(exit.cause), ({ _tag }) => _tag) : []
      assert.deepStrictEqual(failures, ["Broken", "Deadlock"])
    })
  )

  it.effect("does not hide a defect in a finalizer that it set off", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(VirtualTime.run(Effect.onInterrupt(Effect.never, () => Effect.die("defect"))))
      const cause = Exit.isFailure(exit) ? exit.cause : Cause.empty
      assert.deepStrictEqual(Option.getOrUndefined(Cause.dieOption(cause)), "defect")
      assert.strictEqual(Option.getOrUndefined(Cause.failureOption(cause))?._tag, "Deadlock")
    })
  )

  it.effect("ends what only another's interruption would have ended", () =>
    Effect.gen(function* () {
      const order: Array<string> = []
      // The daemon waits for its own daemon without being interruptible: that one has to go first.
      const inner = Effect.onInterrupt(Effect.never, () => Effect.sync(() => order.push("inner")))
      const outer = Effect.forkDaemon(Effect.interruptible(inner)).pipe(
        Effect.flatMap(Fiber.await),
        Effect.uninterruptible
      )
      yield* Effect.forkDaemon(outer).pipe(Effect.andThen(Effect.sleep(1)), VirtualTime.run())
      assert.deepStrictEqual(order, ["inner"])
    })
  )
})
