import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import type * as FetchError from "@tributary/fetcher/FetchError"
import * as JsonLines from "@tributary/fetcher/JsonLines"
import { FakeServer, VirtualTime } from "@tributary/testing"
import { Chunk, Context, Effect, Either, FastCheck, Ref, Schema, Stream } from "effect"
import * as zlib from "node:zlib"
import { cut, inPieces } from "./Pieces.ts"
import * as Loopback from "./Loopback.ts"

const get = HttpClientRequest.get("http://fake.test/lines")
const Person = Schema.Struct({ name: Schema.String })

/** What comes, and how it ends. */
const outcome = <A, R>(stream: Stream.Stream<A, FetchError.FetchError, R>) =>
  Effect.gen(function* () {
    const values = yield* Ref.make(Chunk.empty<A>())
    const end = yield* Effect.either(Stream.runForEach(stream, (value) => Ref.update(values, Chunk.append(value))))
    const error = Either.match(end, {
      onLeft: (error) => ("path" in error ? [error._tag, error.path, error.expected, error.got] : [error._tag]),
      onRight: () => undefined
    })
    return { values: Chunk.toReadonlyArray(yield* Ref.get(values)), error }
  })

const over = (...pieces: ReadonlyArray<Uint8Array>) =>
  Effect.provideService(HttpClient.HttpClient, inPieces({})(pieces))

const read = (text: string, options?: JsonLines.Options) =>
  outcome(JsonLines.stream(get, Schema.Unknown, options)).pipe(over(new TextEncoder().encode(text)))

describe("lines", () => {
  const table: ReadonlyArray<readonly [what: string, text: string, values: ReadonlyArray<unknown>]> = [
    ["nothing", "", []],
    ["only empty lines", "\n\r\n \n", []],
    ["a last line with its end", "1\n2\n", [1, 2]],
    ["a last line without", "1\n2", [1, 2]],
    ["carriage returns", "1\r\n2\r\n", [1, 2]],
    ["empty lines between", '\n{"a":1}\n\n\r\n{"a":2}\n', [{ a: 1 }, { a: 2 }]],
    ["a byte order mark", "\ufeff1\n2", [1, 2]],
    ["a line separator within a string", '"a\u2028b"\n2', ["a\u2028b", 2]]
  ]
  for (const [what, text, values] of table) {
    it.effect(what, () =>
      Effect.map(read(text), (outcome) => assert.deepStrictEqual(outcome, { values, error: undefined }))
    )
  }

  it.effect("a byte order mark is one at the beginning only", () =>
    Effect.map(read("1\n\ufeff2\n"), ({ error, values }) => {
      assert.deepStrictEqual(values, [1])
      assert.deepStrictEqual(error?.slice(0, 3), ["DecodeError", "[1]", "JSON"])
    })
  )

  it.effect("any cut of the bytes gives the same values, and the same end", () =>
    Effect.promise(() =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.array(
            FastCheck.oneof(
              FastCheck.json().map((json) => json.replaceAll("\n", "")),
              FastCheck.constantFrom('"äöü€"', '"👩‍👩‍👧"', "", "\r", "oops", `"${"long".repeat(10)}"`)
            ),
            { maxLength: 8 }
          ),
          FastCheck.constantFrom("\n", "\r\n"),
          FastCheck.boolean(),
          FastCheck.array(FastCheck.nat(60), { maxLength: 12 }),
          (items, end, isEnded, sizes) => {
            const bytes = new TextEncoder().encode(items.join(end) + (isEnded ? end : ""))
            const lines = JsonLines.stream(get, Schema.Unknown, { maxLineBytes: 30 })
            return Effect.runPromise(
              Effect.gen(function* () {
                const whole = yield* outcome(lines).pipe(over(bytes))
                const inPieces = yield* outcome(lines).pipe(over(...cut(sizes)(bytes)))
                assert.deepStrictEqual(inPieces, whole)
              })
            )
          }
        ),
        { numRuns: 1000 }
      )
    )
  )

  it.effect("byte by byte", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode('\ufeff{"name":"Zoë"}\r\n\r\n{"name":"👩‍👩‍👧"}')
      const pieces = Array.from(bytes, (byte) => Uint8Array.of(byte))
      const { values } = yield* outcome(JsonLines.stream(get, Person)).pipe(over(...pieces))
      assert.deepStrictEqual(values, [{ name: "Zoë" }, { name: "👩‍👩‍👧" }])
    })
  )
})

