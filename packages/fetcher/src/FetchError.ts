/**
 * Everything that can go wrong with a request, as a closed union to match exhaustively.
 *
 * Each error carries the request's method and redacted URL, the attempts made and the time since the first of them; none
 * carries a secret.
 *
 * @since 0.1.0
 */
import { HttpClientError, type HttpClientRequest } from "@effect/platform"
import { DateTime, Duration, Predicate, Schema } from "effect"
import { redactCause, redactRequest } from "./internal/redact.ts"
import { codeOf, connectReason, faultOf, timeoutPhase } from "./internal/transport.ts"

/**
 * What every error knows of its request.
 *
 * @since 0.1.0
 * @category models
 */
export const Exchange = {
  /** `url` has neither user info nor fragment, and the values of query parameters named like a secret are hidden. */
  request: Schema.Struct({ method: Schema.String, url: Schema.String }),
  /** How often the request was sent or tried to be sent; 0 if it never came to that. */
  attempts: Schema.Int,
  /** From the first attempt's turn in the queue until now. */
  elapsed: Schema.DurationFromMillis
}

type Facts = Schema.Struct.Type<typeof Exchange>

const where = (facts: Facts): string => `${facts.request.method} ${facts.request.url}`

const tried = ({ attempts, elapsed }: Facts): string =>
  attempts > 1
    ? ` (${attempts} attempts in ${Duration.format(Duration.millis(Math.round(Duration.toMillis(elapsed))))})`
    : ""

const inSeconds = (duration: Duration.Duration): string =>
  Duration.format(Duration.seconds(Math.ceil(Duration.toSeconds(duration))))

/**
 * No connection, or it was lost before the answer was complete.
 *
 * - `refused`: nobody listens there
 * - `dns`: the name has no address
 * - `unreachable`: no route to the host
 * - `reset`: the other side hung up, be it in the middle of the body
 * - `tls`: no trust in the certificate, or no agreement on TLS; trying again does not help
 * - `protocol`: what came is not HTTP
 * - `other`: see `code` and `cause`
 *
 * @since 0.1.0
 * @category errors
 */
export class ConnectError extends Schema.TaggedError<ConnectError>("@tributary/fetcher/ConnectError")("ConnectError", {
  ...Exchange,
  reason: Schema.Literal("refused", "dns", "unreachable", "reset", "tls", "protocol", "other"),
  /** The system's or the library's own code, such as `ECONNREFUSED`. */
  code: Schema.optionalWith(Schema.String, { exact: true }),
  /** What the transport said: name, message and stack only, without the request's own secrets. */
  cause: Schema.optionalWith(Schema.Defect, { exact: true })
}) {
  get isTransient(): boolean {
    return this.reason !== "tls"
  }
  override get message(): string {
    const says = {
      refused: "connection refused; is the server running at this address and port?",
      dns: "the host name has no address; is it spelled right, and is there a network?",
      unreachable: "the host cannot be reached; is there a network?",
      reset: "the connection was lost before the answer was complete",
      tls: "no secure connection; does the server speak TLS there, and is its certificate valid?",
      protocol: "the answer is not valid HTTP",
      other: "the connection failed"
    }
    return `${where(this)}: ${says[this.reason]}${this.code === undefined ? "" : ` [${this.code}]`}${tried(this)}`
  }
}

/**
 * It took too long. `phase` says what was being waited for: the connection, the headers, the body, one attempt as a
 * whole, or the request in `total` (queueing and retries included).
 *
 * @since 0.1.0
 * @category errors
 */
export class TimeoutError extends Schema.TaggedError<TimeoutError>("@tributary/fetcher/TimeoutError")("TimeoutError", {
  ...Exchange,
  phase: Schema.Literal("connect", "headers", "body", "attempt", "total"),
  /** The time allowed; absent where the transport does not tell. */
  limit: Schema.optionalWith(Schema.DurationFromMillis, { exact: true })
}) {
  get isTransient(): boolean {
    return this.phase !== "total"
  }
  override get message(): string {
    const limit = this.limit === undefined ? "" : ` within ${Duration.format(this.limit)}`
    const says = {
      connect: `no connection${limit}`,
      headers: `no answer${limit}`,
      body: `the body was not complete${limit}`,
      attempt: `no complete answer${limit}`,
      total: `no success${limit}, waiting and retries included`
    }
    return `${where(this)}: ${says[this.phase]}${tried(this)}`
  }
}

