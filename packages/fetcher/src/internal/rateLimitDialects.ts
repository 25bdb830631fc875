import type { Headers } from "@effect/platform"
import { Duration } from "effect"
import type { Observation } from "../RateLimitHeaders.ts"
import { count, decimal, bounded, untilEpoch, untilReset } from "./headerValue.ts"
import { observation } from "./observation.ts"

const fields = (name: (field: string, resource: Observation["resource"]) => string) =>
  (["requests", "tokens", "input-tokens", "output-tokens"] as const).map((resource) => ({
    resource,
    limit: name("limit", resource),
    remaining: name("remaining", resource),
    reset: name("reset", resource)
  }))

const anthropicFields = fields((field, resource) => `anthropic-ratelimit-${resource}-${field}`)

/**
 * Anthropic: buckets that fill steadily, per minute; the reset is the time at which one is full again
 * (https://docs.anthropic.com/en/api/rate-limits).
 *
 * @internal
 */
export const anthropic =
  (at: number) =>
  (headers: Headers.Headers): ReadonlyArray<Observation> =>
    anthropicFields.flatMap((field) => {
      const limit = count(headers[field.limit])
      return observation(field.resource)({
        limit,
        window: limit === undefined ? undefined : minute,
        remaining: count(headers[field.remaining]),
        full: untilReset(at)(headers[field.reset])
      })
    })

const openaiFields = fields((field, resource) => `x-ratelimit-${field}-${resource}`)

/**
 * OpenAI (https://platform.openai.com/docs/guides/rate-limits) and those who speak as it does. As with Anthropic, but the
 * window may be a minute or a day: Groq's requests are per day, its tokens per minute.
 *
 * @internal
 */
export const openai =
  (at: number) =>
  (headers: Headers.Headers): ReadonlyArray<Observation> =>
    openaiFields.flatMap((field) => {
      const limit = count(headers[field.limit])
      const remaining = count(headers[field.remaining])
      const full = untilReset(at)(headers[field.reset])
      return observation(field.resource)({ limit, remaining, full, window: bucketWindow(limit, remaining, full) })
    })

/**
 * `x-ratelimit-*` and `x-rate-limit-*`, of which there is no standard: one limit, and when its window begins anew. GitHub
 * and Discord have several, and name the one that was drawn on.
 *
 * @internal
 */
export const common =
  (at: number) =>
  (headers: Headers.Headers): ReadonlyArray<Observation> =>
    ["x-ratelimit", "x-rate-limit"].flatMap((prefix) => {
      const field = (name: string) => headers[`${prefix}-${name}`]
      const after = decimal(field("reset-after"))
      const until = isGitHub(headers) ? untilEpoch(at) : untilReset(at)
      return observation("requests")({
        limit: count(field("limit")),
        remaining: count(field("remaining")),
        reset: after === undefined ? until(field("reset")) : bounded(after * 1_000),
        name: field("resource") ?? field("bucket")
      })
    })

/** @internal */
export const isGitHub = (headers: Headers.Headers): boolean =>
  headers["x-github-request-id"] !== undefined || headers["x-ratelimit-resource"] !== undefined

const minute = Duration.minutes(1)
const windows = [minute, Duration.days(1)]

/**
 * A bucket of `limit` that gets back what is missing in the time `full` gets back all of it in its window. What is
 * missing is told in whole pieces and the time in whole milliseconds: where little is missing, the window may be too far
 * off to be told, and comes with a later response.
 */
const bucketWindow = (
  limit: number | undefined,
  remaining: number | undefined,
  full: Duration.Duration | undefined
): Duration.Duration | undefined => {
  if (limit === undefined || remaining === undefined || full === undefined || remaining >= limit) return undefined
  const implied = (Duration.toMillis(full) * limit) / (limit - remaining)
  return windows.find((window) => Math.abs(implied / Duration.toMillis(window) - 1) <= 0.1)
}