describe("what does not fit", () => {
  const text = '{"name":"a"}\n\n{"name":1}\n{"name":"c"}\nnot json\n[]\n{"name":"d"}'

  it.effect("fails with its place, after the values before it", () =>
    Effect.gen(function* () {
      const bytes = new TextEncoder().encode(text)
      const { error, values } = yield* outcome(JsonLines.stream(get, Person)).pipe(over(bytes))
      assert.deepStrictEqual(values, [{ name: "a" }])
      assert.deepStrictEqual(error, ["DecodeError", "[1].name", "string", "1"])
    })
  )

  it.effect("is set aside where that is asked for, and the rest goes on", () =>
    Effect.gen(function* () {
      const rejected = yield* Ref.make<ReadonlyArray<unknown>>([])
      const onReject = ({ error, index, line }: JsonLines.Rejected) =>
        Ref.update(rejected, (all) => [...all, [index, line, error.path]])
      const stream = JsonLines.stream(get, Person, { onReject })
      const { error, values } = yield* outcome(stream).pipe(over(new TextEncoder().encode(text)))
      assert.deepStrictEqual([values, error], [[{ name: "a" }, { name: "c" }, { name: "d" }], undefined])
      assert.deepStrictEqual(yield* Ref.get(rejected), [
        [1, '{"name":1}', "[1].name"],
        [3, "not json", "[3]"],
        [4, "[]", "[4]"]
      ])
    })
  )

  it.effect("a path into an array has no dot", () =>
    Effect.gen(function* () {
      const stream = JsonLines.stream(get, Schema.Array(Schema.Number))
      const { error } = yield* outcome(stream).pipe(over(new TextEncoder().encode('[1]\n[1,"2"]')))
      assert.strictEqual(error?.[1], "[1][1]")
    })
  )

  it.effect("a line may have as many bytes as allowed, its end apart", () =>
    Effect.gen(function* () {
      for (const end of ["", "\n", "\r\n"]) {
        assert.deepStrictEqual((yield* read(`12345${end}`, { maxLineBytes: 5 })).values, [12345])
        const { error } = yield* read(`123456${end}`, { maxLineBytes: 5 })
        assert.deepStrictEqual(error?.slice(0, 3), ["DecodeError", "[0]", "a line of at most 5 bytes"])
      }
    })
  )

  it.effect("a line that is too long can be set aside, and is not held", () =>
    Effect.gen(function* () {
      const rejected = yield* Ref.make<ReadonlyArray<JsonLines.Rejected>>([])
      const kib = new Uint8Array(1024).fill(0x61)
      const pieces = [
        new TextEncoder().encode("1\n"),
        ...Array.from({ length: 2048 }, () => kib),
        Uint8Array.of(0x0a, 0x32)
      ]
      const stream = JsonLines.stream(get, Schema.Number, {
        maxLineBytes: 10,
        onReject: (one) => Ref.update(rejected, (all) => [...all, one])
      })
      const { values } = yield* outcome(stream).pipe(over(...pieces))
      assert.deepStrictEqual(values, [1, 2])
      assert.deepStrictEqual(
        (yield* Ref.get(rejected)).map(({ line }) => line.length),
        [11]
      )
    })
  )

  it.effect("the error shows no secret of the request", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.bearerToken(get, "hunter2-token")
      const bytes = new TextEncoder().encode('{"name":["hunter2-token"]}')
      const { error } = yield* outcome(JsonLines.stream(request, Person)).pipe(over(bytes))
      assert.strictEqual(error?.[3], '["REDACTED"]')
    })
  )
})

