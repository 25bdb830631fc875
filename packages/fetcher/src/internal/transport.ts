import { type HttpClientError, HttpClientRequest } from "@effect/platform"
import { Option } from "effect"
import type { ConnectError, TimeoutError } from "../FetchError.ts"

/**
 * What is wrong with a request that could not be sent. Transports say only that it failed, each in its own words. @internal
 */
export const faultOf = ({ cause, request }: HttpClientError.RequestError): "url" | "headers" | undefined => {
  const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
  if (url === undefined || !/^https?:$/.test(url.protocol)) return "url"
  // fetch refuses credentials in the URL, by a mere TypeError; undici leaves them out.
  const refused = cause instanceof TypeError && codeOf(cause) === undefined
  if (refused && (url.username !== "" || url.password !== "")) return "url"
  return Object.values(request.headers).every((value) => /^[\t\u0020-\u007e\u0080-\u00ff]*$/.test(value))
    ? undefined
    : "headers"
}

const timeouts: Readonly<Record<string, TimeoutError["phase"]>> = {
  ETIMEDOUT: "connect",
  UND_ERR_CONNECT_TIMEOUT: "connect",
  UND_ERR_HEADERS_TIMEOUT: "headers",
  UND_ERR_BODY_TIMEOUT: "body"
}

/** @internal */
export const timeoutPhase = (code: string | undefined): TimeoutError["phase"] | undefined =>
  code === undefined ? undefined : timeouts[code]

const connectReasons: ReadonlyArray<readonly [RegExp, ConnectError["reason"]]> = [
  [/^ECONNREFUSED$/, "refused"],
  [/^(ENOTFOUND|EAI_\w+)$/, "dns"],
  [/^(EHOSTUNREACH|ENETUNREACH|EHOSTDOWN|ENETDOWN)$/, "unreachable"],
  [/^(ECONNRESET|ECONNABORTED|EPIPE|UND_ERR_SOCKET|UND_ERR_RES_CONTENT_LENGTH_MISMATCH)$/, "reset"],
  [/CERT|SELF_SIGNED|^EPROTO$|^ERR_(TLS|SSL)_|UNABLE_TO_/, "tls"],
  // Z_: the body is not the gzip that the headers promise.
  [/^(HPE_\w+|HTTPParserError|UND_ERR_HEADERS_OVERFLOW|Z_\w+)$/, "protocol"]
]

/** @internal */
export const connectReason = (cause: unknown): ConnectError["reason"] => {
  const signs = causesOf(cause).flatMap(({ code, name }) => [code, name])
  return connectReasons.find(([pattern]) => signs.some((sign) => pattern.test(sign)))?.[1] ?? "other"
}

/** The first code that an error or what caused it has. @internal */
export const codeOf = (cause: unknown): string | undefined => causesOf(cause).find(({ code }) => code !== "")?.code

// Transports wrap: fetch says "fetch failed" and keeps the socket's error as its cause, Happy Eyeballs gives several.
const causesOf = (cause: unknown, depth = 0): ReadonlyArray<{ readonly code: string; readonly name: string }> => {
  if (typeof cause !== "object" || cause === null || depth > 8) return []
  const code = "code" in cause && typeof cause.code === "string" ? cause.code : ""
  const name = "name" in cause && typeof cause.name === "string" ? cause.name : ""
  const outer = "cause" in cause ? cause.cause : undefined
  const inner: unknown = "errors" in cause && Array.isArray(cause.errors) ? cause.errors[0] : outer
  return [{ code, name }, ...causesOf(inner, depth + 1)]
}
