/**
 * What many ask for at the same time is fetched once.
 *
 * The first who asks starts the work, those who ask for the same while it runs wait for the same result. Nothing is kept: who
 * asks after it has landed starts anew. That is for a cache (`HttpCache`), which belongs above.
 *
 * @since 0.1.0
 */
import { HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import { Array, Deferred, Effect, type Exit, Fiber, FiberRef, Layer, Option, Order } from "effect"
import { attemptsOf, currentMaxBodyBytes, read } from "./internal/exchange.ts"
import { ReadResponse } from "./internal/ReadResponse.ts"

/**
 * Work that several may share, by key. All work of one `SingleFlight` has the same result type.
 *
 * @since 0.1.0
 * @category models
 */
export interface SingleFlight<A, E> {
  /**
   * Runs the effect, or waits for the one that runs under this key. Success, failure and defect go to all who wait.
   *
   * To interrupt one who waits does nothing to the others. With the last one the work is interrupted too, and that
   * interruption lasts until the work's finalizers have run; who asks meanwhile waits for that, and then starts anew.
   *
   * The work has the context, the span and the `FiberRef`s of the first who asked.
   */
  readonly run: <R>(key: string, effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** How many keys are under way. */
  readonly size: Effect.Effect<number>
}

interface Flight<A, E> {
  readonly landed: Deferred.Deferred<Exit.Exit<A, E>>
  fiber: Fiber.RuntimeFiber<unknown> | undefined
  aboard: number
}

/**
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, E>(): Effect.Effect<SingleFlight<A, E>> =>
  Effect.sync(() => {
    const flights = new Map<string, Flight<A, E>>()

    const join = (flight: Flight<A, E>) =>
      Effect.sync(() => {
        flight.aboard++
        return flight
      })

    const start = <R>(key: string, effect: Effect.Effect<A, E, R>) =>
      Effect.flatMap(Deferred.make<Exit.Exit<A, E>>(), (landed) =>
        Effect.suspend(() => {
          const other = flights.get(key)
          if (other !== undefined) return join(other)
          const flight: Flight<A, E> = { landed, fiber: undefined, aboard: 1 }
          flights.set(key, flight)
          const work = Effect.flatMap(Effect.exit(Effect.interruptible(effect)), (exit) => {
            flights.delete(key)
            return Deferred.succeed(landed, exit)
          })
          // Not a child of the first who asked: it outlives that one if others wait, and ends with the last one.
          return Effect.map(Effect.forkDaemon(Effect.uninterruptible(work)), (fiber) => {
            flight.fiber = fiber
            return flight
          })
        })
      )

    const leave = (flight: Flight<A, E>) =>
      Effect.suspend(() =>
        // The one who started it is aboard until there is a fiber.
        --flight.aboard > 0 || flight.fiber === undefined ? Effect.void : Effect.asVoid(Fiber.interrupt(flight.fiber))
      )

    const run = <R>(key: string, effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
      Effect.uninterruptibleMask((restore) => {
        const board: Effect.Effect<A, E, R> = Effect.suspend(() => {
          const known = flights.get(key)
          // All have left, and it has not come to its end yet.
          if (known?.aboard === 0) {
            return Effect.zipRight(restore(Deferred.await(known.landed)), board)
          }
          return Effect.flatMap(known === undefined ? start(key, effect) : join(known), (flight) =>
            Effect.flatten(Effect.ensuring(restore(Deferred.await(flight.landed)), leave(flight)))
          )
        })
        return board
      })

    return { run, size: Effect.sync(() => flights.size) }
  })

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Bytes of a body, decoded, that are shared at most. Defaults to 8 MiB. */
  readonly maxBodyBytes?: number | undefined
  /**
   * Names of headers in which requests may differ and still share. Credentials do not belong here. Defaults to those that are
   * another one with each request: `traceparent`, `tracestate`, `baggage`, `b3`, those that begin with `x-b3-`, and
   * `x-request-id`.
   */
  readonly ignoreHeaders?: ReadonlyArray<string | RegExp> | undefined
}

const differing = [/^(traceparent|tracestate|baggage|b3|x-b3-.*|x-request-id)$/]

interface Landed {
  readonly response: HttpClientResponse.HttpClientResponse
  /** None if it is not to be shared. */
  readonly body: Option.Option<Uint8Array>
  /** Whether the response is unread, and nobody has it yet. */
  unclaimed: boolean
}

/**
 * A client that sends GET and HEAD requests which are the same, in URL and headers, once at a time. Each caller gets a response
 * of its own, read to its end, that can be read again.
 *
 * What is too large to be shared, and streams of events or lines (`text/event-stream`, NDJSON), go as they are to one of those
 * who wait; the others send requests of their own. If only reading shows that a body is too large, all do. Other methods, and
 * requests with a body, pass through.
 *
 * A failure, also one in the body, is that of all who wait: the client's own errors and no others.
 *
 * @since 0.1.0
 * @category combinators
 */
export const share = (
  options: Options = {}
): ((self: HttpClient.HttpClient) => Effect.Effect<HttpClient.HttpClient>) => {
  const { ignoreHeaders = differing, maxBodyBytes = 8 * 1024 * 1024 } = options
  const isIgnored = (name: string) =>
    ignoreHeaders.some((ignored) =>
      typeof ignored === "string" ? ignored.toLowerCase() === name : name.search(ignored) !== -1
    )

  /** None if the request is not shared. */
  const keyOf = (request: HttpClientRequest.HttpClientRequest): Option.Option<string> => {
    const { body, headers, method } = request
    if ((method !== "GET" && method !== "HEAD") || body._tag !== "Empty") return Option.none()
    if (headers["accept"]?.includes("text/event-stream") === true) return Option.none()
    const seen = Object.entries(headers).filter(([name]) => !isIgnored(name))
    const sorted = Array.sortWith(seen, ([name]) => name, Order.string)
    return Option.map(HttpClientRequest.toUrl(request), (url) => {
      url.hash = ""
      return JSON.stringify([method, url.toString(), sorted])
    })
  }

  const isUnshared = ({ headers, request }: HttpClientResponse.HttpClientResponse) =>
    request.method !== "HEAD" &&
    (Number(headers["content-length"] ?? 0) > maxBodyBytes ||
      /event-stream|ndjson|jsonl|json-seq/i.test(headers["content-type"] ?? ""))

  return (self) =>
    Effect.map(make<Landed, HttpClientError.HttpClientError>(), (flights) => {
      const fly = (request: HttpClientRequest.HttpClientRequest) =>
        Effect.flatMap(self.execute(request), (response) =>
          isUnshared(response) && !(response instanceof ReadResponse)
            ? Effect.succeed<Landed>({ response, body: Option.none(), unclaimed: true })
            : read(maxBodyBytes)(response).pipe(
                Effect.map((body): Landed => ({ response, body: Option.some(body), unclaimed: false })),
                Effect.catchTag("TooLarge", () =>
                  Effect.succeed<Landed>({ response, body: Option.none(), unclaimed: false })
                )
              )
        )

      const execute = (request: HttpClientRequest.HttpClientRequest) =>
        Option.match(keyOf(request), {
          onNone: () => self.execute(request),
          onSome: (key) =>
            Effect.flatMap(FiberRef.get(currentMaxBodyBytes), (most) =>
              // From the moment it has a response to itself, a caller cannot lose it.
              Effect.uninterruptibleMask((restore) =>
                Effect.flatMap(
                  // Whoever allows a smaller body must not make others fail.
                  restore(flights.run(`${Option.getOrElse(most, () => "")} ${key}`, fly(request))),
                  (landed) => {
                    const { body, response } = landed
                    if (Option.isSome(body)) {
                      return Effect.succeed(new ReadResponse(response, body.value.slice(), attemptsOf(response)))
                    }
                    if (!landed.unclaimed) return restore(self.execute(request))
                    landed.unclaimed = false
                    return Effect.succeed(response)
                  }
                )
              )
            )
        })

      return HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
        Effect.flatMap(execute),
        Effect.succeed
      )
    })
}

/**
 * `share` as a layer, from the `HttpClient` in context to one of its own.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { RateLimitedClient, SingleFlight } from "@tributary/fetcher"
 * import { Layer } from "effect"
 *
 * // Above the limits: those who wait for the same take one turn.
 * export const HttpLive = SingleFlight.layer().pipe(
 *   Layer.provide(RateLimitedClient.layer()),
 *   Layer.provide(FetchHttpClient.layer)
 * )
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options = {}): Layer.Layer<HttpClient.HttpClient, never, HttpClient.HttpClient> =>
  Layer.effect(HttpClient.HttpClient, Effect.flatMap(HttpClient.HttpClient, share(options)))
