import { Headers, HttpClientRequest } from "@effect/platform"
import { Array, Either, Encoding, Option, Order } from "effect"

/** What an error may say of a request. @internal */
export interface RequestInfo {
  readonly method: string
  readonly url: string
}

/** Rather hide a name too many (`page_token`) than one too few; short words count only where a word begins. @internal */
export const secretName =
  /(key|token|secret|password|passwd|passphrase|signature|credentials?|authorization|session(_?id)?|jwt|cookie)$|(^|[-_.])(auth|pass|pwd|sig|hmac|otp)$|^(code|app_?id)$/i

const hidden = "REDACTED"

/** Shorter ones are left in texts: hiding every "a" would hide the text. */
const shortestSecret = 4

/** The request without user info, fragment and the values of query parameters whose name speaks of a secret. @internal */
export const redactRequest = (request: HttpClientRequest.HttpClientRequest): RequestInfo => ({
  method: request.method,
  url: HttpClientRequest.toUrl(request).pipe(
    // "bob:secret@host" is a URL as well, of the scheme "bob".
    Option.filter(({ protocol }) => protocol === "http:" || protocol === "https:"),
    Option.match({
      // What is no URL may be anything, a secret too: what stands between user info and query says enough.
      onNone: () => request.url.replace(/^([^/?#]*\/\/)?.*@/s, "$1").replace(/[?#].*$/s, ""),
      onSome: redactUrl
    })
  )
})

/** @internal */
export const redactUrl = (input: URL): string => {
  const url = new URL(input)
  url.username = ""
  url.password = ""
  url.hash = ""
  for (const name of new Set(url.searchParams.keys())) {
    if (secretName.test(name)) url.searchParams.set(name, hidden)
  }
  return url.toString()
}

/**
 * Takes the request's own secrets out of a text that came back: servers like to repeat a wrong key, or the address.
 *
 * @internal
 */
export const redactText = (request: HttpClientRequest.HttpClientRequest): ((text: string) => string) => {
  const forms = secretsOf(request)
    .flatMap((secret) => [secret, percent(encodeURIComponent, secret), JSON.stringify(secret).slice(1, -1)])
    .filter((secret) => secret.length >= shortestSecret)
  // A secret may be the beginning of another.
  const secrets = Array.sortWith(forms, ({ length }) => length, Order.reverse(Order.number))
  return (text) => secrets.reduce((result, secret) => result.replaceAll(secret, hidden), text)
}

/**
 * What the transport said, as plain errors: its own ones have the bytes that came, or the URL as it was, as properties.
 *
 * @internal
 */
export const redactCause = (request: HttpClientRequest.HttpClientRequest): ((cause: unknown) => Error) => {
  const redact = redactText(request)
  const copy = (cause: unknown, depth: number): Error => {
    if (!(cause instanceof Error)) return new Error(redact(String(cause)))
    const inner = cause.cause === undefined || depth > 8 ? {} : { cause: copy(cause.cause, depth + 1) }
    const error = new Error(redact(cause.message), inner)
    error.name = cause.name
    if (cause.stack !== undefined) error.stack = redact(cause.stack)
    return error
  }
  return (cause) => copy(cause, 0)
}

const secretsOf = (request: HttpClientRequest.HttpClientRequest): ReadonlyArray<string> => {
  const secrets: globalThis.Array<string> = []
  for (const [name, shown] of Object.entries(Headers.redact(request.headers, secretName))) {
    if (typeof shown === "string") continue
    const value = request.headers[name] ?? ""
    // "Bearer abc" is repeated as "abc" as well, "a=b; c=d" as "d", and Basic's as what it encodes.
    const parts = value.replace(/^\w+\s+/, "").split(/[\s;,]+/)
    secrets.push(value, ...parts.flatMap((part) => [part, part.slice(part.indexOf("=") + 1)]))
    if (/^basic\s/i.test(value)) {
      const pair = Either.getOrElse(Encoding.decodeBase64String(parts[0] ?? ""), () => "")
      secrets.push(pair, pair.slice(0, pair.indexOf(":")), pair.slice(pair.indexOf(":") + 1))
    }
  }
  const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
  if (url === undefined) return secrets
  for (const part of [url.username, url.password]) secrets.push(part, percent(decodeURIComponent, part))
  for (const [name, value] of url.searchParams) if (secretName.test(name)) secrets.push(value)
  return secrets
}

/** As it is where it cannot be converted. */
const percent = (convert: (text: string) => string, text: string): string =>
  Option.getOrElse(Option.liftThrowable(convert)(text), () => text)
