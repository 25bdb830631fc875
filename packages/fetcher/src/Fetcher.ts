/**
 * Request + Schema -> value, with every failure a `FetchError`.
 *
 * The thin typed top of any `HttpClient`. Over a `RateLimitedClient` the reading of the body is part of the attempt: a
 * connection that is lost in the middle of the body is tried again like one that could not be made.
 *
 * @since 0.1.0
 */
import { type Headers, HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { DateTime, Duration, Effect, Either, Option, ParseResult, Predicate, type Schema } from "effect"
import { dual } from "effect/Function"
import * as FetchError from "./FetchError.ts"
import {
  attemptsOf,
  currentMaxBodyBytes,
  monotonicMillis,
  mostDrainMillis,
  mostErrorBytes,
  read,
  readStart
} from "./internal/exchange.ts"
import { redactRequest, redactText } from "./internal/redact.ts"
import { cut, printable } from "./internal/text.ts"
import * as Mismatch from "./Mismatch.ts"
import * as RateLimitHeaders from "./RateLimitHeaders.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Most bytes of a body, decoded. Defaults to 32 MiB. */
  readonly maxBodyBytes?: number | undefined
}

/**
 * An answer with success, read to its end.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fetched {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly headers: Headers.Headers
  readonly body: Uint8Array
  /** How often the request was sent. */
  readonly attempts: number
  readonly elapsed: Duration.Duration
}

const defaultMaxBodyBytes = 32 * 1024 * 1024

/** What asks for a longer wait is no throttle any more. */
const anHour = Duration.hours(1)

/** Of an error's body so much is shown. */
const mostErrorCharacters = 200

const isRequestFirst = (args: IArguments): boolean => Predicate.hasProperty(args[0], HttpClientRequest.TypeId)

/**
 * Sends a request and reads the answer. Fails unless the status is 2xx: with `RateLimitedError` for 429, with
 * `QuotaError` for 402, and for a 429 that asks for an hour or more or speaks of a quota, with `StatusError` for any other.
 *
 * @since 0.1.0
 * @category requests
 */
export const fetch: {
  (
    options?: Options
  ): (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<Fetched, FetchError.FetchError, HttpClient.HttpClient>
  (
    request: HttpClientRequest.HttpClientRequest,
    options?: Options
  ): Effect.Effect<Fetched, FetchError.FetchError, HttpClient.HttpClient>
} = dual(isRequestFirst, (request: HttpClientRequest.HttpClientRequest, options?: Options) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    const limit = options?.maxBodyBytes ?? defaultMaxBodyBytes
    const startedAt = yield* monotonicMillis
    let attempts = 1
    const facts = Effect.map(monotonicMillis, (now) => ({
      request: redactRequest(request),
      attempts,
      elapsed: Duration.millis(now - startedAt)
    }))
    const fromPlatform = (error: HttpClientError.HttpClientError) =>
      Effect.flatMap(facts, (facts) => Effect.fail(FetchError.fromHttpClientError(facts)(error)))

    const response = yield* client.execute(request).pipe(
      Effect.locally(currentMaxBodyBytes, Option.some(limit)),
      Effect.catchAll((error) =>
        // A client with `filterStatusOk` has the answer in its error.
        error._tag === "ResponseError" && error.reason === "StatusCode"
          ? Effect.succeed(error.response)
          : fromPlatform(error)
      )
    )
    attempts = attemptsOf(response)

    if (response.status >= 200 && response.status < 300) {
      const body = yield* read(limit)(response).pipe(
        Effect.catchTags({
          TooLarge: () => Effect.flatMap(facts, (facts) => new FetchError.BodyTooLargeError({ ...facts, limit })),
          ResponseError: fromPlatform
        })
      )
      const { elapsed } = yield* facts
      return { request, status: response.status, headers: response.headers, body, attempts, elapsed }
    }

    const start = yield* readStart({ limit: mostErrorBytes, millis: mostDrainMillis })(response)
    const exchange = yield* facts
    const { status } = response
    const said = new TextDecoder().decode(start)
    const text = redactText(request)(explanation(response.headers, said))
    const body = cut(mostErrorCharacters)(printable(text.replaceAll(/\s+/g, " ").trim()))
    const now = yield* DateTime.now
    const throttle = RateLimitHeaders.throttle(DateTime.toEpochMillis(now))(response)
    if (status !== 402 && status !== 429) {
      return yield* new FetchError.StatusError({ ...exchange, status, body })
    }
    const retryAfter = Option.getOrUndefined(throttle)?.retryAfter
    const when = retryAfter === undefined ? {} : { retryAfter, retryAt: DateTime.addDuration(now, retryAfter) }
    // A throttle passes soon; a quota is bought, or granted by the day.
    const isQuota =
      status === 402 ||
      /\bquota|_quota/i.test(said) ||
      (retryAfter && Duration.greaterThanOrEqualTo(retryAfter, anHour))
    return isQuota === true
      ? yield* new FetchError.QuotaError({ ...exchange, ...when, status, body })
      : yield* new FetchError.RateLimitedError({ ...exchange, ...when, scope: "server" })
  })
)

