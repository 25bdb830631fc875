import {
  HttpApi,
  HttpApiClient,
  HttpApiEndpoint,
  HttpApiGroup,
  HttpBody,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  HttpClientResponse
} from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Agent } from "@effect/platform-node/Undici"
import { assert, describe, it } from "@effect/vitest"
import { FetchError, Fetcher, type HostPolicy, RateLimitedClient } from "@tributary/fetcher"
import { type RateLimiter, Retry } from "@tributary/resilience"
import {
  Chunk,
  Clock,
  Duration,
  Effect,
  Exit,
  FastCheck,
  Fiber,
  Layer,
  Option,
  Schema,
  Stream,
  TestClock
} from "effect"
import * as Loopback from "./Loopback.ts"
import * as VirtualClock from "./VirtualClock.ts"

const get = HttpClientRequest.get

const statusOf = (request: HttpClientRequest.HttpClientRequest) =>
  Effect.map(HttpClient.execute(request), ({ status }) => status)

const snapshotOf = (host: string) =>
  RateLimitedClient.RateLimitedClient.pipe(
    Effect.flatMap(({ snapshot }) => snapshot),
    Effect.map((hosts) => hosts.find((snapshot) => snapshot.host === host))
  )

const eventually = (check: () => boolean) =>
  Effect.repeat(Effect.sleep("2 millis"), { until: check }).pipe(Effect.timeout("5 seconds"))

/** A server in memory and in virtual time: what it answers, and what it saw and when. */
interface Modelled {
  readonly starts: ReadonlyArray<{ readonly at: number; readonly url: URL; readonly method: string }>
  readonly layer: Layer.Layer<HttpClient.HttpClient>
}

interface Answer {
  readonly status: number
  readonly headers?: Record<string, string>
  readonly takes?: Duration.DurationInput
}

