/**
 * Request + Schema -> value, with every failure a `FetchError`.
 *
 * The thin typed top of any `HttpClient`. Over a `RateLimitedClient` the reading of the body is part of the attempt: a
 * connection that is lost in the middle of the body is tried again like one that could not be made.
 *
 * @since 0.1.0
 */
import {
  type Headers,
  HttpClient,
  type HttpClientError,
  type HttpClientRequest,
  type HttpClientResponse
} from "@effect/platform"
import { Clock, Context, Duration, Effect, Either, ParseResult, type Schema } from "effect"
import { dual } from "effect/Function"
import * as FetchError from "./FetchError.ts"
import { attemptsOf, executeReading, read } from "./internal/exchange.ts"
import { ReadResponse } from "./internal/ReadResponse.ts"
import { redactRequest, redactText } from "./internal/redact.ts"
import { isRequestFirst } from "./internal/requestFirst.ts"
import { statusFailure } from "./internal/statusFailure.ts"
import * as Mismatch from "./Mismatch.ts"

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

const utf8 = new TextDecoder()

const defaultMaxBodyBytes = 32 * 1024 * 1024

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
  Effect.withFiberRuntime<Fetched, FetchError.FetchError, HttpClient.HttpClient>((fiber) => {
    const client = Context.get(fiber.currentContext as Context.Context<HttpClient.HttpClient>, HttpClient.HttpClient)
    const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
    const now = (): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6
    const limit = options?.maxBodyBytes ?? defaultMaxBodyBytes
    const startedAt = now()
    let attempts = 1
    const facts = () => ({ request: redactRequest(request), attempts, elapsed: Duration.millis(now() - startedAt) })
    const fromPlatform = (error: HttpClientError.HttpClientError) =>
      Effect.fail(FetchError.fromHttpClientError(facts())(error))

    const fetched = (response: HttpClientResponse.HttpClientResponse, body: Uint8Array): Fetched => ({
      request,
      status: response.status,
      headers: response.headers,
      body,
      attempts,
      elapsed: Duration.millis(now() - startedAt)
    })

    const received = (
      response: HttpClientResponse.HttpClientResponse
    ): Effect.Effect<Fetched, FetchError.FetchError> => {
      attempts = attemptsOf(response)
      if (response.status < 200 || response.status >= 300) {
        return statusFailure({ request, exchange: Effect.sync(facts) })(response)
      }
      if (response instanceof ReadResponse) return Effect.succeed(fetched(response, response.body))
      return Effect.matchEffect(read(limit)(response), {
        onSuccess: (body) => Effect.succeed(fetched(response, body)),
        onFailure: (error) =>
          error._tag === "TooLarge" ? new FetchError.BodyTooLargeError({ ...facts(), limit }) : fromPlatform(error)
      })
    }

    return Effect.matchEffect(executeReading(limit)(client)(request), {
      onSuccess: received,
      onFailure: (error) =>
        // A client with `filterStatusOk` has the answer in its error.
        error._tag === "ResponseError" && error.reason === "StatusCode" ? received(error.response) : fromPlatform(error)
    })
  })
)

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
    const text = utf8.decode(fetched.body)
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
