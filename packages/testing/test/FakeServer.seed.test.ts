import { HttpBody, HttpClient } from "@effect/platform"
import { assert, describe, expect, it } from "@effect/vitest"
import * as FakeServer from "@tributary/testing/FakeServer"
import * as Latency from "@tributary/testing/Latency"
import { Array as Arr, Clock, Effect, FastCheck, Order } from "effect"
import { inManualTime } from "./FakeServer.ways.ts"

const { status } = FakeServer

const sample = Latency.sample

/** The fates of requests made one after the other, in manual time: status and the milliseconds it took. */
const fatesOf = (behaviour: FakeServer.Behaviour, paths: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { client, url } = yield* FakeServer.client(behaviour)
    return yield* Effect.forEach(paths, (path) =>
      Effect.gen(function* () {
        const before = yield* Clock.currentTimeMillis
        const { status } = yield* client.get(url + path)
        return { path, status, took: (yield* Clock.currentTimeMillis) - before }
      })
    )
  }).pipe(inManualTime(0))

const flaky = status(200).pipe(
  FakeServer.sometimes(0.3, status(500)),
  FakeServer.sometimes(0.2, FakeServer.script([status(502), status(504)])),
  FakeServer.latency({ min: 0, max: "1 second" }),
  FakeServer.latency({ median: "80 millis", p95: "400 millis" })
)

const paths = FastCheck.array(FastCheck.constantFrom("/a", "/b", "/c?x=1", "/c?x=2"), { minLength: 1, maxLength: 15 })

const byPath = (fates: ReadonlyArray<{ readonly path: string }>) =>
  Arr.sortWith(fates, ({ path }) => path, Order.string)

// One after the other: a thousand cases leave the rest no time.
describe.sequential("the seed", () => {
  it.effect.prop(
    "gives each attempt at a URL the same fate, whatever else is asked for and in which order",
    { seed: FastCheck.integer(), paths },
    ({ paths, seed }) =>
      Effect.gen(function* () {
        const behaviour = FakeServer.seeded(flaky, seed)
        const mixed = yield* fatesOf(behaviour, paths)
        const sorted = yield* fatesOf(behaviour, Arr.sort(paths, Order.string))
        assert.deepStrictEqual(byPath(mixed), byPath(sorted))
      }),
    { fastCheck: { numRuns: 1_000 }, timeout: 60_000 }
  )

  it.effect("gives other fates where it is another", () =>
    Effect.gen(function* () {
      const paths = Array.from({ length: 50 }, (_, i) => `/${i}`)
      const of = (seed: number | string) => fatesOf(FakeServer.seeded(flaky, seed), paths)
      assert.deepStrictEqual(yield* of(1), yield* of(1))
      assert.deepStrictEqual(yield* of(0), yield* fatesOf(flaky, paths))
      assert.notDeepEqual(yield* of(1), yield* of(2))
      assert.notDeepEqual(yield* of("a"), yield* of("b"))
    })
  )

  it.effect("keeps what is inside when something is put around", () =>
    Effect.gen(function* () {
      const paths = Array.from({ length: 200 }, (_, i) => `/${i}`)
      const core = status(200).pipe(FakeServer.sometimes(0.5, status(500)))
      const around = FakeServer.routes({ "/*": core }).pipe(
        FakeServer.limited({ limit: 1_000, window: "1 second" }),
        FakeServer.sometimes(0, status(400)),
        FakeServer.malformed
      )
      assert.deepStrictEqual(yield* fatesOf(around, paths), yield* fatesOf(core, paths))
    })
  )

  it.effect("draws evenly, over URLs and over the attempts at one", () =>
    Effect.gen(function* () {
      for (const paths of [
        Array.from({ length: 3_000 }, (_, i) => `/${i}`),
        Array.from({ length: 3_000 }, () => "/")
      ]) {
        const fates = yield* fatesOf(status(200).pipe(FakeServer.sometimes(0.3, status(500))), paths)
        const share = fates.filter(({ status }) => status === 500).length / fates.length
        // Four standard deviations.
        assert.closeTo(share, 0.3, 0.034)
      }
    })
  )

  it.effect("draws apart for behaviours that are nested", () =>
    Effect.gen(function* () {
      const paths = Array.from({ length: 3_000 }, (_, i) => `/${i}`)
      const twice = status(200).pipe(FakeServer.sometimes(0.5, status(500)), FakeServer.sometimes(0.5, status(501)))
      const fates = yield* fatesOf(twice, paths)
      const count = (status: number) => fates.filter((fate) => fate.status === status).length / fates.length
      assert.closeTo(count(501), 0.5, 0.037)
      assert.closeTo(count(500), 0.25, 0.032)
    })
  )
})

