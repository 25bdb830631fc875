/**
 * Page after page, as a stream.
 *
 * Each way to paginate is a function from a request to its pages. A page has its cursor: given as `from` another time, the
 * stream begins there. For items instead of pages, `Stream.mapConcat(({ value }) => value.items)`.
 *
 * What is added or removed while pages are read moves what comes after it, unless the server's cursors are proof against
 * that: an item may come twice, or be missed with numbers and offsets. Store items by their key.
 *
 * @since 0.1.0
 */
import { type HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, flow, Predicate, Schema, Stream } from "effect"
import * as FetchError from "./FetchError.ts"
import * as Fetcher from "./Fetcher.ts"
import { countUp, nextCount, totalOf } from "./internal/pageCount.ts"
import { setParam } from "./internal/pageRequest.ts"
import { byUrl, nextLink, resolve } from "./internal/pageUrl.ts"
import { walk } from "./internal/pageWalk.ts"
import { redactText } from "./internal/redact.ts"
import * as Mismatch from "./Mismatch.ts"

/**
 * The next page would be one that was read, and so on for ever. The pages before it have been given.
 *
 * @since 0.1.0
 * @category errors
 */
export class PageLoopError extends Schema.TaggedError<PageLoopError>("@tributary/fetcher/PageLoopError")(
  "PageLoopError",
  {
    /** Of the page that led back. */
    ...FetchError.Exchange,
    /** The cursor that came again, as JSON, cut at 100 characters, without the request's own secrets. */
    cursor: Schema.String
  }
) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    const { method, url } = this.request
    return `${method} ${url}: the cursor ${this.cursor} leads back to a page that was already read; does the server heed it?`
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Page<out A, out C> {
  readonly value: A
  /** As `from`, it leads to this page again. */
  readonly cursor: C
  /**
   * As `from`, it leads to the page after this one. `undefined` on the last one, where there is nothing to go on with: as
   * `from`, that would begin anew.
   */
  readonly next: C | undefined
  readonly fetched: Fetcher.Fetched
}

/**
 * What all ways have in common.
 *
 * @since 0.1.0
 * @category models
 */
export interface Options<A, C> extends Fetcher.Options {
  /** The cursor to begin with: `cursor` or `next` of a page of an earlier run. Defaults to the first page. */
  readonly from?: C | undefined
  /** Most pages asked for before they are pulled. Defaults to 0. */
  readonly prefetch?: number | undefined
  /**
   * The page for which it holds is the last one: none after it is asked for, not even ahead; only in parallel, those
   * under way are given up. Defaults to never.
   */
  readonly until?: ((page: Page<A, C>) => boolean) | undefined
  /** Most pages of one run. Defaults to no bound. */
  readonly maxPages?: number | undefined
}

/**
 * Where pages can be counted.
 *
 * @since 0.1.0
 * @category models
 */
export interface Parallel {
  /**
   * Most pages under way at once, or waiting for the reader, after the first one has told the total. They are given in
   * order. Defaults to 1.
   */
  readonly concurrency?: number | undefined
}

/**
 * A way to paginate: cursor -> request -> page -> next cursor.
 *
 * @since 0.1.0
 * @category models
 */
export interface Strategy<A, C, E, R> extends Options<A, C>, Parallel {
  /** The cursor of the first page. Cursors are compared by `Equal`. */
  readonly first: C
  /** Puts a cursor into the request that the stream is made of. */
  readonly request: (base: HttpClientRequest.HttpClientRequest, cursor: C) => HttpClientRequest.HttpClientRequest
  /** `next` is `undefined` on the last page. `previous` is the answer that led to this page. */
  readonly read: (
    fetched: Fetcher.Fetched,
    at: { readonly cursor: C; readonly previous: Fetcher.Fetched | undefined }
  ) => Effect.Effect<{ readonly value: A; readonly next: C | undefined }, E, R>
  /** The cursors of all pages after this one, none if the page does not tell. Asked with a `concurrency` above 1. */
  readonly rest?: ((page: Page<A, C>) => Iterable<C>) | undefined
}

