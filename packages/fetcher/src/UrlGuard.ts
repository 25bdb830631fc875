/**
 * For URLs that come from outside (a user's webhook, a link on a page, a redirect): only what is public is asked, so that
 * nobody reaches through us what stands behind us (server-side request forgery).
 *
 * It takes two looks. `check` sees the URL, before anything is sent; `allowAddress` sees the address that the name turned
 * out to have, when the connection is made. A name that is public now and private a moment later (DNS rebinding) gets past
 * the first look and not past the second.
 *
 * @since 0.1.0
 */
import { HttpClient, HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { type Effect, Either, Option, Schema } from "effect"
import { dual } from "effect/Function"
import { addressOf, canonicalHost, cidrOf, isWithin, rangeOf, urlOf } from "./internal/address.ts"
import { redactRequest } from "./internal/redact.ts"
import { cut, printable } from "./internal/text.ts"

/**
 * A URL that is not let through.
 *
 * - `invalid`: it is no URL
 * - `scheme`, `port`: not one of those let through
 * - `credentials`: it has a user or a password
 * - `name`: `host` is a name of the local network or of the machine itself
 * - `address`: `host` is an address that is not public; `range` says what it is for
 *
 * @since 0.1.0
 * @category errors
 */
export class BlockedUrlError extends Schema.TaggedError<BlockedUrlError>("@tributary/fetcher/BlockedUrlError")(
  "BlockedUrlError",
  {
    /** Without user info and fragment, and without the values of query parameters named like a secret; cut. */
    url: Schema.String,
    reason: Schema.Literal("invalid", "scheme", "credentials", "port", "name", "address"),
    /** The scheme, port, name or address that is not let through. */
    blocked: Schema.optionalWith(Schema.String, { exact: true }),
    range: Schema.optionalWith(
      Schema.Literal("loopback", "private", "link-local", "metadata", "multicast", "unspecified", "tunnel", "reserved"),
      { exact: true }
    )
  }
) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    const says = {
      invalid: "not a URL",
      scheme: `the scheme ${this.blocked} is not among schemes`,
      credentials: "user or password in a URL are not let through; send them in a header",
      port: `the port ${this.blocked} is not let through; add it to ports if it may be asked`,
      name: `${this.blocked} is a name of the local network; add it to allow if it may be asked`,
      address: `${this.blocked} is not a public address (${this.range}); add it to allow if it may be asked`
    }
    return `${this.url}: blocked, ${says[this.reason]}`
  }
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Defaults to `["https:", "http:"]`. */
  readonly schemes?: ReadonlyArray<"https:" | "http:" | "wss:" | "ws:"> | undefined
  /** A URL that names no port has that of its scheme. Defaults to `[80, 443]`. */
  readonly ports?: ReadonlyArray<number> | undefined
  /**
   * Hosts that are let through although they are not public: names (`localhost`), all names below one
   * (`*.example.internal`), addresses (`127.0.0.1`, `::1`) and ranges of them (`10.1.0.0/16`, `fd00::/8`). For
   * `allowAddress`, the addresses of an allowed name have to be allowed too. Defaults to none.
   */
  readonly allow?: ReadonlyArray<string> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface UrlGuard {
  /**
   * What can be told of a URL without asking DNS. Send to the URL that it gives, not to the text: there are parsers that
   * read another host in the same text.
   */
  readonly check: (url: string | URL) => Either.Either<URL, BlockedUrlError>
  /**
   * Whether a connection to this address may be made. It never throws; what is no address, or none in its usual spelling, is
   * refused.
   */
  readonly allowAddress: (address: string) => boolean
}

