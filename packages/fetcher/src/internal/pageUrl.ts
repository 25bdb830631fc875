import { type HttpClient, HttpClientRequest } from "@effect/platform"
import { Duration, Effect, Option, Stream } from "effect"
import LinkHeader from "http-link-header"
import * as FetchError from "../FetchError.ts"
import type * as Fetcher from "../Fetcher.ts"
import type { Options, Page } from "../Paginate.ts"
import { urlOf } from "./pageRequest.ts"
import { type Facts, walk } from "./pageWalk.ts"
import { redactRequest, redactUrl } from "./redact.ts"

/** By URLs that the server gives: the cursor is the URL. @internal */
export const byUrl =
  <A>(options: Options<A, string>) =>
  <E, R>(
    read: (fetched: Fetcher.Fetched) => Effect.Effect<{ readonly value: A; readonly next: URL | undefined }, E, R>
  ) =>
  (
    request: HttpClientRequest.HttpClientRequest
  ): Stream.Stream<Page<A, string>, E | FetchError.FetchError, HttpClient.HttpClient | R> => {
    const start = resolve(request)("")
    if (start === undefined) {
      const facts = { request: redactRequest(request), attempts: 0, elapsed: Duration.zero }
      return Stream.fail(new FetchError.InvalidRequestError({ ...facts, reason: "url" }))
    }
    // By way of the origin, which takes the first page's query away; the next one goes as the server wrote it.
    const bare = HttpClientRequest.setUrl(request, new URL(start.origin))
    const pages = walk({
      ...options,
      first: start.href,
      request: (base, href) => (href === start.href ? base : HttpClientRequest.setUrl(bare, href)),
      read: (fetched) => Effect.map(read(fetched), ({ next, value }) => ({ value, next: next?.href }))
    })
    const looped = (facts: Facts, href: string) =>
      new FetchError.BlockedAddressError({ ...facts, address: redactUrl(new URL(href)), reason: "loop" })
    return pages(looped)(request)
  }

/** A link, resolved against the page it stands on. The fragment is not sent: it makes no other page. @internal */
export const resolve =
  (page: HttpClientRequest.HttpClientRequest) =>
  (link: string): URL | undefined => {
    const base = urlOf(page)
    if (base === undefined || !URL.canParse(link, base)) return undefined
    const url = new URL(link, base)
    url.hash = ""
    return url
  }

/** The target of the first `rel="next"` (RFC 8288). A header that is malformed has none. @internal */
export const nextLink = ({ headers, request }: Fetcher.Fetched): URL | undefined =>
  Option.fromNullable(headers["link"]).pipe(
    Option.flatMap(Option.liftThrowable((text) => LinkHeader.parse(text).rel("next")[0]?.uri)),
    Option.flatMapNullable((uri) => (uri === undefined ? undefined : resolve(request)(uri))),
    Option.getOrUndefined
  )
