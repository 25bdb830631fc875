import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { type FetchError, type Fetcher, Paginate } from "@tributary/fetcher"
import { FakeServer } from "@tributary/testing"
import { Chunk, Data, Effect, FastCheck, Schema, Stream } from "effect"

const base = HttpClientRequest.get("http://fake.test/items")

const Plain = Schema.Array(Schema.Int)
const WithTotal = Schema.Struct({ items: Plain, total: Schema.Int })
const WithNext = Schema.Struct({ items: Plain, next: Schema.optional(Schema.NullOr(Schema.String)) })
const WithToken = Schema.Struct({ items: Plain, next: Schema.optional(Schema.Union(Schema.String, Schema.Int)) })
const Connection = Schema.Struct({ items: Schema.Struct({ nodes: Plain, pageInfo: Paginate.PageInfo }) })

interface Way {
  readonly name: string
  readonly server: (total: number, size: number) => FakeServer.Behaviour
  readonly items: (
    size: number
  ) => Stream.Stream<number, Paginate.PageLoopError | FetchError.FetchError, HttpClient.HttpClient>
}

/** `size` of `total` items from `at` on, and where the next ones begin, if there are any. */
const cut = (total: number, size: number, at: number) => {
  const items = Array.from({ length: Math.max(0, Math.min(size, total - at)) }, (_, index) => at + index)
  return { items, next: at + size < total ? at + size : undefined }
}

const number = (text: string | null | undefined) => Number(text ?? 0)

const byNumber = (total: number, size: number) => (query: URLSearchParams) =>
  cut(total, size, (number(query.get("page")) - 1) * size).items

const counted = { schema: WithTotal, items: ({ items }: typeof WithTotal.Type) => items }

const ways: ReadonlyArray<Way> = [
  {
    name: "link",
    server: (total, size) =>
      FakeServer.handle(({ query }) => {
        const { items, next } = cut(total, size, number(query.get("at")))
        return FakeServer.json(items, next === undefined ? {} : { headers: { link: `<?at=${next}>; rel="next"` } })
      }),
    items: () =>
      base.pipe(
        Paginate.link({ schema: Plain }),
        Stream.mapConcat(({ value }) => value)
      )
  },
  {
    name: "nextUrl",
    server: (total, size) =>
      FakeServer.handle(({ query }) => {
        const { items, next } = cut(total, size, number(query.get("at")))
        return FakeServer.json({ items, next: next === undefined ? null : `http://fake.test/items?at=${next}` })
      }),
    items: () =>
      base.pipe(
        Paginate.nextUrl({ schema: WithNext, next: ({ next }) => next }),
        Stream.mapConcat(({ value }) => value.items)
      )
  },
  {
    name: "cursor in the body, by a parameter",
    server: (total, size) =>
      FakeServer.handle(({ query }) => FakeServer.json(cut(total, size, number(query.get("after"))))),
    items: () =>
      base.pipe(
        Paginate.cursor({ schema: WithToken, send: "after", next: ({ next }) => next }),
        Stream.mapConcat(({ value }) => value.items)
      )
  },
  {
    name: "cursor in a header, by a header",
    server: (total, size) =>
      FakeServer.handle(({ headers }) => {
        const { items, next } = cut(total, size, number(headers["x-cursor"]))
        return FakeServer.json(items, { headers: { "x-next-cursor": String(next ?? "") } })
      }),
    items: () =>
      base.pipe(
        Paginate.cursor({
          schema: Plain,
          send: (request, token) => HttpClientRequest.setHeader(request, "x-cursor", String(token)),
          next: (_, { headers }) => headers["x-next-cursor"]
        }),
        Stream.mapConcat(({ value }) => value)
      )
  },
  {
    name: "pageNumber, to the empty page",
    server: (total, size) => FakeServer.handle(({ query }) => FakeServer.json(byNumber(total, size)(query))),
    items: () =>
      base.pipe(
        Paginate.pageNumber({ schema: Plain, items: (items) => items }),
        Stream.mapConcat(({ value }) => value)
      )
  },
  {
    name: "pageNumber of known pages, four at once",
    server: (total, size) =>
      FakeServer.handle(({ query }) =>
        FakeServer.json({ items: byNumber(total, size)(query), total: Math.ceil(total / size) })
      ),
    items: () =>
      base.pipe(
        Paginate.pageNumber({ ...counted, pages: ({ total }) => total, concurrency: 4 }),
        Stream.mapConcat(({ value }) => value.items)
      )
  },
  {
    // The server gives no more than `size`, whatever it is asked for.
    name: "offset, to the empty page",
    server: (total, size) =>
      FakeServer.handle(({ query }) =>
        FakeServer.json(cut(total, Math.min(size, number(query.get("limit"))), number(query.get("offset"))).items)
      ),
    items: () =>
      base.pipe(
        Paginate.offset({ schema: Plain, limit: 10, items: (items) => items }),
        Stream.mapConcat(({ value }) => value)
      )
  },
  {
    name: "offset of a known total, four at once",
    server: (total, size) =>
      FakeServer.handle(({ query }) => {
        const { items } = cut(total, Math.min(size, number(query.get("limit"))), number(query.get("offset")))
        return FakeServer.json({ items, total })
      }),
    items: () =>
      base.pipe(
        Paginate.offset({ ...counted, limit: 10, total: ({ total }) => total, concurrency: 4 }),
        Stream.mapConcat(({ value }) => value.items)
      )
  },
  {
    name: "graphql",
    server: (total) =>
      FakeServer.handle(({ body }) => {
        const { variables } = JSON.parse(body) as {
          readonly variables: { readonly size: number; readonly after?: string }
        }
        const { items, next } = cut(total, variables.size, number(variables.after))
        const pageInfo = { hasNextPage: next !== undefined, endCursor: next === undefined ? null : String(next) }
        return FakeServer.json({ data: { items: { nodes: items, pageInfo } } })
      }),
    items: (size) =>
      base.pipe(
        Paginate.graphql({
          schema: Connection,
          query: "query ($size: Int, $after: String) { items(first: $size, after: $after) { nodes pageInfo } }",
          variables: { size },
          pageInfo: ({ items }) => items.pageInfo
        }),
        Stream.mapConcat(({ value }) => value.items.nodes)
      )
  }
]