/**
 * The pages of any way to paginate. The functions below are instances of it; use it for what they do not know.
 *
 * Fails with what `read` fails with, with `PageLoopError` for a cursor that was read, and with any `FetchError`:
 * `BlockedAddressError` where `request` leads to another origin than that of the request the stream is made of, so that its
 * credentials stay there. A failure comes after the pages before it.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import { Fetcher, Paginate } from "@tributary/fetcher"
 * import { Effect, Schema, Stream } from "effect"
 *
 * const Events = Schema.Array(Schema.Struct({ id: Schema.Int, at: Schema.String }))
 *
 * // The events after an id: the last one's id is the cursor.
 * export const events = HttpClientRequest.get("https://api.example.com/events").pipe(
 *   Paginate.make({
 *     first: 0,
 *     request: (base, after: number) => HttpClientRequest.setUrlParam(base, "after", String(after)),
 *     read: (fetched) =>
 *       Effect.map(Fetcher.decode(Events)(fetched), (value) => ({ value, next: value.at(-1)?.id }))
 *   }),
 *   Stream.mapConcat(({ value }) => value)
 * )
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make =
  <A, C, E, R>(strategy: Strategy<A, C, E, R>) =>
  (
    request: HttpClientRequest.HttpClientRequest
  ): Stream.Stream<Page<A, C>, E | PageLoopError | FetchError.FetchError, HttpClient.HttpClient | R> =>
    walk(strategy)(
      (facts, cursor) => new PageLoopError({ ...facts, cursor: Mismatch.showWith(redactText(request))(cursor) })
    )(request)

/**
 * A page's body, decoded. What is not JSON or does not fit is a `DecodeError`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Decoded<A, I, R> {
  readonly schema: Schema.Schema<A, I, R>
}

/**
 * The pages that `Link: <...>; rel="next"` leads to (RFC 8288), the first one included: decoded, or without a `schema` as
 * they came.
 *
 * The link comes from outside: one that leads to another origin, or back to a page that was read, ends the stream with
 * `BlockedAddressError` after the page it stood on, so that neither the credentials nor the client can be led astray. A
 * page is asked for when the stream is pulled. The request needs an absolute URL (`InvalidRequestError` otherwise): a
 * link is resolved against it. A cursor is the page's URL, secrets in it included.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import { Paginate } from "@tributary/fetcher"
 * import { Schema, Stream } from "effect"
 *
 * const Issue = Schema.Struct({ number: Schema.Int, title: Schema.String })
 *
 * export const issues = HttpClientRequest.get("https://api.github.com/repos/effect-ts/effect/issues").pipe(
 *   Paginate.link({ schema: Schema.Array(Issue), prefetch: 1 }),
 *   Stream.mapConcat(({ value }) => value)
 * )
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export function link<A, I, R>(
  options: Options<A, string> & Decoded<A, I, R>
): (
  request: HttpClientRequest.HttpClientRequest
) => Stream.Stream<Page<A, string>, FetchError.FetchError, HttpClient.HttpClient | R>
export function link(
  options?: Options<Fetcher.Fetched, string>
): (
  request: HttpClientRequest.HttpClientRequest
) => Stream.Stream<Fetcher.Fetched, FetchError.FetchError, HttpClient.HttpClient>
export function link<A, I, R>(
  options: (Options<A, string> & Decoded<A, I, R>) | Options<Fetcher.Fetched, string> = {}
) {
  if ("schema" in options) {
    return byUrl(options)((fetched) =>
      Effect.map(Fetcher.decode(options.schema)(fetched), (value) => ({ value, next: nextLink(fetched) }))
    )
  }
  return flow(
    byUrl(options)((fetched) => Effect.succeed({ value: fetched, next: nextLink(fetched) })),
    Stream.map(({ value }) => value)
  )
}

/**
 * The pages that a URL in the body, or in a header, leads to, such as `next` in `{ "results": [...], "next": "https://..." }`.
 *
 * `next` gives the URL, absolute or relative to the page; none is `undefined`, `null` or `""`. What else is no URL is a
 * `DecodeError`. Origins, loops, cursors and the need for an absolute URL are as with `link`.
 *
 * @since 0.1.0
 * @category streams
 */
