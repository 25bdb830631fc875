/**
 * The body of an answer as a stream of bytes, with every failure a `FetchError`.
 *
 * The time limits of a `RateLimitedClient` end with the headers: a stream may last for hours. What bounds it is the idle
 * time between two pieces. A connection that is lost in the middle is an error of the stream; nothing is sent again.
 *
 * @since 0.1.0
 */
import type { Headers, HttpClient, HttpClientRequest } from "@effect/platform"
import { type Duration, Effect, type Schema, type Scope, Stream } from "effect"
import { dual } from "effect/Function"
import type * as FetchError from "./FetchError.ts"
import * as Opening from "./internal/opening.ts"
import { isRequestFirst } from "./internal/requestFirst.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Most bytes of the body, decoded. Defaults to no limit: a stream is not held in memory. */
  readonly maxBodyBytes?: number | undefined
  /**
   * How long the server may send nothing, once the headers have come; the time that the reader takes does not count.
   * `Infinity` is for ever. Defaults to 1 minute.
   */
  readonly idleTimeout?: Duration.DurationInput | undefined
}

/**
 * An answer with success whose body is still to be read, once.
 *
 * @since 0.1.0
 * @category models
 */
export interface Opened {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly headers: Headers.Headers
  /** What an error about this answer says of it, as of now. `attempts` does not count those of a client below. */
  readonly exchange: Effect.Effect<Schema.Struct.Type<typeof FetchError.Exchange>>
  /**
   * Pulls from the connection as it is pulled from. Fails with `ConnectError` where the connection is lost, `TimeoutError`
   * (`body`) after the idle time, `BodyTooLargeError` above the limit.
   */
  readonly body: Stream.Stream<Uint8Array, FetchError.FetchError>
}

/**
 * Sends a request and gives the answer as soon as its headers are there, for who has to look at them before the body. The
 * connection is freed at the end of the body or of the scope. Fails by status as `Fetcher.fetch` does.
 *
 * @since 0.1.0
 * @category requests
 */
export const open: {
  (
    options?: Options
  ): (
    request: HttpClientRequest.HttpClientRequest
  ) => Effect.Effect<Opened, FetchError.FetchError, HttpClient.HttpClient | Scope.Scope>
  (
    request: HttpClientRequest.HttpClientRequest,
    options?: Options
  ): Effect.Effect<Opened, FetchError.FetchError, HttpClient.HttpClient | Scope.Scope>
} = dual(isRequestFirst, (request: HttpClientRequest.HttpClientRequest, options?: Options) =>
  Effect.flatMap(Opening.beginTally, (tally) =>
    Opening.open({
      tally,
      idleTimeout: options?.idleTimeout ?? Opening.defaultIdleTimeout,
      maxBodyBytes: options?.maxBodyBytes
    })(request)
  )
)

/**
 * Sends a request when it is run, and gives the bytes of the body as they come. Into a sink they go by `Stream.run`.
 *
 * @example
 * ```ts
 * import { type HttpClient, HttpClientRequest } from "@effect/platform"
 * import { ByteStream, type FetchError } from "@tributary/fetcher"
 * import { type Effect, Sink, Stream } from "effect"
 *
 * const size = Sink.foldLeft(0, (total: number, bytes: Uint8Array) => total + bytes.length)
 *
 * export const weigh: Effect.Effect<number, FetchError.FetchError, HttpClient.HttpClient> = HttpClientRequest.get(
 *   "https://example.com/archive.tar"
 * ).pipe(ByteStream.stream({ maxBodyBytes: 10 * 1024 ** 3 }), Stream.run(size))
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const stream: {
  (
    options?: Options
  ): (
    request: HttpClientRequest.HttpClientRequest
  ) => Stream.Stream<Uint8Array, FetchError.FetchError, HttpClient.HttpClient>
  (
    request: HttpClientRequest.HttpClientRequest,
    options?: Options
  ): Stream.Stream<Uint8Array, FetchError.FetchError, HttpClient.HttpClient>
} = dual(isRequestFirst, (request: HttpClientRequest.HttpClientRequest, options?: Options) =>
  Stream.unwrapScoped(Effect.map(open(request, options), ({ body }) => body))
)