describe("every item once and in order, for any total and page size", () => {
  for (const { items, name, server } of ways) {
    it(`${name}`, () =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.integer({ min: 0, max: 40 }),
          FastCheck.integer({ min: 1, max: 12 }),
          (total, size) =>
            Effect.gen(function* () {
              const all = yield* Stream.runCollect(items(size))
              assert.deepStrictEqual(
                Chunk.toArray(all),
                Array.from({ length: total }, (_, index) => index)
              )
            }).pipe(Effect.provide(FakeServer.layer(server(total, size))), Effect.runPromise)
        ),
        { numRuns: 200 }
      ))
  }
})

/** So that a test of a loop fails instead of running for ever. */
const maxPages = 10

/** What a stream gave before it ended, and how it did. */
const outcome = <A, E, R>(stream: Stream.Stream<A, E, R>) =>
  Effect.gen(function* () {
    const given: Array<A> = []
    const end = yield* Effect.either(Stream.runForEach(stream, (element) => Effect.sync(() => given.push(element))))
    return { given, end }
  })

const log = Effect.flatMap(FakeServer.FakeServer, ({ log }) => Effect.map(log, (seen) => seen.map(({ url }) => url)))

const serve = (answer: Parameters<typeof FakeServer.handle>[0]) =>
  Effect.provide(FakeServer.layer(FakeServer.handle(answer)))

const reasonOf = (error: Paginate.PageLoopError | FetchError.FetchError) =>
  "reason" in error ? [error._tag, error.reason] : [error._tag]

const failureOf = <A, R>(stream: Stream.Stream<A, Paginate.PageLoopError | FetchError.FetchError, R>) =>
  Effect.flip(Stream.runDrain(stream))