export const nextUrl = <A, I, R>(
  options: Options<A, string> &
    Decoded<A, I, R> & {
      readonly next: (value: A, fetched: Fetcher.Fetched) => string | null | undefined
    }
): ((
  request: HttpClientRequest.HttpClientRequest
) => Stream.Stream<Page<A, string>, FetchError.FetchError, HttpClient.HttpClient | R>) =>
  byUrl(options)((fetched) =>
    Effect.gen(function* () {
      const value = yield* Fetcher.decode(options.schema)(fetched)
      const target = options.next(value, fetched)
      if (isEnd(target)) return { value, next: undefined }
      const next = resolve(fetched.request)(target)
      if (next !== undefined) return { value, next }
      return yield* Fetcher.decodeError(fetched)({ path: "", expected: "the URL of the next page", got: target })
    })
  )

/**
 * The pages that a token leads to, such as `next_cursor`: an opaque one in the body or in a header, sent back as a query
 * parameter or as you say.
 *
 * An empty page with a token is not the last one. A token that comes again is a `PageLoopError`. The first page's cursor is
 * `undefined`.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import { Paginate } from "@tributary/fetcher"
 * import { Schema, Stream } from "effect"
 *
 * const Members = Schema.Struct({ members: Schema.Array(Schema.String), next_cursor: Schema.NullOr(Schema.String) })
 *
 * export const members = HttpClientRequest.get("https://api.example.com/members").pipe(
 *   Paginate.cursor({ schema: Members, send: "cursor", next: ({ next_cursor }) => next_cursor }),
 *   Stream.mapConcat(({ value }) => value.members)
 * )
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const cursor = <A, I, R>(
  options: Options<A, string | number | undefined> &
    Decoded<A, I, R> & {
      /** The name of a query parameter, or what puts the token into the request: into a header, into the body. */
      readonly send:
        | string
        | ((
            request: HttpClientRequest.HttpClientRequest,
            token: string | number
          ) => HttpClientRequest.HttpClientRequest)
      /** The next page's token; none is `undefined`, `null` or `""`. */
      readonly next: (value: A, fetched: Fetcher.Fetched) => string | number | null | undefined
    }
): ((
  request: HttpClientRequest.HttpClientRequest
) => Stream.Stream<
  Page<A, string | number | undefined>,
  PageLoopError | FetchError.FetchError,
  HttpClient.HttpClient | R
>) => {
  const { next, schema, send } = options
  const put = Predicate.isString(send)
    ? (request: HttpClientRequest.HttpClientRequest, token: string | number) =>
        setParam({ name: send, value: token })(request)
    : send
  return make<A, string | number | undefined, FetchError.FetchError, R>({
    ...options,
    first: undefined,
    request: (base, token) => (token === undefined ? base : put(base, token)),
    read: (fetched) =>
      Effect.map(Fetcher.decode(schema)(fetched), (value) => {
        const token = next(value, fetched)
        return { value, next: isEnd(token) ? undefined : token }
      })
  })
}

/**
 * The pages 1, 2, 3, ..., by a query parameter.
 *
 * It ends where `pages` says, or else with an empty page, which is given too. A short page does not end it: servers give
 * less than they were asked for. Without `pages`, a page with items that is byte for byte the one before is a
 * `PageLoopError`, after it was given: the server does not know the parameter, or gives its last page for ever.
 *
 * @since 0.1.0
 * @category streams
 */
