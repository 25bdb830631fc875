/**
 * What a server says in its headers about when to come back.
 *
 * @since 0.1.0
 */
import type { Headers } from "@effect/platform"
import { Duration, Option } from "effect"

/**
 * How long to wait, by `retry-after-ms` (milliseconds, as OpenAI and Azure send it) or else `Retry-After` (RFC 9110,
 * 10.2.3: whole seconds or an HTTP date).
 *
 * A date is taken relative to the response's own `Date`, so that a client whose clock is wrong waits for the right time;
 * without `Date`, relative to `now` (milliseconds since the epoch). A date in the past is a wait of zero. What is
 * malformed is ignored, and what is longer than 2^31 seconds (68 years) counts as that.
 *
 * @example
 * ```ts
 * import { Headers } from "@effect/platform"
 * import { RateLimitHeaders } from "@tributary/fetcher"
 *
 * const headers = Headers.fromInput({ "retry-after": "120" })
 * export const wait = RateLimitHeaders.retryAfter(0)(headers) // Some(2 minutes)
 * ```
 *
 * @since 0.1.0
 * @category parsers
 */
export const retryAfter =
  (now: number) =>
  (headers: Headers.Headers): Option.Option<Duration.Duration> => {
    const millis = decimal(headers["retry-after-ms"])
    if (millis !== undefined) return Option.some(Duration.min(Duration.millis(millis), longest))
    const seconds = decimal(headers["retry-after"])
    if (seconds !== undefined) return Option.some(Duration.min(Duration.seconds(seconds), longest))
    const date = httpDate(headers["retry-after"])
    if (date === undefined) return Option.none()
    return Option.some(Duration.millis(Math.max(0, date - (httpDate(headers["date"]) ?? now))))
  }

// RFC 9111, 1.2.2: what is larger counts as 2^31 seconds. The point of time that follows is then one a `Date` can hold.
const longest = Duration.seconds(2 ** 31)

// Some servers send fractions of a second, against the RFC; they mean them.
const decimal = (text: string | undefined): number | undefined =>
  text !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined

// The three forms of RFC 9110, 5.6.7: IMF-fixdate, RFC 850 and asctime. `Date.parse` reads all of them, and much else.
const forms = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/
]
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/

const httpDate = (text: string | undefined): number | undefined => {
  const trimmed = text?.trim() ?? ""
  // asctime names no zone and means UTC.
  const zoned = asctime.test(trimmed) ? `${trimmed} GMT` : trimmed
  if (zoned === trimmed && !forms.some((form) => form.test(trimmed))) return undefined
  const millis = Date.parse(zoned)
  return Number.isNaN(millis) ? undefined : millis
}