const model = (answer: (n: number, url: URL) => Answer): Modelled => {
  const starts: Array<{ at: number; url: URL; method: string }> = []
  const client = HttpClient.make((request, url) =>
    Effect.gen(function* () {
      const at = yield* Clock.currentTimeMillis
      const { headers = {}, status, takes } = answer(starts.push({ at, url, method: request.method }), url)
      if (takes !== undefined) yield* Effect.sleep(takes)
      return HttpClientResponse.fromWeb(request, new Response("{}", { status, headers }))
    })
  )
  return { starts, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

const over = (transport: Modelled, options: RateLimitedClient.Options) =>
  RateLimitedClient.layer(options).pipe(Layer.provide(transport.layer))

/** Most starts in any half-open window of this length. */
const densest = (starts: ReadonlyArray<number>, window: number): number =>
  Math.max(0, ...starts.map((from) => starts.filter((at) => at >= from && at < from + window).length))

describe("the limit of a host", () => {
  it.scopedLive("holds at the server", () =>
    Effect.gen(function* () {
      const { host, seen, url } = yield* Loopback.serve(Loopback.body(200, "{}"))
      const startedAt = performance.now()
      const limits: ReadonlyArray<RateLimiter.Limit> = [{ limit: 100, window: "1 second", burst: 2 }]
      const layer = RateLimitedClient.layer({ hosts: { [host]: { limits } } }).pipe(
        Layer.provide(NodeHttpClient.layerUndici)
      )
      yield* Effect.forEach(Array.from({ length: 40 }), () => statusOf(get(url)), { concurrency: 40 }).pipe(
        Effect.provide(layer)
      )
      const at = seen.map((request) => request.at)
      assert.strictEqual(at.length, 40)
      // 2 at once and 38 at 10 ms each. How close any two come at the server is for a busy machine to say; that the rate holds
      // in every window is shown in virtual time below.
      assert.isAtLeast((at[39] ?? 0) - startedAt, 375)
    })
  )

  it.effect.prop(
    "is never exceeded in any window, whatever the server answers",
    {
      limit: FastCheck.integer({ min: 1, max: 30 }),
      burst: FastCheck.integer({ min: 1, max: 5 }),
      requests: FastCheck.array(FastCheck.integer({ min: 0, max: 3_000 }), { minLength: 1, maxLength: 40 }),
      answers: FastCheck.array(
        FastCheck.record({
          status: FastCheck.constantFrom(200, 200, 200, 404, 429, 500, 503),
          retryAfter: FastCheck.constantFrom(undefined, "0", "1", "0.3", "60", "soon"),
          takes: FastCheck.integer({ min: 0, max: 500 })
        }),
        { minLength: 1, maxLength: 20 }
      )
    },
    ({ answers, burst, limit, requests }) =>
      Effect.gen(function* () {
        // For each start how long the server has asked for silence by then.
        let silentUntil = 0
        const early: Array<number> = []
        const transport = model((n) => {
          const { retryAfter, status, takes } = answers[n % answers.length] ?? { status: 200, takes: 0 }
          return { status, takes, ...(retryAfter === undefined ? {} : { headers: { "retry-after": retryAfter } }) }
        })
        const observed = HttpClient.HttpClient.pipe(
          Effect.map(
            HttpClient.transform((effect) =>
              Effect.gen(function* () {
                const at = yield* Clock.currentTimeMillis
                if (at < silentUntil) early.push(at)
                const response = yield* effect
                const wait = Number(response.headers["retry-after"])
                if ((response.status === 429 || response.status === 503) && wait > 0) {
                  silentUntil = Math.max(silentUntil, (yield* Clock.currentTimeMillis) + wait * 1_000)
                }
                return response
              })
            )
          )
        )
        const layer = RateLimitedClient.layer({
          default: { limits: [{ limit, window: "1 second", burst }], totalTimeout: "20 seconds" }
        }).pipe(Layer.provide(Layer.effect(HttpClient.HttpClient, observed)), Layer.provide(transport.layer))
        yield* Effect.gen(function* () {
          const exits = yield* Effect.forEach(
            requests,
            (after) => Effect.zipRight(Effect.sleep(after), Effect.exit(statusOf(get("http://h/")))),
            { concurrency: "unbounded" }
          )
          assert.isTrue(exits.every((exit) => Exit.isSuccess(exit) || !Exit.isInterrupted(exit)))
          const host = yield* snapshotOf("h")
          assert.deepStrictEqual([host?.active, host?.waiting, host?.attempts], [0, 0, transport.starts.length])
        }).pipe(Effect.provide(layer), VirtualClock.run)
        const at = transport.starts.map((start) => start.at)
        for (const window of [100, 1_000, 5_000]) {
          assert.isAtMost(densest(at, window), (limit / 1_000) * window + burst)
        }
        assert.deepStrictEqual(early, [])
        assert.isAtMost(at.length, requests.length * 3)
      }),
    { fastCheck: { numRuns: 30 } }
  )

  it.effect("is each host's own, and the default's for hosts that are not named", () =>
    Effect.gen(function* () {
      const transport = model(() => ({ status: 200 }))
      const one = (limit: number) => ({ limits: [{ limit, window: "1 second", burst: 1 }] }) as const
      yield* Effect.gen(function* () {
        const hosts = ["a", "b:81", "c", "d"]
        yield* Effect.fork(
          Effect.forEach(
            hosts.flatMap((host) => Array.from({ length: 20 }, () => host)),
            (host) => statusOf(get(`http://${host}/`)),
            { concurrency: "unbounded" }
          )
        )
        yield* TestClock.adjust("1900 millis")
        const count = (host: string) => transport.starts.filter(({ url }) => url.host === host).length
        assert.deepStrictEqual(hosts.map(count), [10, 4, 2, 2])
      }).pipe(Effect.provide(over(transport, { default: one(1), hosts: { a: one(5), "b:81": one(2) } })))
    })
  )
})

describe("Retry-After", () => {
  const answers = (first: Answer) => model((n) => (n === 1 ? first : { status: 200 }))

  it.effect("holds back everybody who waits for that host, and no other", () =>
    Effect.gen(function* () {
      const transport = model((n, { host }) =>
        host === "busy" && n === 1 ? { status: 429, headers: { "retry-after": "5" } } : { status: 200 }
      )
      yield* Effect.gen(function* () {
        const first = yield* Effect.fork(statusOf(get("http://busy/1")))
        yield* TestClock.adjust("1 second")
        yield* Effect.fork(statusOf(get("http://busy/2")))
        yield* Effect.fork(statusOf(HttpClientRequest.post("http://busy/3")))
        yield* Effect.fork(statusOf(get("http://free/")))
        yield* TestClock.adjust("3999 millis")
        assert.deepStrictEqual(
          transport.starts.map(({ at, url }) => [url.href, at]),
          [
            ["http://busy/1", 0],
            ["http://free/", 1_000]
          ]
        )
        const busy = yield* snapshotOf("busy")
        assert.deepStrictEqual(
          { ...busy, pausedFor: Duration.toMillis(busy?.pausedFor ?? 0) },
          {
            host: "busy",
            active: 0,
            waiting: 2,
            pausedFor: 1,
            circuit: "closed",
            limits: [],
            attempts: 1,
            retries: 1,
            throttled: 1
          }
        )
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* Fiber.join(first), 200)
        const later = transport.starts.slice(2)
        assert.deepStrictEqual(new Set(later.map(({ url }) => url.pathname)), new Set(["/1", "/2", "/3"]))
        assert.isTrue(later.every(({ at }) => at === 5_000))
        const after = yield* snapshotOf("busy")
        assert.deepStrictEqual([after?.waiting, after?.retries, after?.attempts], [0, 1, 4])
      }).pipe(Effect.provide(over(transport, {})))
    })
  )

  const cases: ReadonlyArray<readonly [what: string, answer: Answer, millis: number]> = [
    ["429, in seconds", { status: 429, headers: { "retry-after": "7" } }, 7_000],
    ["429, in milliseconds", { status: 429, headers: { "retry-after-ms": "70" } }, 70],
    ["503, in seconds", { status: 503, headers: { "retry-after": "7" } }, 7_000],
    ["a date", { status: 429, headers: { "retry-after": "Thu, 01 Jan 1970 00:00:07 GMT" } }, 7_000],
    [
      "a date of a server whose clock is an hour ahead",
      {
        status: 503,
        headers: { date: "Thu, 01 Jan 1970 01:00:00 GMT", "retry-after": "Thu, 01 Jan 1970 01:00:07 GMT" }
      },
      7_000
    ],
    ["429 without a word: a second", { status: 429 }, 1_000],
    ["429 with nonsense: a second", { status: 429, headers: { "retry-after": "soon" } }, 1_000]
  ]
  for (const [what, answer, millis] of cases) {
    it.effect(`is obeyed to the millisecond: ${what}`, () =>
      Effect.gen(function* () {
        const transport = answers(answer)
        yield* Effect.gen(function* () {
          const fiber = yield* Effect.fork(statusOf(get("http://h/")))
          yield* TestClock.adjust(millis - 1)
          assert.strictEqual(transport.starts.length, 1)
          yield* TestClock.adjust(1)
          assert.strictEqual(yield* Fiber.join(fiber), 200)
        }).pipe(Effect.provide(over(transport, {})))
      })
    )
  }

  it.effect("is not what a 500 has", () =>
    Effect.gen(function* () {
      const transport = answers({ status: 500, headers: { "retry-after": "7" } })
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.fork(statusOf(get("http://h/")))
        yield* TestClock.adjust("50 millis")
        assert.strictEqual(yield* Fiber.join(fiber), 200)
      }).pipe(Effect.provide(over(transport, {})))
    })
  )

  it.effect("of zero does not mean at once: the backoff holds", () =>
    Effect.gen(function* () {
      const transport = answers({ status: 429, headers: { "retry-after": "0" } })
      const retry = Retry.make({ base: "1 second", jitter: "none" })
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.fork(statusOf(get("http://h/")))
        yield* TestClock.adjust("999 millis")
        assert.strictEqual(transport.starts.length, 1)
        yield* TestClock.adjust("1 millis")
        assert.strictEqual(yield* Fiber.join(fiber), 200)
      }).pipe(Effect.provide(over(transport, { default: { retry } })))
    })
  )

  it.effect("beyond the deadline gives the answer at once; whoever comes then is told when", () =>
    Effect.gen(function* () {
      const transport = model(() => ({ status: 429, headers: { "retry-after": "31" } }))
      yield* Effect.gen(function* () {
        assert.strictEqual(yield* statusOf(get("http://h/")), 429)
        const error = yield* Effect.flip(statusOf(get("http://h/")))
        assert.strictEqual(error._tag, "RequestError")
        const { cause } = error
        assert.isTrue(FetchError.isFetchError(cause) && cause._tag === "RateLimitedError" && cause.scope === "client")
        assert.strictEqual(transport.starts.length, 1)
        yield* TestClock.adjust("2 seconds")
        yield* Effect.fork(statusOf(get("http://h/")))
        yield* TestClock.adjust("29 seconds")
        assert.strictEqual(transport.starts.length, 2)
      }).pipe(Effect.provide(over(transport, {})))
    })
  )

  it.scopedLive("is obeyed before the body of the refusal is read", () =>
    Effect.gen(function* () {
      const { host, url } = yield* Loopback.serve((_, response) => {
        response.writeHead(429, { "retry-after": "100" }).write("wait for it")
      })
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.fork(Effect.flip(Fetcher.fetch(get(url))))
        yield* eventually(() => false).pipe(
          Effect.raceFirst(
            Effect.repeat(Effect.zipLeft(snapshotOf(host), Effect.sleep("2 millis")), {
              until: (snapshot) => Duration.toSeconds(snapshot?.pausedFor ?? 0) > 99
            })
          ),
          Effect.timeout("500 millis")
        )
        yield* Fiber.interrupt(fiber)
      }).pipe(Effect.provide(Loopback.overUndici()))
    })
  )
})

