/**
 * JSON values, one a line, as they come: NDJSON, JSON Lines.
 *
 * @since 0.1.0
 */
import type { HttpClient, HttpClientRequest } from "@effect/platform"
import { Effect, Option, type Schema, Stream } from "effect"
import { dual } from "effect/Function"
import * as ByteStream from "./ByteStream.ts"
import type * as FetchError from "./FetchError.ts"
import { decodeItem, itemError } from "./internal/jsonItem.ts"
import { lines } from "./internal/lines.ts"
import { isRequestFirst } from "./internal/requestFirst.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options<R = never> extends ByteStream.Options {
  /** Most bytes of a line, without its end. Defaults to 1 MiB. */
  readonly maxLineBytes?: number | undefined
  /** Takes what is no value, and the stream goes on. Defaults to none: the stream fails with the error. */
  readonly onReject?: ((rejected: Rejected) => Effect.Effect<void, never, R>) | undefined
}

/**
 * A line that is not what was asked for.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rejected {
  /** Which one, from 0, as in the error's path; empty lines do not count. */
  readonly index: number
  /** The line as it came; of one that is too long the beginning. */
  readonly line: string
  readonly error: FetchError.DecodeError
}

const defaultMaxLineBytes = 1024 * 1024

/**
 * Sends a request and decodes the body line by line, the last one with or without a line feed. Empty lines, carriage returns
 * and a byte order mark at the beginning are no part of the values; the content type does not matter.
 *
 * A line that is too long, no JSON, or does not fit the Schema is a `DecodeError` with a path such as `[12].name`, as if all
 * lines were one array. The values before a failure come first. Otherwise it fails as `ByteStream.stream` does.
 *
 * @example
 * ```ts
 * import { type HttpClient, HttpClientRequest } from "@effect/platform"
 * import { type FetchError, JsonLines } from "@tributary/fetcher"
 * import { Effect, Schema, type Stream } from "effect"
 *
 * const Reading = Schema.Struct({ station: Schema.String, celsius: Schema.Number })
 *
 * export const readings: Stream.Stream<typeof Reading.Type, FetchError.FetchError, HttpClient.HttpClient> =
 *   HttpClientRequest.get("https://example.com/readings.ndjson").pipe(
 *     JsonLines.stream(Reading, { onReject: ({ error }) => Effect.logWarning(error.message) })
 *   )
 * ```
 *
 * @since 0.1.0
 * @category streams
 */
export const stream: {
  <A, I, R, R2 = never>(
    schema: Schema.Schema<A, I, R>,
    options?: Options<R2>
  ): (
    request: HttpClientRequest.HttpClientRequest
  ) => Stream.Stream<A, FetchError.FetchError, HttpClient.HttpClient | R | R2>
  <A, I, R, R2 = never>(
    request: HttpClientRequest.HttpClientRequest,
    schema: Schema.Schema<A, I, R>,
    options?: Options<R2>
  ): Stream.Stream<A, FetchError.FetchError, HttpClient.HttpClient | R | R2>
} = dual(
  isRequestFirst,
  <A, I, R, R2 = never>(
    request: HttpClientRequest.HttpClientRequest,
    schema: Schema.Schema<A, I, R>,
    options: Options<R2> = {}
  ): Stream.Stream<A, FetchError.FetchError, HttpClient.HttpClient | R | R2> => {
    const { maxLineBytes = defaultMaxLineBytes, onReject } = options
    return Stream.unwrapScoped(
      Effect.map(ByteStream.open(request, options), (opened) => {
        const decode = decodeItem(schema)(opened)
        const fail = itemError(opened)
        let index = 0
        return opened.body.pipe(
          lines(maxLineBytes),
          Stream.filter(({ isWhole, text }) => !isWhole || text.trim() !== ""),
          Stream.mapEffect(({ isWhole, text }) => {
            const at = index++
            const decoded: Effect.Effect<A, FetchError.DecodeError, R> = isWhole
              ? decode(at, text)
              : fail(at, `a line of at most ${maxLineBytes} bytes`, text)
            return onReject === undefined
              ? Effect.asSome(decoded)
              : Effect.matchEffect(decoded, {
                  onSuccess: Effect.succeedSome,
                  onFailure: (error) => Effect.as(onReject({ index: at, line: text, error }), Option.none<A>())
                })
          }),
          Stream.filterMap((value) => value)
        )
      })
    )
  }
)
