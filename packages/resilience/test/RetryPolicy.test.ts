import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Retry from "@tributary/resilience/Retry"
import { Duration, Equal, FastCheck, Hash, Iterable, pipe } from "effect"

const millis = (durations: Iterable<Duration.Duration>): ReadonlyArray<number> =>
  Array.from(durations, (duration) => Duration.toMillis(duration))

/** The first delays, at their longest. */
const bounds = (policy: Retry.Policy, n = 40) => millis(Iterable.take(Retry.bounds(policy), n))

const fixed = (attempts: number, base: Duration.DurationInput) =>
  Retry.make({ attempts, base, factor: 1, cap: Number.POSITIVE_INFINITY, jitter: "none" })

const doubling = (attempts: number) => Retry.make({ attempts, base: "1 second", jitter: "none" })

const endless = Retry.make({ attempts: Number.POSITIVE_INFINITY, base: 0 })

const backoff: FastCheck.Arbitrary<Retry.Policy> = FastCheck.record({
  attempts: FastCheck.oneof(FastCheck.integer({ min: 1, max: 8 }), FastCheck.constant(Number.POSITIVE_INFINITY)),
  base: FastCheck.oneof(
    FastCheck.integer({ min: 0, max: 5000 }),
    FastCheck.nat(5_000_000).map((micros) => Duration.micros(BigInt(micros)))
  ),
  factor: FastCheck.oneof(FastCheck.constant(1), FastCheck.double({ min: 1, max: 10, noNaN: true })),
  cap: FastCheck.oneof(FastCheck.integer({ min: 0, max: 60_000 }), FastCheck.constant(Number.POSITIVE_INFINITY)),
  jitter: FastCheck.constantFrom<Retry.Backoff["jitter"]>("full", "decorrelated", "none")
}).map(Retry.make)

const { policy } = FastCheck.letrec<{ readonly policy: Retry.Policy }>((tie) => {
  const parts = FastCheck.tuple(tie("policy"), tie("policy"))
  return {
    policy: FastCheck.oneof(
      { maxDepth: 3, withCrossShrink: true },
      backoff,
      parts.map(([a, b]) => Retry.join(a, b)),
      parts.map(([a, b]) => Retry.meet(a, b)),
      parts.map(([a, b]) => Retry.followedBy(a, b))
    )
  }
})

// Longer than all policies that end: at most 8 parts with 7 delays each.
const chances = FastCheck.array(FastCheck.double({ min: 0, max: 1, noNaN: true }), { minLength: 60, maxLength: 60 })

const parameters = { timeout: 60_000, fastCheck: { numRuns: 1000 } }

type Law = (a: Retry.Policy, b: Retry.Policy, c: Retry.Policy) => readonly [Retry.Policy, Retry.Policy]

const holds = (name: string, law: Law) =>
  it.prop(
    name,
    { a: policy, b: policy, c: policy, chances },
    ({ a, b, c, chances }) => {
      const [left, right] = law(a, b, c)
      assert.deepStrictEqual(millis(Retry.delays(left, chances)), millis(Retry.delays(right, chances)))
      assert.strictEqual(Retry.attempts(left), Retry.attempts(right))
    },
    parameters
  )

