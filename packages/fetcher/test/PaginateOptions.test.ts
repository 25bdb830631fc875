import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { Paginate } from "@tributary/fetcher"
import { FakeServer, VirtualTime } from "@tributary/testing"
import { Array as Arr, Clock, Effect, FastCheck, Fiber, Order, Schema, Stream } from "effect"

const base = HttpClientRequest.get("http://fake.test/items")

const Numbered = Schema.Struct({ items: Schema.Array(Schema.Int), pages: Schema.optional(Schema.Int) })

const numbered = (options?: Paginate.Options<typeof Numbered.Type, number> & Paginate.Parallel) =>
  Paginate.pageNumber({ ...options, schema: Numbered, items: ({ items }) => items, pages: ({ pages }) => pages })(base)

/** Page n has the item n and comes after 100 ms. */
const pages = (count: number, statuses: Readonly<Record<number, number>> = {}) =>
  FakeServer.handle(({ query }) => {
    const page = Number(query.get("page"))
    const status = statuses[page]
    return status === undefined ? FakeServer.json({ items: [page], pages: count }) : FakeServer.status(status)
  }).pipe(FakeServer.latency("100 millis"))

const inTime =
  (behaviour: FakeServer.Behaviour) =>
  <A, E>(effect: Effect.Effect<A, E, HttpClient.HttpClient | FakeServer.FakeServer>) =>
    effect.pipe(Effect.provide(FakeServer.layer(behaviour)), VirtualTime.run())

/** Of nine pages, page n takes so many milliseconds; `undefined` is a 404 at once. */
const slow = (
  millis: (page: number) => number | undefined,
  seen: { readonly onInterrupt?: (page: number) => void; readonly onStart?: (page: number) => void } = {}
) =>
  HttpClient.make((request, url) => {
    const page = Number(url.searchParams.get("page"))
    const wait = millis(page)
    seen.onStart?.(page)
    const answer = () =>
      HttpClientResponse.fromWeb(
        request,
        wait === undefined ? new Response("", { status: 404 }) : Response.json({ items: [page], pages: 9 })
      )
    return Effect.sync(answer).pipe(
      Effect.delay(wait ?? 0),
      Effect.onInterrupt(() => Effect.sync(() => seen.onInterrupt?.(page)))
    )
  })

/** What the server was asked for, and when. */
const asked = Effect.flatMap(FakeServer.FakeServer, ({ log }) =>
  Effect.map(log, (seen) => seen.map(({ at, url }) => [Number(/\d+/.exec(url)?.[0]), at] as const))
)

const pagesAsked = Effect.map(asked, (seen) => seen.map(([page]) => page))

/** The cursors of the pages given, and when; a reader may take its time. */
const read = <C, E, R>(stream: Stream.Stream<Paginate.Page<unknown, C>, E, R>, millis = 0) =>
  Effect.gen(function* () {
    const given: Array<readonly [cursor: C, at: number]> = []
    const end = yield* stream.pipe(
      Stream.runForEach(({ cursor }) =>
        Effect.zipRight(
          Effect.map(Clock.currentTimeMillis, (now) => given.push([cursor, now])),
          Effect.sleep(millis)
        )
      ),
      Effect.either
    )
    return { given, cursors: given.map(([cursor]) => cursor), end: end._tag }
  })

