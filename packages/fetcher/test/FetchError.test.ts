import { HttpBody, HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { FetchError, Fetcher, Paginate, RateLimitedClient } from "@tributary/fetcher"
import { DateTime, Duration, Effect, type Layer, Schema, Stream } from "effect"
import { spawnSync } from "node:child_process"
import { mkdtempSync, readFileSync, rmSync } from "node:fs"
import * as https from "node:https"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { gzipSync } from "node:zlib"
import * as Loopback from "./Loopback.ts"

const get = HttpClientRequest.get

const failure = (request: HttpClientRequest.HttpClientRequest, options?: Fetcher.Options) =>
  Effect.flip(Fetcher.fetch(request, options))

const selfSigned = (): { readonly key: string; readonly cert: string } | undefined => {
  const folder = mkdtempSync(join(tmpdir(), "fetcher-"))
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")]
    const args = [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      key,
      "-out",
      cert,
      "-subj",
      "/CN=127.0.0.1"
    ]
    if (spawnSync("openssl", args).status !== 0) return undefined
    return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const certificate = selfSigned()

const isOf =
  <Tag extends FetchError.FetchError["_tag"]>(tag: Tag) =>
  (error: FetchError.FetchError): Extract<FetchError.FetchError, { readonly _tag: Tag }> => {
    assert.strictEqual(error._tag, tag, error.message)
    return error as Extract<FetchError.FetchError, { readonly _tag: Tag }>
  }

for (const { attempts, layer, name } of Loopback.transports) {
  describe(`each error, ${name}`, () => {
    const connectError = (
      start: Effect.Effect<string, never, never>,
      reason: FetchError.ConnectError["reason"],
      sent = attempts
    ) =>
      Effect.gen(function* () {
        const url = yield* start
        const error = isOf("ConnectError")(yield* failure(get(`${url}/x?q=1#here`)))
        assert.strictEqual(error.reason, reason, error.message)
        assert.deepStrictEqual(error.request, { method: "GET", url: `${url}/x?q=1` })
        assert.strictEqual(error.attempts, sent)
        assert.isTrue(error.message.startsWith(`GET ${url}/x?q=1: `), error.message)
        assert.strictEqual(error.message.includes("2 attempts in"), sent === 2, error.message)
        assert.isAtMost(Duration.toMillis(error.elapsed), 5_000)
        assert.strictEqual(error.isTransient, reason !== "tls")
        return error
      }).pipe(Effect.provide(layer))

    it.live("ConnectError: refused", () =>
      Effect.gen(function* () {
        const error = yield* connectError(Loopback.closedPort, "refused")
        assert.strictEqual(error.code, "ECONNREFUSED")
        assert.include(error.message, "is the server running")
      })
    )

    it.live("ConnectError: dns", () => connectError(Effect.succeed("http://nothing.invalid"), "dns"))

    it.scopedLive("ConnectError: reset before the headers", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serveRaw((socket) => socket.destroy())
        yield* connectError(Effect.succeed(url), "reset")
      })
    )

    it.scopedLive("ConnectError: reset in the middle of a body of known length", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serveRaw((socket) =>
          socket.end("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{")
        )
        yield* connectError(Effect.succeed(url), "reset")
      })
    )

    it.scopedLive("ConnectError: reset in the middle of a chunked body", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serveRaw((socket) =>
          socket.end("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\n[1,\r\n")
        )
        yield* connectError(Effect.succeed(url), "reset")
      })
    )

    it.scopedLive("ConnectError: protocol", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serveRaw((socket) => socket.end("220 mail.example.com ESMTP\r\n\r\n"))
        yield* connectError(Effect.succeed(url), "protocol")
      })
    )

    it.scopedLive("ConnectError: tls, asked of a plain HTTP port", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve(Loopback.body(200, "{}"))
        yield* connectError(Effect.succeed(url.replace("http:", "https:")), "tls", 1)
      })
    )

    it.scopedLive.skipIf(certificate === undefined)("ConnectError: tls, a certificate that nobody signed", () =>
      Effect.gen(function* () {
        const server = https.createServer({ ...certificate })
        const { url } = yield* Loopback.listenOn(server)
        const error = yield* connectError(Effect.succeed(url.replace("http:", "https:")), "tls", 1)
        assert.strictEqual(error.code, "DEPTH_ZERO_SELF_SIGNED_CERT")
      })
    )

    it.scopedLive("StatusError: 404, with the beginning of the body", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve(Loopback.body(404, `no\n  such\u001b[2J thing ${"x".repeat(100_000)}`))
        const error = isOf("StatusError")(yield* failure(get(`${url}/nothing`)))
        assert.strictEqual(error.status, 404)
        assert.strictEqual(error.body.length, 200)
        assert.match(error.body, /^no such\\u001b\[2J thing x+…$/)
        assert.strictEqual(error.attempts, 1)
        assert.isFalse(error.isTransient)
        assert.strictEqual(error.message, `GET ${url}/nothing: status 404: ${error.body}`)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("StatusError: problem details in words", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((request, response) => {
          response.writeHead(404, { "content-type": "application/problem+json; charset=utf-8" })
          const problem = { type: "about:blank", title: "Not Found", status: 404, detail: "There is no such day." }
          response.end(request.url === "/words" ? JSON.stringify(problem) : "{ no JSON")
        })
        assert.strictEqual(
          isOf("StatusError")(yield* failure(get(`${url}/words`))).body,
          "Not Found: There is no such day."
        )
        assert.strictEqual(isOf("StatusError")(yield* failure(get(`${url}/broken`))).body, "{ no JSON")
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("StatusError: 500, after the last attempt", () =>
      Effect.gen(function* () {
        const { seen, url } = yield* Loopback.serve(Loopback.body(500, "oh"))
        const error = isOf("StatusError")(yield* failure(get(url)))
        assert.strictEqual(error.status, 500)
        assert.strictEqual(error.body, "oh")
        assert.strictEqual(error.attempts, attempts)
        assert.strictEqual(seen.length, attempts)
        assert.isTrue(error.isTransient)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("StatusError: a failure without a body", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve(Loopback.body(401, ""))
        const error = isOf("StatusError")(yield* failure(get(url)))
        assert.strictEqual(error.message, `GET ${url}/: status 401; check the credentials`)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("StatusError: also where the body of the failure is cut off or never ends", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serveRaw((socket, n) => {
          socket.write("HTTP/1.1 404 Not Found\r\ncontent-length: 100\r\n\r\ngone")
          if (n === 1) socket.end()
        })
        for (const _ of ["cut off", "never ends"]) {
          const error = isOf("StatusError")(yield* failure(get(url)))
          assert.strictEqual(error.status, 404)
          assert.strictEqual(error.body, "gone")
        }
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("RateLimitedError: server, in seconds", () =>
      Effect.gen(function* () {
        const { seen, url } = yield* Loopback.serve(Loopback.body(429, "slow down", { "retry-after": "120" }))
        const before = yield* DateTime.now
        const error = isOf("RateLimitedError")(yield* failure(get(url)))
        assert.strictEqual(error.scope, "server")
        assert.deepStrictEqual(error.retryAfter, Duration.minutes(2))
        const ahead = DateTime.distance(before, error.retryAt ?? before)
        assert.isTrue(ahead >= 120_000 && ahead < 125_000, String(ahead))
        assert.strictEqual(error.attempts, 1)
        assert.strictEqual(seen.length, 1, "a wait beyond the deadline is not waited for")
        assert.isTrue(error.isTransient)
        assert.include(error.message, "try again in 2m, at 2")
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("RateLimitedError: server, as a date of the server's own clock", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve(
          Loopback.body(429, "", {
            date: "Sun, 06 Nov 1994 08:49:37 GMT",
            "retry-after": "Sun, 06 Nov 1994 08:51:37 GMT"
          })
        )
        const error = isOf("RateLimitedError")(yield* failure(get(url)))
        assert.deepStrictEqual(error.retryAfter, Duration.minutes(2))
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("QuotaError: for longer than a date can say", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve(Loopback.body(429, "", { "retry-after": "9".repeat(30) }))
        const error = isOf("QuotaError")(yield* failure(get(url)))
        assert.deepStrictEqual(error.retryAfter, Duration.seconds(2 ** 31))
        assert.include(error.message, "at 20")
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("QuotaError: 402, and 429 with a body that says so", () =>
      Effect.gen(function* () {
        const paid = yield* Loopback.serve(Loopback.body(402, "pay first"))
        const unpaid = isOf("QuotaError")(yield* failure(get(paid.url)))
        assert.deepStrictEqual([unpaid.status, unpaid.body, unpaid.retryAfter], [402, "pay first", undefined])
        const spent = yield* Loopback.serve(
          Loopback.body(429, `{"error":{"code":"insufficient_quota"}}`, { "retry-after-ms": "1" })
        )
        const error = isOf("QuotaError")(yield* failure(get(spent.url)))
        assert.deepStrictEqual([error.status, error.isTransient], [429, false])
        assert.include(error.message, "the quota is used up (429)")
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("BodyTooLargeError: by its length, before it comes", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((_, response) => {
          response.writeHead(200, { "content-length": "1001" }).write("x")
        })
        const error = isOf("BodyTooLargeError")(yield* failure(get(url), { maxBodyBytes: 1_000 }))
        assert.strictEqual(error.limit, 1_000)
        assert.strictEqual(error.attempts, 1)
        assert.isFalse(error.isTransient)
        assert.include(error.message, "larger than 1000 bytes")
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("BodyTooLargeError: chunked, and hung up on", () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve((_, response) => {
          const more = (): void => {
            while (response.write("x".repeat(16_384)) && !response.destroyed);
          }
          response.on("drain", more)
          more()
        })
        const error = isOf("BodyTooLargeError")(yield* failure(get(server.url), { maxBodyBytes: 100_000 }))
        assert.strictEqual(error.attempts, 1)
        yield* Effect.repeat(Effect.sleep("5 millis").pipe(Effect.map(() => server.open())), {
          until: (open) => open === 0
        }).pipe(Effect.timeout("5 seconds"))
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("a body of exactly the size that is allowed comes through, told or chunked", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((_, response, n) => {
          if (n === 1) response.setHeader("content-length", 1_000)
          response.write("x".repeat(400))
          response.end("x".repeat(600))
        })
        for (const _ of ["told", "chunked"]) {
          const { body } = yield* Fetcher.fetch(get(url), { maxBodyBytes: 1_000 })
          assert.strictEqual(new TextDecoder().decode(body), "x".repeat(1_000))
        }
        yield* failure(get(url), { maxBodyBytes: 999 })
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("an answer without a body is one: 204, HEAD", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((request, response) => {
          if (request.method === "HEAD") response.writeHead(200, { "content-length": "5000" }).end()
          else response.writeHead(204).end()
        })
        const none = yield* Fetcher.fetch(HttpClientRequest.del(url))
        assert.deepStrictEqual([none.status, none.body.length], [204, 0])
        const head = yield* Fetcher.fetch(HttpClientRequest.head(url), { maxBodyBytes: 1_000 })
        assert.deepStrictEqual([head.headers["content-length"], head.body.length], ["5000", 0])
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("DecodeError: path, expected, got", () =>
      Effect.gen(function* () {
        const Weather = Schema.Struct({
          city: Schema.String,
          days: Schema.Array(Schema.Struct({ high: Schema.Number }))
        })
        const cases = [
          [`<html>no</html>`, "", "JSON", `"<html>no</html>"`],
          [``, "", "JSON", "an empty body"],
          [`{"city":"Seattle","days":[{"high":1},{"high":"2"}]}`, "days[1].high", "number", `"2"`],
          [`{"days":[]}`, "city", "string", "nothing"],
          [`[]`, "", String(Weather.ast), "[]"],
          [`null`, "", String(Weather.ast), "null"]
        ] as const
        const { seen, url } = yield* Loopback.serve((_, response, n) => response.end(cases[n - 1]?.[0]))
        for (const [, path, expected, got] of cases) {
          const error = isOf("DecodeError")(yield* Effect.flip(Fetcher.json(get(url), Weather)))
          assert.deepStrictEqual([error.path, error.expected, error.got], [path, expected, got])
          assert.strictEqual(error.attempts, 1)
          assert.isFalse(error.isTransient)
          const at = path === "" ? "" : ` at ${path}`
          assert.strictEqual(error.message, `GET ${url}/: expected ${expected}${at}, got ${got}`)
        }
        assert.strictEqual(seen.length, cases.length)
      }).pipe(Effect.provide(layer))
    )

    it.scopedLive("BlockedAddressError: cross-origin and loop", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((request, response) => {
          const next = request.url === "/away" ? "https://user:pw@elsewhere.example/p?token=t0ken#x" : "/loop"
          response.setHeader("link", `<${next}>; rel="next"`).end("[]")
        })
        const away = isOf("BlockedAddressError")(
          yield* get(`${url}/away`).pipe(Paginate.link(), Stream.runDrain, Effect.flip)
        )
        assert.strictEqual(away.reason, "cross-origin")
        assert.strictEqual(away.address, "https://elsewhere.example/p?token=REDACTED")
        assert.deepStrictEqual(away.request, { method: "GET", url: `${url}/away` })
        assert.isFalse(away.isTransient)
        assert.include(away.message, "leads to another origin")
        const loop = isOf("BlockedAddressError")(
          yield* get(`${url}/loop`).pipe(Paginate.link(), Stream.runDrain, Effect.flip)
        )
        assert.strictEqual(loop.reason, "loop")
        assert.include(loop.message, "already read")
      }).pipe(Effect.provide(layer))
    )

    it.live("InvalidRequestError: a bad URL, another scheme, a line break in a header", () =>
      Effect.gen(function* () {
        for (const url of ["http://", "/relative", "http://127.0.0.1:99999/", "ftp://127.0.0.1/x", "nonsense"]) {
          const error = isOf("InvalidRequestError")(yield* failure(get(url)))
          assert.strictEqual(error.reason, "url")
          assert.strictEqual(error.attempts, 0)
          assert.isFalse(error.isTransient)
          assert.strictEqual(error.request.url, url)
          assert.include(error.message, "not a valid http or https URL")
        }
        const headers = { authorization: "Bearer read-from\na-file" }
        const error = isOf("InvalidRequestError")(yield* failure(get("http://127.0.0.1:9", { headers })))
        assert.strictEqual(error.reason, "headers")
        assert.strictEqual(error.attempts, 0)
      }).pipe(Effect.provide(layer))
    )
  })
}

describe("TimeoutError", () => {
  const policy = { ...Loopback.impatient, attemptTimeout: "100 millis" } as const

  for (const [name, layer] of [
    ["undici", Loopback.overUndici(policy)],
    ["fetch", Loopback.overFetch(policy)]
  ] as const) {
    it.scopedLive(`attempt: no answer, and a body that stalls, over ${name}`, () =>
      Effect.gen(function* () {
        const server = yield* Loopback.serve((request, response) => {
          if (request.url === "/body") response.writeHead(200, { "content-length": "100" }).write("[1,")
        })
        for (const path of ["/headers", "/body"]) {
          const error = isOf("TimeoutError")(yield* failure(get(server.url + path)))
          assert.strictEqual(error.phase, "attempt")
          assert.deepStrictEqual(error.limit, Duration.millis(100))
          assert.strictEqual(error.attempts, 2)
          assert.isTrue(error.isTransient)
          assert.include(error.message, `GET ${server.url}${path}: no complete answer within 100ms (2 attempts in`)
          const elapsed = Duration.toMillis(error.elapsed)
          assert.isTrue(elapsed >= 195 && elapsed < 2_000, String(elapsed))
        }
        assert.strictEqual(server.seen.length, 4)
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("total: retries included", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* Loopback.serve(() => {})
      const error = isOf("TimeoutError")(yield* failure(get(url)))
      assert.strictEqual(error.phase, "total")
      assert.deepStrictEqual(error.limit, Duration.millis(700))
      assert.strictEqual(error.attempts, 2)
      assert.isFalse(error.isTransient)
      assert.include(error.message, "no success within 700ms, waiting and retries included")
      assert.strictEqual(seen.length, 2)
    }).pipe(
      Effect.provide(Loopback.overUndici({ ...policy, attemptTimeout: "400 millis", totalTimeout: "700 millis" }))
    )
  )

  it("is told from the transport's own codes", () => {
    for (const [code, phase] of [
      ["UND_ERR_CONNECT_TIMEOUT", "connect"],
      ["ETIMEDOUT", "connect"],
      ["UND_ERR_HEADERS_TIMEOUT", "headers"],
      ["UND_ERR_BODY_TIMEOUT", "body"]
    ] as const) {
      const cause = new TypeError("fetch failed", { cause: Object.assign(new Error("slow"), { code }) })
      const request = get("http://localhost/")
      const error = FetchError.fromHttpClientError({ attempts: 1, elapsed: Duration.zero })(
        new HttpClientError.RequestError({ request, reason: "Transport", cause })
      )
      assert.strictEqual(isOf("TimeoutError")(error).phase, phase)
      assert.isTrue(error.isTransient)
    }
  })
})

describe("the rest", () => {
  it.scopedLive("StatusError: redirects are not followed over undici", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* Loopback.serve(Loopback.body(302, "", { location: "/elsewhere" }))
      const error = isOf("StatusError")(yield* failure(get(url)))
      assert.strictEqual(error.status, 302)
      assert.include(error.message, "redirects are not followed")
      assert.isFalse(error.isTransient)
      assert.strictEqual(seen.length, 1)
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  it.scopedLive("RateLimitedError: client, while the host is paused for too long; nothing is sent", () =>
    Effect.gen(function* () {
      const { seen, url } = yield* Loopback.serve(Loopback.body(429, "", { "retry-after": "120" }))
      yield* failure(get(url))
      const error = isOf("RateLimitedError")(yield* failure(get(`${url}/again`)))
      assert.strictEqual(error.scope, "client")
      assert.strictEqual(error.attempts, 0)
      assert.isAtMost(Duration.toSeconds(error.elapsed), 60, "not the two minutes that it was asked to wait")
      const seconds = Duration.toSeconds(error.retryAfter ?? Duration.zero)
      assert.isTrue(seconds > 110 && seconds <= 120, String(seconds))
      assert.isTrue(error.isTransient)
      assert.include(error.message, "no turn under the rate limit in time; try again in")
      assert.deepStrictEqual(
        seen.map((request) => request.url),
        ["/"]
      )
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  it.scopedLive("RateLimitedError: server, without a word on when", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serve(Loopback.body(429, ""))
      const error = isOf("RateLimitedError")(yield* failure(get(url)))
      assert.deepStrictEqual([error.retryAfter, error.retryAt], [undefined, undefined])
      assert.strictEqual(error.message, `GET ${url}/: rate limited (429); ask more slowly`)
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("RateLimitedError and StatusError: from a client with filterStatusOk as well", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serve((request, response) => {
        response.writeHead(request.url === "/429" ? 429 : 503, { "retry-after": "120" }).end("later")
      })
      const client = HttpClient.filterStatusOk(yield* HttpClient.HttpClient)
      const ask = (path: string) => failure(get(url + path)).pipe(Effect.provideService(HttpClient.HttpClient, client))
      assert.deepStrictEqual(isOf("RateLimitedError")(yield* ask("/429")).retryAfter, Duration.minutes(2))
      const error = isOf("StatusError")(yield* ask("/503"))
      assert.deepStrictEqual([error.status, error.body], [503, "later"])
    }).pipe(Effect.provide(NodeHttpClient.layerUndici))
  )

  it.scopedLive("BodyTooLargeError: a gzip bomb", () =>
    Effect.gen(function* () {
      const bomb = gzipSync("x".repeat(5_000_000))
      const { url } = yield* Loopback.serve((_, response) => {
        response.writeHead(200, { "content-encoding": "gzip", "content-length": bomb.length }).end(bomb)
      })
      assert.isBelow(bomb.length, 100_000)
      isOf("BodyTooLargeError")(yield* failure(get(url), { maxBodyBytes: 100_000 }))
      const { body } = yield* Fetcher.fetch(get(url))
      assert.strictEqual(body.length, 5_000_000)
    }).pipe(Effect.provide(Loopback.overFetch()))
  )

  it.scopedLive("ConnectError: protocol, a body that is not the gzip it claims to be", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serve(Loopback.body(200, "plain", { "content-encoding": "gzip" }))
      assert.strictEqual(isOf("ConnectError")(yield* failure(get(url))).reason, "protocol")
    }).pipe(Effect.provide(Loopback.overFetch()))
  )

  it.live("InvalidRequestError: a body that cannot be encoded", () =>
    Effect.gen(function* () {
      const client = HttpClient.make((request) =>
        Effect.fail(new HttpClientError.RequestError({ request, reason: "Encode", cause: new Error("no JSON") }))
      )
      const request = HttpClientRequest.post("http://localhost/", { body: HttpBody.unsafeJson({}) })
      const error = isOf("InvalidRequestError")(
        yield* failure(request).pipe(Effect.provideService(HttpClient.HttpClient, client))
      )
      assert.strictEqual(error.reason, "body")
      assert.strictEqual(error.attempts, 0)
    })
  )

  it("reasons are told from the codes of every depth", () => {
    const reason = (cause: unknown) => {
      const error = new HttpClientError.RequestError({ request: get("http://localhost/"), reason: "Transport", cause })
      return isOf("ConnectError")(FetchError.fromHttpClientError({ attempts: 1, elapsed: Duration.zero })(error)).reason
    }
    const coded = (code: string) => Object.assign(new Error(code), { code })
    assert.strictEqual(reason(coded("EHOSTUNREACH")), "unreachable")
    assert.strictEqual(reason(coded("EAI_AGAIN")), "dns")
    assert.strictEqual(reason(coded("CERT_HAS_EXPIRED")), "tls")
    assert.strictEqual(reason(coded("UNABLE_TO_VERIFY_LEAF_SIGNATURE")), "tls")
    assert.strictEqual(reason(new AggregateError([coded("ENETUNREACH"), coded("ECONNREFUSED")])), "unreachable")
    assert.strictEqual(reason(new Error("a", { cause: new Error("b", { cause: coded("EPIPE") }) })), "reset")
    assert.strictEqual(reason("just text"), "other")
    assert.strictEqual(reason(undefined), "other")
    const loop = new Error("loop")
    loop.cause = loop
    assert.strictEqual(reason(loop), "other")
  })

  it("can be stored and sent: every error survives JSON", () => {
    const exchange = { request: { method: "GET", url: "http://h/" }, attempts: 2, elapsed: Duration.millis(1_500) }
    const retryAt = DateTime.unsafeMake(0)
    const errors: ReadonlyArray<FetchError.FetchError> = [
      new FetchError.ConnectError({ ...exchange, reason: "reset", code: "EPIPE" }),
      new FetchError.TimeoutError({ ...exchange, phase: "total", limit: Duration.seconds(30) }),
      new FetchError.StatusError({ ...exchange, status: 500, body: "oh" }),
      new FetchError.RateLimitedError({ ...exchange, scope: "server", retryAfter: Duration.seconds(1), retryAt }),
      new FetchError.BodyTooLargeError({ ...exchange, limit: 1 }),
      new FetchError.DecodeError({ ...exchange, path: "a", expected: "string", got: "1" }),
      new FetchError.BlockedAddressError({ ...exchange, address: "http://i/", reason: "loop" }),
      new FetchError.InvalidRequestError({ ...exchange, reason: "url" })
    ]
    for (const error of errors) {
      const json = JSON.stringify(Schema.encodeSync(FetchError.FetchError)(error))
      const back = Schema.decodeUnknownSync(FetchError.FetchError)(JSON.parse(json))
      assert.isTrue(FetchError.isFetchError(back))
      assert.strictEqual(back._tag, error._tag)
      assert.strictEqual(back.message, error.message)
      assert.strictEqual(back.isTransient, error.isTransient)
    }
    assert.isFalse(FetchError.isFetchError(new Error("no")))
  })

  it("there and back through the platform's error", () => {
    const exchange = { request: { method: "GET", url: "http://h/" }, attempts: 2, elapsed: Duration.zero }
    const error = new FetchError.TimeoutError({ ...exchange, phase: "total" })
    const platform = FetchError.toHttpClientError(get("http://h/"))(error)
    assert.strictEqual(platform.reason, "Transport")
    assert.include(platform.message, error.message)
    assert.strictEqual(FetchError.fromHttpClientError({ attempts: 9, elapsed: Duration.zero })(platform), error)
  })

  it("transient statuses", () => {
    const transient = Array.from({ length: 600 }, (_, status) => status).filter(FetchError.isTransientStatus)
    assert.deepStrictEqual(transient, [408, 425, 429, 500, 502, 503, 504, 522, 524])
  })
})

describe("types", () => {
  it("pins the union and each error channel", () => {
    expectTypeOf<FetchError.FetchError["_tag"]>().toEqualTypeOf<
      | "ConnectError"
      | "TimeoutError"
      | "StatusError"
      | "RateLimitedError"
      | "QuotaError"
      | "CircuitOpenError"
      | "BodyTooLargeError"
      | "DecodeError"
      | "BlockedAddressError"
      | "InvalidRequestError"
    >()
    expectTypeOf<FetchError.FetchError["isTransient"]>().toEqualTypeOf<boolean>()
    expectTypeOf<FetchError.FetchError["attempts"]>().toEqualTypeOf<number>()
    expectTypeOf<FetchError.FetchError["elapsed"]>().toEqualTypeOf<Duration.Duration>()
    expectTypeOf<FetchError.ConnectError["reason"]>().toEqualTypeOf<
      "refused" | "dns" | "unreachable" | "reset" | "tls" | "protocol" | "other"
    >()
    expectTypeOf<FetchError.TimeoutError["phase"]>().toEqualTypeOf<
      "connect" | "headers" | "body" | "attempt" | "total"
    >()
    expectTypeOf<FetchError.RateLimitedError["scope"]>().toEqualTypeOf<"server" | "client">()
    expectTypeOf<FetchError.BlockedAddressError["reason"]>().toEqualTypeOf<"cross-origin" | "loop" | "guard">()
    expectTypeOf<FetchError.InvalidRequestError["reason"]>().toEqualTypeOf<"url" | "headers" | "body" | "cassette">()

    const request = get("http://h/")
    expectTypeOf(Fetcher.fetch(request)).toEqualTypeOf<
      Effect.Effect<Fetcher.Fetched, FetchError.FetchError, HttpClient.HttpClient>
    >()
    expectTypeOf(request.pipe(Fetcher.fetch())).toEqualTypeOf<
      Effect.Effect<Fetcher.Fetched, FetchError.FetchError, HttpClient.HttpClient>
    >()
    expectTypeOf(Fetcher.json(request, Schema.NumberFromString)).toEqualTypeOf<
      Effect.Effect<number, FetchError.FetchError, HttpClient.HttpClient>
    >()
    expectTypeOf(request.pipe(Fetcher.json(Schema.NumberFromString))).toEqualTypeOf<
      Effect.Effect<number, FetchError.FetchError, HttpClient.HttpClient>
    >()
    expectTypeOf(Fetcher.decodeError).returns.returns.toEqualTypeOf<FetchError.DecodeError>()
    expectTypeOf(Fetcher.decode(Schema.String)).returns.toEqualTypeOf<Effect.Effect<string, FetchError.DecodeError>>()
    expectTypeOf(request.pipe(Paginate.link())).toEqualTypeOf<
      Stream.Stream<Fetcher.Fetched, FetchError.FetchError, HttpClient.HttpClient>
    >()
    expectTypeOf(FetchError.toHttpClientError(request)).returns.toEqualTypeOf<HttpClientError.RequestError>()
    expectTypeOf(RateLimitedClient.layer()).toEqualTypeOf<
      Layer.Layer<HttpClient.HttpClient | RateLimitedClient.RateLimitedClient, never, HttpClient.HttpClient>
    >()
    expectTypeOf<Effect.Effect.Error<ReturnType<typeof RateLimitedClient.make>>>().toEqualTypeOf<never>()
    expectTypeOf<
      Effect.Effect.Success<ReturnType<typeof RateLimitedClient.make>>["client"]
    >().toEqualTypeOf<HttpClient.HttpClient>()
    expectTypeOf<RateLimitedClient.RateLimitedClient["Type"]["snapshot"]>().toEqualTypeOf<
      Effect.Effect<ReadonlyArray<RateLimitedClient.Snapshot>>
    >()
  })
})
