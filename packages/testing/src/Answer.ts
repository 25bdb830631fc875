/**
 * What a server does with one request: it answers it, or fails to.
 *
 * @since 0.1.0
 */
import type { Headers } from "@effect/platform"
import type { Pipeable } from "effect"
import { node } from "./internal/node.ts"

/**
 * A request as the server sees it.
 *
 * @since 0.1.0
 * @category models
 */
export interface Request {
  readonly method: string
  /** Path and query: `/users?page=2`. */
  readonly url: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: Headers.Headers
  /** Decoded as UTF-8. */
  readonly body: string
}

/**
 * An answer with status, headers (names in lower case) and body.
 *
 * @since 0.1.0
 * @category models
 */
export interface Response extends Pipeable.Pipeable {
  readonly _tag: "Response"
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array | { readonly gzipOfMebibytes: number }
}

/**
 * No answer at all.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault extends Pipeable.Pipeable {
  readonly _tag: "Fault"
  readonly fault: "refused" | "reset" | "hangUp" | "silence"
}

/**
 * What becomes of one request.
 *
 * @since 0.1.0
 * @category models
 */
export type Answer = Response | Fault

/**
 * What an answer may have besides its body.
 *
 * @since 0.1.0
 * @category models
 */
export interface Init {
  /** 200 to 599. Defaults to 200. */
  readonly status?: number | undefined
  /** In addition to `date`, `content-type` and `content-length`, which they override but for the last. */
  readonly headers?: Readonly<Record<string, string>> | undefined
}

const respond = (body: Response["body"], type: string | undefined, { headers = {}, status = 200 }: Init): Response => {
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    throw new RangeError(`a status is a whole number from 200 to 599, got ${status}`)
  }
  const lowerCase = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])
  return node({
    _tag: "Response" as const,
    status,
    headers: { ...(type === undefined ? {} : { "content-type": type }), ...Object.fromEntries(lowerCase) },
    body
  })
}

/**
 * An answer with a JSON value as its body.
 *
 * @since 0.1.0
 * @category constructors
 */
export const json = (...[value, init = {}]: readonly [value: unknown, init?: Init]): Response =>
  respond(JSON.stringify(value), "application/json", init)

/**
 * An answer with a text as its body, in UTF-8.
 *
 * @since 0.1.0
 * @category constructors
 */
export const text = (...[value, init = {}]: readonly [value: string, init?: Init]): Response =>
  respond(value, "text/plain; charset=utf-8", init)

/**
 * An answer with bytes as its body, as `application/octet-stream`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const bytes = (...[value, init = {}]: readonly [value: Uint8Array, init?: Init]): Response =>
  respond(value, "application/octet-stream", init)

/**
 * An answer without a body. Throws a `RangeError`, as all answers do, if the status is not from 200 to 599.
 *
 * @since 0.1.0
 * @category constructors
 */
export const status = (
  ...[code, headers = {}]: readonly [code: number, headers?: Readonly<Record<string, string>>]
): Response => respond("", undefined, { status: code, headers })

/**
 * A redirect (302, or the status given) to another path or URL.
 *
 * @since 0.1.0
 * @category constructors
 */
export const redirect = (...[location, code = 302]: readonly [location: string, code?: number]): Response =>
  status(code, { location })

/**
 * A small gzip file that unfolds to so many MiB of zeros (100 by default, 100 KB packed), with `content-encoding: gzip`.
 *
 * Who unfolds it is up to the client. The client in memory does as undici does, and hands out the gzip; fetch unfolds it.
 * Throws a `RangeError` unless it is a whole number from 1.
 *
 * @since 0.1.0
 * @category constructors
 */
export const gzipBomb = (mebibytes = 100): Response => {
  if (!Number.isInteger(mebibytes) || mebibytes < 1) {
    throw new RangeError(`a gzip bomb has a whole number of MiB from 1, got ${mebibytes}`)
  }
  return respond({ gzipOfMebibytes: mebibytes }, "application/json", { headers: { "content-encoding": "gzip" } })
}

const fault = (fault: Fault["fault"]): Fault => node({ _tag: "Fault" as const, fault })

/**
 * Nobody listens: ECONNREFUSED. Only so in memory: a real port cannot refuse one connection and take the next, so the
 * loopback server resets the connection instead.
 *
 * @since 0.1.0
 * @category constructors
 */
export const refused: Fault = fault("refused")

/**
 * The connection is reset before a byte of the answer came: ECONNRESET.
 *
 * @since 0.1.0
 * @category constructors
 */
export const reset: Fault = fault("reset")

/**
 * The server ends the connection in good order, but without an answer, as one does whose keep-alive time is over.
 *
 * @since 0.1.0
 * @category constructors
 */
export const hangUp: Fault = fault("hangUp")

/**
 * The connection stays open, and no answer ever comes.
 *
 * @since 0.1.0
 * @category constructors
 */
export const silence: Fault = fault("silence")
