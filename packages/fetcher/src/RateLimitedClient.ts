/**
 * An `HttpClient` that is polite and patient: a layer over any other `HttpClient`.
 *
 * For each host it keeps to the limits, obeys `Retry-After` (everybody who waits for that host does), retries what is safe
 * to retry, and bounds every attempt and the request as a whole in time. Whatever speaks `@effect/platform` gets that by
 * one layer.
 *
 * A request's way: total deadline -> retry -> limiter -> attempt timeout -> transport -> what the server said.
 *
 * @since 0.1.0
 */
import { Headers, HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { RateLimiter, Retry } from "@tributary/resilience"
import { Clock, Context, Data, DateTime, Duration, Effect, FiberRef, Layer, Option, type Scope } from "effect"
import * as FetchError from "./FetchError.ts"
import {
  currentMaxBodyBytes,
  drain,
  monotonicMillis,
  mostDrainMillis,
  mostErrorBytes,
  read,
  readStart
} from "./internal/exchange.ts"
import { ReadResponse } from "./internal/ReadResponse.ts"
import { redactRequest } from "./internal/redact.ts"
import * as RateLimitHeaders from "./RateLimitHeaders.ts"

/**
 * How to treat one host.
 *
 * @since 0.1.0
 * @category models
 */
export interface HostPolicy {
  /** Requests that may start, attempts included; all limits hold at once. Defaults to none. */
  readonly limits?: ReadonlyArray<RateLimiter.Limit> | undefined
  /** Defaults to `Retry.make()`: 3 attempts, full jitter from 50 ms, capped at 20 seconds. */
  readonly retry?: Retry.Policy | undefined
  /**
   * From the turn to the answer: to its headers, or to the end of its body where the `Fetcher` asks. Defaults to 10 seconds.
   */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /**
   * Queueing, attempts and waits together. A request that is known not to make it fails at once, without being sent.
   * Defaults to 30 seconds.
   */
  readonly totalTimeout?: Duration.DurationInput | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** For hosts that `hosts` does not name. Defaults to `{}`. */
  readonly default?: HostPolicy | undefined
  /** By host, with the port where it is not the scheme's own: `api.example.com`, `127.0.0.1:8080`. */
  readonly hosts?: Readonly<Record<string, HostPolicy>> | undefined
}

/**
 * What a host is doing, and what it did so far.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  readonly host: string
  /** Attempts under way. */
  readonly active: number
  /** Requests that wait for a turn. */
  readonly waiting: number
  /** How long the host is paused, as the server asked; zero if it is not. */
  readonly pausedFor: Duration.Duration
  /** Attempts sent so far. */
  readonly attempts: number
  /** Of these, attempts after the first of a request. */
  readonly retries: number
  /** Answers with status 429 so far. */
  readonly throttled: number
}

/**
 * A look at the client beside its `HttpClient`.
 *
 * @since 0.1.0
 * @category services
 */
export class RateLimitedClient extends Context.Tag("@tributary/fetcher/RateLimitedClient")<
  RateLimitedClient,
  {
    /** The hosts seen, the thousand most recent at most. */
    readonly snapshot: Effect.Effect<ReadonlyArray<Snapshot>>
  }
>() {}

interface Host {
  readonly policy: Required<{ readonly [K in keyof Omit<HostPolicy, "limits">]: NonNullable<HostPolicy[K]> }>
  active: number
  attempts: number
  retries: number
  throttled: number
}

const mostHosts = 1_000

/** An answer that is worth another attempt; the last one goes to the user as it is. */
class Refused extends Data.TaggedError("Refused")<{
  readonly response: HttpClientResponse.HttpClientResponse
  /** The limiter holds the host back. */
  readonly paused: boolean
  /** False if the pause ends after the request's deadline. */
  readonly inTime: boolean
}> {}

// RFC 9110, 9.2.2. What is not idempotent is only sent again under a key by which the server knows it again.
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
const maySendAgain = (request: HttpClientRequest.HttpClientRequest): boolean =>
  (idempotent.has(request.method) || Headers.has(request.headers, "idempotency-key")) && request.body._tag !== "Stream"

