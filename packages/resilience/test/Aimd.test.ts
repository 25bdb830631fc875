import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Aimd from "@tributary/resilience/Aimd"
import { FastCheck } from "effect"

const isOverload = (error: unknown): boolean => error === "busy"

describe("Aimd", () => {
  it("begins at 20 between 1 and 200, or at what is nearest", () => {
    assert.deepStrictEqual(Aimd.make({ isOverload }), {
      _tag: "Aimd",
      isOverload,
      initial: 20,
      min: 1,
      max: 200,
      backoff: 0.7
    })
    assert.strictEqual(Aimd.make({ isOverload, max: 5 }).initial, 5)
    assert.strictEqual(Aimd.make({ isOverload, min: 50 }).initial, 50)
  })

  it.each<Omit<Aimd.Options, "isOverload">>([
    { min: 0 },
    { min: 1.5 },
    { max: 0 },
    { min: 5, max: 4 },
    { max: Number.POSITIVE_INFINITY },
    { initial: 0 },
    { initial: 201 },
    { initial: 1.5 },
    { initial: Number.NaN },
    { backoff: 0 },
    { backoff: 1 },
    { backoff: Number.NaN }
  ])("does not take %o", (options) => {
    assert.throws(() => Aimd.make({ isOverload, ...options }), RangeError)
  })

  it("rises by one in a round of successes, however high it stands", () => {
    const limit = new Aimd.Limit(Aimd.make({ isOverload, initial: 1, max: 200 }))
    for (let expected = 2; expected <= 150; expected++) {
      for (let n = limit.current; n > 0; n--) limit.succeeded(limit.round, limit.current)
      assert.strictEqual(limit.current, expected)
    }
  })

  it("falls to the floor in a few rounds, and finds back", () => {
    const limit = new Aimd.Limit(Aimd.make({ isOverload }))
    const falls: Array<number> = []
    for (let n = 0; n < 10; n++) {
      limit.overloaded(limit.round)
      falls.push(limit.current)
    }
    assert.deepStrictEqual(falls, [14, 9, 6, 4, 2, 1, 1, 1, 1, 1])
    limit.succeeded(limit.round, 1)
    assert.strictEqual(limit.current, 2)
  })

  it("counts what ran when it was cut no more, be it bad or good", () => {
    const limit = new Aimd.Limit(Aimd.make({ isOverload, backoff: 0.5 }))
    const { round } = limit
    limit.overloaded(round)
    for (let n = 0; n < 19; n++) limit.overloaded(round)
    for (let n = 0; n < 100; n++) limit.succeeded(round, 20)
    assert.strictEqual(limit.current, 10)
  })

  it("does not rise when less than half of it is in use", () => {
    const limit = new Aimd.Limit(Aimd.make({ isOverload }))
    for (let n = 0; n < 100; n++) limit.succeeded(limit.round, 9)
    assert.strictEqual(limit.current, 20)
    for (let n = 0; n < 19; n++) limit.succeeded(limit.round, 10)
    assert.strictEqual(limit.current, 20)
    limit.succeeded(limit.round, 10)
    assert.strictEqual(limit.current, 21)
  })

  const outcome = FastCheck.record({
    good: FastCheck.boolean(),
    /** How many rounds ago it began. */
    late: FastCheck.oneof({ arbitrary: FastCheck.constant(0), weight: 3 }, FastCheck.nat(2)),
    active: FastCheck.integer({ min: 1, max: 40 })
  })

  it.prop(
    "stays within its bounds; an overload cuts it and a success raises it by one at most, late ones do nothing",
    {
      min: FastCheck.integer({ min: 1, max: 10 }),
      span: FastCheck.integer({ min: 0, max: 20 }),
      backoff: FastCheck.double({ min: 0.05, max: 0.95, noNaN: true }),
      outcomes: FastCheck.array(outcome, { maxLength: 100 })
    },
    ({ backoff, min, outcomes, span }) => {
      const limit = new Aimd.Limit(Aimd.make({ isOverload, backoff, min, max: min + span }))
      for (const { active, good, late } of outcomes) {
        const before = limit.current
        if (good) limit.succeeded(limit.round - late, active)
        else limit.overloaded(limit.round - late)
        assert.isAtLeast(limit.current, min)
        assert.isAtMost(limit.current, min + span)
        if (late > 0) assert.strictEqual(limit.current, before)
        else if (good) assert.include([before, before + 1], limit.current)
        else assert.strictEqual(limit.current, Math.max(min, Math.floor(before * backoff)))
      }
    },
    { fastCheck: { numRuns: 1000 } }
  )

  it("settles around what a server can do", () => {
    // A server that refuses whoever comes above 30, in rounds of as many calls as the limit lets run.
    const limit = new Aimd.Limit(Aimd.make({ isOverload }))
    const seen: Array<number> = []
    for (let n = 0; n < 400; n++) {
      const { current, round } = limit
      for (let call = 0; call < current; call++) {
        if (call < 30) limit.succeeded(round, current)
        else limit.overloaded(round)
      }
      if (n >= 100) seen.push(current)
    }
    assert.isAtLeast(Math.min(...seen), 20)
    assert.isAtMost(Math.max(...seen), 32)
    assert.isAtLeast(seen.reduce((sum, each) => sum + each, 0) / seen.length, 24)
  })

  it("forgets the limits of keys that were idle for ten minutes, by itself", () => {
    const inUse = new Set(["busy"])
    const limits = new Aimd.Limits(Aimd.make({ isOverload }), (key) => inUse.has(key))
    const idle = limits.of("idle", 0)
    limits.of("busy", 0)
    assert.strictEqual(limits.of("idle", 300_000), idle)
    limits.of("other", 899_999)
    assert.deepStrictEqual(
      [...limits].map(([key]) => key),
      ["idle", "busy", "other"]
    )
    limits.of("other", 960_000)
    assert.deepStrictEqual(
      [...limits].map(([key]) => key),
      ["busy", "other"]
    )
  })

  it("is typed in plain values", () => {
    expectTypeOf<typeof Aimd.make>().toEqualTypeOf<(options: Aimd.Options) => Aimd.Aimd>()
    expectTypeOf<ConstructorParameters<typeof Aimd.Limit>>().toEqualTypeOf<[policy: Aimd.Aimd]>()
    expectTypeOf<Aimd.Limit["succeeded"]>().toEqualTypeOf<(round: number, active: number) => void>()
    expectTypeOf<Aimd.Limit["overloaded"]>().toEqualTypeOf<(round: number) => void>()
    expectTypeOf<Aimd.Limits["of"]>().toEqualTypeOf<(key: string, now: number) => Aimd.Limit>()
  })
})
