import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Retry, RetryBudget } from "@tributary/resilience"
import {
  Chunk,
  Clock,
  Context,
  Data,
  Duration,
  Effect,
  Equal,
  Exit,
  FastCheck,
  Fiber,
  Option,
  Random,
  Schedule,
  Stream,
  TestClock
} from "effect"
import { jumping } from "./clocks.ts"

class Busy extends Data.TaggedError("Busy")<{ readonly retryAfter: Option.Option<Duration.DurationInput> }> {}
class Gone extends Data.TaggedError("Gone")<{}> {}

const busy = (retryAfter?: Duration.DurationInput): Busy => new Busy({ retryAfter: Option.fromNullable(retryAfter) })

const exactly = (attempts: number): Retry.Policy => Retry.make({ attempts, base: "1 second", jitter: "none" })

/** Fails always, and notes when it was tried. */
const failing = <E>(...errors: readonly [E, ...ReadonlyArray<E>]) => {
  const times: Array<number> = []
  const call: Effect.Effect<string, E> = Effect.flatMap(Clock.currentTimeMillis, (now) => {
    const error = errors[Math.min(times.push(now), errors.length) - 1]!
    return Effect.fail(error)
  })
  return { call, times }
}

/** Runs it for a day of virtual time. */
const inADay = <A, E, R>(self: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(self)
    yield* TestClock.adjust("1 day")
    return yield* Fiber.await(fiber)
  })

const delaysOf = (options: Retry.Options<Busy>, failures: number) =>
  Effect.map(
    Schedule.run(
      Retry.schedule(options),
      0,
      Array.from({ length: failures }, () => busy())
    ),
    (attempts) => Chunk.toReadonlyArray(attempts).map(({ delay }) => Duration.toMillis(delay))
  )

