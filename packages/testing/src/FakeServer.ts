/**
 * A server that misbehaves on demand: one description, served in memory or on loopback.
 *
 * @since 0.1.0
 */
import { HttpClient } from "@effect/platform"
import { Context, Effect, Layer, type Scope } from "effect"
import type { Behaviour } from "./Behaviour.ts"
import * as Loopback from "./internal/loopback.ts"
import { memoryClient } from "./internal/memory.ts"
import * as Reception from "./internal/reception.ts"

export * from "./Answer.ts"
export * from "./Behaviour.ts"
export type { Seen } from "./internal/reception.ts"

/**
 * A server that runs, in memory or on loopback.
 *
 * @since 0.1.0
 * @category services
 */
export class FakeServer extends Context.Tag("@tributary/testing/FakeServer")<
  FakeServer,
  {
    /** Its origin, without a slash at the end. */
    readonly url: string
    /** All it saw so far, in the order in which it came. */
    readonly log: Effect.Effect<ReadonlyArray<Reception.Seen>>
  }
>() {}

/**
 * The server as an `HttpClient` in memory. It answers for every host; its own `url` is `http://fake.test`.
 *
 * All time is that of the `Clock` it is made with, so that it runs under `TestClock` and in virtual time; nothing here
 * touches a socket. What would break a connection fails as it does over undici: a `RequestError` (`Transport`) before the
 * headers, a `ResponseError` (`Decode`) in the body, with a cause whose `code` is `ECONNREFUSED`, `ECONNRESET` or
 * `UND_ERR_SOCKET`. A function given to `handle` that throws is a defect.
 *
 * @since 0.1.0
 * @category constructors
 */
export const client = (
  behaviour: Behaviour
): Effect.Effect<FakeServer["Type"] & { readonly client: HttpClient.HttpClient }> =>
  Effect.map(Reception.make(behaviour), (reception) => ({
    client: memoryClient(reception),
    url: "http://fake.test",
    log: reception.log
  }))

/**
 * The server on a free port of 127.0.0.1, over HTTP/1.1. It closes with the scope, at once: connections are cut, and
 * answers under way with them. That it cannot listen is a defect.
 *
 * Its time is that of the `Clock` it is made with: under a `TestClock`, that must be moved for a delay to end. A function
 * given to `handle` that throws is a 500 whose body says why.
 *
 * @since 0.1.0
 * @category constructors
 */
export const serve = (behaviour: Behaviour): Effect.Effect<FakeServer["Type"], never, Scope.Scope> =>
  Effect.gen(function* () {
    const reception = yield* Reception.make(behaviour)
    const url = yield* Loopback.listen(reception)
    return FakeServer.of({ url, log: reception.log })
  })

/**
 * The server in memory, as `client` makes it.
 *
 * @example
 * ```ts
 * import { HttpClient } from "@effect/platform"
 * import { FakeServer } from "@tributary/testing"
 * import { Effect } from "effect"
 *
 * const server = FakeServer.script([FakeServer.status(503), FakeServer.json({ ok: true })]).pipe(
 *   FakeServer.limited({ limit: 10, window: "1 second", dialect: "ietf" }),
 *   FakeServer.latency({ median: "80 millis", p95: "400 millis" }),
 *   FakeServer.seeded(7)
 * )
 *
 * export const program = Effect.gen(function* () {
 *   const { log, url } = yield* FakeServer.FakeServer
 *   yield* HttpClient.get(`${url}/users`) // 503
 *   yield* HttpClient.get(`${url}/users`) // 200
 *   return (yield* log).map(({ status }) => status) // [503, 200]
 * }).pipe(Effect.provide(FakeServer.layer(server)))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (behaviour: Behaviour): Layer.Layer<FakeServer | HttpClient.HttpClient> =>
  Layer.effectContext(
    Effect.map(client(behaviour), ({ client, ...server }) =>
      Context.make(HttpClient.HttpClient, client).pipe(Context.add(FakeServer, server))
    )
  )

/**
 * The server on loopback, as `serve` makes it, for any `HttpClient`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerLoopback = (behaviour: Behaviour): Layer.Layer<FakeServer> =>
  Layer.scoped(FakeServer, serve(behaviour))
