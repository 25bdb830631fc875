import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as Permits from "@tributary/resilience/Permits"
import { Effect, FastCheck } from "effect"

const cases = { fastCheck: { numRuns: 1000 } }

const priorities: ReadonlyArray<Permits.Priority> = [0, 1, 2, 3]

type Op =
  | { readonly _tag: "Arrive"; readonly key: string; readonly priority: Permits.Priority }
  | { readonly _tag: "Leave" | "Finish"; readonly which: number }
  | { readonly _tag: "SetLimit"; readonly key: string; readonly limit: number }
  | { readonly _tag: "SetTotal"; readonly limit: number }

const key = FastCheck.constantFrom("a", "b", "c", "d")
const priority = FastCheck.constantFrom<Permits.Priority>(...priorities)
const limit = FastCheck.oneof(FastCheck.integer({ min: 1, max: 4 }), FastCheck.constant(Number.POSITIVE_INFINITY))
const which = FastCheck.nat(99)

const arrive: FastCheck.Arbitrary<Op> = FastCheck.record({ _tag: FastCheck.constant("Arrive" as const), key, priority })
const finish: FastCheck.Arbitrary<Op> = FastCheck.record({ _tag: FastCheck.constant("Finish" as const), which })
const leave: FastCheck.Arbitrary<Op> = FastCheck.record({ _tag: FastCheck.constant("Leave" as const), which })
const setLimit: FastCheck.Arbitrary<Op> = FastCheck.record({
  _tag: FastCheck.constant("SetLimit" as const),
  key,
  limit
})
const setTotal: FastCheck.Arbitrary<Op> = FastCheck.record({ _tag: FastCheck.constant("SetTotal" as const), limit })

const anything = FastCheck.array(
  FastCheck.oneof(
    { arbitrary: arrive, weight: 12 },
    { arbitrary: finish, weight: 8 },
    { arbitrary: leave, weight: 2 },
    { arbitrary: setLimit, weight: 1 },
    { arbitrary: setTotal, weight: 1 }
  ),
  { minLength: 1, maxLength: 60 }
)

/** Does what the operations say, and calls `check` with whoever got a permit, and after every operation. */
const run = (options: { readonly total: number; readonly limitOf: (key: string) => number }) => {
  const permits = new Permits.Permits(options.total, options.limitOf)
  const limits = new Map<string, number>()
  let total = options.total
  let held: Array<Permits.Permit> = []
  let waiting: Array<Permits.Permit> = []
  const limitOf = (key: string): number => limits.get(key) ?? options.limitOf(key)

  const isFull = (key: string): boolean =>
    held.length >= total || held.filter((permit) => permit.key === key).length >= limitOf(key)

  const grant = (permit: Permits.Permit): void => {
    assert.isFalse(isFull(permit.key), "above a limit")
    const ahead = waiting.find(({ key, priority }) => key === permit.key && priority === permit.priority)
    assert.isTrue(ahead === undefined || ahead === permit, "first in, first out")
    waiting = waiting.filter((each) => each !== permit)
    held.push(permit)
  }

  const arrive = (key: string, priority: Permits.Priority, onGrant: (permit: Permits.Permit) => void): void => {
    const permit = new Permits.Permit(key, priority)
    const full = isFull(key)
    assert.strictEqual(permits.take(permit), !full)
    if (!full) {
      held.push(permit)
      onGrant(permit)
      return
    }
    waiting.push(permit)
    permits.enqueue(
      permit,
      () => {
        grant(permit)
        onGrant(permit)
      },
      () => assert.fail("dismissed")
    )
  }

  const release = (permit: Permits.Permit): void => {
    held = held.filter((each) => each !== permit)
    waiting = waiting.filter((each) => each !== permit)
    permits.release(permit)
    permits.release(permit)
  }

  const apply = (op: Op, onGrant: (permit: Permits.Permit) => void = () => undefined): void => {
    if (op._tag === "Arrive") {
      arrive(op.key, op.priority, onGrant)
    } else if (op._tag === "SetTotal") {
      total = op.limit
      permits.setTotal(op.limit)
    } else if (op._tag === "SetLimit") {
      // A key that nobody uses is not known, and its limit is asked for when it comes.
      if (permits.usage(op.key) === undefined) return
      limits.set(op.key, op.limit)
      permits.setLimit(op.key, op.limit)
    } else {
      const from = op._tag === "Finish" ? held : waiting
      const permit = from[op.which % from.length]
      if (permit !== undefined) release(permit)
    }
    for (const key of limits.keys()) if (permits.usage(key) === undefined) limits.delete(key)
  }

  const check = (): void => {
    assert.deepStrictEqual(permits.total, { active: held.length, waiting: waiting.length, limit: total })
    const keys = new Set([...held, ...waiting].map(({ key }) => key))
    assert.deepStrictEqual(
      new Map(permits),
      new Map(
        Array.from(keys, (key) => [
          key,
          {
            active: held.filter((permit) => permit.key === key).length,
            waiting: waiting.filter((permit) => permit.key === key).length,
            limit: limitOf(key)
          }
        ])
      )
    )
    // Work conservation: whoever could run, runs.
    for (const { key } of waiting) if (!isFull(key)) assert.fail(`somebody who waits for ${key} could run`)
  }

  return { permits, apply, check, release, held: () => held, waiting: () => waiting }
}

