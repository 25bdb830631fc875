import { Headers } from "@effect/platform"
import { Effect, FiberId, FiberSet, type Scope } from "effect"
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http"
import type { AddressInfo, Socket } from "node:net"
import type { Fault } from "../Answer.ts"
import type { Reception } from "./reception.ts"
import type { Sent } from "./sending.ts"

/** Listens on a free port of 127.0.0.1 until the scope closes, which cuts off whoever is connected. Gives the origin. @internal */
export const listen = ({ pause, receive }: Reception): Effect.Effect<string, never, Scope.Scope> =>
  Effect.gen(function* () {
    const server = yield* open
    const run = yield* FiberSet.makeRuntime<never, void, never>()
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      const fiber = run(
        Effect.gen(function* () {
          const body = yield* read(request)
          const headers = Headers.fromInput(request.headers)
          const { method = "GET", url = "/" } = request
          const { delay, outcome } = yield* receive({ method, url, headers, body })
          yield* pause(delay)
          yield* outcome._tag === "Sent" ? send(response, outcome, pause) : fail(request.socket, outcome.fault)
        }).pipe(
          // A test's own handler threw. There is nobody here to tell but the client.
          Effect.catchAllDefect((defect) =>
            Effect.sync(() => response.writeHead(500, { "content-type": "text/plain" }).end(String(defect)))
          ),
          Effect.asVoid
        )
      )
      // The client is gone, or has its answer.
      response.on("close", () => fiber.unsafeInterruptAsFork(FiberId.none))
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  })

const open: Effect.Effect<Server, never, Scope.Scope> = Effect.map(
  Effect.acquireRelease(
    Effect.async<{ readonly server: Server; readonly sockets: ReadonlySet<Socket> }>((resume) => {
      // It hangs up when its behaviour says so, and not of itself.
      const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0 })
      const sockets = new Set<Socket>()
      server.on("connection", (socket) => {
        sockets.add(socket)
        socket.on("close", () => sockets.delete(socket))
      })
      server.on("error", (error) => resume(Effect.die(error)))
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed({ server, sockets })))
    }),
    ({ server, sockets }) =>
      Effect.async<void>((resume) => {
        server.close(() => resume(Effect.void))
        for (const socket of sockets) socket.destroy()
      })
  ),
  ({ server }) => server
)

const read = (request: IncomingMessage): Effect.Effect<string> =>
  Effect.async((resume) => {
    const chunks: Array<Buffer> = []
    request.on("data", (chunk: Buffer) => chunks.push(chunk))
    request.on("end", () => resume(Effect.succeed(Buffer.concat(chunks).toString("utf8"))))
  })

const fail = (socket: Socket, fault: Fault["fault"]): Effect.Effect<void> => {
  switch (fault) {
    case "refused":
    case "reset":
      return Effect.sync(() => socket.resetAndDestroy())
    case "hangUp":
      return Effect.sync(() => socket.end())
    case "silence":
      return Effect.never
  }
}

const send = (response: ServerResponse, sent: Sent, pause: Reception["pause"]): Effect.Effect<void> =>
  Effect.gen(function* () {
    const { body, drip, ending, headers, length, status } = sent
    response.sendDate = false
    response.writeHead(status, { ...headers, ...(length === undefined ? {} : { "content-length": length }) })
    if (drip === undefined && ending === "done") {
      response.end(body)
      return
    }
    response.flushHeaders()
    const size = drip?.bytes ?? Math.max(1, body.length)
    for (let i = 0; i < body.length; i += size) {
      if (drip !== undefined) yield* pause(drip.pause)
      yield* write(response, body.subarray(i, i + size))
    }
    if (ending === "done") response.end()
    else {
      // A reset may throw away what the other side has not yet read.
      if (ending === "reset") yield* pause(readTime)
      yield* fail(response.req.socket, ending)
    }
  })

/** Milliseconds. */
const readTime = 5

const write = (response: ServerResponse, piece: Uint8Array): Effect.Effect<void> =>
  Effect.async((resume) => {
    response.write(piece, () => resume(Effect.void))
  })
