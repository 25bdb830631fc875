/**
 * Page after page, as a stream.
 *
 * @since 0.1.0
 */
import { type HttpClient, HttpClientRequest } from "@effect/platform"
import { Duration, Effect, Option, Stream } from "effect"
import LinkHeader from "http-link-header"
import * as FetchError from "./FetchError.ts"
import * as Fetcher from "./Fetcher.ts"
import { redactRequest, redactUrl } from "./internal/redact.ts"

/**
 * The pages that `Link: <...>; rel="next"` leads to (RFC 8288), the first one included.
 *
 * The link comes from outside: one that leads to another origin, or back to a page that was read, ends the stream with
 * `BlockedAddressError` after the page it stood on, so that neither the credentials nor the client can be led astray. A
 * page is asked for when the stream is pulled. The request needs an absolute URL (`InvalidRequestError` otherwise): a
 * link is resolved against it.
 *
 * @example
 * ```ts
 * import { HttpClientRequest } from "@effect/platform"
 * import { Fetcher, Paginate } from "@tributary/fetcher"
 * import { Schema, Stream } from "effect"
 *
 * const Issue = Schema.Struct({ number: Schema.Int, title: Schema.String })
 *
 * export const issues = HttpClientRequest.get("https://api.github.com/repos/effect-ts/effect/issues").pipe(
 *   Paginate.link(),
 *   Stream.mapEffect(Fetcher.decode(Schema.Array(Issue))),
 *   Stream.flatMap(Stream.fromIterable)
 * )
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const link =
  (options?: Fetcher.Options) =>
  (
    request: HttpClientRequest.HttpClientRequest
  ): Stream.Stream<Fetcher.Fetched, FetchError.FetchError, HttpClient.HttpClient> =>
    Stream.suspend(() => {
      const seen = new Set<string>()
      // The next page is an effect, so that a link that is not followed fails when it is pulled, after the page it stood on.
      const first: Effect.Effect<HttpClientRequest.HttpClientRequest, FetchError.FetchError> = Effect.succeed(request)
      return Stream.paginateEffect(first, (next) =>
        Effect.gen(function* () {
          const request = yield* next
          const here = Option.getOrUndefined(HttpClientRequest.toUrl(request))
          if (here === undefined) {
            const exchange = { request: redactRequest(request), attempts: 0, elapsed: Duration.zero }
            return yield* new FetchError.InvalidRequestError({ ...exchange, reason: "url" })
          }
          const page = yield* Fetcher.fetch(request, options)
          seen.add(here.href)
          return [page, Option.map(nextOf(page.headers["link"], here), follow(page, here, seen))] as const
        })
      )
    })

const follow =
  ({ attempts, elapsed, request }: Fetcher.Fetched, here: URL, seen: ReadonlySet<string>) =>
  (next: URL): Effect.Effect<HttpClientRequest.HttpClientRequest, FetchError.BlockedAddressError> => {
    const blocked = (reason: FetchError.BlockedAddressError["reason"]) =>
      new FetchError.BlockedAddressError({
        request: redactRequest(request),
        attempts,
        elapsed,
        address: redactUrl(next),
        reason
      })
    if (next.origin !== here.origin) return blocked("cross-origin")
    if (seen.has(next.href)) return blocked("loop")
    // By way of the origin, which takes the old query away; the new one goes as the server wrote it.
    return Effect.succeed(HttpClientRequest.setUrl(HttpClientRequest.setUrl(request, new URL(next.origin)), next.href))
  }

/** The target of the first `rel="next"`, resolved against the page's own address. A header that is malformed has none. */
const nextOf = (header: string | undefined, base: URL): Option.Option<URL> =>
  Option.fromNullable(header).pipe(
    Option.flatMap(Option.liftThrowable((text) => LinkHeader.parse(text).rel("next")[0]?.uri)),
    Option.flatMapNullable((uri) => uri),
    Option.flatMap(Option.liftThrowable((uri) => new URL(uri, base)))
  )