export const pageNumber = <A, I, R>(
  options: Options<A, number> &
    Parallel &
    Decoded<A, I, R> & {
      /** The query parameter. Defaults to `"page"`. */
      readonly param?: string | undefined
      /** The number of the first page. Defaults to 1. */
      readonly first?: number | undefined
      /** A page's items: without any, and without `pages`, it is the last one. */
      readonly items: (value: A) => ReadonlyArray<unknown>
      /** How many pages there are, if the page tells; what is no finite number is unknown. Defaults to unknown. */
      readonly pages?: ((value: A, fetched: Fetcher.Fetched) => number | null | undefined) | undefined
    }
): ((
  request: HttpClientRequest.HttpClientRequest
) => Stream.Stream<Page<A, number>, PageLoopError | FetchError.FetchError, HttpClient.HttpClient | R>) => {
  const { first = 1, items, pages, param = "page", schema } = options
  const endOf = (value: A, fetched: Fetcher.Fetched) => first + totalOf(pages?.(value, fetched))
  return make<A, number, FetchError.FetchError, R>({
    ...options,
    first,
    request: (base, page) => setParam({ name: param, value: page })(base),
    read: (fetched, { cursor, previous }) =>
      Effect.map(Fetcher.decode(schema)(fetched), (value) => {
        const end = endOf(value, fetched)
        return { value, next: nextCount({ cursor, end, step: 1, count: items(value).length, fetched, previous }) }
      }),
    rest: ({ cursor, fetched, value }) => countUp({ from: cursor + 1, end: endOf(value, fetched), step: 1 })
  })
}

/**
 * The pages from item 0, from item `limit`, and so on, by two query parameters.
 *
 * The next page begins after the items that came, be they fewer than `limit`: servers have limits of their own. It ends
 * where `total` says, or else with an empty page, which is given too. Pages that stand still are as with `pageNumber`. In
 * parallel, pages are as far apart as the first one has items.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import { Paginate } from "@tributary/fetcher"
 * import { Schema, Stream } from "effect"
 *
 * const Orders = Schema.Struct({ total: Schema.Int, orders: Schema.Array(Schema.Struct({ id: Schema.String })) })
 *
 * export const orders = HttpClientRequest.get("https://api.example.com/orders").pipe(
 *   Paginate.offset({
 *     schema: Orders,
 *     limit: 100,
 *     items: ({ orders }) => orders,
 *     total: ({ total }) => total,
 *     concurrency: 4
 *   }),
 *   Stream.mapConcat(({ value }) => value.orders)
 * )
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const offset = <A, I, R>(
  options: Options<A, number> &
    Parallel &
    Decoded<A, I, R> & {
      /** Items to ask for with a page. */
      readonly limit: number
      /** The query parameter of the offset. Defaults to `"offset"`. */
      readonly param?: string | undefined
      /** The query parameter of the limit. Defaults to `"limit"`. */
      readonly limitParam?: string | undefined
      /** A page's items: their number moves the offset on. */
      readonly items: (value: A) => ReadonlyArray<unknown>
      /** How many items there are in all, if the page tells; what is no finite number is unknown. Defaults to unknown. */
      readonly total?: ((value: A, fetched: Fetcher.Fetched) => number | null | undefined) | undefined
    }
): ((
  request: HttpClientRequest.HttpClientRequest
) => Stream.Stream<Page<A, number>, PageLoopError | FetchError.FetchError, HttpClient.HttpClient | R>) => {
  const { items, limit, limitParam = "limit", param = "offset", schema, total } = options
  const endOf = (value: A, fetched: Fetcher.Fetched) => totalOf(total?.(value, fetched))
  const stepOf = (value: A) => items(value).length || limit
  return make<A, number, FetchError.FetchError, R>({
    ...options,
    first: 0,
    request: (base, offset) =>
      base.pipe(setParam({ name: param, value: offset }), setParam({ name: limitParam, value: limit })),
    read: (fetched, { cursor, previous }) =>
      Effect.map(Fetcher.decode(schema)(fetched), (value) => {
        const count = items(value).length
        return {
          value,
          next: nextCount({ cursor, end: endOf(value, fetched), step: stepOf(value), count, fetched, previous })
        }
      }),
    rest: ({ cursor, fetched, value }) => {
      const step = stepOf(value)
      return countUp({ from: cursor + step, end: endOf(value, fetched), step })
    }
  })
}