describe("cursor", () => {
  const cursor = Paginate.cursor({ schema: WithToken, maxPages, send: "after", next: ({ next }) => next })

  it.effect("an empty page with a token is not the last; 0 is a token, an empty text is none", () =>
    Effect.gen(function* () {
      const { given } = yield* outcome(cursor(base))
      assert.deepStrictEqual(
        given.map(({ cursor, next, value }) => [cursor, next, value.items]),
        [
          [undefined, 0, [1]],
          [0, "a b&c", []],
          ["a b&c", undefined, [2]]
        ]
      )
      assert.deepStrictEqual(yield* log, ["/items", "/items?after=0", "/items?after=a+b%26c"])
    }).pipe(
      serve(({ query }) => {
        const pages = {
          first: { items: [1], next: 0 },
          "0": { items: [], next: "a b&c" },
          "a b&c": { items: [2], next: "" }
        }
        return FakeServer.json(pages[(query.get("after") ?? "first") as keyof typeof pages])
      })
    )
  )

  it.effect("a token that comes again is named, after the pages before", () =>
    Effect.gen(function* () {
      const { end, given } = yield* outcome(cursor(base))
      assert.deepStrictEqual(
        given.map(({ cursor }) => cursor),
        [undefined, "a", "b"]
      )
      assert.isTrue(end._tag === "Left" && end.left._tag === "PageLoopError" && end.left.cursor === `"a"`)
      const error = yield* failureOf(cursor(base))
      assert.include(error.message, `GET http://fake.test/items?after=b: the cursor "a" leads back`)
      assert.isFalse(error.isTransient)
    }).pipe(serve(({ query }) => FakeServer.json({ items: [1], next: query.get("after") === "a" ? "b" : "a" })))
  )

  it.effect("a secret that comes as a token is not shown", () =>
    Effect.gen(function* () {
      const pages = Paginate.cursor({ schema: WithToken, maxPages, send: "page_token", next: ({ next }) => next })
      const error = yield* failureOf(pages(HttpClientRequest.bearerToken(base, "s3cret-token")))
      assert.isTrue(error._tag === "PageLoopError" && error.cursor === `"REDACTED"`)
      assert.notInclude(error.message, "s3cret")
    }).pipe(serve(() => FakeServer.json({ items: [], next: "s3cret-token" })))
  )

  it.effect("takes the place of a parameter that the address has", () =>
    Effect.gen(function* () {
      const request = HttpClientRequest.get("http://fake.test/items?q=%7E&after=0&x")
      yield* Stream.runDrain(cursor(request))
      assert.deepStrictEqual(yield* log, ["/items?q=%7E&after=0&x", "/items?q=%7E&x=&after=end"])
    }).pipe(serve(({ query }) => FakeServer.json({ items: [], next: query.get("after") === "0" ? "end" : undefined })))
  )

  it.effect("needs no absolute URL where the client makes it one", () =>
    Effect.gen(function* () {
      const client = HttpClient.mapRequest(
        yield* HttpClient.HttpClient,
        HttpClientRequest.prependUrl("http://fake.test")
      )
      const pages = cursor(HttpClientRequest.get("/items"))
      yield* Stream.runDrain(pages).pipe(Effect.provideService(HttpClient.HttpClient, client))
      assert.deepStrictEqual(yield* log, ["/items", "/items?after=end"])
    }).pipe(serve(({ query }) => FakeServer.json({ items: [], next: query.has("after") ? undefined : "end" })))
  )
})

