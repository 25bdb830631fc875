/**
 * Why an exchange failed, as the `cause` of the `HttpClientError` that says so.
 *
 * Before the response's head it is the cause of a `RequestError`, after it of a `ResponseError`.
 *
 * @since 0.1.0
 */
import type { HttpClientError } from "@effect/platform"
import { Data, Duration, Option, Predicate } from "effect"

/**
 * @since 0.1.0
 * @category type ids
 */
export const TypeId: unique symbol = Symbol.for("@tributary/undici/UndiciError")

/**
 * @since 0.1.0
 * @category type ids
 */
export type TypeId = typeof TypeId

/**
 * No connection within `connectTimeout`. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectTimeout extends Data.TaggedError("ConnectTimeout")<{ readonly timeout: Duration.Duration }> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `no connection within ${Duration.format(this.timeout)}`
  }
}

/**
 * No connection: the name is not known, the port is closed, TLS was not agreed on, or the proxy refused. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectFailed extends Data.TaggedError("ConnectFailed")<{
  /** The system's, OpenSSL's or undici's, such as `ECONNREFUSED`, `ENOTFOUND` or `CERT_HAS_EXPIRED`. */
  readonly code: string | undefined
  readonly cause: Error
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `no connection: ${this.code ?? this.cause.message}`
  }
}

/**
 * `allowAddress` refused every address of the host, before a connection was made. Nothing was sent.
 *
 * @since 0.1.0
 * @category errors
 */
export class AddressBlocked extends Data.TaggedError("AddressBlocked")<{
  readonly host: string
  /** The first one refused; the host's name if a proxy would have resolved it, where the filter cannot look. */
  readonly address: string
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `connections to ${this.address} are not allowed`
  }
}

/**
 * The response's head did not come within `headersTimeout` of the request.
 *
 * @since 0.1.0
 * @category errors
 */
export class HeadersTimeout extends Data.TaggedError("HeadersTimeout")<{ readonly timeout: Duration.Duration }> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `no response within ${Duration.format(this.timeout)}`
  }
}

/**
 * Nothing of the body came for `bodyTimeout`, although somebody wanted it.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyTimeout extends Data.TaggedError("BodyTimeout")<{ readonly timeout: Duration.Duration }> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `nothing of the body came for ${Duration.format(this.timeout)}`
  }
}

/**
 * The connection broke, or the server ended it too early.
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectionLost extends Data.TaggedError("ConnectionLost")<{
  /** What was being waited for. With `"headers"` the server may or may not have acted on the request. */
  readonly phase: "headers" | "body"
  /** The system's or undici's, such as `ECONNRESET` or `UND_ERR_SOCKET`. */
  readonly code: string | undefined
  readonly cause: Error
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `connection lost before the end of the ${this.phase}: ${this.code ?? this.cause.message}`
  }
}

/**
 * What came is no HTTP, or contradicts itself, such as a body longer than its `content-length`.
 *
 * @since 0.1.0
 * @category errors
 */
export class ProtocolError extends Data.TaggedError("ProtocolError")<{
  /** llhttp's (`HPE_...`) or undici's (`UND_ERR_...`). */
  readonly code: string | undefined
  readonly cause: Error
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `not HTTP as it should be: ${this.code ?? this.cause.message}`
  }
}