/**
 * The server answered, but not with success (2xx), nor with 429.
 *
 * @since 0.1.0
 * @category errors
 */
export class StatusError extends Schema.TaggedError<StatusError>("@tributary/fetcher/StatusError")("StatusError", {
  ...Exchange,
  status: Schema.Int,
  /** Title and detail of problem details (RFC 9457), else the beginning of the body as text, without the request's own secrets. */
  body: Schema.String
}) {
  get isTransient(): boolean {
    return isTransientStatus(this.status)
  }
  override get message(): string {
    const says =
      this.status === 401 || this.status === 403
        ? "; check the credentials"
        : this.status >= 300 && this.status < 400
          ? "; redirects are not followed, ask for the new address"
          : ""
    return `${where(this)}: status ${this.status}${says}${this.body === "" ? "" : `: ${this.body}`}${tried(this)}`
  }
}

/**
 * The rate limit leaves no room in time: the server said 429 to the end, or the wait (a server's `Retry-After`, or the
 * queue of the own limiter) would be longer than the request may take.
 *
 * @since 0.1.0
 * @category errors
 */
export class RateLimitedError extends Schema.TaggedError<RateLimitedError>("@tributary/fetcher/RateLimitedError")(
  "RateLimitedError",
  {
    ...Exchange,
    /**
     * `server`: it answered 429. `client`: the own limiter, or a pause the server had asked for earlier; nothing was sent,
     * unless `attempts` counts earlier ones.
     */
    scope: Schema.Literal("server", "client"),
    /** How long to wait, where it is known; never shortened. */
    retryAfter: Schema.optionalWith(Schema.DurationFromMillis, { exact: true }),
    /** The same as a point of time. */
    retryAt: Schema.optionalWith(Schema.DateTimeUtc, { exact: true })
  }
) {
  get isTransient(): boolean {
    return true
  }
  override get message(): string {
    const says = this.scope === "server" ? "rate limited (429)" : "no turn under the rate limit in time"
    const when =
      this.retryAfter === undefined || this.retryAt === undefined
        ? "; ask more slowly"
        : `; try again in ${inSeconds(this.retryAfter)}, at ${DateTime.formatIso(this.retryAt)}`
    return `${where(this)}: ${says}${when}${tried(this)}`
  }
}

/**
 * What was paid for or granted is used up; asking more slowly does not help. The server said 402, or 429 with a wait of an
 * hour or more, or with a body that speaks of a quota.
 *
 * @since 0.1.0
 * @category errors
 */
export class QuotaError extends Schema.TaggedError<QuotaError>("@tributary/fetcher/QuotaError")("QuotaError", {
  ...Exchange,
  status: Schema.Int,
  /** How long until there is some again, where it is known. */
  retryAfter: Schema.optionalWith(Schema.DurationFromMillis, { exact: true }),
  /** The same as a point of time. */
  retryAt: Schema.optionalWith(Schema.DateTimeUtc, { exact: true }),
  /** What the server says, as in `StatusError`. */
  body: Schema.String
}) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    const when = this.retryAt === undefined ? "" : `; there is more at ${DateTime.formatIso(this.retryAt)}`
    const said = this.body === "" ? "" : `: ${this.body}`
    return `${where(this)}: the quota is used up (${this.status})${when}${said}${tried(this)}`
  }
}

/**
 * Too many requests to this host failed of late: this one was not sent, or not again.
 *
 * @since 0.1.0
 * @category errors
 */
export class CircuitOpenError extends Schema.TaggedError<CircuitOpenError>("@tributary/fetcher/CircuitOpenError")(
  "CircuitOpenError",
  {
    ...Exchange,
    /** How long from now until it is worth asking again. */
    retryAfter: Schema.DurationFromMillis,
    /** The same as a point of time. */
    retryAt: Schema.DateTimeUtc
  }
) {
  get isTransient(): boolean {
    return true
  }
  override get message(): string {
    const when = `try again in ${inSeconds(this.retryAfter)}`
    return `${where(this)}: too many requests to this host failed of late; ${when}${tried(this)}`
  }
}

/**
 * The body is larger than allowed; it was not read to its end.
 *
 * @since 0.1.0
 * @category errors
 */
export class BodyTooLargeError extends Schema.TaggedError<BodyTooLargeError>("@tributary/fetcher/BodyTooLargeError")(
  "BodyTooLargeError",
  {
    ...Exchange,
    /** Bytes allowed. */
    limit: Schema.Int
  }
) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    return `${where(this)}: the body is larger than ${this.limit} bytes; raise maxBodyBytes if that is to be expected`
  }
}