describe("faults", () => {
  const body = '{"name":"a"}\n{"name":"b"}\n{"name":"c"}\n{"name":"d"}'
  const people = [{ name: "a" }, { name: "b" }, { name: "c" }, { name: "d" }]

  it.effect("the values before a reset come, half a line does not", () =>
    Effect.gen(function* () {
      // Half of 50 bytes ends before the second line feed.
      const result = yield* outcome(JsonLines.stream(get, Person))
      assert.deepStrictEqual(result, { values: people.slice(0, 1), error: ["ConnectError"] })
    }).pipe(Effect.provide(FakeServer.layer(FakeServer.resetMidBody(FakeServer.text(body)))))
  )

  it.effect("a body that stands still is a timeout, however slow the headers or the reader", () =>
    Effect.gen(function* () {
      const slow = JsonLines.stream(get, Person, { idleTimeout: "5 seconds" }).pipe(
        Stream.tap(() => Effect.sleep("1 hour"))
      )
      assert.deepStrictEqual(yield* outcome(slow), { values: people.slice(0, 1), error: ["TimeoutError"] })
    }).pipe(
      Effect.provide(
        FakeServer.layer(FakeServer.stallMidBody(FakeServer.text(body)).pipe(FakeServer.latency("10 seconds")))
      ),
      VirtualTime.run()
    )
  )

  it.effect("a slow body is none, as long as something comes", () =>
    Effect.gen(function* () {
      const slow = JsonLines.stream(get, Person, { idleTimeout: "5 seconds" })
      assert.deepStrictEqual(yield* outcome(slow), { values: people, error: undefined })
    }).pipe(
      Effect.provide(FakeServer.layer(FakeServer.text(body).pipe(FakeServer.drip({ bytes: 1, every: "4 seconds" })))),
      VirtualTime.run()
    )
  )

  it.effect("a status without success fails as ever", () =>
    Effect.map(outcome(JsonLines.stream(get, Person)), (result) =>
      assert.deepStrictEqual(result, { values: [], error: ["StatusError"] })
    ).pipe(Effect.provide(FakeServer.layer(FakeServer.status(404))))
  )

  for (const { layer, name } of Loopback.transports) {
    it.scopedLive(`on the wire: ${name}`, () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((request, response) => {
          const isGzip = /gzip/.test(request.headers["accept-encoding"] ?? "")
          response.writeHead(200, isGzip ? { "content-encoding": "gzip" } : {})
          const bytes = isGzip ? zlib.gzipSync(body) : Buffer.from(body)
          response.write(bytes.subarray(0, 7))
          if (request.url === "/cut") setImmediate(() => response.destroy())
          else response.end(bytes.subarray(7))
        })
        const whole = yield* outcome(JsonLines.stream(HttpClientRequest.get(url), Person))
        assert.deepStrictEqual(whole, { values: people, error: undefined })
        const cut = yield* outcome(JsonLines.stream(HttpClientRequest.get(`${url}/cut`), Person))
        assert.deepStrictEqual(cut, { values: [], error: ["ConnectError"] })
      }).pipe(Effect.provide(layer))
    )
  }
})

it("types", () => {
  expectTypeOf(JsonLines.stream(get, Person)).toEqualTypeOf<
    Stream.Stream<{ readonly name: string }, FetchError.FetchError, HttpClient.HttpClient>
  >()
  expectTypeOf(get.pipe(JsonLines.stream(Person))).toEqualTypeOf<
    Stream.Stream<{ readonly name: string }, FetchError.FetchError, HttpClient.HttpClient>
  >()
  class Store extends Context.Tag("@tributary/fetcher/test/JsonLines.test/Store")<
    Store,
    { readonly put: (line: string) => Effect.Effect<void> }
  >() {}
  const onReject = ({ line }: JsonLines.Rejected) => Effect.flatMap(Store, ({ put }) => put(line))
  expectTypeOf(get.pipe(JsonLines.stream(Person, { onReject }))).toEqualTypeOf<
    Stream.Stream<{ readonly name: string }, FetchError.FetchError, HttpClient.HttpClient | Store>
  >()
})
