import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { VirtualTime } from "@tributary/testing"
import {
  Array,
  Cause,
  Clock,
  Context,
  Data,
  DateTime,
  Deferred,
  Duration,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  FiberRef,
  type Layer,
  Order,
  Random,
  type Scope
} from "effect"

const now = Clock.currentTimeMillis
const snapshot = Effect.flatMap(VirtualTime.VirtualTime, (time) => time.snapshot)

class Broken extends Data.TaggedError("Broken")<{ readonly why: string }> {}

describe("VirtualTime", () => {
  describe("time", () => {
    it.effect("begins at 0 and jumps over years of sleep", () =>
      Effect.gen(function* () {
        assert.strictEqual(yield* now, 0)
        assert.strictEqual(yield* Clock.currentTimeNanos, 0n)
        // More than 2^31 ms, which Effect's own clock takes for an infinite sleep.
        yield* Effect.sleep("3650 days")
        assert.strictEqual(yield* now, 3650 * 86_400_000)
        assert.strictEqual(yield* Clock.currentTimeNanos, BigInt(3650 * 86_400_000) * 1_000_000n)
      }).pipe(VirtualTime.run())
    )

    it.effect("counts every nanosecond, even decades from its beginning", () =>
      Effect.gen(function* () {
        for (let n = 0; n < 10; n++) yield* Effect.sleep(0.1)
        assert.strictEqual(yield* now, 1)
        yield* Effect.sleep(0.5)
        assert.strictEqual(yield* now, 1.5)
        assert.strictEqual(yield* Clock.currentTimeNanos, 1_500_000n)
        yield* Effect.sleep(0.384364)
        assert.strictEqual(yield* now, 1.884364)
        yield* Effect.sleep(0.115636)
        yield* Effect.sleep("20000 days")
        assert.strictEqual(yield* now, 20_000 * 86_400_000 + 2)
        yield* Effect.sleep(Duration.nanos(1n))
        assert.strictEqual(yield* Clock.currentTimeNanos, BigInt(20_000 * 86_400_000 + 2) * 1_000_000n + 1n)
      }).pipe(VirtualTime.run())
    )

    it.effect("wakes the sleepers of one instant in the order in which they slept", () =>
      Effect.gen(function* () {
        const order: Array<string> = []
        const sleep = (name: string, millis: number) =>
          Effect.andThen(
            Effect.sleep(millis),
            Effect.sync(() => order.push(name))
          )
        yield* Effect.all(
          [
            sleep("late", 31),
            sleep("first", 30),
            Effect.andThen(Effect.sleep(10), sleep("third", 20)),
            sleep("second", 30),
            Effect.andThen(Effect.sleep(20), sleep("fourth", 10))
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(order, ["first", "second", "third", "fourth", "late"])
      }).pipe(VirtualTime.run())
    )

    it.effect("lets a sleeper do what it can before the next one of that instant wakes", () =>
      Effect.gen(function* () {
        const order: Array<string> = []
        const say = (what: string) => Effect.sync(() => order.push(what))
        const signal = yield* Deferred.make<void>()
        const second = yield* Effect.fork(
          Effect.andThen(Effect.sleep(10), say("second")).pipe(Effect.onInterrupt(() => say("second was interrupted")))
        )
        yield* Effect.fork(Effect.andThen(Deferred.await(signal), say("told by the first")))
        yield* Effect.all(
          [
            Effect.sleep(10).pipe(
              Effect.andThen(say("third")),
              Effect.andThen(Deferred.succeed(signal, undefined)),
              Effect.andThen(Effect.promise(() => Promise.resolve().then(() => order.push("a promise of the third")))),
              Effect.andThen(Effect.sleep(0)),
              Effect.andThen(say("third, after a sleep of zero"))
            ),
            Effect.andThen(Effect.sleep(10), say("fourth")),
            Fiber.join(second)
          ],
          { concurrency: "unbounded" }
        )
        assert.deepStrictEqual(order, [
          "second",
          "third",
          "told by the first",
          "a promise of the third",
          "fourth",
          "third, after a sleep of zero"
        ])
      }).pipe(VirtualTime.run())
    )

    it.effect("waits for promises that settle by themselves", () =>
      Effect.gen(function* () {
        let chain = Promise.resolve(0)
        for (let n = 0; n < 1000; n++) chain = chain.then((count) => count + 1)
        assert.strictEqual(
          yield* Effect.timeout(
            Effect.promise(() => chain),
            1
          ),
          1000
        )
        assert.strictEqual(yield* now, 0)
      }).pipe(VirtualTime.run())
    )

    it.effect("removes the sleeper that is interrupted", () =>
      Effect.gen(function* () {
        const fibers = yield* Effect.replicateEffect(Effect.fork(Effect.sleep("1 day")), 100)
        yield* Effect.sleep(1)
        assert.strictEqual((yield* snapshot).sleeping, 100)
        yield* Fiber.interruptAll(fibers)
        assert.strictEqual((yield* snapshot).sleeping, 0)
        yield* Effect.sleep(1)
        assert.strictEqual(yield* now, 2)
        assert.strictEqual((yield* snapshot).woken, 2)
      }).pipe(VirtualTime.run())
    )

    it.effect("never wakes from an infinite sleep, and does not count it", () =>
      Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.sleep(Duration.infinity))
        assert.isTrue(yield* Effect.isFailure(Effect.timeout(Effect.sleep(Infinity), "1 day")))
        assert.strictEqual((yield* snapshot).sleeping, 0)
        assert.isNull(fiber.unsafePoll())
        assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      }).pipe(VirtualTime.run())
    )

    it("wakes all, and no others, in the order of their times, whoever is interrupted meanwhile (property)", () =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(
            FastCheck.record({
              millis: FastCheck.oneof(FastCheck.nat(20), FastCheck.double({ min: 0, max: 20, noNaN: true })),
              interruptAt: FastCheck.option(FastCheck.nat(20), { freq: 2 })
            }),
            { maxLength: 40 }
          ),
          (sleepers) =>
            Effect.gen(function* () {
              const woken: Array<readonly [number, number]> = []
              const fibers = yield* Effect.forEach(sleepers, ({ millis }, n) =>
                Effect.fork(
                  Effect.andThen(
                    Effect.sleep(millis),
                    Effect.map(now, (at) => woken.push([at, n]))
                  )
                )
              )
              yield* Effect.yieldNow()
              yield* Effect.forEach(
                sleepers,
                ({ interruptAt }, n) =>
                  interruptAt === null
                    ? Effect.void
                    : Effect.andThen(Effect.sleep(interruptAt), Fiber.interruptFork(fibers[n]!)),
                { concurrency: "unbounded", discard: true }
              )
              yield* Effect.sleep(30)
              const expected = sleepers
                .map(({ millis }, n) => [Math.round(millis * 1e6) / 1e6, n] as const)
                // At one instant the sleeper wakes: it slept before the one who interrupts it.
                .filter(([at, n]) => at <= (sleepers[n]!.interruptAt ?? Infinity))
              const byTime = Array.sortWith(([at]: readonly [number, number]) => at, Order.number)
              assert.deepStrictEqual(woken, byTime(expected))
              assert.strictEqual((yield* snapshot).sleeping, 0)
            }).pipe(VirtualTime.run(), Effect.runPromise)
        ),
        { numRuns: 1000 }
      ))
  })

  describe("the wall clock", () => {
    it.effect("jumps either way and goes on from there, and nobody who sleeps is affected", () =>
      Effect.gen(function* () {
        const time = yield* VirtualTime.VirtualTime
        const sleeper = yield* Effect.fork(Effect.andThen(Effect.sleep("1 minute"), Clock.currentTimeNanos))
        yield* Effect.sleep("10 seconds")
        yield* time.setWallClock("2030-01-01T00:00:00Z")
        assert.strictEqual(DateTime.formatIso(yield* DateTime.now), "2030-01-01T00:00:00.000Z")
        yield* Effect.sleep(1500.25)
        assert.strictEqual(yield* now, Date.UTC(2030, 0, 1) + 1500.25)
        yield* time.setWallClock(-1000)
        yield* Effect.sleep(0.5)
        assert.strictEqual(yield* now, -999.5)
        yield* time.setWallClock(yield* DateTime.now)
        assert.strictEqual(yield* now, -999.5)
        yield* time.setWallClock(DateTime.subtract(yield* DateTime.now, { hours: 1 }))
        assert.strictEqual(yield* Fiber.join(sleeper), 60_000_000_000n)
        assert.strictEqual(Duration.toMillis((yield* time.snapshot).elapsed), 60_000)
      }).pipe(VirtualTime.run())
    )

    it.effect("takes no nonsense", () =>
      Effect.gen(function* () {
        const time = yield* VirtualTime.VirtualTime
        const exit = yield* Effect.exit(time.setWallClock("soon"))
        assert.isTrue(Exit.isFailure(exit) && Cause.isDie(exit.cause))
      }).pipe(VirtualTime.run())
    )
  })

  describe("run", () => {
    it.effect("passes success, failure, defect and interruption through as they are", () =>
      Effect.gen(function* () {
        const fails = Effect.andThen(Effect.sleep("1 hour"), Effect.fail(new Broken({ why: "old" })))
        assert.strictEqual(yield* VirtualTime.run(Effect.as(Effect.sleep("1 hour"), 1)), 1)
        assert.deepStrictEqual(yield* Effect.flip(VirtualTime.run(fails)), new Broken({ why: "old" }))
        assert.deepStrictEqual(yield* Effect.exit(VirtualTime.run(Effect.die("defect"), {})), Exit.die("defect"))
        assert.isTrue(Exit.isInterrupted(yield* Effect.exit(VirtualTime.run(Effect.interrupt))))
      })
    )

    it.effect("gives the effect its environment and gives back its fiber refs", () =>
      Effect.gen(function* () {
        class Name extends Context.Tag("@tributary/testing/test/VirtualTime.test/Name")<Name, string>() {}
        const ref = yield* FiberRef.make("before")
        const clock = yield* Effect.clock
        const name = yield* Effect.flatMap(Name, (name) => Effect.as(FiberRef.set(ref, name), name)).pipe(
          Effect.delay("1 hour"),
          VirtualTime.run(),
          Effect.provideService(Name, "after")
        )
        assert.strictEqual(name, "after")
        assert.strictEqual(yield* FiberRef.get(ref), "after")
        assert.strictEqual(yield* Effect.clock, clock)
      }).pipe(Effect.scoped)
    )

    it.effect(
      "leaves nothing behind: children, daemons and theirs are interrupted and clean up, the program first",
      () =>
        Effect.gen(function* () {
          const order: Array<string> = []
          const loiter = (name: string, cleanUpMillis: number) =>
            Effect.never.pipe(
              Effect.onInterrupt(() =>
                Effect.andThen(
                  Effect.sleep(cleanUpMillis),
                  Effect.map(now, (at) => order.push(`${name} at ${at}`))
                )
              )
            )
          const program = Effect.gen(function* () {
            yield* Effect.addFinalizer(() =>
              Effect.andThen(
                Effect.sleep(5),
                Effect.map(now, (at) => order.push(`program at ${at}`))
              )
            )
            yield* Effect.fork(loiter("child", 1))
            yield* Effect.forkDaemon(
              Effect.andThen(Effect.forkDaemon(loiter("daemon of a daemon", 10)), loiter("daemon", 20))
            )
            yield* Effect.forkDaemon(Effect.forkDaemon(loiter("orphan", 30)))
            yield* Effect.sleep(100)
          }).pipe(Effect.scoped)
          yield* VirtualTime.run(program)
          assert.deepStrictEqual(order, [
            "program at 105",
            "child at 106",
            "daemon at 126",
            "orphan at 136",
            "daemon of a daemon at 146"
          ])
        })
    )

    it.effect("cleans up when it is interrupted itself", () =>
      Effect.gen(function* () {
        const order: Array<string> = []
        const running = yield* Deferred.make<void>()
        const loiter = (name: string) =>
          Effect.onInterrupt(Effect.forever(Effect.sleep("1 hour")), () =>
            Effect.andThen(
              Effect.sleep("1 hour"),
              Effect.sync(() => order.push(name))
            )
          )
        const fiber = yield* Effect.forkDaemon(loiter("daemon")).pipe(
          Effect.andThen(Deferred.succeed(running, undefined)),
          Effect.andThen(loiter("program")),
          VirtualTime.run(),
          Effect.fork
        )
        yield* Deferred.await(running)
        const exit = yield* Fiber.interrupt(fiber)
        assert.isTrue(Exit.isInterrupted(exit))
        assert.deepStrictEqual(order, ["program", "daemon"])
      })
    )

    it.effect("keeps two runs at once apart", () =>
      Effect.gen(function* () {
        const ticks = (millis: number) =>
          Effect.andThen(Effect.repeatN(Effect.sleep(millis), 99), now).pipe(VirtualTime.run())
        assert.deepStrictEqual(yield* Effect.all([ticks(1), ticks(1000)], { concurrency: 2 }), [100, 100_000])
      })
    )

    it.effect("takes no time of a run around it", () =>
      Effect.gen(function* () {
        yield* Effect.fork(Effect.sleep(1))
        const inner = yield* Effect.andThen(Effect.repeatN(Effect.sleep("1 hour"), 99), now).pipe(VirtualTime.run())
        assert.strictEqual(inner, 360_000_000)
        assert.strictEqual(yield* now, 0)
      }).pipe(VirtualTime.run())
    )

    it.effect("draws the same from Random under one seed, and something else under another", () =>
      Effect.gen(function* () {
        const draw = (seed?: number | string) =>
          VirtualTime.run(Effect.replicateEffect(Random.nextInt, 5), seed === undefined ? {} : { seed })
        assert.deepStrictEqual(yield* draw(), yield* draw(0))
        assert.deepStrictEqual(yield* draw("a"), yield* draw("a"))
        assert.notDeepEqual(yield* draw("a"), yield* draw("b"))
        assert.notDeepEqual(yield* draw(1), yield* draw(2))
      })
    )
  })

  describe("layer", () => {
    it.effect("gives virtual time to what it is provided to", () =>
      Effect.gen(function* () {
        const first = yield* Random.nextInt
        yield* Effect.all([Effect.sleep("1 day"), Effect.timeoutOption(Effect.never, "2 days")], { concurrency: 2 })
        assert.strictEqual(yield* now, 2 * 86_400_000)
        assert.strictEqual((yield* snapshot).woken, 2)
        return first
      }).pipe(
        Effect.provide(VirtualTime.layer({ seed: 7 })),
        Effect.zipWith(VirtualTime.run(Random.nextInt, { seed: 7 }), (a, b) => assert.strictEqual(a, b))
      )
    )

    it.layer(VirtualTime.layer())("shared by a suite", (it) => {
      it.effect("lets its tests sleep", () =>
        Effect.gen(function* () {
          const before = yield* now
          yield* Effect.sleep("1 week")
          assert.isAtLeast((yield* now) - before, 7 * 86_400_000)
        })
      )
    })
  })

  it("types its errors and what it requires", () => {
    const effect = Effect.succeed(1) as Effect.Effect<number, Broken, VirtualTime.VirtualTime | Scope.Scope>
    type Expected = Effect.Effect<number, Broken | VirtualTime.Deadlock, Scope.Scope>
    expectTypeOf(VirtualTime.run(effect, { seed: 1 })).toEqualTypeOf<Expected>()
    expectTypeOf(effect.pipe(VirtualTime.run())).toEqualTypeOf<Expected>()
    expectTypeOf(effect.pipe(VirtualTime.run({ seed: "x" }))).toEqualTypeOf<Expected>()
    expectTypeOf(VirtualTime.external(effect)).toEqualTypeOf<typeof effect>()
    expectTypeOf(VirtualTime.layer()).toEqualTypeOf<Layer.Layer<VirtualTime.VirtualTime>>()
    expectTypeOf<VirtualTime.VirtualTime["Type"]["setWallClock"]>().returns.toEqualTypeOf<Effect.Effect<void>>()
    expectTypeOf<VirtualTime.Options["seed"]>().toEqualTypeOf<number | string | undefined>()
  })
})