describe("nextUrl", () => {
  const nextUrl = Paginate.nextUrl({ schema: WithNext, maxPages, next: ({ next }) => next })

  it.effect("resolves against the page; headers go along; a fragment makes no other page", () =>
    Effect.gen(function* () {
      const { given } = yield* outcome(nextUrl(HttpClientRequest.get("http://fake.test/a/1?first=yes")))
      assert.deepStrictEqual(
        given.map(({ cursor, next }) => [cursor, next]),
        [
          ["http://fake.test/a/1?first=yes", "http://fake.test/a/2?x=a%20b"],
          ["http://fake.test/a/2?x=a%20b", "http://fake.test/b"],
          ["http://fake.test/b", undefined]
        ]
      )
      assert.deepStrictEqual(yield* log, ["/a/1?first=yes", "/a/2?x=a%20b", "/b"])
    }).pipe(
      serve(({ path }) => {
        const next = { "/a/1": "2?x=a%20b#part", "/a/2": "/b", "/b": "" }[path]
        return FakeServer.json({ items: [], next })
      })
    )
  )

  it.effect("another origin, a loop and what is no URL fail after the pages before", () =>
    Effect.gen(function* () {
      const seen = yield* Effect.forEach(["away", "loop", "wrong"], (path) =>
        Effect.map(outcome(nextUrl(HttpClientRequest.get(`http://fake.test/${path}`))), ({ end, given }) => [
          given.length,
          end._tag === "Left" ? reasonOf(end.left) : []
        ])
      )
      assert.deepStrictEqual(seen, [
        [1, ["BlockedAddressError", "cross-origin"]],
        [1, ["BlockedAddressError", "loop"]],
        [0, ["DecodeError"]]
      ])
      assert.deepStrictEqual(yield* log, ["/away", "/loop", "/wrong"])
    }).pipe(
      serve(({ path }) => {
        const next = { "/away": "http://evil.test/", "/loop": "#top", "/wrong": "http://[" }[path]
        return FakeServer.json({ items: [], next })
      })
    )
  )

  it.effect("does not begin at another origin, nor at what is no URL", () =>
    Effect.gen(function* () {
      const begin = (from: string) =>
        failureOf(Paginate.nextUrl({ schema: WithNext, next: ({ next }) => next, from })(base))
      assert.deepStrictEqual(reasonOf(yield* begin("http://evil.test/items")), ["BlockedAddressError", "cross-origin"])
      assert.deepStrictEqual(reasonOf(yield* begin("items")), ["InvalidRequestError", "url"])
      assert.deepStrictEqual(yield* log, [])
    }).pipe(serve(() => FakeServer.json({ items: [] })))
  )
})

describe("pageNumber and offset", () => {
  it.effect("names of parameters, a first page of 0, and pages that are asked for", () =>
    Effect.gen(function* () {
      yield* base.pipe(
        Paginate.pageNumber({ schema: Plain, items: (items) => items, param: "p", first: 0, pages: () => 2 }),
        Stream.runDrain
      )
      yield* base.pipe(
        Paginate.offset({
          schema: Plain,
          items: (items) => items,
          param: "skip",
          limitParam: "n",
          limit: 2,
          total: () => 3
        }),
        Stream.runDrain
      )
      assert.deepStrictEqual(yield* log, ["/items?p=0", "/items?p=1", "/items?skip=0&n=2", "/items?skip=2&n=2"])
    }).pipe(serve(() => FakeServer.json([1, 2])))
  )

  it.effect("a server that gives the same page for ever is found out, unless the total is known", () =>
    Effect.gen(function* () {
      const options = { schema: Plain, maxPages, items: (items: ReadonlyArray<number>) => items }
      const { end, given } = yield* outcome(Paginate.pageNumber(options)(base))
      assert.deepStrictEqual(
        given.map(({ cursor }) => cursor),
        [1, 2]
      )
      assert.isTrue(end._tag === "Left" && end.left._tag === "PageLoopError" && end.left.cursor === "2")
      assert.strictEqual((yield* failureOf(Paginate.offset({ ...options, limit: 2 })(base)))._tag, "PageLoopError")
      const known = yield* outcome(Paginate.pageNumber({ ...options, pages: () => 4 })(base))
      assert.deepStrictEqual([known.given.length, known.end._tag], [4, "Right"])
    }).pipe(serve(() => FakeServer.json([0, 0])))
  )

  it.effect("a total that is missing from a header is unknown", () =>
    Effect.gen(function* () {
      const options = { schema: Plain, limit: 2, items: (items: ReadonlyArray<number>) => items }
      const total = (_: ReadonlyArray<number>, { headers }: Fetcher.Fetched) => Number(headers["x-total-count"])
      const { given } = yield* outcome(Paginate.offset({ ...options, total, concurrency: 3 })(base))
      assert.deepStrictEqual(
        given.map(({ cursor }) => cursor),
        [0, 2, 3]
      )
    }).pipe(serve(({ query }) => FakeServer.json(cut(3, 2, number(query.get("offset"))).items)))
  )

  it.effect("an empty page in the middle of a known total is not the last", () =>
    Effect.gen(function* () {
      const { given } = yield* outcome(Paginate.offset({ ...counted, limit: 2, total: ({ total }) => total })(base))
      assert.deepStrictEqual(
        given.map(({ cursor, value }) => [cursor, value.items]),
        [
          [0, [0, 1]],
          [2, []],
          [4, [4]]
        ]
      )
    }).pipe(
      serve(({ query }) => {
        const offset = number(query.get("offset"))
        return FakeServer.json({ items: offset === 2 ? [] : cut(5, 2, offset).items, total: 5 })
      })
    )
  )
})

