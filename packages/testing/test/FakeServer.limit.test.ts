import { NodeHttpClient } from "@effect/platform-node"
import { HttpClient } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as FakeServer from "@tributary/testing/FakeServer"
import * as RateLimitDialect from "@tributary/testing/RateLimitDialect"
import { Clock, Effect, FastCheck } from "effect"
import { inManualTime, monday } from "./FakeServer.ways.ts"

// No faster than a hundred a millisecond: the clock counts nanoseconds.
const limits = FastCheck.record({
  limit: FastCheck.oneof(FastCheck.integer({ min: 1, max: 1_000 }), FastCheck.constantFrom(0.5, 3.3, 1e-3)),
  window: FastCheck.oneof(FastCheck.integer({ min: 1, max: 100_000 }), FastCheck.constantFrom(0.7, 86_400_000)),
  burst: FastCheck.integer({ min: 1, max: 20 })
}).filter(({ limit, window }) => window / limit >= 0.01)

/** Gaps between requests, in units of the limit's own interval. */
const gaps = FastCheck.array(
  FastCheck.oneof(
    FastCheck.constant(0),
    FastCheck.constantFrom(0.5, 1, 2, 100),
    FastCheck.double({ min: 0, max: 3, noNaN: true })
  ),
  { minLength: 1, maxLength: 20 }
)

// One after the other: a thousand cases leave the rest no time.
describe.sequential("an enforced limit", () => {
  it.effect.prop(
    "never lets in more than rate x window + burst",
    { limit: limits, gaps },
    ({ gaps, limit }) =>
      Effect.gen(function* () {
        const { client, url } = yield* FakeServer.client(FakeServer.limited(FakeServer.status(200), limit))
        const interval = limit.window / limit.limit
        const admitted: Array<number> = []
        for (const gap of gaps) {
          yield* Effect.sleep(gap * interval)
          const { status } = yield* client.get(url)
          if (status === 200) admitted.push(Number(yield* Clock.currentTimeNanos) / 1e6)
        }
        admitted.forEach((from, i) => {
          admitted.slice(i).forEach((to, j) => {
            assert.isAtMost(j + 1, (to - from) / interval + limit.burst + 2e-3 / interval + 1e-3)
          })
        })
        assert.isAtLeast(admitted.length, Math.min(gaps.length, limit.burst))
      }).pipe(inManualTime(0)),
    { fastCheck: { numRuns: 1_000 }, timeout: 60_000 }
  )

  it.effect.prop(
    "lets in who comes when it was told to, and not a whole second earlier",
    {
      limit: limits.filter(({ limit, window }) => window / limit < 1e9),
      retryAfter: FastCheck.constantFrom("seconds" as const, "date" as const),
      from: FastCheck.integer({ min: 0, max: 4e12 }),
      gaps
    },
    ({ from, gaps, limit, retryAfter }) =>
      Effect.gen(function* () {
        const server = FakeServer.limited(FakeServer.status(200), { ...limit, retryAfter })
        const { client, url } = yield* FakeServer.client(server)
        for (const gap of gaps) {
          yield* Effect.sleep((gap * limit.window) / limit.limit)
          const { headers, status } = yield* client.get(url)
          if (status === 200) continue
          const said = headers["retry-after"] ?? ""
          const now = yield* Clock.currentTimeMillis
          const wait = retryAfter === "seconds" ? Number(said) * 1_000 : Date.parse(said) - now
          assert.isAbove(wait, 0)
          if (wait > 1_001) {
            yield* Effect.sleep(wait - 1_001)
            assert.strictEqual((yield* client.get(url)).status, 429)
            yield* Effect.sleep(1_001)
          } else yield* Effect.sleep(wait)
          assert.strictEqual((yield* client.get(url)).status, 200)
        }
      }).pipe(inManualTime(from)),
    { fastCheck: { numRuns: 1_000 }, timeout: 60_000 }
  )

  it.effect("starts with as many as the window has, if no burst is set", () =>
    Effect.gen(function* () {
      const count = (limit: number) =>
        Effect.gen(function* () {
          const { client, url } = yield* FakeServer.client(
            FakeServer.limited(FakeServer.status(200), { limit, window: "1 second" })
          )
          const all = yield* Effect.replicateEffect(client.get(url), 10)
          return all.filter(({ status }) => status === 200).length
        })
      assert.deepStrictEqual(yield* Effect.forEach([7, 3.5, 0.5], count), [7, 3, 1])
    }).pipe(inManualTime(0))
  )

  it.effect("does not follow the wall clock", () =>
    Effect.gen(function* () {
      const clock = yield* Effect.clock
      let offset = 0
      const jumpy: Clock.Clock = Object.assign(Object.create(clock), {
        unsafeCurrentTimeMillis: () => clock.unsafeCurrentTimeMillis() + offset,
        unsafeCurrentTimeNanos: () => clock.unsafeCurrentTimeNanos()
      })
      const { client, url } = yield* Effect.withClock(
        FakeServer.client(FakeServer.limited(FakeServer.status(200), { limit: 1, window: "1 second" })),
        jumpy
      )
      const status = Effect.map(client.get(url), ({ status }) => status)
      assert.deepStrictEqual([yield* status, yield* status], [200, 429])
      offset = 1e9
      assert.strictEqual(yield* status, 429)
      offset = -1e9
      yield* Effect.sleep("1 second")
      assert.strictEqual(yield* status, 200)
    }).pipe(inManualTime(monday))
  )
})

type Lines = Readonly<Record<string, string>>

