/**
 * Keys by which a server knows a request again (draft-ietf-httpapi-idempotency-key-header-07), so that a POST may be sent
 * again after a lost connection and is still done once.
 *
 * @since 0.1.0
 */
import { Headers, HttpClientRequest } from "@effect/platform"
import { Clock, Effect, Random } from "effect"

const name = "idempotency-key"

/**
 * Gives a POST or PATCH a new `Idempotency-Key`. The request keeps a key that it has; other methods are idempotent without
 * one and stay as they are (RFC 9110, 9.2.2).
 *
 * The key belongs to the request: sent again, be it by the retries of a `RateLimitedClient` (which wait for the key) or by
 * the caller, it is the same. For every request of a client, each with a key of its own: `HttpClient.mapRequestEffect`.
 *
 * It is a UUID, in quotes as the draft has it: a server that wants it bare needs `HttpClientRequest.setHeader`.
 *
 * @example
 * ```ts
 * import { type HttpClient, HttpClientRequest } from "@effect/platform"
 * import { Fetcher, type FetchError, IdempotencyKey } from "@tributary/fetcher"
 * import { Effect, Schema } from "effect"
 *
 * const Payment = Schema.Struct({ id: Schema.String })
 *
 * export const pay: Effect.Effect<typeof Payment.Type, FetchError.FetchError, HttpClient.HttpClient> =
 *   HttpClientRequest.post("https://example.com/payments").pipe(
 *     HttpClientRequest.bodyUnsafeJson({ amount: 100 }),
 *     IdempotencyKey.add,
 *     Effect.flatMap(Fetcher.json(Payment))
 *   )
 * ```
 *
 * @since 0.1.0
 * @category requests
 */
export const add = (request: HttpClientRequest.HttpClientRequest): Effect.Effect<HttpClientRequest.HttpClientRequest> =>
  (request.method !== "POST" && request.method !== "PATCH") || Headers.has(request.headers, name)
    ? Effect.succeed(request)
    : Effect.map(uuid, (key) => HttpClientRequest.setHeader(request, name, `"${key}"`))

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0")

/**
 * Version 7 (RFC 9562, 5.7): the time in milliseconds and 74 bits of chance. Not version 4, which is chance alone: Effect's
 * default `Random` begins with 32 bits of it, so that of 77,000 processes two are likely to draw the same keys.
 */
const uuid: Effect.Effect<string> = Effect.gen(function* () {
  const time = hex(yield* Clock.currentTimeMillis, 12)
  const a = yield* Random.nextIntBetween(0, 2 ** 12)
  const b = yield* Random.nextIntBetween(0, 2 ** 14)
  const c = yield* Random.nextIntBetween(0, 2 ** 24)
  const d = yield* Random.nextIntBetween(0, 2 ** 24)
  return `${time.slice(0, 8)}-${time.slice(8)}-${hex(0x7000 + a, 4)}-${hex(0x8000 + b, 4)}-${hex(c, 6)}${hex(d, 6)}`
})