describe("graphql", () => {
  const graphql = Paginate.graphql({
    schema: Connection,
    maxPages,
    query: "{ items }",
    pageInfo: ({ items }) => items.pageInfo
  })
  const connection = (pageInfo: object) => ({ data: { items: { nodes: [1], pageInfo } } })

  it.effect("errors, also beside data, a lost cursor and a loop", () =>
    Effect.gen(function* () {
      const fail = (path: string) => failureOf(graphql(HttpClientRequest.post(`http://fake.test/${path}`)))
      const errors = yield* Effect.forEach(["errors", "partial", "lost", "none", "loop"], fail)
      assert.deepStrictEqual(
        errors.map((error) => {
          if (error._tag === "DecodeError") return [error.path, error.expected, error.got]
          return error._tag === "PageLoopError" ? error.cursor : error._tag
        }),
        [
          ["errors", "no errors", `"no such field"`],
          ["errors", "no errors", `"half of it"`],
          ["data", "an endCursor beside hasNextPage", "null"],
          [
            "data",
            "{ readonly items: { readonly nodes: ReadonlyArray<Int>; readonly pageInfo: { readonly hasNextPage: boolean; readonly endCursor?: string | null | undefined } } }",
            "null"
          ],
          `"a"`
        ]
      )
    }).pipe(
      serve(({ path }) => {
        const answers: Record<string, unknown> = {
          "/errors": { data: null, errors: [{ message: "no such field", locations: [] }] },
          "/partial": { ...connection({ hasNextPage: false }), errors: [{ message: "half of it" }] },
          "/lost": connection({ hasNextPage: true, endCursor: null }),
          "/none": { data: null, errors: [] },
          "/loop": connection({ hasNextPage: true, endCursor: "a" })
        }
        return FakeServer.json(answers[path])
      })
    )
  )

  it.effect("the cursor takes the place of its variable, beside the others", () =>
    Effect.gen(function* () {
      const bodies: Array<unknown> = []
      yield* base.pipe(
        Paginate.graphql({
          schema: Connection,
          query: "{ items }",
          variables: { size: 2, from: "start" },
          variable: "from",
          pageInfo: ({ items }) => items.pageInfo
        }),
        Stream.runDrain,
        serve(({ body, method }) => {
          bodies.push([method, JSON.parse(body)])
          return FakeServer.json(connection({ hasNextPage: bodies.length < 2, endCursor: "next" }))
        })
      )
      assert.deepStrictEqual(bodies, [
        ["POST", { query: "{ items }", variables: { size: 2, from: "start" } }],
        ["POST", { query: "{ items }", variables: { size: 2, from: "next" } }]
      ])
    })
  )
})