describe("prefetch", () => {
  it.live("nothing by default: a page is asked for when the reader is done with the one before", () =>
    Effect.gen(function* () {
      yield* read(numbered(), 1000)
      assert.deepStrictEqual(yield* asked, [
        [1, 0],
        [2, 1100],
        [3, 2200]
      ])
    }).pipe(inTime(pages(3)))
  )

  it.live("one page ahead, and no more", () =>
    Effect.gen(function* () {
      const { given } = yield* read(numbered({ prefetch: 1 }), 1000)
      assert.deepStrictEqual(given, [
        [1, 100],
        [2, 1100],
        [3, 2100]
      ])
      assert.deepStrictEqual(yield* asked, [
        [1, 0],
        [2, 100],
        [3, 1100]
      ])
    }).pipe(inTime(pages(3)))
  )

  it.live("three pages ahead, one after the other", () =>
    Effect.gen(function* () {
      yield* read(numbered({ prefetch: 3 }), 1000)
      assert.deepStrictEqual(yield* asked, [
        [1, 0],
        [2, 100],
        [3, 200],
        [4, 300],
        [5, 1100],
        [6, 2100]
      ])
    }).pipe(inTime(pages(6)))
  )

  it.live("a failure ahead comes after the pages before it", () =>
    Effect.gen(function* () {
      const { cursors, end } = yield* read(numbered({ prefetch: 2 }), 1000)
      assert.deepStrictEqual([cursors, end], [[1, 2], "Left"])
    }).pipe(inTime(pages(5, { 3: 404 })))
  )

  it.live("who takes no more ends what is ahead", () =>
    Effect.gen(function* () {
      const { cursors } = yield* read(Stream.take(numbered({ prefetch: 1 }), 2))
      yield* Effect.sleep("1 hour")
      assert.deepStrictEqual(cursors, [1, 2])
      assert.isAtMost((yield* pagesAsked).length, 3)
    }).pipe(inTime(pages(100)))
  )
})

describe("where it ends", () => {
  it.live("`until` holds for the last page, and nothing is asked for beyond it, also not ahead", () =>
    Effect.gen(function* () {
      const until = ({ value }: { readonly value: typeof Numbered.Type }) => value.items.includes(2)
      const { cursors } = yield* read(numbered({ prefetch: 3, until }), 1000)
      assert.deepStrictEqual(
        [cursors, yield* pagesAsked],
        [
          [1, 2],
          [1, 2]
        ]
      )
    }).pipe(inTime(pages(10)))
  )

  it.live("`maxPages`, one by one, ahead and in parallel; the last page still knows the next", () =>
    Effect.gen(function* () {
      for (const options of [{}, { prefetch: 3 }, { concurrency: 5 }]) {
        const before = (yield* pagesAsked).length
        assert.deepStrictEqual((yield* read(numbered({ ...options, maxPages: 3 }))).cursors, [1, 2, 3])
        assert.deepStrictEqual((yield* pagesAsked).slice(before), [1, 2, 3])
      }
      const last = yield* Effect.flatten(Stream.runLast(numbered({ maxPages: 3 })))
      assert.strictEqual(last.next, 4)
    }).pipe(inTime(pages(10)))
  )

  it.live("the failure of a page comes after the pages before it", () =>
    Effect.gen(function* () {
      const { cursors, end } = yield* read(numbered())
      assert.deepStrictEqual([cursors, end], [[1, 2], "Left"])
      const error = yield* Effect.flip(Stream.runDrain(numbered()))
      assert.deepStrictEqual([error._tag, error.request.url], ["StatusError", "http://fake.test/items?page=3"])
    }).pipe(inTime(pages(5, { 3: 404 })))
  )

  it.live("the body of a page has its bound", () =>
    Effect.gen(function* () {
      assert.strictEqual((yield* Effect.flip(Stream.runDrain(numbered({ maxBodyBytes: 3 }))))._tag, "BodyTooLargeError")
    }).pipe(inTime(pages(5)))
  )

  it.live("interruption in the middle of a page gives up its request, one by one, ahead and in parallel", () =>
    Effect.gen(function* () {
      const interrupted: Array<number> = []
      const client = slow((page) => (page === 1 ? 0 : 86_400_000), { onInterrupt: (page) => interrupted.push(page) })
      for (const options of [{}, { prefetch: 2 }, { concurrency: 2 }]) {
        const fiber = yield* Effect.fork(Effect.provideService(read(numbered(options)), HttpClient.HttpClient, client))
        yield* Effect.sleep("1 second")
        yield* Fiber.interrupt(fiber)
      }
      assert.deepStrictEqual(Arr.sort(interrupted, Order.number), [2, 2, 2, 3])
      const { sleeping } = yield* Effect.flatMap(VirtualTime.VirtualTime, ({ snapshot }) => snapshot)
      assert.strictEqual(sleeping, 0)
    }).pipe(VirtualTime.run())
  )
})