/**
 * The body is larger than allowed: as it came (`wire`) or decompressed (`decoded`).
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyTooLarge extends Data.TaggedError("BodyTooLarge")<{
  readonly kind: "wire" | "decoded"
  /** In bytes. */
  readonly limit: number
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the ${this.kind === "wire" ? "body" : "decompressed body"} is larger than ${this.limit} bytes`
  }
}

/**
 * The body cannot be decompressed: broken, cut short, or of a coding that was not asked for.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyMalformed extends Data.TaggedError("BodyMalformed")<{
  /** The `content-encoding`. */
  readonly encoding: string
  readonly cause?: Error
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `the body is no ${this.encoding}${this.cause === undefined ? " that can be read" : `: ${this.cause.message}`}`
  }
}

/**
 * The body was, or is being, read as a stream: that goes only once. Text, JSON and the like may be read again and again.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyConsumed extends Data.TaggedError("BodyConsumed")<{}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "the body was read as a stream before"
  }
}

/**
 * The body was not read to its end, and its connection was needed: nobody began to read for `unreadTimeout`, the scope of
 * the request closed, or whoever read it was interrupted.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyAbandoned extends Data.TaggedError("BodyAbandoned")<{}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "the body was given up before its end: nobody read it in time"
  }
}

/**
 * More redirects than `maxRedirections`.
 *
 * @since 0.1.0
 * @category errors
 */
export class TooManyRedirects extends Data.TaggedError("TooManyRedirects")<{ readonly limit: number }> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `more than ${this.limit} redirects`
  }
}

/**
 * A redirect that cannot be followed: to no URL of HTTP (`location`), or with a streamed body that would have to be sent
 * once more (`body`).
 *
 * @since 0.1.0
 * @category errors
 */
export class RedirectRefused extends Data.TaggedError("RedirectRefused")<{
  readonly status: number
  readonly reason: "location" | "body"
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.reason === "location"
      ? `the redirect (${this.status}) leads to no URL of HTTP`
      : `the redirect (${this.status}) wants a streamed body again`
  }
}

/**
 * The request cannot be sent as it is, such as for a header with a line break or a wrong `content-length`.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequest extends Data.TaggedError("InvalidRequest")<{ readonly cause: Error }> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return this.cause.message
  }
}

/**
 * The stream that should have been the request's body failed.
 *
 * @since 0.1.0
 * @category errors
 */
export class RequestBodyFailed extends Data.TaggedError("RequestBodyFailed")<{
  /** What the stream failed with. */
  readonly cause: unknown
}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "the stream of the request's body failed"
  }
}

/**
 * The time that whoever sent it gave this request is over: that is up to a client above this one, such as `RateLimitedClient`
 * of `@tributary/fetcher`.
 *
 * @since 0.1.0
 * @category errors
 */
export class TimeExceeded extends Data.TaggedError("TimeExceeded")<{ readonly timeout: Duration.Duration }> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return `not over within ${Duration.format(this.timeout)}`
  }
}

/**
 * The client's scope is closed, or closed before the exchange was done.
 *
 * @since 0.1.0
 * @category errors
 */
export class ClientClosed extends Data.TaggedError("ClientClosed")<{}> {
  readonly [TypeId]: TypeId = TypeId
  override get message(): string {
    return "the client is closed"
  }
}

/**
 * @since 0.1.0
 * @category errors
 */
export type UndiciError =
  | ConnectTimeout
  | ConnectFailed
  | AddressBlocked
  | HeadersTimeout
  | BodyTimeout
  | ConnectionLost
  | ProtocolError
  | BodyTooLarge
  | BodyMalformed
  | BodyConsumed
  | BodyAbandoned
  | TooManyRedirects
  | RedirectRefused
  | InvalidRequest
  | RequestBodyFailed
  | TimeExceeded
  | ClientClosed

/**
 * @since 0.1.0
 * @category guards
 */
export const isUndiciError = (u: unknown): u is UndiciError => Predicate.hasProperty(u, TypeId)

/**
 * Why, if it was this client that failed: none for a status that was filtered, JSON that does not parse and a URL that is none.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { Effect, Option } from "effect"
 * import { UndiciError } from "@tributary/undici"
 *
 * export const isUp = HttpClient.head("https://example.com").pipe(
 *   Effect.as(true),
 *   Effect.catchIf(
 *     (error) => Option.exists(UndiciError.fromHttpClientError(error), ({ _tag }) => _tag === "ConnectFailed"),
 *     () => Effect.succeed(false)
 *   )
 * )
 * ```
 *
 * @since 0.1.0
 * @category getters
 */
export const fromHttpClientError = (error: HttpClientError.HttpClientError): Option.Option<UndiciError> =>
  Option.liftPredicate(error.cause, isUndiciError)
