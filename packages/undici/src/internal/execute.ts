/**
 * One request, with its redirects, from the pools to the response's head.
 */
import { Headers, HttpClientError, type HttpClientRequest, UrlParams } from "@effect/platform"
import { Effect, Either, FiberRef, GlobalValue } from "effect"
import * as UndiciError from "../UndiciError.ts"
import { acceptEncoding } from "./decoding.ts"
import type { Pools } from "./dispatcher.ts"
import { Exchange, type Settings } from "./exchange.ts"
import * as Redirect from "./redirect.ts"
import * as RequestBody from "./requestBody.ts"
import { type Limits, UndiciResponse } from "./response.ts"
import type { Execute } from "./tracing.ts"
import type { Unread } from "./unread.ts"

type Request = HttpClientRequest.HttpClientRequest

export interface Transport {
  readonly dispatcher: Pools
  readonly exchange: Settings
  readonly limits: Limits
  readonly maxRedirections: number
  readonly unread: Unread
  /** How many exchanges are under way. */
  open: number
  closed: boolean
}

/**
 * Where `HttpClient.withScope` leaves word of the scope of a request: it has no other way to tell a client. A client of a
 * version that keeps it elsewhere finds nothing here, and frees such a response as any other.
 */
const scopedRequests = GlobalValue.globalValue(
  "@effect/platform/HttpClient/scopedRequests",
  () => new WeakMap<Request, AbortController>()
)

const requestError = (request: Request, cause: UndiciError.UndiciError): HttpClientError.RequestError =>
  new HttpClientError.RequestError({
    request,
    reason: cause._tag === "InvalidRequest" || cause._tag === "RequestBodyFailed" ? "Encode" : "Transport",
    description: cause.message,
    cause
  })

const invalidUrl = (request: Request, cause: unknown): HttpClientError.RequestError =>
  new HttpClientError.RequestError({ request, reason: "InvalidUrl", cause })

/** A flat list is what undici reads fastest. */
const headersOf = (
  request: Request,
  contentType: string | undefined,
  traceparent: string | undefined
): Array<string> => {
  const { headers } = request
  const flat: Array<string> = []
  for (const name in headers) {
    if (name !== "content-type" || contentType === undefined) flat.push(name, headers[name] ?? "")
  }
  if (contentType !== undefined) flat.push("content-type", contentType)
  if (traceparent !== undefined && headers["traceparent"] === undefined) flat.push("traceparent", traceparent)
  // A part of a compressed body cannot be decompressed (Fetch Standard, "HTTP-network-or-cache fetch").
  if (headers["accept-encoding"] === undefined) {
    flat.push("accept-encoding", headers["range"] === undefined ? acceptEncoding : "identity")
  }
  return flat
}

const dispatch = (
  { scoped, time, traceparent, transport }: Call,
  request: Request,
  url: URL,
  sendable: RequestBody.Sendable
): Effect.Effect<Exchange, UndiciError.UndiciError> =>
  Effect.uninterruptibleMask((restore) => {
    let exchange: Exchange | undefined
    const start = Effect.async<Exchange, UndiciError.UndiciError>((resume) => {
      if (transport.closed) {
        sendable.release?.()
        return resume(Effect.fail(new UndiciError.ClientClosed()))
      }
      exchange = new Exchange(transport.exchange, (exchange) =>
        resume(exchange.failure === undefined ? Effect.succeed(exchange) : Effect.fail(exchange.failure))
      )
      exchange.releaseBody = sendable.release
      if (time !== undefined) exchange.limit(time.millis, time.end)
      transport.open++
      transport.dispatcher.dispatch(
        {
          origin: url.origin,
          path: url.search === "" ? url.pathname : url.pathname + url.search,
          method: request.method,
          headers: headersOf(request, sendable.contentType, traceparent),
          body: sendable.body
        },
        exchange
      )
    })
    // No moment is left between the head's coming and the watch over the body in which an interruption could lose it.
    return Effect.matchCauseEffect(restore(start), {
      onFailure: (cause) => {
        if (exchange === undefined) sendable.release?.()
        else exchange.abort()
        return Effect.failCause(cause)
      },
      onSuccess: (exchange) => (exchange.ended ? Effect.succeed(exchange) : watched(transport, scoped, exchange))
    })
  })

const watched = (transport: Transport, request: Request, exchange: Exchange): Effect.Effect<Exchange> => {
  const controller = scopedRequests.get(request)
  if (controller === undefined) return Effect.as(transport.unread.watch(exchange), exchange)
  return Effect.sync(() => {
    const { signal } = controller
    if (signal.aborted) exchange.abort()
    else signal.addEventListener("abort", () => exchange.abort(), { once: true })
    return exchange
  })
}

/** What stays the same over all redirects. */
interface Call {
  readonly transport: Transport
  /** The request as it was given to the client: that one a scope may belong to. */
  readonly scoped: Request
  readonly traceparent: string | undefined
  readonly time: Time | undefined
}

/** Milliseconds, and what has to be there by then. */
interface Time {
  readonly millis: number
  readonly end: "head" | "body"
}

export const execute =
  (transport: Transport) =>
  (time?: Time): Execute =>
  (request, traceparent) =>
    hop({ transport, scoped: request, traceparent, time }, request, 0)

const hop = (
  call: Call,
  request: Request,
  redirects: number
): Effect.Effect<UndiciResponse, HttpClientError.HttpClientError> => {
  const made = UrlParams.makeUrl(request.url, request.urlParams, request.hash)
  if (Either.isLeft(made)) return Effect.fail(invalidUrl(request, made.left))
  const url = made.right
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    return Effect.fail(invalidUrl(request, new TypeError(`not a URL of HTTP: ${url.protocol}`)))
  }
  const body = RequestBody.make(request.body)
  const exchanged = Effect.isEffect(body)
    ? Effect.flatMap(body, (sendable) => dispatch(call, request, url, sendable))
    : dispatch(call, request, url, body)
  const { limits, maxRedirections } = call.transport
  return Effect.matchEffect(exchanged, {
    onFailure: (cause) => Effect.fail(requestError(request, cause)),
    onSuccess: (exchange) => {
      const location = maxRedirections > 0 ? Redirect.locationOf(exchange) : undefined
      return location === undefined
        ? Effect.succeed(new UndiciResponse(request, exchange, limits))
        : redirect(call, request, url, exchange, location, redirects)
    }
  })
}

const redirect = (
  call: Call,
  request: Request,
  url: URL,
  exchange: Exchange,
  location: string,
  redirects: number
): Effect.Effect<UndiciResponse, HttpClientError.HttpClientError> => {
  exchange.discard()
  const limit = call.transport.maxRedirections
  if (redirects === limit) return Effect.fail(requestError(request, new UndiciError.TooManyRedirects({ limit })))
  return Effect.flatMap(FiberRef.get(Headers.currentRedactedNames), (secrets) =>
    Either.match(Redirect.follow({ request, from: url, status: exchange.status, location, secrets }), {
      onLeft: (cause) => Effect.fail(requestError(request, cause)),
      onRight: (next) => hop(call, next, redirects + 1)
    })
  )
}