describe("in parallel", () => {
  it.live("the first page alone, then as many at once as allowed", () =>
    Effect.gen(function* () {
      const { given } = yield* read(numbered({ concurrency: 3 }))
      assert.deepStrictEqual(given, [
        [1, 100],
        [2, 200],
        [3, 200],
        [4, 200],
        [5, 300],
        [6, 300]
      ])
    }).pipe(inTime(pages(6)))
  )

  it.live("in order, whichever comes first, and never more at once than allowed", () =>
    Effect.gen(function* () {
      const client = slow((page) => 1000 - 100 * page)
      let active = 0
      let most = 0
      const counted = HttpClient.transform(client, (response) =>
        Effect.acquireUseRelease(
          Effect.sync(() => (most = Math.max(most, ++active))),
          () => response,
          () => Effect.sync(() => --active)
        )
      )
      const { cursors } = yield* Effect.provideService(
        read(numbered({ concurrency: 4 })),
        HttpClient.HttpClient,
        counted
      )
      assert.deepStrictEqual([cursors, most], [[1, 2, 3, 4, 5, 6, 7, 8, 9], 4])
    }).pipe(VirtualTime.run())
  )

  it.live("a failure that is there first comes after the pages before it, and ends those under way", () =>
    Effect.gen(function* () {
      const interrupted: Array<number> = []
      const client = slow((page) => (page === 4 ? undefined : page < 4 ? 1000 : 86_400_000), {
        onInterrupt: (page) => interrupted.push(page)
      })
      const { cursors, end } = yield* Effect.provideService(
        read(numbered({ concurrency: 4 })),
        HttpClient.HttpClient,
        client
      )
      assert.deepStrictEqual([cursors, end], [[1, 2, 3], "Left"])
      assert.isNotEmpty(interrupted)
      assert.isBelow(yield* Clock.currentTimeMillis, 86_400_000)
    }).pipe(VirtualTime.run())
  )

  it.live("a slow reader is not run away from", () =>
    Effect.gen(function* () {
      let started = 0
      let ahead = 0
      const client = slow(() => 1, { onStart: () => started++ })
      yield* numbered({ concurrency: 2 }).pipe(
        Stream.runForEach(({ cursor }) =>
          Effect.zipRight(
            Effect.sleep("1 hour"),
            Effect.sync(() => (ahead = Math.max(ahead, started - cursor)))
          )
        ),
        Effect.provideService(HttpClient.HttpClient, client)
      )
      assert.strictEqual(ahead, 2)
    }).pipe(VirtualTime.run())
  )

  it.live("what was added meanwhile is read too", () =>
    Effect.gen(function* () {
      const { cursors } = yield* read(numbered({ concurrency: 4 }))
      assert.deepStrictEqual(cursors, [1, 2, 3, 4, 5])
    }).pipe(
      inTime(
        FakeServer.handle(({ query }) => {
          const page = Number(query.get("page"))
          return FakeServer.json({ items: [page], pages: page === 1 ? 3 : 5 })
        })
      )
    )
  )

  it.live("where the first page does not tell the total, one by one", () =>
    Effect.gen(function* () {
      const { given } = yield* read(numbered({ concurrency: 4 }))
      assert.deepStrictEqual(given, [
        [1, 100],
        [2, 200],
        [3, 300]
      ])
    }).pipe(
      inTime(
        FakeServer.handle(({ query }) =>
          FakeServer.json(query.get("page") === "3" ? { items: [] } : { items: [Number(query.get("page"))] })
        ).pipe(FakeServer.latency("100 millis"))
      )
    )
  )
})