/**
 * The client over the `HttpClient` in context. Statuses are left as they are: after the last attempt the user gets the
 * response, be it a 503. What fails in transport or is not let through fails as a platform `RequestError` whose cause is a
 * `FetchError` (`FetchError.fromHttpClientError` gets it back).
 *
 * Retried are failed connections, timeouts of an attempt and the statuses 408, 425, 429, 500, 502, 503, 504, 522, 524, for
 * methods that are idempotent or carry an `Idempotency-Key`, but no body that is a stream. The body of a response that is
 * tried again is drained first (64 KiB or a second, then it is hung up on).
 *
 * A `Retry-After` of a 429 or 503 holds back the whole host; a 429 without one does so for a second, doubled with each
 * attempt of that request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  { readonly client: HttpClient.HttpClient; readonly snapshot: Effect.Effect<ReadonlyArray<Snapshot>> },
  never,
  HttpClient.HttpClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const transport = yield* HttpClient.HttpClient
    const policyOf = (host: string): HostPolicy => options.hosts?.[host] ?? options.default ?? {}
    const limiter = yield* RateLimiter.make({ limits: (host) => policyOf(host).limits ?? [] })
    const hosts = new Map<string, Host>()

    const hostOf = (name: string): Host => {
      const known = hosts.get(name)
      if (known !== undefined) {
        // To the end: those at the front are dropped first.
        hosts.delete(name)
        hosts.set(name, known)
        return known
      }
      if (hosts.size >= mostHosts) {
        for (const [other, { active }] of hosts) {
          if (active > 0) continue
          hosts.delete(other)
          break
        }
      }
      const { attemptTimeout = "10 seconds", retry = Retry.make(), totalTimeout = "30 seconds" } = policyOf(name)
      const host: Host = {
        policy: { attemptTimeout, retry, totalTimeout },
        active: 0,
        attempts: 0,
        retries: 0,
        throttled: 0
      }
      hosts.set(name, host)
      return host
    }

    const execute = (request: HttpClientRequest.HttpClientRequest) =>
      Option.match(HttpClientRequest.toUrl(request), {
        onNone: () => transport.execute(request),
        onSome: (url) =>
          Effect.flatMap(monotonicMillis, (startedAt) => send(withoutFragment(request), url.host, startedAt))
      })

    const send = (
      request: HttpClientRequest.HttpClientRequest,
      key: string,
      startedAt: number
    ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
      const host = hostOf(key)
      const total = Duration.toMillis(host.policy.totalTimeout)
      let attempts = 0
      const facts = Effect.map(monotonicMillis, (now) => ({
        request: redactRequest(request),
        attempts,
        elapsed: Duration.millis(now - startedAt)
      }))

      const takeTurn = Effect.flatMap(monotonicMillis, (now) =>
        limiter.takeWithin(key, { maxWait: startedAt + total - now })
      ).pipe(
        Effect.catchAll(({ retryAfter }) =>
          Effect.flatMap(Effect.all([facts, DateTime.now]), ([facts, now]) => {
            const retryAt = DateTime.addDuration(now, retryAfter)
            return new FetchError.RateLimitedError({ ...facts, scope: "client", retryAfter, retryAt })
          })
        )
      )

      const transmit = Effect.flatMap(monotonicMillis, (now) => {
        const left = startedAt + total - now
        if (left <= 0) return timedOut("total", total)
        attempts++
        host.attempts++
        if (attempts > 1) host.retries++
        const allowed = Duration.toMillis(host.policy.attemptTimeout)
        return transport.execute(request).pipe(
          Effect.flatMap(readBody),
          Effect.catchTags({
            RequestError: fromTransport,
            ResponseError: fromTransport,
            TooLarge: ({ limit }) =>
              Effect.flatMap(facts, (facts) => new FetchError.BodyTooLargeError({ ...facts, limit }))
          }),
          Effect.timeoutOption(Math.min(left, allowed)),
          Effect.flatMap(
            Option.match({
              onNone: () => (left < allowed ? timedOut("total", total) : timedOut("attempt", allowed)),
              onSome: Effect.succeed
            })
          )
        )
      })

      const timedOut = (phase: FetchError.TimeoutError["phase"], limit: number) =>
        Effect.flatMap(
          facts,
          (facts) => new FetchError.TimeoutError({ ...facts, phase, limit: Duration.millis(limit) })
        )

      const fromTransport = (error: HttpClientError.HttpClientError) =>
        Effect.flatMap(facts, (facts) => Effect.fail(FetchError.fromHttpClientError(facts)(error)))

      const readBody = (response: HttpClientResponse.HttpClientResponse) =>
        Effect.flatMap(FiberRef.get(currentMaxBodyBytes), (limit) =>
          Option.isSome(limit) && isSuccess(response)
            ? Effect.map(read(limit.value)(response), (body) => new ReadResponse(response, body, attempts))
            : Effect.succeed(response)
        )

      // Not under the attempt's timeout: a failure is what its status says, be its body slow or cut off.
      const readErrorBody = (response: HttpClientResponse.HttpClientResponse) =>
        Effect.gen(function* () {
          if (isSuccess(response) || Option.isNone(yield* FiberRef.get(currentMaxBodyBytes))) return response
          const body = yield* readStart({ limit: mostErrorBytes, millis: yield* drainMillis })(response)
          return new ReadResponse(response, body, attempts)
        })

      const drainMillis = Effect.map(monotonicMillis, (now) =>
        Math.min(mostDrainMillis, Math.max(0, startedAt + total - now))
      )

      // A 429 holds back everybody who waits for this host, and so does a 503 that says when to come back: at once, before
      // anything else is done with it.
      const obey = (response: HttpClientResponse.HttpClientResponse) =>
        Effect.gen(function* () {
          const throttled = response.status === 429
          if (throttled) host.throttled++
          const asked = RateLimitHeaders.retryAfter(yield* Clock.currentTimeMillis)(response.headers)
          const pause = Option.orElse(
            Option.filter(asked, () => throttled || response.status === 503),
            () => (throttled ? Option.some(Retry.bound(throttleBackoff)(attempts)) : Option.none())
          )
          if (Option.isSome(pause)) yield* limiter.pause(key, pause.value)
          const wait = Duration.toMillis(Option.getOrElse(pause, () => Duration.zero))
          const inTime = (yield* monotonicMillis) + wait <= startedAt + total
          return yield* new Refused({ response: yield* readErrorBody(response), paused: wait > 0, inTime })
        })

      const counted = <A, E>(self: Effect.Effect<A, E>) =>
        Effect.acquireUseRelease(
          Effect.sync(() => host.active++),
          () => self,
          () => Effect.sync(() => host.active--)
        )

      const attempt = Effect.zipRight(
        takeTurn,
        counted(
          Effect.flatMap(transmit, (response) =>
            FetchError.isTransientStatus(response.status) ? obey(response) : readErrorBody(response)
          )
        )
      )

      const retried = Retry.retry(attempt, {
        policy: host.policy.retry,
        within: total,
        while: (error) =>
          maySendAgain(request) &&
          (error._tag === "Refused" ? error.inTime : error.isTransient && error._tag !== "RateLimitedError"),
        // The limiter makes it wait, in the queue with the others and at the limits' pace.
        retryAfter: (error) => (error._tag === "Refused" && error.paused ? Option.some(0) : Option.none()),
        onRetry: (error) =>
          error._tag === "Refused"
            ? Effect.flatMap(drainMillis, (millis) => drain(millis)(error.response))
            : Effect.void
      })

      return Effect.catchAll(retried, (error) =>
        error._tag === "Refused"
          ? Effect.succeed(error.response)
          : Effect.fail(FetchError.toHttpClientError(request)(error))
      )
    }

    const snapshot = Effect.map(limiter.snapshot, (keys) => {
      const waits = new Map(keys.map((key) => [key.key, key]))
      return Array.from(hosts, ([host, { active, attempts, retries, throttled }]): Snapshot => {
        const { pausedFor = Duration.zero, waiting = 0 } = waits.get(host) ?? {}
        return { host, active, waiting, pausedFor, attempts, retries, throttled }
      })
    })

    const client = HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
      Effect.flatMap(execute),
      Effect.succeed
    )
    return { client, snapshot }
  })

/**
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { RateLimitedClient } from "@tributary/fetcher"
 * import { Layer } from "effect"
 *
 * export const HttpLive = RateLimitedClient.layer({
 *   hosts: { "api.example.com": { limits: [{ limit: 10, window: "1 second" }] } }
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<HttpClient.HttpClient | RateLimitedClient, never, HttpClient.HttpClient> =>
  Layer.scopedContext(
    Effect.map(make(options), ({ client, snapshot }) =>
      Context.make(HttpClient.HttpClient, client).pipe(Context.add(RateLimitedClient, { snapshot }))
    )
  )

/** After a 429 that does not say when to come back. */
const throttleBackoff = Retry.make({ base: "1 second", jitter: "none" })

const withoutFragment = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.removeHash(
    request.url.includes("#") ? HttpClientRequest.setUrl(request, request.url.replace(/#.*$/s, "")) : request
  )

const isSuccess = ({ status }: HttpClientResponse.HttpClientResponse): boolean => status >= 200 && status < 300