describe("retries", () => {
  const request = (method: "GET" | "HEAD" | "PUT" | "DELETE" | "OPTIONS" | "POST" | "PATCH") =>
    HttpClientRequest.make(method)("http://h/")

  const attemptsFor = (request: HttpClientRequest.HttpClientRequest, status = 503) => {
    const transport = model(() => ({ status }))
    const effect = Effect.gen(function* () {
      const fiber = yield* Effect.fork(statusOf(request))
      yield* TestClock.adjust("10 seconds")
      assert.strictEqual(yield* Fiber.join(fiber), status)
      return transport.starts.length
    })
    return Effect.provide(effect, over(transport, {}))
  }

  it.effect("what is idempotent, or has a key", () =>
    Effect.gen(function* () {
      for (const method of ["GET", "HEAD", "PUT", "DELETE", "OPTIONS"] as const) {
        assert.strictEqual(yield* attemptsFor(request(method)), 3, method)
      }
      for (const method of ["POST", "PATCH"] as const) {
        assert.strictEqual(yield* attemptsFor(request(method)), 1, method)
        const keyed = HttpClientRequest.setHeader(request(method), "Idempotency-Key", "k")
        assert.strictEqual(yield* attemptsFor(keyed), 3, method)
      }
    })
  )

  it.effect("not a body that can be read once only", () =>
    Effect.gen(function* () {
      const stream = HttpClientRequest.bodyStream(request("PUT"), Stream.make(new Uint8Array(1)))
      assert.strictEqual(yield* attemptsFor(stream), 1)
      assert.strictEqual(yield* attemptsFor(HttpClientRequest.setBody(request("PUT"), HttpBody.text("a"))), 3)
    })
  )

  it.effect("what may pass, and no other status", () =>
    Effect.gen(function* () {
      for (const status of [408, 425, 429, 500, 502, 503, 504, 522, 524]) {
        assert.strictEqual(yield* attemptsFor(request("GET"), status), 3, String(status))
      }
      for (const status of [200, 204, 302, 400, 401, 403, 404, 409, 410, 422, 501, 505]) {
        const transport = HttpClient.make((request) =>
          Effect.succeed(HttpClientResponse.fromWeb(request, new Response(null, { status })))
        )
        const { client, snapshot } = yield* RateLimitedClient.make().pipe(
          Effect.provideService(HttpClient.HttpClient, transport)
        )
        assert.strictEqual((yield* client.execute(request("GET"))).status, status)
        assert.deepStrictEqual(
          (yield* snapshot).map(({ attempts, retries }) => [attempts, retries]),
          [[1, 0]]
        )
      }
    }).pipe(Effect.scoped)
  )

  it.effect("failed connections of POST are not sent again, of GET they are", () =>
    Effect.gen(function* () {
      for (const [method, attempts] of [
        ["POST", 1],
        ["GET", 3]
      ] as const) {
        let sent = 0
        const transport = HttpClient.make((request) =>
          Effect.suspend(() => {
            sent++
            return Effect.fail(new HttpClientError.RequestError({ request, reason: "Transport" }))
          })
        )
        const { client } = yield* RateLimitedClient.make({ default: { retry: Retry.make({ base: 0 }) } }).pipe(
          Effect.provideService(HttpClient.HttpClient, transport)
        )
        yield* Effect.flip(client.execute(request(method)))
        assert.strictEqual(sent, attempts, method)
      }
    }).pipe(Effect.scoped)
  )

  it.scopedLive("a 503 that stays comes through, its body still to be read", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* Loopback.serve(Loopback.body(503, "try later"))
      const response = yield* HttpClient.get(url)
      assert.deepStrictEqual([response.status, yield* response.text, seen.length], [503, "try later", 2])
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  for (const [what, write] of [
    ["small", (response) => response.end("later")],
    ["large", (response) => response.end("x".repeat(5_000_000))],
    [
      "never ending",
      (response) => {
        response.write("x")
      }
    ]
  ] as const satisfies ReadonlyArray<readonly [string, (response: Parameters<Loopback.Handler>[1]) => void]>) {
    it.scopedLive(`the body of a refusal does not hold the only connection: ${what}`, () =>
      Effect.gen(function* () {
        const dispatcher = Layer.scoped(
          NodeHttpClient.Dispatcher,
          Effect.acquireRelease(
            Effect.sync(() => new Agent({ connections: 1 })),
            (agent) => Effect.promise(() => agent.destroy())
          )
        )
        const layer = RateLimitedClient.layer({ default: { ...Loopback.impatient, attemptTimeout: "2 seconds" } }).pipe(
          Layer.provide(Layer.provide(NodeHttpClient.layerUndiciWithoutDispatcher, dispatcher))
        )
        const { seen, url } = yield* Loopback.serve((_, response, n) => {
          if (n % 2 === 0) return response.end("{}")
          response.writeHead(503)
          return write(response)
        })
        yield* Effect.gen(function* () {
          assert.strictEqual(yield* statusOf(get(url)), 200)
          assert.deepStrictEqual(yield* Fetcher.json(get(url), Schema.Struct({})), {})
        }).pipe(Effect.provide(layer))
        assert.strictEqual(seen.length, 4)
      })
    )
  }

  it.scopedLive("a connection that is lost in the middle of the body, for the Fetcher", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serveRaw((socket, n) =>
        n === 1
          ? socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntr")
          : socket.end("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ntrue")
      )
      const fetched = yield* Fetcher.fetch(get(url))
      assert.strictEqual(yield* Fetcher.decode(Schema.Boolean)(fetched), true)
      assert.strictEqual(fetched.attempts, 2)
    }).pipe(Effect.provide(Loopback.overUndici()))
  )
})