/** Of 60 a minute, one each second: after the first request, after the last one, and half a second after that. */
const table: Readonly<Record<RateLimitDialect.Name, readonly [Lines, Lines, Lines]>> = {
  ietf: [
    { "ratelimit-policy": '"default";q=60;w=60', ratelimit: '"default";r=2;t=1' },
    { "ratelimit-policy": '"default";q=60;w=60', ratelimit: '"default";r=0;t=3' },
    { "ratelimit-policy": '"default";q=60;w=60', ratelimit: '"default";r=0;t=3' }
  ],
  "x-ratelimit": [
    { "x-ratelimit-limit": "60", "x-ratelimit-remaining": "2", "x-ratelimit-reset": "1" },
    { "x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "3" },
    { "x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "3" }
  ],
  github: [
    {
      "x-ratelimit-limit": "60",
      "x-ratelimit-remaining": "2",
      "x-ratelimit-used": "58",
      "x-ratelimit-reset": "1794819602",
      "x-ratelimit-resource": "core"
    },
    {
      "x-ratelimit-limit": "60",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-used": "60",
      "x-ratelimit-reset": "1794819604",
      "x-ratelimit-resource": "core"
    },
    {
      "x-ratelimit-limit": "60",
      "x-ratelimit-remaining": "0",
      "x-ratelimit-used": "60",
      "x-ratelimit-reset": "1794819604",
      "x-ratelimit-resource": "core"
    }
  ],
  openai: [
    {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "2",
      "x-ratelimit-reset-requests": "1s"
    },
    {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-requests": "3s"
    },
    {
      "x-ratelimit-limit-requests": "60",
      "x-ratelimit-remaining-requests": "0",
      "x-ratelimit-reset-requests": "2.5s"
    }
  ],
  anthropic: [
    {
      "anthropic-ratelimit-requests-limit": "60",
      "anthropic-ratelimit-requests-remaining": "2",
      "anthropic-ratelimit-requests-reset": "2026-11-16T09:00:02Z"
    },
    {
      "anthropic-ratelimit-requests-limit": "60",
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": "2026-11-16T09:00:04Z"
    },
    {
      "anthropic-ratelimit-requests-limit": "60",
      "anthropic-ratelimit-requests-remaining": "0",
      "anthropic-ratelimit-requests-reset": "2026-11-16T09:00:04Z"
    }
  ]
}

const names = Object.keys(table) as ReadonlyArray<RateLimitDialect.Name>

describe.sequential("a dialect", () => {
  for (const dialect of names) {
    const server = FakeServer.status(200).pipe(
      FakeServer.limited({ limit: 60, window: "1 minute", burst: 3, dialect, retryAfter: "date" })
    )

    it.effect(`${dialect}: its headers, byte for byte, and no others`, () =>
      Effect.gen(function* () {
        const { client, url } = yield* FakeServer.client(server)
        const headers = Effect.map(client.get(url), ({ headers }) => Object.fromEntries(Object.entries(headers)))
        const first = yield* headers
        yield* headers
        const last = yield* headers
        yield* Effect.sleep("500 millis")
        const refused = yield* headers
        const always = { "content-length": "0" }
        const [afterFirst, afterLast, afterRefusal] = table[dialect]
        assert.deepStrictEqual(
          [first, last, refused],
          [
            { ...always, date: "Mon, 16 Nov 2026 09:00:00 GMT", ...afterFirst },
            { ...always, date: "Mon, 16 Nov 2026 09:00:00 GMT", ...afterLast },
            {
              ...always,
              date: "Mon, 16 Nov 2026 09:00:00 GMT",
              "retry-after": "Mon, 16 Nov 2026 09:00:02 GMT",
              ...afterRefusal
            }
          ]
        )
      }).pipe(inManualTime(monday))
    )

    it.scopedLive(`${dialect}: the same over a wire, but for what the connection says`, () =>
      Effect.gen(function* () {
        const { url } = yield* FakeServer.serve(server)
        const { headers } = yield* HttpClient.get(url)
        const rest = Object.entries(headers).filter(([name]) => name !== "connection" && name !== "date")
        assert.deepStrictEqual(Object.fromEntries(rest), { "content-length": "0", ...table[dialect][0] })
      }).pipe(inManualTime(monday), Effect.provide(NodeHttpClient.layerUndici))
    )
  }

  const quota = { limit: 5_000, window: 3_600_000, remaining: 7, wait: 0, reset: 0, now: 0 }

  it("openai: durations as Go prints them", () => {
    const said = (reset: number) =>
      RateLimitDialect.headers("openai")({ ...quota, reset })["x-ratelimit-reset-requests"]
    assert.deepStrictEqual(
      [0, 0.2, 12, 999.5, 1_000, 8_640, 59_999, 60_000, 360_000, 3_600_000, 90_061_001].map(said),
      ["0s", "1ms", "12ms", "1s", "1s", "8.64s", "59.999s", "1m0s", "6m0s", "1h0m0s", "25h1m1.001s"]
    )
  })

  it("ietf: whole seconds of the same rate for a window of fractions", () => {
    const policy = (limit: number, window: number) =>
      RateLimitDialect.headers("ietf")({ ...quota, limit, window })["ratelimit-policy"]
    assert.deepStrictEqual(
      [policy(10, 100), policy(3, 1_500), policy(200, 1_000)],
      ['"default";q=100;w=1', '"default";q=4;w=2', '"default";q=200;w=1']
    )
  })

  it("of one's own", () => {
    const own = RateLimitDialect.headers(({ remaining }) => ({ "x-left": String(remaining) }))
    assert.deepStrictEqual(own(quota), { "x-left": "7" })
  })
})
