/** Plain servers of Node on loopback, which count their connections. */
import { Deferred, Effect, FiberId, type Scope } from "effect"
import * as http from "node:http"
import * as http2 from "node:http2"
import * as https from "node:https"
import * as net from "node:net"
import { certificate, key } from "./certificate.ts"

export interface Running {
  readonly url: string
  readonly port: number
  /** How many connections were made in all. */
  readonly accepted: () => number
  /** How many are open. */
  readonly open: () => number
  /** Completes as soon as no connection is open. */
  readonly allClosed: Effect.Effect<void>
}

type Handler = (request: http.IncomingMessage, response: http.ServerResponse) => void

const run = (server: net.Server, scheme: string): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.gen(function* () {
    const sockets = new Set<net.Socket>()
    const waiting = new Set<Deferred.Deferred<void>>()
    let accepted = 0
    server.on("connection", (socket: net.Socket) => {
      accepted++
      sockets.add(socket)
      socket.on("error", () => {})
      socket.on("close", () => {
        sockets.delete(socket)
        if (sockets.size === 0) {
          for (const deferred of waiting) Deferred.unsafeDone(deferred, Effect.void)
          waiting.clear()
        }
      })
    })
    yield* Effect.acquireRelease(
      Effect.async<void>((resume) => {
        server.listen(0, "127.0.0.1", () => resume(Effect.void))
      }),
      () =>
        Effect.async<void>((resume) => {
          server.close(() => resume(Effect.void))
          for (const socket of sockets) socket.destroy()
        })
    )
    const address = server.address()
    const port = typeof address === "object" && address !== null ? address.port : 0
    return {
      url: `${scheme}://127.0.0.1:${port}`,
      port,
      accepted: () => accepted,
      open: () => sockets.size,
      allClosed: Effect.suspend(() => {
        if (sockets.size === 0) return Effect.void
        const deferred = Deferred.unsafeMake<void>(FiberId.none)
        waiting.add(deferred)
        return Deferred.await(deferred)
      })
    }
  })

export const serve = (handler: Handler): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() => run(http.createServer(handler), "http"))

export const serveTls = (handler: Handler): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() => run(https.createServer({ cert: certificate, key }, handler), "https"))

/** One that wants a certificate from its clients. */
export const serveMutualTls = (handler: Handler): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() =>
    run(https.createServer({ cert: certificate, key, ca: certificate, requestCert: true }, handler), "https")
  )

/** HTTP/2 and nothing else. */
export const serveH2 = (
  handler: (request: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => void
): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() => run(http2.createSecureServer({ cert: certificate, key }, handler), "https"))

/** A server that says exactly these bytes, whatever it is asked, and perhaps ends. */
export const serveRaw = (onRequest: (socket: net.Socket) => void): Effect.Effect<Running, never, Scope.Scope> =>
  Effect.suspend(() =>
    run(
      net.createServer((socket) => {
        socket.once("data", () => onRequest(socket))
      }),
      "http"
    )
  )
