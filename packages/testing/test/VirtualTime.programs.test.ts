import { assert, describe, it } from "@effect/vitest"
import { VirtualTime } from "@tributary/testing"
import { Chunk, Clock, Duration, Effect, FiberMap, PubSub, Queue, Random, RateLimiter, Schedule, Stream } from "effect"

const now = Clock.currentTimeMillis

/** Notes the times at which something happens. */
const makeTimes = () => {
  const times: Array<number> = []
  return { times, note: Effect.map(now, (at) => void times.push(at)) }
}

describe("Programs in VirtualTime", () => {
  it.effect("Schedule: exponential backoff, with the cap and the tries that it says", () =>
    Effect.gen(function* () {
      const { note, times } = makeTimes()
      const schedule = Schedule.exponential("1 second").pipe(
        Schedule.union(Schedule.spaced("10 seconds")),
        Schedule.intersect(Schedule.recurs(6))
      )
      yield* Effect.ignore(Effect.retry(Effect.andThen(note, Effect.fail("down")), schedule))
      assert.deepStrictEqual(times, [0, 1000, 3000, 7000, 15_000, 25_000, 35_000])
    }).pipe(VirtualTime.run())
  )

  it.effect("Schedule: cron, by the wall clock", () =>
    Effect.gen(function* () {
      const { note, times } = makeTimes()
      const time = yield* VirtualTime.VirtualTime
      yield* time.setWallClock("2025-01-01T22:30:00Z")
      const start = yield* now
      yield* Effect.schedule(note, Schedule.intersect(Schedule.cron("0 0 * * *", "UTC"), Schedule.recurs(3)))
      assert.deepStrictEqual(
        times.map((at) => (at - start) / 3_600_000),
        [1.5, 25.5, 49.5]
      )
    }).pipe(VirtualTime.run())
  )

  it.effect("timeout and race: the earlier wins, and the loser is interrupted", () =>
    Effect.gen(function* () {
      const { note, times } = makeTimes()
      const slow = Effect.onInterrupt(Effect.as(Effect.sleep("1 hour"), "slow"), () => note)
      assert.strictEqual(
        yield* Effect.timeoutTo(slow, { duration: "1 minute", onSuccess: String, onTimeout: () => "late" }),
        "late"
      )
      assert.strictEqual(yield* Effect.timeout(slow, "2 hours"), "slow")
      assert.strictEqual(yield* Effect.race(slow, Effect.as(Effect.sleep("59 minutes"), "quick")), "quick")
      assert.deepStrictEqual(times, [60_000, 60_000 + 7_140_000])
    }).pipe(VirtualTime.run())
  )

  it.effect("Stream: debounce", () =>
    Effect.gen(function* () {
      const pauses = [0, 50, 50, 200, 50, 300]
      const settled = yield* Stream.fromIterable(pauses.entries()).pipe(
        Stream.mapEffect(([n, pause]) => Effect.as(Effect.sleep(pause), n)),
        Stream.debounce("100 millis"),
        Stream.mapEffect((n) => Effect.map(now, (at) => [n, at])),
        Stream.runCollect
      )
      assert.deepStrictEqual(Chunk.toReadonlyArray(settled), [
        [2, 200],
        [4, 450],
        [5, 750]
      ])
    }).pipe(VirtualTime.run())
  )

  it.effect("Stream: groupedWithin, by number and by time", () =>
    Effect.gen(function* () {
      const pauses = [1, 1, 1, 1, 500, 1, 1]
      const groups = yield* Stream.fromIterable(pauses.entries()).pipe(
        Stream.mapEffect(([n, pause]) => Effect.as(Effect.sleep(pause), n)),
        Stream.groupedWithin(3, "100 millis"),
        Stream.map(Chunk.toReadonlyArray),
        Stream.runCollect
      )
      // The same as in real time: the fourth's window opened before it came.
      assert.deepStrictEqual(Chunk.toReadonlyArray(groups), [[0, 1, 2], [3], [4], [5, 6]])
    }).pipe(VirtualTime.run())
  )

  it.effect("Queue and PubSub: producers and consumers at their own pace", () =>
    Effect.gen(function* () {
      const { note, times } = makeTimes()
      const queue = yield* Queue.bounded<number>(2)
      const hub = yield* PubSub.unbounded<number>()
      const subscription = yield* PubSub.subscribe(hub)
      yield* Effect.fork(
        Effect.forEach([1, 2, 3, 4, 5, 6], (n) => Effect.andThen(Queue.offer(queue, n), note), { discard: true })
      )
      yield* Effect.fork(
        Queue.take(queue).pipe(
          Effect.flatMap((n) => PubSub.publish(hub, n)),
          Effect.delay("1 second"),
          Effect.forever
        )
      )
      assert.deepStrictEqual(yield* Effect.replicateEffect(Queue.take(subscription), 6), [1, 2, 3, 4, 5, 6])
      assert.deepStrictEqual(times, [0, 0, 1000, 2000, 3000, 4000])
    }).pipe(Effect.scoped, VirtualTime.run())
  )

  it.effect("Semaphore: as many at once as it has permits, in order", () =>
    Effect.gen(function* () {
      const semaphore = yield* Effect.makeSemaphore(2)
      const ends = yield* Effect.forEach(
        [30, 10, 10, 10, 30],
        (millis) => Effect.andThen(Effect.sleep(millis), now).pipe(semaphore.withPermits(1)),
        { concurrency: "unbounded" }
      )
      assert.deepStrictEqual(ends, [30, 10, 20, 30, 60])
    }).pipe(VirtualTime.run())
  )

  it.effect("daemons, and timers that outlive who started them", () =>
    Effect.gen(function* () {
      const { note, times } = makeTimes()
      yield* Effect.fork(Effect.forkDaemon(Effect.repeat(note, Schedule.spaced("1 minute"))))
      yield* Effect.sleep("150 seconds")
      assert.deepStrictEqual(times, [0, 60_000, 120_000])
    }).pipe(VirtualTime.run())
  )

  it.effect("timers of a service that starts its fibers from callbacks (FiberMap.makeRuntime)", () =>
    Effect.gen(function* () {
      const runTimer = yield* FiberMap.makeRuntime<never, string>()
      const alarm = (key: string, millis: number) =>
        Effect.async<number>((resume) => {
          runTimer(
            key,
            Effect.andThen(
              Effect.sleep(millis),
              Effect.map(now, (at) => resume(Effect.succeed(at)))
            )
          )
        })
      assert.deepStrictEqual(
        yield* Effect.all([alarm("a", 20), alarm("b", 10), Effect.andThen(Effect.sleep(15), alarm("c", 1))], {
          concurrency: "unbounded"
        }),
        [20, 10, 16]
      )
    }).pipe(Effect.scoped, VirtualTime.run())
  )

  it.effect("Effect's own rate limiter, cache and stop watch", () =>
    Effect.gen(function* () {
      const { note, times } = makeTimes()
      const limit = yield* RateLimiter.make({ limit: 2, interval: "1 second", algorithm: "fixed-window" })
      yield* Effect.replicateEffect(limit(note), 5, { discard: true })
      assert.deepStrictEqual(times, [0, 0, 1000, 1000, 2000])
      const cached = yield* Effect.cachedWithTTL(now, "1 hour")
      const first = yield* cached
      yield* Effect.sleep("59 minutes")
      assert.strictEqual(yield* cached, first)
      yield* Effect.sleep("2 minutes")
      assert.strictEqual((yield* cached) - first, 61 * 60_000)
      const [took] = yield* Effect.timed(Effect.sleep("1 day"))
      assert.strictEqual(Duration.toDays(took), 1)
    }).pipe(Effect.scoped, VirtualTime.run())
  )

  describe("are the same in every run", () => {
    /** Workers that race, fail, retry and time out by chance. */
    const program = Effect.forEach(
      Array.from({ length: 200 }, (_, n) => n),
      () =>
        Random.nextRange(0, 100).pipe(
          Effect.flatMap(Effect.sleep),
          Effect.andThen(Random.next),
          Effect.filterOrFail((chance) => chance > 0.3),
          Effect.timeout("90 millis"),
          Effect.retry(Schedule.intersect(Schedule.jittered(Schedule.exponential(10)), Schedule.recurs(5))),
          Effect.race(Effect.delay(Effect.forkDaemon(Effect.sleep(5)), 400)),
          Effect.ignore
        ),
      { concurrency: 16, discard: true }
    )

    const traceOf = (seed: number | string) => {
      const events: Array<VirtualTime.Event> = []
      return Effect.as(VirtualTime.run(program, { seed, onEvent: (event) => events.push(event) }), events)
    }

    it.effect("byte for byte under one seed, and not under another", () =>
      Effect.gen(function* () {
        const [a, b, c] = yield* Effect.all([traceOf("a"), traceOf("a"), traceOf("b")], { concurrency: "unbounded" })
        assert.isAbove(a.length, 2000)
        assert.strictEqual(JSON.stringify(a), JSON.stringify(b))
        assert.notStrictEqual(JSON.stringify(a), JSON.stringify(c))
      })
    )

    it.effect("as told by the events", () =>
      Effect.gen(function* () {
        const lines: Array<string> = []
        yield* Effect.gen(function* () {
          yield* Effect.fork(Effect.andThen(Effect.sleep(1.5), Effect.fail("failure")))
          yield* Effect.forkDaemon(Effect.sleep(Infinity))
          yield* Effect.sleep(2)
        }).pipe(VirtualTime.run({ onEvent: ({ at, fiber, what }) => lines.push(`${at} ${fiber} ${what}`) }))
        assert.deepStrictEqual(lines, [
          "0 1 started",
          "0 2 started",
          "0 3 started",
          "0 1 sleeps",
          "0 2 sleeps",
          "0 3 sleeps",
          "1.5 2 wakes",
          "1.5 2 failed",
          "2 1 wakes",
          "2 1 succeeded",
          "2 3 interrupted"
        ])
      })
    )
  })

  it.live("take little real time", () =>
    Effect.gen(function* () {
      const program = Effect.forEach(
        Array.from({ length: 64 }, (_, n) => n + 1),
        (millis) => Effect.repeatN(Effect.sleep(millis), 999),
        { concurrency: "unbounded", discard: true }
      )
      const [took, woken] = yield* Effect.andThen(
        program,
        Effect.flatMap(VirtualTime.VirtualTime, ({ snapshot }) => Effect.map(snapshot, ({ woken }) => woken))
      ).pipe(VirtualTime.run(), Effect.timed)
      const perSecond = woken / Duration.toSeconds(took)
      yield* Effect.logInfo(`${Math.round(perSecond)} jumps/s`)
      assert.strictEqual(woken, 64_000)
      assert.isAbove(perSecond, 2000)
    })
  )
})