/**
 * The answer came, but it is not what was asked for.
 *
 * @since 0.1.0
 * @category errors
 */
export class DecodeError extends Schema.TaggedError<DecodeError>("@tributary/fetcher/DecodeError")("DecodeError", {
  ...Exchange,
  /** Where in the body, such as `days[3].temp_max`; empty for the body as a whole. */
  path: Schema.String,
  expected: Schema.String,
  /** What came instead, cut. */
  got: Schema.String
}) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    return `${where(this)}: expected ${this.expected}${this.path === "" ? "" : ` at ${this.path}`}, got ${this.got}`
  }
}

/**
 * An address that came from outside (such as the link to the next page) was not asked.
 *
 * @since 0.1.0
 * @category errors
 */
export class BlockedAddressError extends Schema.TaggedError<BlockedAddressError>(
  "@tributary/fetcher/BlockedAddressError"
)("BlockedAddressError", {
  ...Exchange,
  /** The address, redacted. */
  address: Schema.String,
  /**
   * `cross-origin`: it leads to another server than the one that was asked. `loop`: it was followed before. `guard`: a
   * `UrlGuard` or the transport's own filter does not let it through.
   */
  reason: Schema.Literal("cross-origin", "loop", "guard"),
  /** What a guard says. */
  detail: Schema.optionalWith(Schema.String, { exact: true })
}) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    const says = {
      loop: "leads back to a page that was already read",
      "cross-origin": "leads to another origin; it is not followed",
      guard: this.detail ?? "is not let through"
    }
    return `${where(this)}: the ${this.reason === "guard" ? "address" : "link"} ${this.address} ${says[this.reason]}`
  }
}

/**
 * The request itself cannot be sent, and was not.
 *
 * - `url`: not an http or https URL, or one with user and password that the transport does not take
 * - `headers`: a header has characters that HTTP does not allow, such as a line break at the end of a token
 * - `body`: it could not be encoded
 * - `cassette`: a `Cassette` has no answer to it, or cannot record one; `detail` says why
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidRequestError extends Schema.TaggedError<InvalidRequestError>(
  "@tributary/fetcher/InvalidRequestError"
)("InvalidRequestError", {
  ...Exchange,
  reason: Schema.Literal("url", "headers", "body", "cassette"),
  detail: Schema.optionalWith(Schema.String, { exact: true }),
  /** Why the body could not be encoded: name, message and stack only, without the request's own secrets. */
  cause: Schema.optionalWith(Schema.Defect, { exact: true })
}) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    const says = {
      url: "not a valid http or https URL, or one with user and password in it",
      headers: "a header has characters that HTTP does not allow; is there a line break in it?",
      body: "the body of the request could not be encoded",
      cassette: this.detail ?? "not on the cassette"
    }
    return `${where(this)}: ${says[this.reason]}`
  }
}

/**
 * The closed union, as a schema too: an error can be stored and sent.
 *
 * @since 0.1.0
 * @category models
 */
export const FetchError = Schema.Union(
  ConnectError,
  TimeoutError,
  StatusError,
  RateLimitedError,
  QuotaError,
  CircuitOpenError,
  BodyTooLargeError,
  DecodeError,
  BlockedAddressError,
  InvalidRequestError
)

/**
 * Everything that can go wrong with a request. `isTransient` of each says whether the same request may succeed later.
 *
 * @example
 * ```ts
 * import { Match } from "effect"
 * import type { FetchError } from "@tributary/fetcher"
 *
 * export const advice = Match.type<FetchError.FetchError>().pipe(
 *   Match.tag("RateLimitedError", (error) => `come back at ${error.retryAt}`),
 *   Match.tag("CircuitOpenError", (error) => `come back at ${error.retryAt}`),
 *   Match.tag("QuotaError", () => "buy more, or wait"),
 *   Match.tag("ConnectError", "TimeoutError", () => "check the network"),
 *   Match.tag("StatusError", (error) => `the server says ${error.status}`),
 *   Match.tag("DecodeError", (error) => `the API has changed at ${error.path}`),
 *   Match.tag("BodyTooLargeError", "BlockedAddressError", "InvalidRequestError", (error) => error.message),
 *   Match.exhaustive
 * )
 * ```
 *
 * @since 0.1.0
 * @category models
 */
