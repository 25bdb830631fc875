import type { HttpClient, HttpClientError, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { Data, Effect, FiberRef, GlobalValue, Option, Stream } from "effect"
import { ReadResponse } from "./ReadResponse.ts"

/**
 * Time that a jump of the wall clock does not change. Not `Clock.currentTimeNanos`: the one of TestClock dies at a time that is
 * no whole number of nanoseconds.
 *
 * @internal
 */
export const monotonicMillis: Effect.Effect<number> = Effect.map(
  Effect.clock,
  (clock) => Number(clock.unsafeCurrentTimeNanos()) / 1e6
)

/**
 * When set, an attempt is not over before the body is read: a connection that is lost in the middle of the body, or a body
 * that does not end, is then a failed attempt like any other. The value is the most bytes to read.
 *
 * @internal
 */
export const currentMaxBodyBytes: FiberRef.FiberRef<Option.Option<number>> = GlobalValue.globalValue(
  "@tributary/fetcher/currentMaxBodyBytes",
  () => FiberRef.unsafeMake(Option.none())
)

type Execute = (
  request: HttpClientRequest.HttpClientRequest
) => Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

const Reading: unique symbol = Symbol.for("@tributary/fetcher/Reading")

/** A client that can be told so without a fiber ref, as long as nothing was put around it. @internal */
export const withReading =
  (executeReading: (limit: number) => Execute) =>
  <C extends HttpClient.HttpClient>(client: C): C =>
    Object.assign(client, { [Reading]: executeReading })

/** Sends a request and has the body read as a part of the attempt, if the client has attempts. @internal */
export const executeReading =
  (limit: number) =>
  (client: HttpClient.HttpClient): Execute =>
    Reading in client
      ? (client[Reading] as (limit: number) => Execute)(limit)
      : (request) => Effect.locally(client.execute(request), currentMaxBodyBytes, Option.some(limit))

/** How many attempts a response took; 1 if it did not come through a `RateLimitedClient`. @internal */
export const attemptsOf = (response: HttpClientResponse.HttpClientResponse): number =>
  response instanceof ReadResponse ? response.attempts : 1

/** @internal */
export class TooLarge extends Data.TaggedError("TooLarge")<{ readonly limit: number }> {}

type Read = Effect.Effect<Uint8Array, TooLarge | HttpClientError.ResponseError>

/** The body, read once; fails with `TooLarge` as soon as it is known to be larger than `limit` bytes. @internal */
export const read =
  (limit: number) =>
  (response: HttpClientResponse.HttpClientResponse): Read =>
    Effect.suspend((): Read => {
      if (response instanceof ReadResponse) return Effect.succeed(response.body)
      // The length that a HEAD is told is that of the body it does not get.
      const told = response.request.method === "HEAD" ? undefined : response.headers["content-length"]
      const length = Number(told ?? Number.NaN)
      if (length > limit) return Effect.zipRight(hangUp(response), new TooLarge({ limit }))
      // Encoded, a small body can unfold to a large one: only then need the bytes be counted although the length is told.
      if (length <= limit && response.headers["content-encoding"] === undefined) {
        return Effect.map(response.arrayBuffer, (buffer) => new Uint8Array(buffer))
      }
      const chunks: Array<Uint8Array> = []
      return Effect.flatMap(collect(response, limit, chunks), (size) =>
        size > limit ? new TooLarge({ limit }) : Effect.succeed(concat(chunks, size))
      )
    })

/** Of an error's body no more than this is read: it is for people to look at. @internal */
export const mostErrorBytes = 16 * 1024

/** Nobody waits longer than this for a body that is of no use. @internal */
export const mostDrainMillis = 1_000

/** A body must have been opened to be hung up on; so long its first piece may take. */
const hangUpMillis = 50

/**
 * The first `limit` bytes of what comes within `millis`. The rest is not waited for, and what cannot be read is left away.
 *
 * @internal
 */
export const readStart =
  ({ limit, millis }: { readonly limit: number; readonly millis: number }) =>
  (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Uint8Array> =>
    Effect.suspend(() => {
      if (response instanceof ReadResponse) return Effect.succeed(response.body)
      const chunks: Array<Uint8Array> = []
      return collect(response, limit, chunks).pipe(
        Effect.timeout(millis),
        Effect.ignore,
        Effect.map(() => concat(chunks, limit))
      )
    })

/** Frees the connection of a response whose body is not wanted, however short it may be. @internal */
export const hangUp = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
  Effect.asVoid(readStart({ limit: 0, millis: hangUpMillis })(response))

/**
 * Frees the connection of a response that nobody will read: what is left of a small body is read, so that the connection
 * can serve again; a large or slow one is hung up on.
 *
 * @internal
 */
export const drain =
  (millis: number) =>
  (response: HttpClientResponse.HttpClientResponse): Effect.Effect<void> =>
    Effect.asVoid(readStart({ limit: 64 * 1024, millis })(response))

/** Reads until the end or until there are more than `limit` bytes; gives their number. */
const collect = (response: HttpClientResponse.HttpClientResponse, limit: number, into: Array<Uint8Array>) =>
  Effect.suspend(() => {
    let size = 0
    return response.stream.pipe(
      Stream.takeUntil((chunk) => {
        into.push(chunk)
        size += chunk.length
        return size > limit
      }),
      Stream.runDrain,
      // fetch has no stream for a 204.
      Effect.catchIf(
        ({ reason }) => reason === "EmptyBody",
        () => Effect.void
      ),
      Effect.map(() => size)
    )
  })

const concat = (chunks: ReadonlyArray<Uint8Array>, most: number): Uint8Array => {
  const bytes = new Uint8Array(
    Math.min(
      chunks.reduce((size, chunk) => size + chunk.length, 0),
      most
    )
  )
  let offset = 0
  for (const chunk of chunks) {
    const part = chunk.subarray(0, bytes.length - offset)
    bytes.set(part, offset)
    offset += part.length
  }
  return bytes
}