describe("Retry.Policy", () => {
  describe("make", () => {
    it("has the documented defaults", () => {
      const { base, cap, ...rest } = Retry.make()
      assert.deepStrictEqual({ ...rest }, { _tag: "Backoff", attempts: 3, factor: 2, jitter: "full" })
      assert.deepStrictEqual(millis([base, cap]), [50, 20_000])
    })

    it("takes values that make no sense for a RangeError", () => {
      for (const attempts of [0, -1, 1.5, Number.NaN, Number.NEGATIVE_INFINITY]) {
        assert.throws(() => Retry.make({ attempts }), RangeError, "attempts")
      }
      for (const factor of [0, 0.99, -2, Number.NaN]) {
        assert.throws(() => Retry.make({ factor }), RangeError, "factor")
      }
    })

    it("may be endless", () => {
      const policy = Retry.make({ attempts: Number.POSITIVE_INFINITY })
      assert.strictEqual(Retry.attempts(policy), Number.POSITIVE_INFINITY)
      assert.strictEqual(bounds(policy, 5000).at(-1), 20_000)
    })
  })

  it("is a value: equal if it is built of equal parts in the same way", () => {
    const make = (attempts = 5) =>
      Retry.join(doubling(attempts), Retry.meet(Retry.make({ base: "1500 micros" }), Retry.none))
    assert.isTrue(Equal.equals(make(), make()))
    assert.strictEqual(Hash.hash(make()), Hash.hash(make()))
    assert.isFalse(Equal.equals(make(), make(6)))
    const [a, b] = [doubling(2), doubling(3)]
    assert.isFalse(Equal.equals(Retry.join(a, b), Retry.join(b, a)))
    assert.isFalse(Equal.equals(Retry.join(a, b), Retry.meet(a, b)))
  })

  describe("bound", () => {
    it("is base by factor, up to the cap", () => {
      const bound = Retry.bound(Retry.make({ base: "100 millis", factor: 3, cap: "1 second" }))
      assert.deepStrictEqual(millis([1, 2, 3, 4].map(bound)), [100, 300, 900, 1000])
      const fine = Retry.bound(Retry.make({ base: "1 micros", factor: 1.5 }))
      assert.strictEqual(Duration.toMillis(fine(3)), 0.00225)
      const decorrelated = Retry.bound(Retry.make({ base: 10, factor: 7, cap: 100, jitter: "decorrelated" }))
      assert.deepStrictEqual(millis([1, 2, 3, 4].map(decorrelated)), [30, 90, 100, 100])
    })

    it.prop(
      "never grows above the cap nor shrinks, however many the tries",
      {
        base: FastCheck.integer({ min: 0, max: 5000 }),
        factor: FastCheck.oneof(FastCheck.double({ min: 1, max: 10, noNaN: true }), FastCheck.constant(Infinity)),
        cap: FastCheck.integer({ min: 0, max: 60_000 }),
        jitter: FastCheck.constantFrom<Retry.Backoff["jitter"]>("full", "decorrelated", "none")
      },
      (options) => {
        const bound = Retry.bound(Retry.make(options))
        let before = Math.min(options.base, options.cap)
        for (const attempt of [1, 2, 3, 10, 100, 2000]) {
          const millis = Duration.toMillis(bound(attempt))
          assert.isAtLeast(millis, before)
          assert.isAtMost(millis, options.cap)
          before = millis
        }
      },
      parameters
    )
  })

  describe("bounds", () => {
    it("are the delays with the worst of luck", () => {
      assert.deepStrictEqual(bounds(Retry.make()), [50, 100])
      assert.deepStrictEqual(
        bounds(Retry.make({ attempts: 5, base: "1 second", cap: "5 seconds", jitter: "decorrelated" })),
        [3000, 5000, 5000, 5000]
      )
      assert.deepStrictEqual(bounds(Retry.none), [])
      const twice = Retry.bounds(doubling(4))
      assert.deepStrictEqual(millis(twice), millis(twice))
    })

    it.prop(
      "are never exceeded, and there is one for each delay",
      { policy, chances },
      ({ chances, policy }) => {
        const delays = millis(Retry.delays(policy, chances))
        const most = bounds(policy, chances.length)
        assert.strictEqual(delays.length, most.length)
        for (const [n, delay] of delays.entries()) {
          assert.isAtLeast(delay, 0)
          assert.isAtMost(delay, most[n]!)
        }
      },
      parameters
    )
  })

  describe("delays", () => {
    it("are moved by the chances, one for each", () => {
      const policy = Retry.make({ attempts: 4, base: 100, cap: 1000 })
      assert.deepStrictEqual(millis(Retry.delays(policy, [0.5, 0, 0.25, 1])), [50, 0, 100])
      assert.deepStrictEqual(millis(pipe(policy, Retry.delays([0.5]))), [50])
      const decorrelated = Retry.make({ attempts: 9, base: 100, cap: 1000, jitter: "decorrelated" })
      // 100 + 0.5 * (300 - 100), then from 3 * 200, then from 3 * 100
      assert.deepStrictEqual(
        millis(Retry.delays(decorrelated, [0.5, 0, 0.5, 1, 1, 1])),
        [200, 100, 200, 600, 1000, 1000]
      )
    })

    it("are numbers, whatever base, cap and factor are", () => {
      const sizes = [0, 1, Number.POSITIVE_INFINITY]
      for (const jitter of ["full", "decorrelated", "none"] as const) {
        for (const [base, cap] of sizes.flatMap((base) => sizes.map((cap) => [base, cap] as const))) {
          for (const factor of [1, 2, Number.POSITIVE_INFINITY]) {
            const policy = Retry.make({ attempts: 2000, base, cap, factor, jitter })
            const delays = millis(
              Retry.delays(
                policy,
                Iterable.makeBy((n) => (n % 7 === 0 ? 0 : 1))
              )
            )
            assert.strictEqual(delays.length, 1999)
            assert.isTrue(delays.every((delay) => Number.isFinite(delay) && delay >= 0 && delay <= cap))
            if (base > 0 && cap > 0) assert.isAbove(delays[1]!, 0)
          }
        }
      }
    })
  })

  describe("join", () => {
    it("goes on as long as either does, after the shorter delay of those that still go on", () => {
      const joined = Retry.join(doubling(6), fixed(4, "3 seconds"))
      assert.deepStrictEqual(bounds(joined), [1000, 2000, 3000, 8000, 16_000])
      assert.deepStrictEqual(bounds(pipe(fixed(4, "3 seconds"), Retry.join(doubling(6)))), bounds(joined))
      assert.strictEqual(Retry.attempts(joined), 6)
    })

    it("does not touch what a part does: its backoff grows from its own delay", () => {
      const decorrelated = Retry.make({ attempts: 9, base: 100, jitter: "decorrelated" })
      const joined = Retry.join(decorrelated, fixed(3, 1))
      assert.deepStrictEqual(bounds(joined, 4), [1, 1, 2700, 8100])
    })

    holds("is associative", (a, b, c) => [Retry.join(a, Retry.join(b, c)), Retry.join(Retry.join(a, b), c)])
    holds("is commutative", (a, b) => [Retry.join(a, b), Retry.join(b, a)])
    holds("is idempotent", (a) => [Retry.join(a, a), a])
    holds("absorbs meet", (a, b) => [Retry.join(a, Retry.meet(a, b)), a])
    holds("distributes over meet", (a, b, c) => [
      Retry.join(a, Retry.meet(b, c)),
      Retry.meet(Retry.join(a, b), Retry.join(a, c))
    ])
    holds("has the identity none", (a) => [Retry.join(a, Retry.none), a])
    holds("is endless without delay if a part is", (a) => [Retry.join(a, endless), endless])
  })

  describe("meet", () => {
    it("goes on only as long as both do, after the longer delay", () => {
      const met = Retry.meet(doubling(6), fixed(4, "3 seconds"))
      assert.deepStrictEqual(bounds(met), [3000, 3000, 4000])
      assert.deepStrictEqual(bounds(pipe(fixed(4, "3 seconds"), Retry.meet(doubling(6)))), bounds(met))
      assert.strictEqual(Retry.attempts(met), 4)
    })

    holds("is associative", (a, b, c) => [Retry.meet(a, Retry.meet(b, c)), Retry.meet(Retry.meet(a, b), c)])
    holds("is commutative", (a, b) => [Retry.meet(a, b), Retry.meet(b, a)])
    holds("is idempotent", (a) => [Retry.meet(a, a), a])
    holds("absorbs join", (a, b) => [Retry.meet(a, Retry.join(a, b)), a])
    holds("distributes over join", (a, b, c) => [
      Retry.meet(a, Retry.join(b, c)),
      Retry.join(Retry.meet(a, b), Retry.meet(a, c))
    ])
    holds("has the identity endless without delay", (a) => [Retry.meet(a, endless), a])
    it("has that identity however many the tries", () => {
      // 2^1024 is no number any more, and 0 times that neither.
      assert.deepStrictEqual(new Set(bounds(Retry.meet(endless, fixed(3000, 7)), 3000)), new Set([7]))
    })

    holds("with none is none", (a) => [Retry.meet(a, Retry.none), Retry.none])
  })

  describe("followedBy", () => {
    it("goes on with the second from its own beginning", () => {
      const followed = Retry.followedBy(doubling(3), doubling(4))
      assert.deepStrictEqual(bounds(followed), [1000, 2000, 1000, 2000, 4000])
      assert.deepStrictEqual(bounds(pipe(fixed(3, 7), Retry.followedBy(fixed(2, 9)))), [7, 7, 9])
      assert.strictEqual(Retry.attempts(followed), 6)
    })

    holds("is associative", (a, b, c) => [
      Retry.followedBy(a, Retry.followedBy(b, c)),
      Retry.followedBy(Retry.followedBy(a, b), c)
    ])
    holds("has the identity none on the right", (a) => [Retry.followedBy(a, Retry.none), a])
    holds("has the identity none on the left", (a) => [Retry.followedBy(Retry.none, a), a])
    holds("distributes from the left over join", (a, b, c) => [
      Retry.followedBy(a, Retry.join(b, c)),
      Retry.join(Retry.followedBy(a, b), Retry.followedBy(a, c))
    ])
    holds("distributes from the left over meet", (a, b, c) => [
      Retry.followedBy(a, Retry.meet(b, c)),
      Retry.meet(Retry.followedBy(a, b), Retry.followedBy(a, c))
    ])
  })

  it.prop(
    "gives one delay less than it has attempts",
    { policy, chances },
    ({ chances, policy }) => {
      const delays = Array.from(Retry.delays(policy, chances))
      assert.strictEqual(delays.length, Math.min(Retry.attempts(policy) - 1, chances.length))
    },
    parameters
  )

  describe("format", () => {
    const table: ReadonlyArray<readonly [Retry.Policy, string]> = [
      [Retry.make(), "3 attempts, 50ms x2 up to 20s, full jitter"],
      [Retry.none, "no retry"],
      [Retry.make({ attempts: 5, jitter: "decorrelated" }), "5 attempts, 50ms up to 20s, decorrelated jitter"],
      [Retry.make({ attempts: 2, cap: Infinity, factor: 1.5 }), "2 attempts, 50ms x1.5 uncapped, full jitter"],
      [fixed(Infinity, "90 seconds"), "endless, 1m 30s, no jitter"],
      [Retry.make({ base: "1 minute" }), "3 attempts, 20s, full jitter"],
      [endless, "endless, no delay"],
      [
        Retry.meet(fixed(Infinity, "1 minute"), Retry.make({ attempts: 5, base: 0 })),
        "(endless, 1m, no jitter) meet (5 attempts, no delay)"
      ],
      [
        Retry.join(
          Retry.join(fixed(2, 1), fixed(3, 2)),
          Retry.join(fixed(4, 3), Retry.followedBy(endless, fixed(5, 4)))
        ),
        "(2 attempts, 1ms, no jitter) join (3 attempts, 2ms, no jitter) join (4 attempts, 3ms, no jitter) " +
          "join ((endless, no delay) followedBy (5 attempts, 4ms, no jitter))"
      ]
    ]
    it("is one line that tells all", () => {
      for (const [policy, line] of table) assert.strictEqual(Retry.format(policy), line)
    })

    it("leaves out nothing that matters: the same line, the same delays", () => {
      const sizes = [0, 1, 2, Number.POSITIVE_INFINITY]
      const policies = [1, 2, 3, 4].flatMap((attempts) =>
        sizes.flatMap((base) =>
          sizes.flatMap((cap) =>
            [1, 2, 3].flatMap((factor) =>
              (["full", "decorrelated", "none"] as const).map((jitter) =>
                Retry.make({ attempts, base, cap, factor, jitter })
              )
            )
          )
        )
      )
      const seen = new Map<string, ReadonlyArray<number>>()
      for (const policy of policies) {
        const delays = [0, 0.3, 1].flatMap((chance) =>
          millis(Retry.delays(policy, [chance, 1 - chance, chance * chance]))
        )
        const line = Retry.format(policy)
        assert.deepStrictEqual(delays, seen.get(line) ?? delays, line)
        seen.set(line, delays)
      }
      assert.isBelow(seen.size, policies.length)
    })
  })

  it("has types that tell a plain policy from a combined one", () => {
    const policy = Retry.make()
    expectTypeOf(Retry.make).returns.toEqualTypeOf<Retry.Backoff>()
    expectTypeOf(Retry.none).toEqualTypeOf<Retry.Backoff>()
    expectTypeOf<Retry.Policy["_tag"]>().toEqualTypeOf<"Backoff" | "Join" | "Meet" | "FollowedBy">()
    for (const combine of [Retry.join, Retry.meet, Retry.followedBy]) {
      expectTypeOf(combine(policy, policy)).toEqualTypeOf<Retry.Policy>()
      expectTypeOf(combine(policy)).toEqualTypeOf<(self: Retry.Policy) => Retry.Policy>()
    }
    expectTypeOf(Retry.attempts).toEqualTypeOf<(policy: Retry.Policy) => number>()
    expectTypeOf(Retry.bounds).toEqualTypeOf<(policy: Retry.Policy) => Iterable<Duration.Duration>>()
    expectTypeOf(Retry.delays(policy, [])).toEqualTypeOf<Iterable<Duration.Duration>>()
    expectTypeOf(Retry.format).toEqualTypeOf<(policy: Retry.Policy) => string>()
    expectTypeOf(Retry.bound(policy)).toEqualTypeOf<(attempt: number) => Duration.Duration>()
    // @ts-expect-error
    Retry.bound(Retry.join(policy, policy))
  })
})