describe("time", () => {
  it.effect("nobody starts after the deadline, queue and retries included; nobody waits longer", () =>
    Effect.gen(function* () {
      const transport = model((n) => ({ status: n % 3 === 0 ? 503 : 200, takes: "700 millis" }))
      const policy: HostPolicy.HostPolicy = {
        limits: [{ limit: 5, window: "1 second", burst: 1 }],
        totalTimeout: "2 seconds"
      }
      yield* Effect.gen(function* () {
        const ends: Array<number> = []
        const exits = yield* Effect.forEach(
          Array.from({ length: 100 }),
          () =>
            Effect.exit(statusOf(get("http://h/"))).pipe(
              Effect.tap(() => Effect.map(Clock.currentTimeMillis, (now) => ends.push(now)))
            ),
          { concurrency: "unbounded" }
        )
        assert.isTrue(transport.starts.every(({ at }) => at < 2_000))
        assert.isAtMost(Math.max(...ends), 2_000)
        assert.isAtLeast(exits.filter(Exit.isSuccess).length, 4)
        assert.isAtLeast(ends.filter((at) => at === 0).length, 85, "who has no chance is told at once")
      }).pipe(Effect.provide(over(transport, { default: policy })), VirtualClock.run)
    })
  )

  it.effect("an attempt's time begins with its turn", () =>
    Effect.gen(function* () {
      const transport = model(() => ({ status: 200, takes: "900 millis" }))
      const policy: HostPolicy.HostPolicy = {
        limits: [{ limit: 1, window: "5 seconds", burst: 1 }],
        attemptTimeout: "1 second"
      }
      yield* Effect.gen(function* () {
        const fiber = yield* Effect.fork(
          Effect.all([statusOf(get("http://h/")), statusOf(get("http://h/"))], { concurrency: 2 })
        )
        yield* TestClock.adjust("6 seconds")
        assert.deepStrictEqual(yield* Fiber.join(fiber), [200, 200])
      }).pipe(Effect.provide(over(transport, { default: policy })))
    })
  )

  it.scopedLive("a refusal whose body does not end does not outlast the deadline", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serve((_, response) => {
        response.writeHead(503).write("x")
      })
      const [elapsed] = yield* Effect.timed(Effect.exit(statusOf(get(url))))
      assert.isBelow(Duration.toMillis(elapsed), 900, "a drain alone would take a second")
    }).pipe(Effect.provide(Loopback.overUndici({ ...Loopback.impatient, totalTimeout: "200 millis" })))
  )
})