/**
 * A guard, as a plain value: it holds nothing and waits for nothing.
 *
 * Throws a `RangeError` if an entry of `allow` is neither a name nor an address nor a range.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { UrlGuard } from "@tributary/fetcher"
 * import { Effect, Either } from "effect"
 *
 * const guard = UrlGuard.make({ allow: ["10.20.0.0/16"] })
 *
 * export const refused = Either.isLeft(guard.check("http://0x7f.1/admin")) // true: 127.0.0.1
 *
 * export const preview = (link: string) =>
 *   Effect.gen(function* () {
 *     const client = (yield* HttpClient.HttpClient).pipe(UrlGuard.guard(guard), HttpClient.followRedirects(5))
 *     return yield* client.get(link)
 *   })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({ allow = [], ports = [80, 443], schemes = ["https:", "http:"] }: Options = {}): UrlGuard => {
  const allowed = allow.map(allowedBy)
  const isAllowed = (host: string) => allowed.some((allows) => allows(host))
  const portsLetThrough = new Set(ports)
  const schemesLetThrough: ReadonlySet<string> = new Set(schemes)

  const fault = (url: URL): Omit<Facts, "url"> | undefined => {
    if (!schemesLetThrough.has(url.protocol)) return { reason: "scheme", blocked: url.protocol }
    if (url.username !== "" || url.password !== "") return { reason: "credentials" }
    const port = portOf(url)
    if (!portsLetThrough.has(port)) return { reason: "port", blocked: String(port) }
    // A resolver reads "localhost." as "localhost", and some read "127.0.0.1.." as an address.
    const bare = url.hostname.replace(/\.+$/, "")
    const host = canonicalHost(bare)
    if (host === undefined) return { reason: "name", blocked: url.hostname }
    if (isAllowed(host)) return undefined
    const address = addressOf(host)
    if (address === undefined) return isLocalName(host) ? { reason: "name", blocked: host } : undefined
    const range = rangeOf(address)
    return range === undefined ? undefined : { reason: "address", blocked: address.toString(), range }
  }

  return {
    check: (input) =>
      Option.match(urlOf(String(input)), {
        onNone: () => Either.left(blocked(String(input), { reason: "invalid" })),
        onSome: (url) => {
          const found = fault(url)
          return found === undefined ? Either.right(url) : Either.left(blocked(url.toString(), found))
        }
      }),
    allowAddress: (text) => {
      const address = addressOf(text)
      return address !== undefined && (rangeOf(address) === undefined || isAllowed(text))
    }
  }
}

/**
 * A client that checks the URL of each request before it is sent. A blocked one fails with a `RequestError` of the reason
 * `InvalidUrl`, whose `cause` is the `BlockedUrlError`.
 *
 * Put `HttpClient.followRedirects` above it, as in `client.pipe(UrlGuard.guard(guard), HttpClient.followRedirects(5))`: each
 * hop is checked then. A client that follows redirects by itself below the guard, as `fetch` does unless its
 * `RequestInit` says `redirect: "manual"`, is not seen doing so. `allowAddress` has to be given to the client that makes
 * the connections.
 *
 * @since 0.1.0
 * @category combinators
 */
export const guard: {
  (
    guard: UrlGuard
  ): <E, R>(self: HttpClient.HttpClient.With<E, R>) => HttpClient.HttpClient.With<E | HttpClientError.RequestError, R>
  <E, R>(
    self: HttpClient.HttpClient.With<E, R>,
    guard: UrlGuard
  ): HttpClient.HttpClient.With<E | HttpClientError.RequestError, R>
} = dual(
  2,
  <E, R>(
    self: HttpClient.HttpClient.With<E, R>,
    guard: UrlGuard
  ): HttpClient.HttpClient.With<E | HttpClientError.RequestError, R> =>
    // Not mapRequestEffect: what it does is done once, before the first hop.
    HttpClient.transform(self, (response, request): Response<E | HttpClientError.RequestError, R> => {
      const checked = Option.match(HttpClientRequest.toUrl(request), {
        onNone: () => Either.left(blocked(request.url, { reason: "invalid" })),
        onSome: guard.check
      })
      if (Either.isRight(checked)) return response
      const cause = checked.left
      return new HttpClientError.RequestError({ request, reason: "InvalidUrl", cause, description: cause.message })
    })
)

type Response<E, R> = Effect.Effect<HttpClientResponse.HttpClientResponse, E, R>

type Facts = ConstructorParameters<typeof BlockedUrlError>[0]

const blocked = (url: string, facts: Omit<Facts, "url">): BlockedUrlError =>
  new BlockedUrlError({ ...facts, url: printable(cut(200)(redactRequest(HttpClientRequest.get(url)).url)) })

const portOf = ({ port, protocol }: URL): number =>
  port === "" ? (protocol === "https:" || protocol === "wss:" ? 443 : 80) : Number(port)

/**
 * What has no dot is looked up in the local network or on the machine itself (`localhost`, `metadata`, the next container);
 * no top-level domain has an address of its own. RFC 6761, RFC 6762 (with appendix G) and RFC 8375 name the others.
 */
const isLocalName = (host: string): boolean =>
  !host.includes(".") ||
  /\.(localhost|localdomain|local|home\.arpa|intranet|internal|private|corp|home|lan)$/.test(host)

const allowedBy = (entry: string): ((host: string) => boolean) => {
  const address = addressOf(entry)
  const range = address === undefined ? cidrOf(entry) : ([address, address.kind() === "ipv4" ? 32 : 128] as const)
  if (range !== undefined) {
    return (host) => {
      const address = addressOf(host)
      return address !== undefined && isWithin(range)(address)
    }
  }
  const [, wildcard, rest = ""] = /^(\*\.)?([^*/:@?#\\[\]\s]+)$/.exec(entry) ?? []
  const name = rest === "" ? undefined : canonicalHost(rest.replace(/\.$/, ""))
  if (name === undefined || addressOf(name) !== undefined) {
    throw new RangeError(
      `allow: "${entry}" is neither a name (localhost, *.example.internal) nor an address (127.0.0.1, ::1) nor a range (10.0.0.0/8)`
    )
  }
  return wildcard === undefined ? (host) => host === name : (host) => host.endsWith(`.${name}`)
}