export type FetchError = typeof FetchError.Type

/**
 * @since 0.1.0
 * @category guards
 */
export const isFetchError: (u: unknown) => u is FetchError = Schema.is(FetchError)

/**
 * The statuses after which the same request may succeed: 408, 425, 429, 500, 502, 503, 504, 522 and 524.
 *
 * @since 0.1.0
 * @category guards
 */
export const isTransientStatus = (status: number): boolean => transientStatuses.has(status)

const transientStatuses = new Set([408, 425, 429, 500, 502, 503, 504, 522, 524])

/**
 * A request as errors show it: method and redacted URL.
 *
 * @since 0.1.0
 * @category conversions
 */
export const describe: (
  request: HttpClientRequest.HttpClientRequest
) => Schema.Struct.Type<typeof Exchange>["request"] = redactRequest

/**
 * The error behind a platform error: the one that `RateLimitedClient` put there as its cause, or what the transport's own
 * code says.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromHttpClientError =
  (facts: { readonly attempts: number; readonly elapsed: Duration.Duration }) =>
  (error: HttpClientError.HttpClientError): FetchError => {
    if (isFetchError(error.cause)) return error.cause
    const exchange = { ...facts, request: redactRequest(error.request) }
    const known = fromTransport(error.cause)
    if (known !== undefined) return known(exchange)
    const cause = error.cause === undefined ? {} : { cause: redactCause(error.request)(error.cause) }
    if (error._tag === "RequestError") {
      const unsent = { ...exchange, attempts: 0 }
      const reason = error.reason === "InvalidUrl" ? "url" : faultOf(error)
      if (reason !== undefined) return new InvalidRequestError({ ...unsent, reason })
      if (error.reason === "Encode") return new InvalidRequestError({ ...unsent, reason: "body", ...cause })
    }
    if (error._tag === "ResponseError" && error.reason === "StatusCode") {
      return new StatusError({ ...exchange, status: error.response.status, body: "" })
    }
    const code = codeOf(error.cause)
    const phase = timeoutPhase(code)
    if (phase !== undefined) return new TimeoutError({ ...exchange, phase })
    return new ConnectError({
      ...exchange,
      reason: connectReason(error.cause),
      ...(code === undefined ? {} : { code }),
      ...cause
    })
  }

/**
 * What a guard, a cassette or `@tributary/undici` say by a class of their own, told by its tag: this package does not need them.
 */
const fromTransport = (cause: unknown): ((facts: Facts) => FetchError) | undefined => {
  if (!Predicate.hasProperty(cause, "_tag")) return undefined
  const limit = Predicate.hasProperty(cause, "limit") && Predicate.isNumber(cause.limit) ? cause.limit : undefined
  const timeout =
    Predicate.hasProperty(cause, "timeout") && Duration.isDuration(cause.timeout) ? cause.timeout : undefined
  const within = timeout === undefined ? {} : { limit: timeout }
  switch (cause._tag) {
    case "ConnectTimeout":
      return (facts) => new TimeoutError({ ...facts, phase: "connect", ...within })
    case "HeadersTimeout":
      return (facts) => new TimeoutError({ ...facts, phase: "headers", ...within })
    case "BodyTimeout":
      return (facts) => new TimeoutError({ ...facts, phase: "body", ...within })
    case "BodyTooLarge":
      return limit === undefined ? undefined : (facts) => new BodyTooLargeError({ ...facts, limit })
    case "AddressBlocked":
    case "BlockedUrlError": {
      const shown = "url" in cause ? cause.url : "address" in cause ? cause.address : ""
      const detail = cause instanceof Error ? cause.message : "is not let through"
      return (facts) =>
        new BlockedAddressError({ ...facts, attempts: 0, address: String(shown), reason: "guard", detail })
    }
    case "NoInteraction":
    case "NotRecorded": {
      const detail = cause instanceof Error ? { detail: cause.message } : {}
      return (facts) => new InvalidRequestError({ ...facts, attempts: 0, reason: "cassette", ...detail })
    }
    default:
      return undefined
  }
}

/**
 * As a platform error, for whatever speaks `HttpClient`: `fromHttpClientError` finds it again in the cause.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toHttpClientError =
  (request: HttpClientRequest.HttpClientRequest) =>
  (error: FetchError): HttpClientError.RequestError =>
    new HttpClientError.RequestError({ request, reason: "Transport", cause: error, description: error.message })
