/**
 * HTTP over loopback, as the benches need it: servers that look at nothing but that somebody came, clients for them.
 */
import { Agent, createServer, get, type IncomingHttpHeaders, type Server } from "node:http"
import type { AddressInfo } from "node:net"
import { Data, Effect, Runtime, type Scope } from "effect"

export interface Response {
  readonly status: number
  readonly headers: IncomingHttpHeaders
}

/**
 * There was no answer.
 */
export class ConnectionError extends Data.TaggedError("ConnectionError")<{ readonly message: string }> {}

/**
 * A GET of that port, over connections that are kept and of which there are 256 at most.
 */
export const client = (port: number): Effect.Effect<Effect.Effect<Response, ConnectionError>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 256 })),
    (agent) => Effect.sync(() => agent.destroy())
  ).pipe(
    Effect.map((agent) =>
      Effect.async<Response, ConnectionError>((resume) => {
        const fail = ({ message }: Error): void => resume(new ConnectionError({ message }))
        const request = get({ host: "127.0.0.1", port, agent }, (response) => {
          const { headers, statusCode = 0 } = response
          response.resume()
          response.once("error", fail)
          response.once("end", () => resume(Effect.succeed({ status: statusCode, headers })))
        })
        request.once("error", fail)
      })
    )
  )

/**
 * - `body`: `{}` if it does not matter.
 * - `delay`: milliseconds from the request to the answer.
 */
export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly delay?: number
}

/**
 * Serves on a free port until the scope closes, and gives the port.
 */
export const serve = (answer: () => Answer): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.flatMap(Effect.runtime(), (runtime) =>
      Effect.async<Server>((resume) => {
        const fork = Runtime.runFork(runtime)
        const server = createServer((_, response) => {
          const { body = "{}", delay, headers = {}, status } = answer()
          const send = (): void => {
            response.writeHead(status, headers)
            response.end(body)
          }
          if (delay === undefined) send()
          else fork(Effect.delay(Effect.sync(send), delay))
        })
        server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
      })
    ),
    (server) =>
      Effect.sync(() => {
        server.close()
        server.closeAllConnections()
      })
  ).pipe(Effect.map((server) => (server.address() as AddressInfo).port))

/**
 * A port at which nobody is any more, so that connections are refused.
 */
export const deadPort: Effect.Effect<number> = Effect.scoped(serve(() => ({ status: 200 })))
