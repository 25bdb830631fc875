/**
 * What a server says in its headers about its limits and about when to come back, in the dialects in use.
 *
 * Every parser is total: whatever the bytes, nothing is thrown, and what is malformed is as if it were not there. No
 * duration is negative or longer than 2^31 seconds (68 years), no count has more than 53 bits.
 *
 * @since 0.1.0
 */
import type { Headers } from "@effect/platform"
import { Duration, Option } from "effect"
import { bounded, decimal, httpDate } from "./internal/headerValue.ts"
import { anthropic, common, isGitHub, openai } from "./internal/rateLimitDialects.ts"
import { fields } from "./internal/rateLimitFields.ts"

/**
 * What a response tells of one limit. There is at least one of `limit`, `remaining`, `reset` and `full`.
 *
 * @since 0.1.0
 * @category models
 */
export interface Observation {
  /** What is counted. */
  readonly resource: "requests" | "tokens" | "input-tokens" | "output-tokens"
  /**
   * Which of the server's limits it is, where there are several: the policy of a `RateLimit` item, GitHub's
   * `x-ratelimit-resource`, Discord's `x-ratelimit-bucket`. Limits of different names are counted apart.
   */
  readonly name?: string
  /** How many there are in a window. */
  readonly limit?: number
  /** The window; only where the headers say it or their dialect has but one. */
  readonly window?: Duration.Duration
  /** How many are left. */
  readonly remaining?: number
  /** How long until the window begins anew: with nothing left, that is the time to wait. */
  readonly reset?: Duration.Duration
  /**
   * How long until a bucket is full again that fills steadily (OpenAI, Anthropic): with nothing left, some of it is there
   * long before. It takes the place of `reset`.
   */
  readonly full?: Duration.Duration
}

/**
 * That a response asks to slow down.
 *
 * @since 0.1.0
 * @category models
 */
export interface Throttle {
  /** For how long; absent where the server does not say. */
  readonly retryAfter?: Duration.Duration
}

/**
 * The limits that the headers tell of, in the order in which they stand there. `now` is in milliseconds since the epoch; as
 * in `retryAfter`, the response's own `Date` goes before it.
 *
 * Read are, for each resource the first of them that speaks of it:
 *
 * 1. `RateLimit` and `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-10), matched by name. Policies that do not
 *    count requests are left out, and so are partition keys.
 * 2. The same of the drafts up to 07, and `RateLimit-Limit`, `RateLimit-Remaining` and `RateLimit-Reset`.
 * 3. `anthropic-ratelimit-<resource>-limit`, `-remaining` and `-reset`, per minute.
 * 4. `x-ratelimit-limit-<resource>`, `-remaining-` and `-reset-` (OpenAI and others). The window is given if the three
 *    together fit a minute or a day.
 * 5. `x-ratelimit-limit`, `-remaining` and `-reset` or `-reset-after`, with `x-rate-limit-` as well (GitHub and many
 *    others).
 *
 * A reset is in seconds from now, seconds or milliseconds since the epoch (numbers from 10^9 and from 10^11), RFC 3339, or
 * a Go duration (`6m0s`). GitHub's is always seconds since the epoch.
 *
 * @example
 * ```ts
 * import { Headers } from "@effect/platform"
 * import { RateLimitHeaders } from "@tributary/fetcher"
 *
 * const headers = Headers.fromInput({
 *   "ratelimit-policy": `"burst";q=100;w=60, "daily";q=1000;w=86400`,
 *   ratelimit: `"burst";r=12;t=30`
 * })
 * // { resource: "requests", name: "burst", limit: 100, window: 1 minute, remaining: 12, reset: 30 seconds }
 * // { resource: "requests", name: "daily", limit: 1000, window: 1 day }
 * export const limits = RateLimitHeaders.observations(0)(headers)
 * ```
 *
 * @since 0.1.0
 * @category parsers
 */
export const observations =
  (now: number) =>
  (headers: Headers.Headers): ReadonlyArray<Observation> => {
    // Most responses tell of none: to see that first takes 0.1 us a response rather than 6.
    if (!mentionsLimit(headers)) return []
    const at = dateOr(now)(headers)
    return [fields(at), anthropic(at), openai(at), common(at)].reduce<ReadonlyArray<Observation>>(
      (known, dialect) =>
        known.concat(dialect(headers).filter(({ resource }) => !known.some((other) => other.resource === resource))),
      []
    )
  }

/**
 * Whether a response asks to slow down, and for how long. It does
 *
 * - with status 429;
 * - with status 503 or 403 and a wait that `retryAfter` can read;
 * - with status 403 from GitHub and nothing left of its limit.
 *
 * The wait is that of `retryAfter`; else, where nothing is left of a limit, its `reset` (the longest); else, for a 429 from
 * GitHub, a minute, as its documentation asks
 * (https://docs.github.com/en/rest/using-the-rest-api/rate-limits-for-the-rest-api).
 *
 * A used-up quota answers 429 as well. Headers tell it from a throttle only by a wait of hours or days: whether such a wait
 * is worth it is for the caller to judge. That GitHub's 403 means its secondary limit, with some left of the primary one, is
 * said in the body alone, and is not seen here.
 *
 * @since 0.1.0
 * @category parsers
 */
export const throttle =
  (now: number) =>
  ({ headers, status }: { readonly status: number; readonly headers: Headers.Headers }): Option.Option<Throttle> => {
    if (status !== 403 && status !== 429 && status !== 503) return Option.none()
    const asked = retryAfter(now)(headers)
    if (Option.isSome(asked)) return Option.some({ retryAfter: asked.value })
    if (status === 503 || (status === 403 && !isGitHub(headers))) return Option.none()
    const used = observations(now)(headers).filter(({ remaining }) => remaining === 0)
    const resets = used.flatMap(({ reset }) => (reset === undefined ? [] : [reset]))
    if (resets.length > 0) return Option.some({ retryAfter: resets.reduce(Duration.max) })
    if (status === 403) return Option.none()
    return Option.some(isGitHub(headers) ? { retryAfter: Duration.minutes(1) } : {})
  }

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
    if (millis !== undefined) return Option.some(bounded(millis))
    const seconds = decimal(headers["retry-after"])
    if (seconds !== undefined) return Option.some(bounded(seconds * 1_000))
    const date = httpDate(headers["retry-after"])
    return date === undefined ? Option.none() : Option.some(bounded(date - dateOr(now)(headers)))
  }

const dateOr =
  (now: number) =>
  (headers: Headers.Headers): number =>
    httpDate(headers["date"]) ?? now

const mentionsLimit = (headers: Headers.Headers): boolean => {
  for (const name in headers) if (name.includes("ratelimit") || name.startsWith("x-rate-limit-")) return true
  return false
}