describe("interruption", () => {
  it.scopedLive("hangs up and frees everything", () =>
    Effect.gen(function* () {
      const server = yield* Loopback.serve((request, response) => {
        if (request.url === "/body") response.writeHead(200, { "content-length": "100" }).write("x")
      })
      const fibers = yield* Effect.forEach(Array.from({ length: 100 }), (_, n) =>
        Effect.fork(Fetcher.fetch(get(server.url + (n % 2 === 0 ? "/body" : "/headers"))))
      )
      yield* eventually(() => server.seen.length === 100)
      const during = yield* snapshotOf(server.host)
      assert.deepStrictEqual([during?.active, during?.attempts], [100, 100])
      const [elapsed] = yield* Effect.timed(Fiber.interruptAll(fibers))
      assert.isBelow(Duration.toMillis(elapsed), 3_000, "the attempts alone would take 10 seconds")
      const after = yield* snapshotOf(server.host)
      assert.deepStrictEqual([after?.active, after?.waiting], [0, 0])
      yield* eventually(() => server.open() === 0)
    }).pipe(Effect.provide(Loopback.overUndici({ concurrency: false })))
  )

  it.effect("at whatever instant leaves no attempt that counts as under way", () =>
    Effect.gen(function* () {
      const transport = model((n) => ({ status: n % 2 === 0 ? 200 : 503 }))
      yield* Effect.gen(function* () {
        // A fiber that yields after every few operations can be interrupted in between any two of them.
        for (let operations = 10; operations < 40; operations++) {
          for (let yields = 0; yields < 25; yields++) {
            const fiber = yield* Effect.fork(Effect.withMaxOpsBeforeYield(statusOf(get("http://h/")), operations))
            for (let n = 0; n < yields; n++) yield* Effect.yieldNow()
            yield* Fiber.interrupt(fiber)
            assert.strictEqual((yield* snapshotOf("h"))?.active ?? 0, 0, `${operations} operations, ${yields} yields`)
          }
        }
        assert.isAbove(transport.starts.length, 0)
      }).pipe(Effect.provide(over(transport, { default: { retry: Retry.make({ base: 0 }) } })))
    })
  )

  it.effect("of those who wait gives their turns to the others", () =>
    Effect.gen(function* () {
      const transport = model(() => ({ status: 200 }))
      const limits: ReadonlyArray<RateLimiter.Limit> = [{ limit: 1, window: "1 second", burst: 1 }]
      yield* Effect.gen(function* () {
        yield* statusOf(get("http://h/0"))
        const fibers = yield* Effect.forEach([1, 2, 3, 4], (n) => Effect.fork(statusOf(get(`http://h/${n}`))))
        yield* Effect.yieldNow()
        yield* Fiber.interruptAll(fibers.slice(0, 3))
        yield* TestClock.adjust("1 second")
        assert.deepStrictEqual(
          transport.starts.map(({ at, url }) => [url.pathname, at]),
          [
            ["/0", 0],
            ["/4", 1_000]
          ]
        )
      }).pipe(Effect.provide(over(transport, { default: { limits } })))
    })
  )
})