describe.sequential("the latency", () => {
  const quantile = (sorted: ReadonlyArray<number>, q: number) => sorted[Math.floor(q * sorted.length)] ?? Number.NaN

  const drawn = (latency: Latency.Latency) =>
    Effect.map(
      fatesOf(
        FakeServer.latency(status(200), latency),
        Array.from({ length: 3_000 }, (_, i) => `/${i}`)
      ),
      (fates) => {
        const sorted = Arr.sort(
          fates.map(({ took }) => took),
          Order.number
        )
        const mean = sorted.reduce((sum, took) => sum + took, 0) / sorted.length
        return {
          least: sorted[0]!,
          most: sorted.at(-1)!,
          mean,
          median: quantile(sorted, 0.5),
          p95: quantile(sorted, 0.95)
        }
      }
    )

  it.effect("is constant", () =>
    Effect.gen(function* () {
      const { least, most } = yield* drawn("50 millis")
      assert.deepStrictEqual([least, most], [50, 50])
    })
  )

  it.effect("is uniform", () =>
    Effect.gen(function* () {
      const { least, mean, most, p95 } = yield* drawn({ min: "100 millis", max: "300 millis" })
      assert.isAtLeast(least, 100)
      assert.isAtMost(most, 300)
      assert.closeTo(mean, 200, 4)
      assert.closeTo(p95, 290, 4)
    })
  )

  it.effect("is exponential", () =>
    Effect.gen(function* () {
      const { mean, median } = yield* drawn({ mean: "1 second" })
      assert.closeTo(mean, 1_000, 60)
      assert.closeTo(median, 1_000 * Math.LN2, 60)
    })
  )

  it.effect("is log-normal", () =>
    Effect.gen(function* () {
      const { least, median, p95 } = yield* drawn({ median: "100 millis", p95: "500 millis" })
      assert.isAbove(least, 0)
      assert.closeTo(median, 100, 8)
      assert.closeTo(p95, 500, 60)
    })
  )

  it("is whole milliseconds from zero, whatever is drawn", () => {
    const even = FastCheck.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
    FastCheck.assert(
      FastCheck.property(even, even, (u, v) => {
        for (const latency of [
          "3 seconds",
          { min: 0, max: "1 second" },
          { mean: "20 millis" },
          { median: "1 millis", p95: "9 millis" }
        ] as const) {
          const millis = sample(latency)(u, v)
          assert.isTrue(Number.isInteger(millis) && millis >= 0, String(millis))
        }
      }),
      { numRuns: 1_000 }
    )
  })
})

describe("a description", () => {
  it("can be printed", () => {
    const server = FakeServer.json({ a: 1 }).pipe(
      FakeServer.sometimes(0.1, FakeServer.reset),
      FakeServer.limited({ limit: 5, window: "1 second", dialect: "github" })
    )
    assert.deepStrictEqual(JSON.parse(JSON.stringify(server)), {
      _tag: "Limited",
      self: {
        _tag: "Sometimes",
        self: { _tag: "Response", status: 200, headers: { "content-type": "application/json" }, body: '{"a":1}' },
        share: 0.1,
        instead: { _tag: "Fault", fault: "reset" }
      },
      limit: { limit: 5, window: "1 second", dialect: "github" }
    })
  })

  it("may be served twice, each time from its start", () =>
    Effect.gen(function* () {
      const server = FakeServer.script([status(503), status(200)])
      const [first, second] = [yield* FakeServer.client(server), yield* FakeServer.client(server)]
      const statuses = yield* Effect.forEach([first, first, second], ({ client, url }) => client.get(url))
      assert.deepStrictEqual(
        statuses.map(({ status }) => status),
        [503, 200, 503]
      )
    }).pipe(Effect.runPromise))

  it("refuses what cannot be", () => {
    const limit = (options: Partial<FakeServer.Limit>) =>
      FakeServer.limited({ limit: 1, window: "1 second", ...options })(status(200))
    const mistakes: ReadonlyArray<() => unknown> = [
      () => status(199),
      () => status(600),
      () => FakeServer.json(1, { status: 200.5 }),
      () => FakeServer.script([]),
      () => FakeServer.routes({ users: status(200) }),
      () => FakeServer.routes({ "get /users": status(200) }),
      () => FakeServer.sometimes(status(200), 1.1, status(500)),
      () => FakeServer.sometimes(status(200), Number.NaN, status(500)),
      () => FakeServer.gzipBomb(0.5),
      () => FakeServer.lengthOffBy(0.5),
      () => FakeServer.drip({ bytes: 0, every: 1 }),
      () => limit({ limit: 0 }),
      () => limit({ limit: Number.NaN }),
      () => limit({ window: 0 }),
      () => limit({ window: Number.POSITIVE_INFINITY }),
      () => limit({ burst: 0 }),
      () => limit({ burst: 1.5 })
    ]
    for (const mistake of mistakes) expect(mistake).toThrow(/, got /)
  })
})

describe("in memory", () => {
  it.effect("a handler that throws is a defect", () =>
    Effect.gen(function* () {
      const { client, url } = yield* FakeServer.client(
        FakeServer.handle(() => {
          throw new Error("a mistake in the test")
        })
      )
      const said = yield* client.get(url).pipe(
        Effect.as("nothing"),
        Effect.catchAllDefect((defect) => Effect.succeed(String(defect)))
      )
      assert.strictEqual(said, "Error: a mistake in the test")
    })
  )

  it.effect("an URL that is none is not sent", () =>
    Effect.gen(function* () {
      const { client, log } = yield* FakeServer.client(status(200))
      const { reason } = yield* Effect.flip(client.get("no url"))
      assert.deepStrictEqual([reason, (yield* log).length], ["InvalidUrl", 0])
    })
  )

  it.effect("any host is served, and is told which; a fragment is not sent", () =>
    Effect.gen(function* () {
      const { text } = yield* HttpClient.get("https://api.example.com:8443/a?b=c#d")
      assert.strictEqual(yield* text, "api.example.com:8443 /a?b=c")
    }).pipe(
      Effect.provide(
        FakeServer.layer(FakeServer.handle(({ headers, url }) => FakeServer.text(`${headers["host"]} ${url}`)))
      )
    )
  )

  it.effect("a form can be sent and received", () =>
    Effect.gen(function* () {
      const { client, url } = yield* FakeServer.client(
        FakeServer.handle(({ body, headers }) =>
          FakeServer.text(body, { headers: { "content-type": headers["content-type"] ?? "" } })
        )
      )
      const form = new FormData()
      form.append("field", "value")
      const response = yield* client.post(url, { body: HttpBody.formData(form) })
      assert.strictEqual((yield* response.formData).get("field"), "value")
    })
  )
})