const withSeed =
  (seed: number) =>
  <A, E, R>(self: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
    Effect.withRandom(self, Random.make(seed))

const policyInput = FastCheck.record({
  attempts: FastCheck.integer({ min: 1, max: 60 }),
  base: FastCheck.integer({ min: 0, max: 5000 }),
  factor: FastCheck.double({ min: 1, max: 10, noNaN: true }),
  cap: FastCheck.integer({ min: 0, max: 60_000 })
})

const seed = FastCheck.integer()

describe("Retry", () => {
  describe("policy", () => {
    it("has the documented defaults", () => {
      assert.deepStrictEqual(
        { ...Retry.make() },
        {
          attempts: 3,
          base: Duration.millis(50),
          factor: 2,
          cap: Duration.seconds(20),
          jitter: "full"
        }
      )
    })

    it("is a value: it is printed and compared", () => {
      const make = () => Retry.make({ attempts: 5, base: "1500 micros", cap: "1 minute" })
      assert.isTrue(Equal.equals(make(), make()))
      assert.deepStrictEqual(make(), make())
      assert.isFalse(Equal.equals(make(), Retry.make({ attempts: 6, base: "1500 micros", cap: "1 minute" })))
      assert.strictEqual(
        JSON.stringify(Retry.make()),
        `{"attempts":3,"base":{"_id":"Duration","_tag":"Millis","millis":50},"factor":2,` +
          `"cap":{"_id":"Duration","_tag":"Millis","millis":20000},"jitter":"full"}`
      )
    })

    it("that makes no sense is a RangeError", () => {
      for (const attempts of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
        assert.throws(() => Retry.make({ attempts }), RangeError, "attempts")
      }
      for (const factor of [0, 0.99, -2, Number.NaN]) {
        assert.throws(() => Retry.make({ factor }), RangeError, "factor")
      }
    })

    it("bounds each delay by base, factor and cap", () => {
      const bound = Retry.bound(Retry.make({ base: "100 millis", factor: 3, cap: "1 second" }))
      assert.deepStrictEqual([1, 2, 3, 4].map(bound), [
        Duration.millis(100),
        Duration.millis(300),
        Duration.millis(900),
        Duration.seconds(1)
      ])
      const fine = Retry.bound(Retry.make({ base: "1 micros", factor: 1.5 }))
      assert.strictEqual(Duration.toMillis(fine(3)), 0.00225)
    })

    it.prop("never grows above its cap nor shrinks, however many the tries", { policyInput }, ({ policyInput }) => {
      const bound = Retry.bound(Retry.make(policyInput))
      let before = Math.min(policyInput.base, policyInput.cap)
      for (const attempt of [1, 2, 3, 10, 100, 2000]) {
        const millis = Duration.toMillis(bound(attempt))
        assert.isAtLeast(millis, before)
        assert.isAtMost(millis, policyInput.cap)
        before = millis
      }
    })
  })

  describe("attempts", () => {
    it.effect("counts the first try, and lets the last error through as it is", () =>
      Effect.gen(function* () {
        const errors = [busy(), new Gone(), busy()] as const
        const { call, times } = failing<Busy | Gone>(...errors)
        const exit = yield* inADay(Retry.retry(call, { policy: exactly(3) }))
        assert.deepStrictEqual(times, [0, 1000, 3000])
        assert.isTrue(Exit.isFailure(exit) && exit.cause._tag === "Fail" && exit.cause.error === errors[2])
      })
    )

    it.effect("of one is no retry", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy())
        yield* inADay(Retry.retry(call, { policy: exactly(1) }))
        assert.deepStrictEqual(times, [0])
      })
    )

    it.effect("end with the first success", () =>
      Effect.gen(function* () {
        let tries = 0
        const call = Effect.suspend(() => (++tries < 3 ? Effect.fail(busy()) : Effect.succeed("done")))
        assert.deepStrictEqual(yield* inADay(Retry.retry(call, { policy: exactly(9) })), Exit.succeed("done"))
        assert.strictEqual(tries, 3)
      })
    )

    it.effect("start anew each time the effect is run", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy())
        const patient = Retry.retry(call, { policy: exactly(2), within: "10 seconds" })
        yield* inADay(patient)
        yield* inADay(patient)
        const day = Duration.toMillis("1 day")
        assert.deepStrictEqual(times, [0, 1000, day, day + 1000])
      })
    )

    it.effect("do not follow a defect", () =>
      Effect.gen(function* () {
        let tries = 0
        const call: Effect.Effect<never, Busy> = Effect.suspend(() => {
          tries++
          return Effect.die("bug")
        })
        assert.deepStrictEqual(yield* inADay(Retry.retry(call, { policy: exactly(3) })), Exit.die("bug"))
        assert.strictEqual(tries, 1)
      })
    )
  })

  describe("while", () => {
    it.effect("says which errors are worth another try", () =>
      Effect.gen(function* () {
        const { call, times } = failing<Busy | Gone>(busy(), new Gone())
        const exit = yield* call.pipe(
          Retry.retry({ policy: exactly(9), while: (error) => error._tag === "Busy" }),
          inADay
        )
        assert.deepStrictEqual(times, [0, 1000])
        assert.deepStrictEqual(exit, Exit.fail(new Gone()))
      })
    )
  })

  describe("tags", () => {
    it.effect("say which errors are worth another try, and `while` may say less", () =>
      Effect.gen(function* () {
        const byTag = failing<Busy | Gone>(busy(), new Gone())
        yield* byTag.call.pipe(Retry.retry({ policy: exactly(9), tags: ["Busy"] }), inADay)
        assert.deepStrictEqual(byTag.times, [0, 1000])
        const both = failing<Busy | Gone>(busy(), busy(7))
        yield* both.call.pipe(
          Retry.retry({
            policy: exactly(9),
            tags: ["Busy"],
            while: (error) => error._tag === "Gone" || Option.isNone(error.retryAfter)
          }),
          inADay
        )
        assert.strictEqual(both.times.length, 2)
        const untagged = failing("busy")
        yield* inADay(Retry.retry(untagged.call, { policy: exactly(9), tags: [] }))
        assert.strictEqual(untagged.times.length, 1)
      })
    )
  })

  describe("budget", () => {
    it.effect("is shared: in an outage of 1,000 calls there are at most 1.05 attempts a call", () =>
      Effect.gen(function* () {
        const budget = yield* RetryBudget.make()
        const { call, times } = failing(busy())
        const patient = Retry.retry(call, { policy: exactly(3), budget })
        yield* inADay(Effect.replicateEffect(Effect.exit(patient), 1000, { concurrency: "unbounded" }))
        // 500 tokens pay for 35 retries at 14 each.
        assert.strictEqual(times.length, 1035)
        assert.strictEqual((yield* budget.snapshot).tokens, 10)
      })
    )

    it.effect("pays less for what asks to slow down, and a success brings income", () =>
      Effect.gen(function* () {
        const budget = yield* RetryBudget.make({ tokens: 20 })
        const throttled = { policy: exactly(3), budget, isThrottle: (error: Busy) => Option.isSome(error.retryAfter) }
        yield* inADay(Retry.retry(failing(busy(1)).call, throttled))
        assert.strictEqual((yield* budget.snapshot).tokens, 10)
        yield* Retry.retry(Effect.succeed(1), throttled)
        assert.strictEqual((yield* budget.snapshot).tokens, 11)
      })
    )

    it.effect("gives back what was paid for a try that did not begin", () =>
      Effect.gen(function* () {
        const budget = yield* RetryBudget.make()
        const fiber = yield* Effect.fork(Retry.retry(failing(busy()).call, { policy: exactly(3), budget }))
        yield* TestClock.adjust("500 millis")
        assert.strictEqual((yield* budget.snapshot).tokens, 486)
        yield* Fiber.interrupt(fiber)
        assert.strictEqual((yield* budget.snapshot).tokens, 500)
      })
    )
  })

  describe("the number of the try", () => {
    it.effect("is known to the effect, and begins anew within it", () =>
      Effect.gen(function* () {
        const seen: Array<readonly [outer: number, inner: number]> = []
        const inner = (outer: number) =>
          Effect.flatMap(Retry.currentAttempt, (attempt) => {
            seen.push([outer, attempt])
            return Effect.fail(busy())
          }).pipe(Retry.retry({ policy: exactly(2) }))
        yield* inADay(Retry.retry(Effect.flatMap(Retry.currentAttempt, inner), { policy: exactly(2) }))
        assert.deepStrictEqual(seen, [
          [1, 1],
          [1, 2],
          [2, 1],
          [2, 2]
        ])
        assert.strictEqual(yield* Retry.currentAttempt, 1)
      })
    )

    it.effect("is known of the error that comes through", () =>
      Effect.gen(function* () {
        const gone = new Gone()
        const late = busy()
        yield* inADay(Retry.retry(failing<Busy | Gone>(busy(), gone).call, { policy: exactly(9), tags: ["Busy"] }))
        yield* inADay(Retry.retry(failing(late).call, { policy: exactly(4) }))
        assert.deepStrictEqual([gone, late, busy(), "text"].map(Retry.attemptsOf), [
          Option.some(2),
          Option.some(4),
          Option.none(),
          Option.none()
        ])
      })
    )
  })

  describe("jitter", () => {
    it.effect.prop(
      "decorrelated is between base and three times the delay before, and at most the cap",
      { base: FastCheck.integer({ min: 0, max: 5000 }), cap: FastCheck.integer({ min: 5000, max: 60_000 }), seed },
      ({ base, cap, seed }) =>
        Effect.gen(function* () {
          const policy = Retry.make({ attempts: 30, base, cap, jitter: "decorrelated" })
          const delays = yield* delaysOf({ policy }, 30).pipe(withSeed(seed))
          for (const [n, delay] of delays.entries()) {
            assert.isAtLeast(delay, base)
            assert.isAtMost(delay, Math.min(cap, 3 * (delays[n - 1] ?? base)))
          }
        }),
      { timeout: 30_000, fastCheck: { numRuns: 1000 } }
    )

    it.effect("decorrelated grows with what came before, moved by chance", () =>
      Effect.gen(function* () {
        const policy = Retry.make({ attempts: 2001, base: "1 second", cap: "100 seconds", jitter: "decorrelated" })
        const delays = yield* delaysOf({ policy }, 2000)
        // Uniform between 1 s and 3 times the one before, a third of which hit the cap once it is near.
        assert.isAbove(new Set(delays).size, 500)
        assert.strictEqual(Math.max(...delays), 100_000)
      }).pipe(withSeed(42))
    )

    it.effect.prop(
      "is between zero and the bound",
      { policyInput, seed },
      ({ policyInput, seed }) =>
        Effect.gen(function* () {
          const policy = Retry.make(policyInput)
          const delays = yield* delaysOf({ policy }, policyInput.attempts).pipe(withSeed(seed))
          assert.strictEqual(delays.length, policyInput.attempts)
          for (const [n, delay] of delays.entries()) {
            assert.isAtLeast(delay, 0)
            assert.isAtMost(delay, Math.ceil(Duration.toMillis(Retry.bound(policy)(n + 1))))
            assert.isTrue(Number.isInteger(delay))
          }
        }),
      { timeout: 30_000, fastCheck: { numRuns: 200 } }
    )

    it.effect("is uniform", () =>
      Effect.gen(function* () {
        const policy = Retry.make({ attempts: 4001, base: "1 second", factor: 1 })
        const counts = Array.from({ length: 10 }, () => 0)
        for (const delay of yield* delaysOf({ policy }, 4000)) counts[Math.ceil(delay / 100) - 1]!++
        // 400 each, give or take five standard deviations of 19
        for (const count of counts) assert.closeTo(count, 400, 95)
      }).pipe(withSeed(42))
    )

    it.effect("of none waits for the bound", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* delaysOf({ policy: exactly(9) }, 6), [1000, 2000, 4000, 8000, 16_000, 20_000])
      })
    )

    it.effect("is drawn from Random: the same seed, the same waits", () =>
      Effect.gen(function* () {
        const policy = Retry.make({ attempts: 9 })
        const draw = (seed: number) => withSeed(seed)(delaysOf({ policy }, 8))
        assert.deepStrictEqual(yield* draw(1), yield* draw(1))
        assert.notDeepEqual(yield* draw(1), yield* draw(2))
      })
    )
  })

  describe("retryAfter", () => {
    const asked = (error: Busy) => error.retryAfter

    it.effect("takes the place of the backoff, be it longer than the cap or shorter than the bound", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy("1 hour"), busy("10 millis"), busy(), busy(0))
        yield* inADay(Retry.retry(call, { policy: exactly(5), retryAfter: asked }))
        assert.deepStrictEqual(times, [0, 3_600_000, 3_600_010, 3_604_010, 3_604_010])
      })
    )

    it.effect.prop(
      "is never shortened, whatever the policy and the jitter",
      { policyInput, seed, micros: FastCheck.nat(1_000_000_000) },
      ({ micros, policyInput, seed }) =>
        Effect.gen(function* () {
          const policy = Retry.make({ ...policyInput, attempts: 2 })
          const { call, times } = failing(busy(Duration.micros(BigInt(micros))))
          yield* inADay(Retry.retry(call, { policy, retryAfter: asked })).pipe(withSeed(seed))
          assert.deepStrictEqual(times, [0, Math.ceil(micros / 1000)])
        }),
      { timeout: 30_000, fastCheck: { numRuns: 50 } }
    )
  })

  describe("within", () => {
    it.effect("starts no try later than this after the first one", () =>
      Effect.gen(function* () {
        const on = failing(busy())
        yield* inADay(Retry.retry(on.call, { policy: exactly(9), within: "7 seconds" }))
        assert.deepStrictEqual(on.times, [0, 1000, 3000, 7000])
        const off = failing(busy())
        const day = Duration.toMillis("1 day")
        yield* inADay(Retry.retry(off.call, { policy: exactly(9), within: "6999 millis" }))
        assert.deepStrictEqual(
          off.times.map((at) => at - day),
          [0, 1000, 3000]
        )
      })
    )

    it.effect("counts the time that the tries take", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy())
        const slow = Effect.ensuring(call, Effect.sleep("10 seconds"))
        yield* inADay(Retry.retry(slow, { policy: exactly(9), within: "15 seconds" }))
        assert.deepStrictEqual(times, [0, 11_000])
      })
    )

    it.effect("does not mind a wall clock that jumps, either way", () =>
      Effect.gen(function* () {
        for (const millis of [3_600_000, -3_600_000]) {
          const { clock, jump } = jumping(yield* Effect.clock)
          const { call, times } = failing(busy())
          const retried = Retry.retry(call, { policy: exactly(9), within: "7 seconds" })
          const fiber = yield* Effect.fork(Effect.withClock(retried, clock))
          yield* TestClock.adjust("500 millis")
          jump(millis)
          yield* TestClock.adjust("1 day")
          yield* Fiber.await(fiber)
          assert.strictEqual(times.length, 4)
        }
      })
    )

    it.effect("gives up at once when the server asks for more", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy("2 minutes"))
        const error = yield* call.pipe(
          Retry.retry({
            policy: exactly(9),
            retryAfter: (error) => error.retryAfter,
            within: "1 minute"
          }),
          Effect.flip
        )
        assert.deepStrictEqual(error, busy("2 minutes"))
        assert.deepStrictEqual(times, [0])
      })
    )
  })

  describe("onRetry", () => {
    it.effect("sees the error, the try that failed and the wait, before it, and only if another try follows", () =>
      Effect.gen(function* () {
        const seen: Array<readonly [tag: string, attempt: number, millis: number, at: number]> = []
        const { call } = failing<Busy | Gone>(busy(), new Gone())
        yield* call.pipe(
          Retry.retry({
            policy: exactly(3),
            onRetry: (error, { attempt, delay }) =>
              Effect.map(Clock.currentTimeMillis, (now) => {
                seen.push([error._tag, attempt, Duration.toMillis(delay), now])
              })
          }),
          inADay
        )
        assert.deepStrictEqual(seen, [
          ["Busy", 1, 1000, 0],
          ["Gone", 2, 2000, 1000]
        ])
      })
    )

    it.effect("does not shorten the wait by its own time", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy())
        yield* inADay(Retry.retry(call, { policy: exactly(2), onRetry: () => Effect.sleep("5 seconds") }))
        assert.deepStrictEqual(times, [0, 6000])
      })
    )
  })

  it.effect("can be interrupted in the wait", () =>
    Effect.gen(function* () {
      const { call, times } = failing(busy())
      const fiber = yield* Effect.fork(Retry.retry(call, { policy: exactly(9) }))
      yield* TestClock.adjust("1500 millis")
      assert.isTrue(Exit.isInterrupted(yield* Fiber.interrupt(fiber)))
      yield* TestClock.adjust("1 day")
      assert.deepStrictEqual(times, [0, 1000])
    })
  )

  describe("schedule", () => {
    it.effect.prop(
      "gives Effect.retry the same waits as retry has",
      { policyInput, seed },
      ({ policyInput, seed }) =>
        Effect.gen(function* () {
          const options: Retry.Options<Busy | Gone> = {
            policy: Retry.make({ ...policyInput, attempts: Math.min(policyInput.attempts, 8) }),
            while: (error) => error._tag === "Busy",
            retryAfter: (error) => (error._tag === "Busy" ? error.retryAfter : Option.none()),
            within: "2 minutes"
          }
          const tries = (retry: (call: Effect.Effect<string, Busy | Gone>) => Effect.Effect<string, Busy | Gone>) =>
            Effect.gen(function* () {
              const { call, times } = failing<Busy | Gone>(busy(), busy("3 seconds"), busy(), new Gone())
              yield* inADay(retry(call))
              return times.map((at) => at - times[0]!)
            }).pipe(withSeed(seed))
          assert.deepStrictEqual(
            yield* tries((call) => Effect.retry(call, Retry.schedule(options))),
            yield* tries(Retry.retry(options))
          )
        }),
      { timeout: 30_000, fastCheck: { numRuns: 30 } }
    )

    it.effect("counts `within` from the first failure, as it cannot know of the first try", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy())
        const slow = Effect.ensuring(call, Effect.sleep("10 seconds"))
        yield* inADay(Effect.retry(slow, Retry.schedule({ policy: exactly(9), within: "15 seconds" })))
        assert.deepStrictEqual(times, [0, 11_000, 23_000])
      })
    )

    it.effect("serves a stream too", () =>
      Effect.gen(function* () {
        const { call, times } = failing(busy())
        yield* Stream.fromEffect(call).pipe(
          Stream.retry(Retry.schedule({ policy: exactly(3) })),
          Stream.runDrain,
          inADay
        )
        assert.deepStrictEqual(times, [0, 1000, 3000])
      })
    )
  })

  it("states its errors and requirements", () => {
    class Log extends Context.Tag("@tributary/resilience/test/Retry.test/Log")<
      Log,
      { readonly line: (text: string) => Effect.Effect<void> }
    >() {}
    class Service extends Context.Tag("@tributary/resilience/test/Retry.test/Service")<Service, string>() {}
    const policy = Retry.make()
    const call = Effect.fail(busy()) as Effect.Effect<string, Busy | Gone, Service>

    expectTypeOf(Retry.make).returns.toEqualTypeOf<Retry.Policy>()
    expectTypeOf(Retry.bound(policy)).toEqualTypeOf<(attempt: number) => Duration.Duration>()

    // E is unchanged, in both forms
    expectTypeOf(Retry.retry(call, { policy })).toEqualTypeOf<typeof call>()
    expectTypeOf(call.pipe(Retry.retry({ policy }))).toEqualTypeOf<typeof call>()

    // a tag that is not among the errors' does not compile
    expectTypeOf<Retry.Tags<Busy | Gone>>().toEqualTypeOf<"Busy" | "Gone">()
    // @ts-expect-error
    void Retry.retry(call, { policy, tags: ["Bussy"] })
    // @ts-expect-error
    void call.pipe(Retry.retry({ policy, tags: ["Bussy"] }))
    expectTypeOf(call.pipe(Retry.retry({ policy, tags: ["Busy"] }))).toEqualTypeOf<typeof call>()
    expectTypeOf(Retry.currentAttempt).toEqualTypeOf<Effect.Effect<number>>()
    expectTypeOf(Retry.attemptsOf).returns.toEqualTypeOf<Option.Option<number>>()

    // what onRetry requires is added, and the callbacks get the error typed
    const first = Retry.retry(call, {
      policy,
      while: (error) => {
        expectTypeOf(error).toEqualTypeOf<Busy | Gone>()
        return true
      },
      onRetry: (error) => Effect.flatMap(Log, (log) => log.line(error._tag))
    })
    const last = call.pipe(
      Retry.retry({
        policy,
        while: (error) => {
          expectTypeOf(error).toEqualTypeOf<Busy | Gone>()
          return true
        },
        retryAfter: (error) => {
          expectTypeOf(error).toEqualTypeOf<Busy | Gone>()
          return Option.none()
        },
        onRetry: (error) => Effect.flatMap(Log, (log) => log.line(error._tag))
      })
    )
    expectTypeOf(first).toEqualTypeOf<Effect.Effect<string, Busy | Gone, Service | Log>>()
    expectTypeOf(last).toEqualTypeOf<Effect.Effect<string, Busy | Gone, Service | Log>>()

    expectTypeOf(Retry.schedule<Busy>({ policy })).toEqualTypeOf<Schedule.Schedule<Retry.Attempt, Busy>>()
    const noted = Retry.schedule({
      policy,
      onRetry: (error: Busy) => Effect.flatMap(Log, (log) => log.line(error._tag))
    })
    expectTypeOf(noted).toEqualTypeOf<Schedule.Schedule<Retry.Attempt, Busy, Log>>()
    expectTypeOf(Effect.retry(call, Retry.schedule({ policy }))).toEqualTypeOf<typeof call>()

    // a handler that fails is no handler
    type OnRetry = NonNullable<Retry.Options<Busy, Log>["onRetry"]>
    expectTypeOf<ReturnType<OnRetry>>().toEqualTypeOf<Effect.Effect<void, never, Log>>()
  })
})