/** Of problem details (RFC 9457) title and detail, which are for people; of any other body the text. */
const explanation = (headers: Headers.Headers, text: string): string => {
  if (!/^application\/problem\+json\b/i.test(headers["content-type"] ?? "")) return text
  return Option.liftThrowable((): unknown => JSON.parse(text))().pipe(
    Option.map((problem) =>
      ["title", "detail"].flatMap((name) =>
        Predicate.hasProperty(problem, name) && Predicate.isString(problem[name]) ? [problem[name]] : []
      )
    ),
    Option.filter((parts) => parts.length > 0),
    Option.match({ onNone: () => text, onSome: (parts) => parts.join(": ") })
  )
}

/**
 * The error of an answer that is not what was asked for, for who looks into the body without a Schema. `got` is shown as
 * JSON, cut, without the request's own secrets.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decodeError =
  (fetched: Fetched) =>
  (mismatch: { readonly path: string; readonly expected: string; readonly got: unknown }): FetchError.DecodeError =>
    new FetchError.DecodeError({
      ...exchangeOf(fetched),
      ...mismatch,
      got: Mismatch.showWith(redactText(fetched.request))(mismatch.got)
    })

const exchangeOf = ({ attempts, elapsed, request }: Fetched) => ({ request: redactRequest(request), attempts, elapsed })

/**
 * The answer's body as JSON, decoded. Fails with `DecodeError` where it is not JSON (RFC 8259, UTF-8) or does not fit.
 *
 * @since 0.1.0
 * @category decoding
 */
export const decode =
  <A, I, R>(schema: Schema.Schema<A, I, R>) =>
  (fetched: Fetched): Effect.Effect<A, FetchError.DecodeError, R> => {
    const text = new TextDecoder().decode(fetched.body)
    return Either.match(
      Either.try((): unknown => JSON.parse(text)),
      {
        onLeft: () =>
          text === ""
            ? new FetchError.DecodeError({ ...exchangeOf(fetched), path: "", expected: "JSON", got: "an empty body" })
            : decodeError(fetched)({ path: "", expected: "JSON", got: text }),
        onRight: (json) =>
          Effect.mapError(
            ParseResult.decodeUnknown(schema)(json),
            (issue) =>
              new FetchError.DecodeError({
                ...exchangeOf(fetched),
                ...Mismatch.fromIssueWith(redactText(fetched.request))(issue)
              })
          )
      }
    )
  }

/**
 * Sends a request and decodes the JSON that comes.
 *
 * @example
 * ```ts
 * import { FetchHttpClient, type HttpClient, HttpClientRequest } from "@effect/platform"
 * import { type FetchError, Fetcher, RateLimitedClient } from "@tributary/fetcher"
 * import { Effect, Layer, Schema } from "effect"
 *
 * const Rate = Schema.Struct({ base: Schema.String, rates: Schema.Record({ key: Schema.String, value: Schema.Number }) })
 *
 * const euro: Effect.Effect<typeof Rate.Type, FetchError.FetchError, HttpClient.HttpClient> = Fetcher.json(
 *   HttpClientRequest.get("https://api.frankfurter.dev/v1/latest"),
 *   Rate
 * )
 *
 * export const program = euro.pipe(
 *   Effect.provide(RateLimitedClient.layer().pipe(Layer.provide(FetchHttpClient.layer)))
 * )
 * ```
 *
 * @since 0.1.0
 * @category requests
 */
export const json: {
  <A, I, R>(
    schema: Schema.Schema<A, I, R>,
    options?: Options
  ): (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<A, FetchError.FetchError, HttpClient.HttpClient | R>
  <A, I, R>(
    request: HttpClientRequest.HttpClientRequest,
    schema: Schema.Schema<A, I, R>,
    options?: Options
  ): Effect.Effect<A, FetchError.FetchError, HttpClient.HttpClient | R>
} = dual(
  isRequestFirst,
  <A, I, R>(
    request: HttpClientRequest.HttpClientRequest,
    schema: Schema.Schema<A, I, R>,
    options?: Options
  ): Effect.Effect<A, FetchError.FetchError, HttpClient.HttpClient | R> =>
    Effect.flatMap(fetch(request, options), decode(schema))
)
