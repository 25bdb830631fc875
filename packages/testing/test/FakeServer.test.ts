import { HttpBody, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import * as FakeServer from "@tributary/testing/FakeServer"
import { Array as Arr, Chunk, Clock, type Duration, Effect, Either, Order, Redacted, Stream } from "effect"
import { gunzipSync } from "node:zlib"
import { monday, pass, ways } from "./FakeServer.ways.ts"

const { json, status, text } = FakeServer

const send = (request: (url: string) => HttpClientRequest.HttpClientRequest) =>
  Effect.gen(function* () {
    const { url } = yield* FakeServer.FakeServer
    return yield* HttpClient.execute(request(url))
  })

const get = (path = "/") => send((url) => HttpClientRequest.get(url + path))

const statusOf = (path = "/") => Effect.map(get(path), ({ status }) => status)

const statusesOf = (...paths: ReadonlyArray<string>) => Effect.forEach(paths, statusOf)

const textOf = (path = "/") => Effect.flatMap(get(path), ({ text }) => text)

const codeOf = (cause: unknown): unknown =>
  typeof cause === "object" && cause !== null && "code" in cause ? cause.code : undefined

/** What a failure is, without what it holds. */
const failureOf = <A, R>(effect: Effect.Effect<A, HttpClientError.HttpClientError, R>) =>
  Effect.map(
    Effect.either(effect),
    Either.match({
      onLeft: ({ _tag, cause, reason }) => [_tag, reason, codeOf(cause)],
      onRight: () => ["no failure"]
    })
  )

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Clock.currentTimeMillis
    const value = yield* effect
    return [value, (yield* Clock.currentTimeMillis) - before] as const
  })

/** What comes of a body until it fails, ends or pauses for long. */
const piecesOf = (patience: Duration.DurationInput = "4 seconds") =>
  Effect.gen(function* () {
    const pieces: Array<string> = []
    const response = yield* get()
    const end = yield* response.stream.pipe(
      Stream.runForEach((piece) => Effect.sync(() => pieces.push(new TextDecoder().decode(piece)))),
      Effect.timeoutOption(patience),
      Effect.match({
        onFailure: ({ _tag, cause, reason }) => `${_tag} ${reason} ${codeOf(cause)}`,
        onSuccess: ({ _tag }) => (_tag === "Some" ? "end" : "pause")
      })
    )
    return { pieces, end }
  })

/** What came of a body before it broke. A client that fails throws away what has come but was not yet read. */
const assertBroken = (
  broken: { readonly pieces: ReadonlyArray<string>; readonly end: string },
  expected: { readonly pieces: ReadonlyArray<string>; readonly end: string; readonly exactly: boolean }
) => {
  assert.strictEqual(broken.end, expected.end)
  if (expected.exactly) assert.deepStrictEqual(broken.pieces, expected.pieces)
  else assert.isTrue(expected.pieces.join("").startsWith(broken.pieces.join("")), broken.pieces.join(""))
}

