import { type Headers, HttpClient, type HttpClientError, type HttpClientRequest } from "@effect/platform"
import { Duration, Effect, Fiber, type Scope, Stream } from "effect"
import * as FetchError from "../FetchError.ts"
import { hangUp, monotonicMillis } from "./exchange.ts"
import { redactRequest } from "./redact.ts"
import type { Facts, Origin } from "./origin.ts"
import { statusFailure } from "./statusFailure.ts"

/** A request that is sent several times counts on. @internal */
export interface Tally {
  readonly startedAt: number
  attempts: number
}

/** @internal */
export const beginTally: Effect.Effect<Tally> = Effect.map(monotonicMillis, (startedAt) => ({ startedAt, attempts: 0 }))

/** As of now. @internal */
export const exchangeOf =
  (tally: Tally) =>
  (request: HttpClientRequest.HttpClientRequest): Effect.Effect<Facts> =>
    Effect.map(monotonicMillis, (now) => ({
      request: redactRequest(request),
      attempts: tally.attempts,
      elapsed: Duration.millis(now - tally.startedAt)
    }))

/** @internal */
export interface Opened extends Origin {
  readonly status: number
  readonly headers: Headers.Headers
  readonly body: Stream.Stream<Uint8Array, FetchError.FetchError>
}

/** @internal */
export const defaultIdleTimeout: Duration.DurationInput = "1 minute"

/** @internal */
export interface Opening {
  readonly tally: Tally
  readonly idleTimeout: Duration.DurationInput
  readonly maxBodyBytes?: number | undefined
  /** Statuses besides 2xx that are no failure. Defaults to none. */
  readonly accept?: ((status: number) => boolean) | undefined
}

/**
 * Sends the request and gives the answer with its body unread. An answer whose body nobody began to read is hung up on when
 * the scope closes; a body that was begun frees its connection by itself.
 *
 * @internal
 */
export const open =
  ({ accept, idleTimeout, maxBodyBytes = Number.POSITIVE_INFINITY, tally }: Opening) =>
  (
    request: HttpClientRequest.HttpClientRequest
  ): Effect.Effect<Opened, FetchError.FetchError, HttpClient.HttpClient | Scope.Scope> =>
    Effect.gen(function* () {
      const client = yield* HttpClient.HttpClient
      tally.attempts++
      const exchange = exchangeOf(tally)(request)
      const fromPlatform = (error: HttpClientError.HttpClientError) =>
        Effect.flatMap(exchange, (facts) => Effect.fail(FetchError.fromHttpClientError(facts)(error)))

      let isRead = false
      // From the headers on, the connection is ours to free: no interruption gets between the two.
      const response = yield* Effect.uninterruptibleMask((restore) =>
        restore(client.execute(request)).pipe(
          Effect.catchAll((error) =>
            // A client with `filterStatusOk` has the answer in its error.
            error._tag === "ResponseError" && error.reason === "StatusCode"
              ? Effect.succeed(error.response)
              : fromPlatform(error)
          ),
          Effect.tap((response) => Effect.addFinalizer(() => (isRead ? Effect.void : apart(hangUp(response)))))
        )
      )
      const { headers, status } = response

      if ((status < 200 || status >= 300) && accept?.(status) !== true) {
        isRead = true
        return yield* statusFailure({ request, exchange })(response)
      }
      const tooLarge = Effect.flatMap(
        exchange,
        (facts) => new FetchError.BodyTooLargeError({ ...facts, limit: maxBodyBytes })
      )
      // The length that a HEAD is told is that of the body it does not get.
      if (request.method !== "HEAD" && Number(headers["content-length"]) > maxBodyBytes) return yield* tooLarge

      const limit = Duration.decode(idleTimeout)
      const body = Stream.suspend(() => {
        isRead = true
        let size = 0
        return response.stream.pipe(
          // fetch has no stream for a 204.
          Stream.catchAll((error) =>
            error.reason === "EmptyBody" ? Stream.empty : Stream.fromEffect(fromPlatform(error))
          ),
          // Some transports give an empty piece now and then, which a file does not take.
          Stream.filter(({ length }) => length > 0),
          idle(
            limit,
            Effect.flatMap(exchange, (facts) => new FetchError.TimeoutError({ ...facts, phase: "body", limit }))
          ),
          Stream.tap((bytes) => ((size += bytes.length) > maxBodyBytes ? tooLarge : Effect.void))
        )
      })
      return { request, status, headers, exchange, body }
    })

// A finalizer is uninterruptible, and a timeout in it would wait for what it should end; another fiber is not.
const apart = <A>(effect: Effect.Effect<A>): Effect.Effect<A> =>
  Effect.flatMap(Effect.forkDaemon(Effect.interruptible(effect)), Fiber.join)

const idle =
  <E2>(limit: Duration.Duration, failure: Effect.Effect<never, E2>) =>
  <A, E, R>(stream: Stream.Stream<A, E, R>): Stream.Stream<A, E | E2, R> =>
    Duration.isFinite(limit) ? Stream.timeoutTo(stream, limit, Stream.fromEffect(failure)) : stream