/**
 * What a GraphQL connection says of its page (GraphQL Cursor Connections Specification), to put into a page's Schema.
 *
 * @since 0.1.0
 * @category models
 */
export const PageInfo = Schema.Struct({
  hasNextPage: Schema.Boolean,
  endCursor: Schema.optional(Schema.NullOr(Schema.String))
})

/**
 * The pages of a GraphQL connection, forward, asked for by POST. `schema` is that of `data`.
 *
 * An answer with `errors` is a `DecodeError` with the first one's message, also beside some `data`, and so is a next page
 * without `endCursor`. A cursor that comes again is a `PageLoopError`. The first page's cursor is `undefined`. A
 * `RateLimitedClient` tries a POST again only with an `Idempotency-Key` header: give the request one, if the query may be
 * repeated.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import { Paginate } from "@tributary/fetcher"
 * import { Schema, Stream } from "effect"
 *
 * const Data = Schema.Struct({
 *   users: Schema.Struct({ nodes: Schema.Array(Schema.Struct({ name: Schema.String })), pageInfo: Paginate.PageInfo })
 * })
 *
 * export const users = HttpClientRequest.post("https://api.example.com/graphql").pipe(
 *   Paginate.graphql({
 *     schema: Data,
 *     query: `query ($after: String) {
 *       users(first: 100, after: $after) { nodes { name } pageInfo { hasNextPage endCursor } }
 *     }`,
 *     pageInfo: ({ users }) => users.pageInfo
 *   }),
 *   Stream.mapConcat(({ value }) => value.users.nodes)
 * )
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const graphql = <A, I, R>(
  options: Options<A, string | undefined> &
    Decoded<A, I, R> & {
      readonly query: string
      /** JSON; what is not is a defect. Defaults to none. */
      readonly variables?: Readonly<Record<string, unknown>> | undefined
      /** The variable that takes the cursor. Defaults to `"after"`. */
      readonly variable?: string | undefined
      readonly pageInfo: (data: A) => typeof PageInfo.Type
    }
): ((
  request: HttpClientRequest.HttpClientRequest
) => Stream.Stream<Page<A, string | undefined>, PageLoopError | FetchError.FetchError, HttpClient.HttpClient | R>) => {
  const { pageInfo, query, schema, variable = "after", variables } = options
  const Answer = Schema.Struct({ data: schema })
  return make<A, string | undefined, FetchError.FetchError, R>({
    ...options,
    first: undefined,
    request: (base, cursor) => {
      const body = { query, variables: cursor === undefined ? variables : { ...variables, [variable]: cursor } }
      return base.pipe(HttpClientRequest.setMethod("POST"), HttpClientRequest.bodyUnsafeJson(body))
    },
    read: (fetched) =>
      Effect.gen(function* () {
        const { errors } = yield* Fetcher.decode(Failure)(fetched)
        const failure = errors?.[0]?.message
        const wrong = Fetcher.decodeError(fetched)
        if (failure !== undefined) return yield* wrong({ path: "errors", expected: "no errors", got: failure })
        const { data } = yield* Fetcher.decode(Answer)(fetched)
        const { endCursor, hasNextPage } = pageInfo(data)
        if (!hasNextPage) return { value: data, next: undefined }
        if (!isEnd(endCursor)) return { value: data, next: endCursor }
        return yield* wrong({ path: "data", expected: "an endCursor beside hasNextPage", got: endCursor })
      })
  })
}

/** Of a GraphQL answer what says that it is none. */
const Failure = Schema.Struct({
  errors: Schema.optional(Schema.NullOr(Schema.Array(Schema.Struct({ message: Schema.String }))))
})

const isEnd = (next: string | number | null | undefined): next is "" | null | undefined =>
  next === undefined || next === null || next === ""