for (const { name, over } of ways) {
  const inMemory = name === "in memory"

  describe(`a fake server ${name}`, () => {
    describe("answers", () => {
      it.live("with JSON, text, bytes or a status alone", () =>
        Effect.gen(function* () {
          const response = yield* get("/json")
          assert.deepStrictEqual(
            [response.status, response.headers["content-type"], response.headers["content-length"]],
            [200, "application/json", "14"]
          )
          assert.deepStrictEqual(yield* response.json, { list: [1, 2] })
          const plain = yield* get("/text")
          assert.strictEqual(plain.headers["content-type"], "text/plain; charset=utf-8")
          assert.strictEqual(yield* plain.text, "Größe")
          const bytes = yield* get("/bytes")
          assert.strictEqual(bytes.headers["content-type"], "application/octet-stream")
          assert.deepStrictEqual([...new Uint8Array(yield* bytes.arrayBuffer)], [0, 255, 128])
          const teapot = yield* get("/status")
          assert.deepStrictEqual([teapot.status, teapot.headers["x-a"], yield* teapot.text], [418, "b", ""])
        }).pipe(
          over(
            FakeServer.routes({
              "/json": json({ list: [1, 2] }),
              "/text": text("Größe"),
              "/bytes": FakeServer.bytes(new Uint8Array([0, 255, 128])),
              "/status": status(418, { "X-A": "b" })
            })
          )
        )
      )

      it.live("with a status and headers of one's own, and its date", () =>
        Effect.gen(function* () {
          const response = yield* get()
          const { headers } = response
          assert.strictEqual(response.status, 422)
          assert.deepStrictEqual(
            [headers["content-type"], headers["link"], headers["date"], yield* response.text],
            ["application/problem+json", "</2>; rel=next", "Mon, 16 Nov 2026 09:00:00 GMT", "{}"]
          )
        }).pipe(
          over(
            json({}, { status: 422, headers: { "Content-Type": "application/problem+json", Link: "</2>; rel=next" } })
          )
        )
      )

      it.live("as a function of the request", () =>
        Effect.gen(function* () {
          const response = yield* send((url) =>
            HttpClientRequest.put(`${url}/a/b?page=2&q=%C3%A4`, {
              headers: { "X-Trace": "7" },
              body: HttpBody.unsafeJson({ ä: 1 })
            })
          )
          assert.deepStrictEqual(yield* response.json, {
            method: "PUT",
            url: "/a/b?page=2&q=%C3%A4",
            path: "/a/b",
            q: "ä",
            trace: "7",
            type: "application/json",
            body: '{"ä":1}'
          })
        }).pipe(
          over(
            FakeServer.handle(({ body, headers, method, path, query, url }) =>
              json({
                method,
                url,
                path,
                q: query.get("q"),
                trace: headers["x-trace"],
                type: headers["content-type"],
                body
              })
            )
          )
        )
      )

      it.live("whatever kind of body the request has", () =>
        Effect.gen(function* () {
          const bodies: ReadonlyArray<HttpBody.HttpBody> = [
            HttpBody.empty,
            HttpBody.text("text"),
            HttpBody.raw("raw"),
            HttpBody.stream(Stream.make(new TextEncoder().encode("str"), new TextEncoder().encode("eam")))
          ]
          const seen = yield* Effect.forEach(bodies, (body) =>
            Effect.flatMap(
              send((url) => HttpClientRequest.post(url, { body })),
              ({ text }) => text
            )
          )
          assert.deepStrictEqual(seen, ["", "text", "raw", "stream"])
        }).pipe(over(FakeServer.handle(({ body }) => text(body))))
      )

      it.live("a HEAD with the length of the body it does not get, and a 204 with none", () =>
        Effect.gen(function* () {
          const head = yield* send(HttpClientRequest.head)
          assert.deepStrictEqual([head.status, head.headers["content-length"], yield* head.text], [200, "5", ""])
          const none = yield* get("/none")
          assert.deepStrictEqual([none.status, none.headers["content-length"], yield* none.text], [204, undefined, ""])
        }).pipe(
          over(
            FakeServer.routes({ "/": text("hello").pipe(FakeServer.resetMidBody), "/none": json(1, { status: 204 }) })
          )
        )
      )

      it.live("a body that is read twice with the same", () =>
        Effect.gen(function* () {
          const response = yield* get()
          assert.deepStrictEqual(
            [yield* response.text, yield* response.text, yield* response.json],
            ["[1]", "[1]", [1]]
          )
        }).pipe(over(json([1])))
      )

      it.live("cookies and forms", () =>
        Effect.gen(function* () {
          const response = yield* get()
          const { cookies } = response.cookies
          assert.deepStrictEqual([cookies["id"]?.value, [...(yield* response.urlParamsBody)]], ["7", [["a", "1"]]])
        }).pipe(over(text("a=1", { headers: { "set-cookie": "id=7" } })))
      )
    })

    describe("by script", () => {
      it.live("counts the attempts of each method and URL, and stays at the last step", () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(
            yield* statusesOf("/a", "/a", "/b", "/a", "/a", "/a?page=2"),
            [503, 502, 503, 200, 200, 503]
          )
          const post = yield* send((url) => HttpClientRequest.post(`${url}/a`))
          assert.strictEqual(post.status, 503)
        }).pipe(over(FakeServer.script([status(503), status(502), status(200)])))
      )

      it.live("has steps of any kind", () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* failureOf(get()), ["RequestError", "Transport", "ECONNRESET"])
          assert.deepStrictEqual(yield* statusesOf("/", "/", "/"), [500, 500, 200])
          // The second time around the inner script is at its own second step.
        }).pipe(
          over(
            FakeServer.script([
              FakeServer.reset,
              status(200).pipe(FakeServer.sometimes(1, status(500))),
              FakeServer.script([status(500), status(200)])
            ])
          )
        )
      )
    })

    it.live("routes by method and path: the first that fits, else a 404", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(
          yield* statusesOf("/users?x=/posts", "/users/7/posts", "/users.json", "/usersXjson", "/new", "/", "/other/x"),
          [200, 202, 203, 404, 404, 404, 206]
        )
        const created = yield* send((url) => HttpClientRequest.post(`${url}/new`))
        assert.strictEqual(created.status, 201)
      }).pipe(
        over(
          FakeServer.routes({
            "/users": status(200),
            "GET /users/*/posts": status(202),
            "/users/*": status(500),
            "/users.json": status(203),
            "POST /new": status(201),
            "/other*": status(206)
          })
        )
      )
    )

    describe("at random", () => {
      it.live("never for a share of 0, always for a share of 1", () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* statusesOf("/a", "/b", "/c"), [500, 500, 500])
        }).pipe(over(status(200).pipe(FakeServer.sometimes(1, status(500)), FakeServer.sometimes(0, status(501)))))
      )

      it.live("the same for the same seed, both ways", () =>
        Effect.gen(function* () {
          const fates = yield* statusesOf(...Array.from({ length: 24 }, (_, i) => `/${i % 6}`))
          assert.strictEqual(fates.map((status) => (status === 200 ? "." : "x")).join(""), "..........x........x.x..")
        }).pipe(over(status(200).pipe(FakeServer.sometimes(0.3, status(500)), FakeServer.seeded(7))))
      )
    })

    it.live("is out for a time", () =>
      Effect.gen(function* () {
        const before = yield* statusOf()
        yield* pass(400)
        const during = yield* statusOf()
        yield* pass(400)
        assert.deepStrictEqual([before, during, yield* statusOf()], [200, 503, 200])
      }).pipe(over(status(200).pipe(FakeServer.outage({ from: "300 millis", until: "600 millis" }))))
    )

    it.live("is out as one says", () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* failureOf(get()), ["RequestError", "Transport", "ECONNRESET"])
      }).pipe(over(status(200).pipe(FakeServer.outage({ from: 0, until: "1 hour", as: FakeServer.reset }))))
    )

    describe("with a limit", () => {
      it.live("turns away what is too much, and says when to come back", () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* statusesOf("/", "/", "/b"), [500, 200, 500])
          const refused = yield* get()
          assert.deepStrictEqual([refused.status, refused.headers["retry-after"]], [429, "1"])
          yield* pass(700)
          assert.deepStrictEqual(yield* statusesOf("/b", "/b"), [200, 429])
        }).pipe(
          over(
            FakeServer.script([status(500), status(200)]).pipe(
              FakeServer.limited({ limit: 2, window: "1200 millis", burst: 3 })
            )
          )
        )
      )

      it.live("announces it with every answer, but has no say in a fault", () =>
        Effect.gen(function* () {
          const quotaOf = Effect.map(get(), ({ headers }) => [headers["ratelimit-policy"], headers["ratelimit"]])
          assert.deepStrictEqual(yield* quotaOf, ['"default";q=2;w=3600', '"default";r=1;t=1800'])
          assert.deepStrictEqual(yield* failureOf(get()), ["RequestError", "Transport", "ECONNRESET"])
          assert.deepStrictEqual((yield* quotaOf)[0], '"default";q=2;w=3600')
        }).pipe(
          over(
            FakeServer.script([status(200), FakeServer.reset]).pipe(
              FakeServer.limited({ limit: 2, window: "1 hour", dialect: "ietf" })
            )
          )
        )
      )
    })

    it.live("takes its time", () =>
      Effect.gen(function* () {
        const [[ok, took], [failure, tookToFail]] = [yield* timed(statusOf("/a")), yield* timed(failureOf(get("/b")))]
        assert.deepStrictEqual([ok, failure], [200, ["RequestError", "Transport", "ECONNRESET"]])
        for (const millis of [took, tookToFail]) {
          assert.isAtLeast(millis, 58)
          if (inMemory) assert.strictEqual(millis, 60)
        }
      }).pipe(
        over(
          FakeServer.routes({ "/a": status(200), "/b": FakeServer.reset }).pipe(
            FakeServer.latency("40 millis"),
            FakeServer.latency("20 millis")
          )
        )
      )
    )

    describe("fails", () => {
      const fails = (fault: FakeServer.Fault, code: string) =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* failureOf(get()), ["RequestError", "Transport", code])
          // And again, on a connection of its own.
          assert.deepStrictEqual(yield* failureOf(get()), ["RequestError", "Transport", code])
          const { log } = yield* FakeServer.FakeServer
          assert.deepStrictEqual(
            (yield* log).map(({ status }) => status),
            [undefined, undefined]
          )
        }).pipe(over(fault))

      it.live("by a reset", () => fails(FakeServer.reset, "ECONNRESET"))
      it.live("by hanging up", () => fails(FakeServer.hangUp, "UND_ERR_SOCKET"))
      it.live("by refusing", () => fails(FakeServer.refused, inMemory ? "ECONNREFUSED" : "ECONNRESET"))

      it.live("by never answering", () =>
        Effect.gen(function* () {
          const outcome = yield* Effect.timeoutOption(get(), "200 millis")
          assert.strictEqual(outcome._tag, "None")
        }).pipe(over(FakeServer.silence))
      )
    })

    describe("spoils the body", () => {
      it.live("by a reset in the middle", () =>
        Effect.gen(function* () {
          assertBroken(yield* piecesOf(), {
            pieces: ["01234"],
            end: "ResponseError Decode ECONNRESET",
            exactly: inMemory
          })
          const response = yield* get()
          assert.deepStrictEqual(yield* failureOf(response.text), ["ResponseError", "Decode", "ECONNRESET"])
        }).pipe(over(text("0123456789").pipe(FakeServer.resetMidBody)))
      )

      it.live("by never ending", () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* piecesOf("1 second"), { pieces: ["01234"], end: "pause" })
        }).pipe(over(text("0123456789").pipe(FakeServer.stallMidBody)))
      )

      it.live("by promising more than comes", () =>
        Effect.gen(function* () {
          const { headers } = yield* get()
          assert.strictEqual(headers["content-length"], "15")
          assertBroken(yield* piecesOf(), {
            pieces: ["0123456789"],
            end: "ResponseError Decode UND_ERR_SOCKET",
            exactly: inMemory
          })
        }).pipe(over(text("0123456789").pipe(FakeServer.lengthOffBy(5))))
      )

      it.live("by sending more than it promised", () =>
        Effect.gen(function* () {
          assert.deepStrictEqual(yield* Effect.all([textOf(), textOf()]), ["01234567", "01234567"])
        }).pipe(over(text("0123456789").pipe(FakeServer.lengthOffBy(-2))))
      )

      it.live("by cutting JSON off", () =>
        Effect.gen(function* () {
          const response = yield* get()
          assert.strictEqual(yield* response.text, '{"a":[1')
          assert.strictEqual((yield* failureOf(response.json))[1], "Decode")
        }).pipe(over(json({ a: [1, 2, 3, 4] }).pipe(FakeServer.truncated)))
      )

      it.live("by malforming JSON of any kind", () =>
        Effect.gen(function* () {
          for (const path of ["/object", "/number", "/string"]) {
            const response = yield* get(path)
            assert.strictEqual((yield* failureOf(response.json))[1], "Decode")
          }
          assert.strictEqual(yield* textOf("/object"), "{}}")
        }).pipe(
          over(
            FakeServer.routes({ "/object": json({}), "/number": json(12), "/string": json("}") }).pipe(
              FakeServer.malformed
            )
          )
        )
      )

      it.live("by sending it piece by piece", () =>
        Effect.gen(function* () {
          const [{ end, pieces }, took] = yield* timed(piecesOf())
          assert.deepStrictEqual([pieces.join(""), end], ["0123456789", "end"])
          if (inMemory) assert.deepStrictEqual(pieces, ["0123", "4567", "89"])
          assert.isAtLeast(took, 117)
          if (inMemory) assert.strictEqual(took, 120)
        }).pipe(over(text("0123456789").pipe(FakeServer.drip({ bytes: 4, every: "40 millis" }))))
      )

      it.live("by all of it together", () =>
        Effect.gen(function* () {
          assertBroken(yield* piecesOf(), {
            pieces: ["012", "34"],
            end: "ResponseError Decode ECONNRESET",
            exactly: inMemory
          })
        }).pipe(
          over(text("0123456789").pipe(FakeServer.drip({ bytes: 3, every: "40 millis" }), FakeServer.resetMidBody))
        )
      )

      it.live("by a gzip bomb", () =>
        Effect.gen(function* () {
          const response = yield* get()
          assert.strictEqual(response.headers["content-encoding"], "gzip")
          const chunks = yield* Stream.runCollect(response.stream)
          const gzip = Buffer.concat(Chunk.toReadonlyArray(chunks))
          assert.isAtMost(gzip.length, 4_000)
          const bytes = gunzipSync(gzip)
          assert.strictEqual(bytes.length, 3 * 1024 * 1024)
          assert.isTrue(bytes.every((byte) => byte === 0))
        }).pipe(over(FakeServer.gzipBomb(3)))
      )
    })

    it.live("redirects, be it for ever", () =>
      Effect.gen(function* () {
        const away = yield* get("/away")
        assert.deepStrictEqual([away.status, away.headers["location"]], [301, "/loop?a=1"])
        const client = HttpClient.followRedirects(yield* HttpClient.HttpClient, 5)
        const { log, url } = yield* FakeServer.FakeServer
        const response = yield* client.get(`${url}/away`)
        assert.deepStrictEqual([response.status, response.headers["location"]], [302, "/loop?a=1"])
        assert.deepStrictEqual(
          (yield* log).map(({ url }) => url),
          ["/away", "/away", ...Array.from({ length: 5 }, () => "/loop?a=1")]
        )
      }).pipe(
        over(FakeServer.routes({ "/away": FakeServer.redirect("/loop?a=1", 301), "/loop": FakeServer.redirectLoop }))
      )
    )

    describe("has a log", () => {
      it.live("of what came, in order, with what it was to get", () =>
        Effect.gen(function* () {
          yield* get("/a?x=1")
          yield* pass(20)
          yield* send((url) => HttpClientRequest.post(`${url}/b`, { headers: { "X-B": "1" } }))
          const { log } = yield* FakeServer.FakeServer
          const seen = yield* log
          assert.deepStrictEqual(
            seen.map(({ headers, method, status, url }) => [method, url, status, headers["x-b"]]),
            [
              ["GET", "/a?x=1", 200, undefined],
              ["POST", "/b", 503, "1"]
            ]
          )
          assert.deepStrictEqual(
            seen.map(({ at }) => at),
            [monday, monday + 20]
          )
        }).pipe(over(FakeServer.routes({ "/a": status(200), "/b": status(503) })))
      )

      it.live("by the time at which it came, be the answers late", () =>
        Effect.gen(function* () {
          const paths = Array.from({ length: 12 }, (_, i) => `/${i}`)
          yield* Effect.forEach(paths, statusOf, { concurrency: "unbounded" })
          const { log } = yield* FakeServer.FakeServer
          const seen = yield* log
          assert.sameMembers(
            seen.map(({ url }) => url),
            paths
          )
          const at = seen.map(({ at }) => at)
          assert.deepStrictEqual(at, Arr.sort(at, Order.number))
        }).pipe(over(status(200).pipe(FakeServer.latency({ min: 0, max: "80 millis" }))))
      )

      it.live("that shows no secret, but has it", () =>
        Effect.gen(function* () {
          yield* send((url) => HttpClientRequest.get(url).pipe(HttpClientRequest.bearerToken("hush")))
          const { log } = yield* FakeServer.FakeServer
          const [seen] = yield* log
          const token = seen!.headers["authorization"]
          assert.notInclude(JSON.stringify(seen), "hush")
          assert.strictEqual(Redacted.isRedacted(token) ? Redacted.value(token) : token, "Bearer hush")
        }).pipe(over(status(200)))
      )

      it.live("that does not change in the hand of who read it", () =>
        Effect.gen(function* () {
          const { log } = yield* FakeServer.FakeServer
          const before = yield* log
          yield* get()
          assert.deepStrictEqual([before.length, (yield* log).length], [0, 1])
        }).pipe(over(status(200)))
      )
    })
  })
}