describe("from", () => {
  const Linked = Schema.Struct({ items: Schema.Array(Schema.Int), next: Schema.optional(Schema.Int) })

  const answer = FakeServer.handle(({ query }) => {
    const at = Number(query.get("at") ?? 0)
    const next = at < 9 ? at + 1 : undefined
    const headers = next === undefined ? {} : { link: `<?at=${next}>; rel="next"` }
    return FakeServer.json({ items: [at], pages: 10, next }, { headers })
  })

  /** The items of a way, and those of its second run that begins at a page of the first. */
  const resumed = <A extends { readonly items: ReadonlyArray<number> }, C, E, R>(
    way: (from: C | undefined) => Stream.Stream<Paginate.Page<A, C | undefined>, E, R>,
    { at, by }: { readonly at: number; readonly by: "cursor" | "next" }
  ) =>
    Effect.gen(function* () {
      const run = (from: C | undefined) => Effect.map(Stream.runCollect(way(from)), (pages) => Array.from(pages))
      const page = (yield* run(undefined))[at]
      assert.isDefined(page)
      return (yield* run(page?.[by])).flatMap(({ value }) => value.items)
    })

  const schema = Linked
  const items = ({ items }: typeof Linked.Type) => items
  const ways = {
    link: (at: number, by: "cursor" | "next") =>
      resumed((from: string | undefined) => Paginate.link({ schema, from })(base), { at, by }),
    nextUrl: (at: number, by: "cursor" | "next") =>
      resumed(
        (from: string | undefined) =>
          Paginate.nextUrl({ schema, from, next: ({ next }) => (next === undefined ? next : `?at=${next}`) })(base),
        { at, by }
      ),
    cursor: (at: number, by: "cursor" | "next") =>
      resumed(
        (from: string | number | undefined) =>
          Paginate.cursor({ schema, from, send: "at", next: ({ next }) => next })(base),
        { at, by }
      ),
    pageNumber: (at: number, by: "cursor" | "next") =>
      resumed(
        (from: number | undefined) =>
          Paginate.pageNumber({ schema, from, items, param: "at", first: 0, pages: () => 10 })(base),
        { at, by }
      ),
    offset: (at: number, by: "cursor" | "next") =>
      resumed(
        (from: number | undefined) =>
          Paginate.offset({ schema, from, items, param: "at", limit: 1, total: () => 10, concurrency: 3 })(base),
        { at, by }
      )
  }

  for (const [name, way] of Object.entries(ways)) {
    it(`${name}: begins at a page of an earlier run, or after it`, () =>
      FastCheck.assert(
        FastCheck.asyncProperty(
          FastCheck.integer({ min: 0, max: 8 }),
          FastCheck.constantFrom("cursor" as const, "next" as const),
          (at, by) =>
            Effect.gen(function* () {
              const first = by === "cursor" ? at : at + 1
              assert.deepStrictEqual(
                yield* way(at, by),
                Array.from({ length: 10 - first }, (_, index) => first + index)
              )
            }).pipe(Effect.provide(FakeServer.layer(answer)), Effect.runPromise)
        ),
        { numRuns: 30 }
      ))
  }

  it.live("the last page has no next", () =>
    Effect.gen(function* () {
      const last = yield* Effect.flatten(Stream.runLast(Paginate.link({ schema })(base)))
      assert.deepStrictEqual([last.cursor, last.next], ["http://fake.test/items?at=9", undefined])
    }).pipe(Effect.provide(FakeServer.layer(answer)))
  )
})

it("neither prefetch nor concurrency changes what is given", () =>
  FastCheck.assert(
    FastCheck.asyncProperty(
      FastCheck.record({
        count: FastCheck.integer({ min: 0, max: 20 }),
        prefetch: FastCheck.integer({ min: 0, max: 4 }),
        concurrency: FastCheck.integer({ min: 1, max: 6 }),
        maxPages: FastCheck.integer({ min: 1, max: 25 }),
        seed: FastCheck.integer()
      }),
      ({ count, seed, ...options }) =>
        Effect.gen(function* () {
          const length = Math.min(Math.max(count, 1), options.maxPages)
          const expected = Array.from({ length }, (_, index) => index + 1)
          assert.deepStrictEqual((yield* read(numbered(options))).cursors, expected)
          assert.isAtMost((yield* pagesAsked).length, length)
        }).pipe(
          inTime(pages(count).pipe(FakeServer.latency({ min: "1 millis", max: "1 second" }), FakeServer.seeded(seed))),
          Effect.runPromise
        )
    ),
    { numRuns: 200 }
  ))