describe("as an HttpClient", () => {
  it.scopedLive("under an HttpApiClient", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* Loopback.serve((_, response, n) => {
        if (n === 1) response.writeHead(503).end("later")
        else response.writeHead(200, { "content-type": "application/json" }).end(`{"id":7}`)
      })
      const Api = HttpApi.make("api").add(
        HttpApiGroup.make("things").add(
          HttpApiEndpoint.get("one", "/things/:id")
            .setPath(Schema.Struct({ id: Schema.NumberFromString }))
            .addSuccess(Schema.Struct({ id: Schema.Number }))
        )
      )
      const api = yield* HttpApiClient.make(Api, { baseUrl: url })
      assert.deepStrictEqual(yield* api.things.one({ path: { id: 7 } }), { id: 7 })
      assert.deepStrictEqual(
        seen.map((request) => request.url),
        ["/things/7", "/things/7"]
      )
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  it.scopedLive("under filterStatusOk and prependUrl", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* Loopback.serve(Loopback.body(503, "no"))
      const client = (yield* HttpClient.HttpClient).pipe(
        HttpClient.filterStatusOk,
        HttpClient.mapRequest(HttpClientRequest.prependUrl(url))
      )
      const error = yield* Effect.flip(client.get("/a"))
      assert.strictEqual(error._tag === "ResponseError" && error.response.status, 503)
      const fetched = yield* Effect.flip(Fetcher.fetch(get("/a"))).pipe(
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(fetched._tag === "StatusError" && fetched.body, "no")
      assert.strictEqual(fetched.attempts, 2)
      assert.strictEqual(seen.length, 4)
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  it.scopedLive("with readers between it and the Fetcher, and requests of their own", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serve((request, response) => {
        response.setHeader("content-type", "application/x-www-form-urlencoded")
        response.end(request.url === "/token" ? `"t0ken"` : JSON.stringify(request.headers.authorization))
      })
      const base = yield* HttpClient.HttpClient
      const log: Array<unknown> = []
      const client = base.pipe(
        HttpClient.mapRequestEffect((request) =>
          base.get(`${url}/token`).pipe(
            Effect.flatMap((response) => response.json),
            Effect.map((token) => HttpClientRequest.bearerToken(request, String(token)))
          )
        ),
        HttpClient.transformResponse(
          Effect.tap((response) =>
            Effect.gen(function* () {
              const streamed = yield* Stream.runCollect(response.stream)
              const { byteLength } = yield* response.arrayBuffer
              const form = yield* response.formData
              log.push(
                yield* response.text,
                yield* response.json,
                Chunk.size(streamed),
                byteLength,
                [...form.keys()],
                yield* response.urlParamsBody,
                response.status,
                response.headers["content-type"],
                response.request.url,
                response.remoteAddress,
                response.cookies.toJSON(),
                JSON.stringify(response).includes("Bearer t0ken")
              )
            })
          )
        )
      )
      const value = yield* Fetcher.json(get(`${url}/data`), Schema.String).pipe(
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(value, "Bearer t0ken")
      assert.deepStrictEqual(log, [
        `"Bearer t0ken"`,
        "Bearer t0ken",
        1,
        14,
        [`"Bearer t0ken"`],
        [[`"Bearer t0ken"`, ""]],
        200,
        "application/x-www-form-urlencoded",
        `${url}/data`,
        Option.none(),
        { _id: "@effect/platform/Cookies", cookies: {} },
        true
      ])
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  it.scopedLive("the fragment does not go on the wire", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* Loopback.serve(Loopback.body(200, "{}"))
      yield* statusOf(get(`${url}/a?b=%20#c?d`))
      yield* statusOf(HttpClientRequest.setHash(get(`${url}/e`), "f"))
      yield* statusOf(get(new URL(`${url}/g#h`)))
      assert.deepStrictEqual(
        seen.map((request) => request.url),
        ["/a?b=%20", "/e", "/g"]
      )
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  it.effect("what is no URL is the transport's to refuse", () =>
    Effect.gen(function* () {
      const transport = model(() => ({ status: 200 }))
      const error = yield* statusOf(get("nowhere")).pipe(Effect.flip, Effect.provide(over(transport, {})))
      assert.deepStrictEqual([error._tag, error.reason, transport.starts.length], ["RequestError", "InvalidUrl", 0])
    })
  )
})

describe("snapshot", () => {
  it.effect("is empty at first, and keeps the thousand hosts used last", () =>
    Effect.gen(function* () {
      const transport = model(() => ({ status: 200 }))
      yield* Effect.gen(function* () {
        const { snapshot } = yield* RateLimitedClient.RateLimitedClient
        assert.deepStrictEqual(yield* snapshot, [])
        for (let n = 0; n < 1_000; n++) yield* statusOf(get(`http://h${n}/`))
        yield* statusOf(get("http://h0/"))
        yield* statusOf(get("http://h1000/"))
        const hosts = yield* snapshot
        assert.strictEqual(hosts.length, 1_000)
        assert.strictEqual((yield* snapshotOf("h0"))?.attempts, 2)
        assert.strictEqual(yield* snapshotOf("h1"), undefined)
      }).pipe(Effect.provide(over(transport, {})))
    })
  )
})