const limitsOf = (limits: Readonly<Record<string, number>>) => (key: string) => limits[key] ?? 1
const someLimits = FastCheck.record({ a: limit, b: limit, c: limit, d: limit })

const queued = (permits: Permits.Permits, log: Array<string>) => {
  const add = (key: string, priority: Permits.Priority, name: string): Permits.Permit => {
    const permit = new Permits.Permit(key, priority)
    permits.enqueue(
      permit,
      () => log.push(name),
      () => log.push(`${name} dismissed`)
    )
    return permit
  }
  return add
}

const taken = (permits: Permits.Permits, key: string): Permits.Permit => {
  const permit = new Permits.Permit(key, 1)
  assert.isTrue(permits.take(permit))
  return permit
}

describe("Permits", () => {
  it.prop(
    "never has more out than the limits allow, serves a class first in first out, leaves nobody idle, and counts right",
    { limits: someLimits, total: limit, ops: anything },
    ({ limits, ops, total }) => {
      const it = run({ total, limitOf: limitsOf(limits) })
      for (const op of ops) {
        it.apply(op)
        it.check()
      }
      while (it.held().length > 0) {
        it.release(it.held()[0]!)
        it.check()
      }
      assert.strictEqual(it.waiting().length, 0)
      assert.deepStrictEqual([...it.permits], [])
    },
    cases
  )

  it.prop(
    "passes a class over within a key at most so often, whoever comes and goes at whichever key",
    {
      limits: someLimits,
      total: limit,
      backlog: FastCheck.array(arrive, { minLength: 30, maxLength: 60 }),
      ops: FastCheck.array(
        FastCheck.oneof({ arbitrary: arrive, weight: 10 }, { arbitrary: finish, weight: 10 }, leave),
        { minLength: 60, maxLength: 120 }
      )
    },
    ({ backlog, limits, ops, total }) => {
      const it = run({ total, limitOf: limitsOf(limits) })
      const passed = new Map<string, number>()
      const onGrant = (permit: Permits.Permit): void => {
        for (const priority of priorities) {
          const line = `${permit.key}${priority}`
          const waits = it.waiting().some((each) => each.key === permit.key && each.priority === priority)
          passed.set(line, waits && priority !== permit.priority ? (passed.get(line) ?? 0) + 1 : 0)
          if (passed.get(line)! > Permits.patience + 2) assert.fail(`${line} was passed over ${passed.get(line)} times`)
        }
      }
      for (const op of [...backlog, ...ops]) {
        it.apply(op, onGrant)
        // who left may have been the last of its class
        for (const line of passed.keys()) {
          if (!it.waiting().some(({ key, priority }) => line === `${key}${priority}`)) passed.set(line, 0)
        }
      }
    },
    cases
  )

  it.prop(
    "gives every key of every class its turn when only the total is short",
    {
      lines: FastCheck.array(priority, { minLength: 1, maxLength: 12 }),
      total: FastCheck.integer({ min: 1, max: 3 }),
      ends: FastCheck.array(which, { minLength: 200, maxLength: 200 })
    },
    ({ ends, lines, total }) => {
      const it = run({ total, limitOf: () => Number.POSITIVE_INFINITY })
      const since = lines.map(() => 0)
      const nth = (n: number): Op => ({ _tag: "Arrive", key: `${n}`, priority: lines[n]! })
      const onGrant = ({ key }: Permits.Permit): void => {
        for (const [n, priority] of lines.entries()) {
          since[n] = `${n}` === key ? 0 : since[n]! + 1
          const inClass = lines.filter((each) => each === priority).length
          if (since[n]! > inClass * (Permits.patience + 3)) assert.fail(`${n} had no turn in ${since[n]}`)
        }
      }
      for (const n of Array.from({ length: total }, () => 0)) it.apply(nth(n))
      // Everybody always has two who wait.
      for (const n of [...lines.keys(), ...lines.keys()]) it.apply(nth(n))
      for (const which of ends) {
        const before = it.waiting().length
        it.apply({ _tag: "Finish", which })
        const granted = it.held().at(-1)!
        assert.strictEqual(it.waiting().length, before - 1)
        onGrant(granted)
        it.apply(nth(Number(granted.key)))
      }
    },
    cases
  )

  it("goes by class, and within it by arrival", () => {
    const log: Array<string> = []
    const permits = new Permits.Permits(1, () => Number.POSITIVE_INFINITY)
    const first = taken(permits, "k")
    const add = queued(permits, log)
    const all = [
      first,
      add("k", 3, "d"),
      add("k", 1, "b"),
      add("k", 2, "c"),
      add("k", 1, "b again"),
      add("k", 0, "a")
    ] as const
    for (const n of [0, 5, 2, 4, 3, 1]) permits.release(all[n]!)
    assert.deepStrictEqual(log, ["a", "b", "b again", "c", "d"])
    assert.deepStrictEqual(permits.total, { active: 0, waiting: 0, limit: 1 })
  })

  it("serves a class that was passed over often enough, and then passes it over again", () => {
    const order: Array<Permits.Priority> = []
    const permits = new Permits.Permits(1, () => 1)
    let holder = taken(permits, "k")
    for (const priority of [0, 3] as const) {
      for (let n = 0; n < 100; n++) {
        const permit = new Permits.Permit("k", priority)
        permits.enqueue(
          permit,
          () => {
            order.push(priority)
            holder = permit
          },
          () => undefined
        )
      }
    }
    for (let n = 0; n < 100; n++) permits.release(holder)
    const turns = [...order.entries()].filter(([, priority]) => priority === 3).map(([n]) => n)
    assert.deepStrictEqual(turns, [16, 33, 50, 67, 84])
  })

  it.each(["k", "other"])("is left by one that was passed over, of key %s, as if it had never waited", (low) => {
    const log: Array<string> = []
    const permits = new Permits.Permits(1, () => 1)
    let holder = taken(permits, "k")
    const urgent = (name: string): void => {
      const permit = new Permits.Permit("k", 0)
      const granted = (): void => {
        log.push(name)
        holder = permit
      }
      permits.enqueue(permit, granted, () => undefined)
    }
    for (let n = 0; n < 40; n++) urgent(`${n}`)
    const add = queued(permits, log)
    const impatient = add(low, 3, "impatient")
    for (let n = 0; n < Permits.patience - 1; n++) permits.release(holder)
    permits.release(impatient)
    add(low, 3, "patient")
    for (let n = 0; n < Permits.patience + 1; n++) permits.release(holder)
    assert.deepStrictEqual(log.indexOf("patient"), 2 * Permits.patience - 1)
  })

  it("lets those who wait for a full key hold up no other", () => {
    const log: Array<string> = []
    const permits = new Permits.Permits(2, () => 1)
    taken(permits, "full")
    const add = queued(permits, log)
    add("full", 0, "waits")
    const other = taken(permits, "other")
    add("full", 0, "waits too")
    add("third", 3, "goes")
    permits.release(other)
    assert.deepStrictEqual(log, ["goes"])
  })

  it("lets keys take turns, however long their queues", () => {
    const log: Array<string> = []
    const permits = new Permits.Permits(1, () => Number.POSITIVE_INFINITY)
    const first = taken(permits, "a")
    const add = queued(permits, log)
    const all = ["a1", "a2", "a3", "b1", "b2", "c1"].map((name) => add(name.charAt(0), 1, name))
    const next = (): void => permits.release(all.find(({ state }) => state === "held")!)
    permits.release(first)
    for (let n = 0; n < 5; n++) next()
    assert.deepStrictEqual(log, ["a1", "b1", "c1", "a2", "b2", "a3"])
  })

  it("takes anyone out of the queue: the first, one in the middle and the last", () => {
    const log: Array<string> = []
    const permits = new Permits.Permits(1, () => 1)
    const first = taken(permits, "k")
    const add = queued(permits, log)
    const all = ["a", "b", "c", "d", "e"].map((name) => add("k", 1, name))
    for (const n of [0, 2, 4]) permits.release(all[n]!)
    add("k", 1, "f")
    assert.strictEqual(permits.usage("k")?.waiting, 3)
    permits.release(first)
    permits.release(all[1]!)
    permits.release(all[3]!)
    assert.deepStrictEqual(log, ["b", "d", "f"])
  })

  it("starts as many as a raised limit allows, and nobody under a lowered one until enough have ended", () => {
    const log: Array<string> = []
    const permits = new Permits.Permits(10, () => 1)
    taken(permits, "k")
    const add = queued(permits, log)
    const [a, b] = ["a", "b", "c", "d"].map((name) => add("k", 1, name)) as [Permits.Permit, Permits.Permit]
    permits.setLimit("k", 3)
    assert.deepStrictEqual(log, ["a", "b"])
    permits.setLimit("k", 1)
    permits.release(a)
    permits.setTotal(1)
    assert.deepStrictEqual(permits.total, { active: 2, waiting: 2, limit: 1 })
    permits.release(b)
    assert.deepStrictEqual(log, ["a", "b"])
    permits.setTotal(2)
    permits.setLimit("k", 2)
    assert.deepStrictEqual(log, ["a", "b", "c"])
  })

  it("sends everybody away when it is cleared, and takes back what is out", () => {
    const log: Array<string> = []
    const permits = new Permits.Permits(2, () => 1)
    const held = [taken(permits, "a"), taken(permits, "b")]
    const add = queued(permits, log)
    const gone = add("a", 3, "a1")
    add("a", 0, "a2")
    add("c", 1, "c1")
    permits.clear()
    assert.deepStrictEqual(new Set(log), new Set(["a1 dismissed", "a2 dismissed", "c1 dismissed"]))
    assert.deepStrictEqual(permits.total, { active: 2, waiting: 0, limit: 2 })
    for (const permit of [...held, gone]) permits.release(permit)
    assert.deepStrictEqual([permits.total.active, ...permits], [0])
  })

  it("asks for the limit of a key when it comes into use, and forgets it with the key", () => {
    const asked: Array<string> = []
    const permits = new Permits.Permits(10, (key) => {
      asked.push(key)
      return 2
    })
    const one = taken(permits, "k")
    const two = taken(permits, "k")
    permits.setLimit("k", 5)
    permits.release(one)
    assert.strictEqual(permits.usage("k")?.limit, 5)
    permits.release(two)
    assert.isUndefined(permits.usage("k"))
    taken(permits, "k")
    assert.strictEqual(permits.usage("k")?.limit, 2)
    assert.deepStrictEqual(asked, ["k", "k"])
  })

  it.live("gives back in the same time however many wait", () =>
    Effect.gen(function* () {
      /** Nanoseconds a release, which hands the permit on. */
      const cost = (waiting: number): number => {
        const rounds = 20_000
        const permits = new Permits.Permits(1, () => 1)
        let holder = taken(permits, "k")
        const add = (priority: Permits.Priority): void => {
          const permit = new Permits.Permit("k", priority)
          permits.enqueue(
            permit,
            () => {
              holder = permit
            },
            () => undefined
          )
        }
        for (let n = 0; n < waiting; n++) add(priorities[n % 4]!)
        const started = process.hrtime.bigint()
        for (let n = 0; n < rounds; n++) {
          const { priority } = holder
          permits.release(holder)
          add(priority)
        }
        const elapsed = Number(process.hrtime.bigint() - started)
        assert.strictEqual(permits.total.waiting, waiting)
        return elapsed / rounds
      }
      const best = (waiting: number): number => Math.min(cost(waiting), cost(waiting), cost(waiting))
      const [few, many, most] = [best(10), best(1000), best(100_000)]
      const all = [few, many, most].map((ns) => `${Math.round(ns)} ns`).join(", ")
      yield* Effect.log(`a release with 10, 1,000, 100,000 who wait: ${all}`)
      assert.isBelow(most / few, 10)
    })
  )

  it("is typed in plain values", () => {
    expectTypeOf<ConstructorParameters<typeof Permits.Permits>>().toEqualTypeOf<
      [total: number, limitOf: (key: string) => number]
    >()
    expectTypeOf<ConstructorParameters<typeof Permits.Permit>>().toEqualTypeOf<
      [key: string, priority: Permits.Priority]
    >()
    expectTypeOf<Permits.Priority>().toEqualTypeOf<0 | 1 | 2 | 3>()
    expectTypeOf<Permits.Permits["take"]>().toEqualTypeOf<(self: Permits.Permit) => boolean>()
    expectTypeOf<Permits.Permits["release"]>().toEqualTypeOf<(self: Permits.Permit) => void>()
    expectTypeOf<Permits.Permits["enqueue"]>().toEqualTypeOf<
      (self: Permits.Permit, granted: () => void, dismissed: () => void) => void
    >()
    expectTypeOf<Permits.Permits["usage"]>().toEqualTypeOf<(name: string) => Permits.Usage | undefined>()
    expectTypeOf<Permits.Permits["total"]>().toEqualTypeOf<Permits.Usage>()
  })
})