describe("make", () => {
  class Gone extends Data.TaggedError("Gone")<{}> {}

  it.effect("cursors of several parts are compared by value", () =>
    Effect.gen(function* () {
      const day = (day: number, page: number) => Data.struct({ day, page })
      const pages = Paginate.make({
        first: day(1, 1),
        maxPages,
        request: (base, { day, page }) =>
          HttpClientRequest.setUrlParams(base, { day: String(day), page: String(page) }),
        read: (_, { cursor: { day: d, page } }) =>
          Effect.succeed({ value: `${d}.${page}`, next: page < 2 ? day(d, page + 1) : day((d % 2) + 1, 1) })
      })
      const { end, given } = yield* outcome(pages(base))
      assert.deepStrictEqual(
        given.map(({ value }) => value),
        ["1.1", "1.2", "2.1", "2.2"]
      )
      assert.isTrue(
        end._tag === "Left" && end.left._tag === "PageLoopError" && end.left.cursor === `{"day":1,"page":1}`
      )
    }).pipe(serve(() => FakeServer.status(204)))
  )

  it.effect("credentials stay with the origin, whatever `request` makes", () =>
    Effect.gen(function* () {
      const pages = Paginate.make({
        first: "http://fake.test/1",
        request: (base, url) => HttpClientRequest.setUrl(base, url),
        read: () => Effect.succeed({ value: 1, next: "http://fake.test:8080/2?token=abcdef" })
      })
      const { end, given } = yield* outcome(pages(base))
      assert.strictEqual(given.length, 1)
      assert.isTrue(
        end._tag === "Left" &&
          end.left._tag === "BlockedAddressError" &&
          end.left.address === "http://fake.test:8080/2?token=REDACTED"
      )
      assert.deepStrictEqual(yield* log, ["/1"])
    }).pipe(serve(() => FakeServer.status(204)))
  )

  it.effect("passes on what `read` fails with", () =>
    Effect.gen(function* () {
      const pages = Paginate.make({ first: 1, request: (base) => base, read: () => new Gone() })
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(pages(base))))._tag, "Gone")
    }).pipe(serve(() => FakeServer.status(204)))
  )

  it("types", () => {
    type Failure = Paginate.PageLoopError | FetchError.FetchError
    type Pages<A, C, E> = Stream.Stream<Paginate.Page<A, C>, E, HttpClient.HttpClient>
    expectTypeOf(Paginate.link()(base)).toEqualTypeOf<
      Stream.Stream<Fetcher.Fetched, FetchError.FetchError, HttpClient.HttpClient>
    >()
    expectTypeOf(Paginate.link({ schema: Schema.String, until: ({ value }) => value === "" })(base)).toEqualTypeOf<
      Pages<string, string, FetchError.FetchError>
    >()
    expectTypeOf(Paginate.nextUrl({ schema: Schema.String, next: (value) => value })(base)).toEqualTypeOf<
      Pages<string, string, FetchError.FetchError>
    >()
    expectTypeOf(Paginate.cursor({ schema: Schema.String, send: "c", next: (value) => value })(base)).toEqualTypeOf<
      Pages<string, string | number | undefined, Failure>
    >()
    expectTypeOf(Paginate.pageNumber({ schema: Plain, items: (value) => value })(base)).toEqualTypeOf<
      Pages<ReadonlyArray<number>, number, Failure>
    >()
    expectTypeOf(Paginate.offset({ schema: Plain, limit: 1, items: (value) => value })(base)).toEqualTypeOf<
      Pages<ReadonlyArray<number>, number, Failure>
    >()
    expectTypeOf(
      Paginate.graphql({ schema: Connection, query: "", pageInfo: ({ items }) => items.pageInfo })(base)
    ).toEqualTypeOf<Pages<typeof Connection.Type, string | undefined, Failure>>()
    expectTypeOf(
      Paginate.make({ first: 1, request: (base) => base, read: () => Effect.succeed({ value: "", next: 2 }) })(base)
    ).toEqualTypeOf<Pages<string, number, Failure>>()
    expectTypeOf(
      Paginate.make({ first: 1, request: (base) => base, read: (): Effect.Effect<never, Gone> => new Gone() })(base)
    ).toEqualTypeOf<Pages<unknown, number, Failure | Gone>>()
  })
})
