/** Real servers on loopback that close with their scope, and what they saw. */
import { FetchHttpClient, type HttpClient } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { type HostPolicy, RateLimitedClient } from "@tributary/fetcher"
import { Retry } from "@tributary/resilience"
import { UndiciClient } from "@tributary/undici"
import { Effect, Layer, type Scope } from "effect"
import * as http from "node:http"
import * as net from "node:net"

export interface Seen {
  readonly method: string
  readonly url: string
  readonly headers: http.IncomingHttpHeaders
  readonly at: number
}

export interface Loopback {
  readonly url: string
  readonly host: string
  readonly seen: ReadonlyArray<Seen>
  /** Connections that are open now. */
  readonly open: () => number
}

const listen = (server: net.Server, seen: ReadonlyArray<Seen>): Effect.Effect<Loopback, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.async<{ readonly loopback: Loopback; readonly sockets: ReadonlySet<net.Socket> }>((resume) => {
      const sockets = new Set<net.Socket>()
      server.on("connection", (socket: net.Socket) => {
        sockets.add(socket)
        socket.on("error", () => {})
        socket.on("close", () => sockets.delete(socket))
      })
      server.listen(0, "127.0.0.1", () => {
        const host = `127.0.0.1:${(server.address() as net.AddressInfo).port}`
        const loopback = { url: `http://${host}`, host, seen, open: () => sockets.size }
        resume(Effect.succeed({ loopback, sockets }))
      })
    }),
    ({ sockets }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  ).pipe(Effect.map(({ loopback }) => loopback))

export type Handler = (request: http.IncomingMessage, response: http.ServerResponse, n: number) => void

const record =
  (handler: Handler, seen: Array<Seen>) => (request: http.IncomingMessage, response: http.ServerResponse) => {
    const { headers, method = "", url = "" } = request
    response.on("error", () => {})
    handler(request, response, seen.push({ method, url, headers, at: performance.now() }))
  }

/** The handler gets the number of the request, from 1. */
export const serve = (handler: Handler): Effect.Effect<Loopback, never, Scope.Scope> => {
  const seen: Array<Seen> = []
  return listen(http.createServer(record(handler, seen)), seen)
}

/** For what a decent HTTP server does not say: `onRequest` is called with each piece that comes in. */
export const serveRaw = (
  onRequest: (socket: net.Socket, n: number) => void
): Effect.Effect<Loopback, never, Scope.Scope> => {
  let n = 0
  return listen(
    net.createServer((socket) => socket.on("data", () => onRequest(socket, ++n))),
    []
  )
}

export const listenOn = (server: net.Server): Effect.Effect<Loopback, never, Scope.Scope> => listen(server, [])

/** An address where nobody listens. */
export const closedPort: Effect.Effect<string> = Effect.scoped(
  Effect.map(
    serve(() => {}),
    ({ url }) => url
  )
)

export const body =
  (
    ...[status, text, headers = {}]: readonly [status: number, text: string, headers?: http.OutgoingHttpHeaders]
  ): Handler =>
  (_, response) => {
    response.writeHead(status, headers).end(text)
  }

/** Two attempts, at once. */
export const impatient: HostPolicy.HostPolicy = {
  retry: Retry.make({ attempts: 2, base: "1 millis" })
}

export const overUndici = (
  policy: HostPolicy.HostPolicy = impatient
): Layer.Layer<HttpClient.HttpClient | RateLimitedClient.RateLimitedClient> =>
  RateLimitedClient.layer({ default: policy }).pipe(Layer.provide(UndiciClient.layer()))

/** That of the platform, which does not decompress. */
export const overLayerUndici = (
  policy: HostPolicy.HostPolicy = impatient
): Layer.Layer<HttpClient.HttpClient | RateLimitedClient.RateLimitedClient> =>
  RateLimitedClient.layer({ default: policy }).pipe(Layer.provide(NodeHttpClient.layerUndici))

export const overFetch = (
  policy: HostPolicy.HostPolicy = impatient
): Layer.Layer<HttpClient.HttpClient | RateLimitedClient.RateLimitedClient> =>
  RateLimitedClient.layer({ default: policy }).pipe(Layer.provide(FetchHttpClient.layer))

/** `attempts`: how many a failure that may pass takes. */
export const transports: ReadonlyArray<{
  readonly name: string
  readonly attempts: number
  readonly layer: Layer.Layer<HttpClient.HttpClient>
}> = [
  { name: "RateLimitedClient over undici", attempts: 2, layer: overUndici() },
  {
    name: "RateLimitedClient over layerUndici",
    attempts: 2,
    layer: overLayerUndici()
  },
  { name: "RateLimitedClient over fetch", attempts: 2, layer: overFetch() },
  { name: "undici alone", attempts: 1, layer: UndiciClient.layer() },
  { name: "layerUndici alone", attempts: 1, layer: NodeHttpClient.layerUndici },
  { name: "fetch alone", attempts: 1, layer: FetchHttpClient.layer }
]
