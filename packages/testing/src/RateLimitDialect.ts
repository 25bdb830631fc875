/**
 * How servers say in their headers what is left of a rate limit, in the dialects in use.
 *
 * @since 0.1.0
 */
import { DateTime } from "effect"

/**
 * The state of a limit, just after a request was let in or turned away.
 *
 * @since 0.1.0
 * @category models
 */
export interface Quota {
  /** Requests per window. */
  readonly limit: number
  /** The window, in milliseconds. */
  readonly window: number
  /** Requests that would be let in now. */
  readonly remaining: number
  /** Milliseconds until the next request is let in; zero if it would be now. */
  readonly wait: number
  /** Milliseconds until as many are let in at once as at first. */
  readonly reset: number
  /** Milliseconds since the epoch. */
  readonly now: number
}

/**
 * The names of the dialects. `limit` is the requests per window, `remaining` those that would be let in now, and the
 * reset is the time at which the bucket is full again, rounded up to the dialect's unit.
 *
 * - `ietf`: `ratelimit-policy: "default";q=200;w=1` and `ratelimit: "default";r=19;t=1`, in seconds
 *   (draft-ietf-httpapi-ratelimit-headers-10). A window of less than a second is announced as a whole one of the same
 *   rate.
 * - `x-ratelimit`: `x-ratelimit-limit`, `-remaining` and `-reset`, in seconds from now.
 * - `github`: the same and `x-ratelimit-used` and `-resource`, with the reset in seconds since the epoch.
 * - `openai`: `x-ratelimit-limit-requests`, `x-ratelimit-remaining-requests` and `x-ratelimit-reset-requests`, the last
 *   one as Go prints a duration: `12ms`, `8.64s`, `6m0s`.
 * - `anthropic`: `anthropic-ratelimit-requests-limit`, `-remaining` and `-reset`, the last one as RFC 3339.
 *
 * @since 0.1.0
 * @category models
 */
export type Name = "ietf" | "x-ratelimit" | "github" | "openai" | "anthropic"

/**
 * A dialect by its name, or one of your own.
 *
 * @since 0.1.0
 * @category models
 */
export type RateLimitDialect = Name | ((quota: Quota) => Readonly<Record<string, string>>)

/**
 * The headers of a dialect.
 *
 * @example
 * ```ts
 * import { RateLimitDialect } from "@tributary/testing"
 *
 * const announce = RateLimitDialect.headers("x-ratelimit")
 * // { "x-ratelimit-limit": "10", "x-ratelimit-remaining": "9", "x-ratelimit-reset": "1" }
 * export const example = announce({ limit: 10, window: 1_000, remaining: 9, wait: 0, reset: 100, now: 0 })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const headers =
  (dialect: RateLimitDialect) =>
  (quota: Quota): Readonly<Record<string, string>> =>
    typeof dialect === "function" ? dialect(quota) : dialects[dialect](quota)

/**
 * When to come back, as `Retry-After` (RFC 9110, 10.2.3) says it: in whole seconds, or as an HTTP date. Both are rounded
 * up, so that whoever obeys is let in.
 *
 * @since 0.1.0
 * @category conversions
 */
export const retryAfter =
  (form: "seconds" | "date") =>
  (quota: Quota): string =>
    form === "seconds" ? String(seconds(quota.wait)) : httpDate(epochSeconds(quota, quota.wait) * 1_000)

/**
 * An HTTP date (RFC 9110, 5.6.7): `Thu, 01 Jan 1970 00:00:00 GMT`. What is below a second is cut off.
 *
 * @since 0.1.0
 * @category conversions
 */
export const httpDate = (epochMillis: number): string =>
  DateTime.toDateUtc(DateTime.unsafeMake(epochMillis)).toUTCString()

// Rounded up, but not for a microsecond: so much may clocks and sums be off.
const wholeMillis = (millis: number): number => Math.ceil(millis - 1e-3)

const seconds = (millis: number): number => Math.ceil(wholeMillis(millis) / 1_000)

// An epoch time leaves a double no bits for such fractions: they are rounded before they are added.
const epochSeconds = ({ now }: Quota, millis: number): number => Math.ceil((now + wholeMillis(millis)) / 1_000)

const rfc3339 = (epochSeconds: number): string =>
  DateTime.formatIso(DateTime.unsafeMake(epochSeconds * 1_000)).replace(".000Z", "Z")

/** As `time.Duration.String` of Go prints whole milliseconds. */
const goDuration = (millis: number): string => {
  const whole = wholeMillis(millis)
  if (whole > 0 && whole < 1_000) return `${whole}ms`
  const minutes = Math.floor(whole / 60_000)
  const rest = `${(whole % 60_000) / 1_000}s`
  if (minutes === 0) return rest
  return minutes < 60 ? `${minutes}m${rest}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${rest}`
}

const dialects: Readonly<Record<Name, (quota: Quota) => Readonly<Record<string, string>>>> = {
  ietf: ({ limit, remaining, reset, window }) => {
    const w = Math.ceil(window / 1_000)
    return {
      "ratelimit-policy": `"default";q=${Math.floor((limit * w * 1_000) / window)};w=${w}`,
      ratelimit: `"default";r=${remaining};t=${seconds(reset)}`
    }
  },
  "x-ratelimit": ({ limit, remaining, reset }) => ({
    "x-ratelimit-limit": String(limit),
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-reset": String(seconds(reset))
  }),
  github: (quota) => ({
    "x-ratelimit-limit": String(quota.limit),
    "x-ratelimit-remaining": String(quota.remaining),
    "x-ratelimit-used": String(Math.max(0, quota.limit - quota.remaining)),
    "x-ratelimit-reset": String(epochSeconds(quota, quota.reset)),
    "x-ratelimit-resource": "core"
  }),
  openai: ({ limit, remaining, reset }) => ({
    "x-ratelimit-limit-requests": String(limit),
    "x-ratelimit-remaining-requests": String(remaining),
    "x-ratelimit-reset-requests": goDuration(reset)
  }),
  anthropic: (quota) => ({
    "anthropic-ratelimit-requests-limit": String(quota.limit),
    "anthropic-ratelimit-requests-remaining": String(quota.remaining),
    "anthropic-ratelimit-requests-reset": rfc3339(epochSeconds(quota, quota.reset))
  })
}
