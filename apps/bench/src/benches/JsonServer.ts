/**
 * The server that `http` and `memory` ask: it answers every GET with the same JSON of some 600 bytes.
 */
import { spawn } from "node:child_process"
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { Deferred, Effect, Option, Predicate, Schedule, Schema, type Scope } from "effect"
import { MeasureError } from "../Bench.ts"
import * as Child from "../Child.ts"
import * as Loopback from "../Loopback.ts"
import * as Program from "../Program.ts"

/**
 * What it answers, as its clients know it.
 */
export const Catalog = Schema.Struct({
  id: Schema.Number,
  ok: Schema.Boolean,
  items: Schema.Array(Schema.Struct({ id: Schema.Number, name: Schema.String, price: Schema.Number }))
})

export const catalog: typeof Catalog.Type = {
  id: 1,
  ok: true,
  items: Array.from({ length: 15 }, (_, index) => ({ id: index, name: `item ${index}`, price: index * 1.5 }))
}

/**
 * Whether this is what the server answers, come and parsed. It only looks at a field, so that it costs nobody anything.
 */
export const isCatalog = (value: unknown): boolean => Predicate.hasProperty(value, "id") && value.id === catalog.id

/**
 * The whole answer.
 */
export const answer: Loopback.Answer = {
  status: 200,
  headers: { "content-type": "application/json" },
  body: JSON.stringify(catalog)
}

// Debian keeps it where only root looks by default.
const nginx = Program.find(["nginx", "/usr/sbin/nginx"], "-v")

/**
 * Which server it is, for the notes.
 */
export const name: Effect.Effect<string> = Effect.map(
  nginx,
  Option.match({
    onNone: () => "Node's `http`, as this machine has no nginx",
    onSome: ({ output }) => output.replace(/^.*nginx\//, "nginx ")
  })
)

/**
 * Serves on a free port of loopback in a process of its own until the scope closes, and gives the URL: by nginx if it is
 * there, else by Node.
 */
export const serve: Effect.Effect<string, MeasureError, Scope.Scope> = Effect.flatMap(
  nginx,
  Option.match({ onNone: () => Child.start({ role: "json" }), onSome: ({ program }) => startNginx(program) })
).pipe(Effect.map((port) => `http://127.0.0.1:${port}/`))

/**
 * The child process that serves where there is no nginx.
 */
export const child: Effect.Effect<never> = Effect.scoped(
  Effect.flatMap(
    Loopback.serve(() => answer),
    Child.answer
  )
)

/** One process that stays in the foreground, as who we are; it closes no connection for the number of its requests. */
const config = (directory: string, port: number): string => `
daemon off;
master_process off;
error_log stderr error;
pid ${directory}/nginx.pid;
events { worker_connections 1024; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((of) => `${of}_temp_path ${directory}/${of};`).join("\n  ")}
  server {
    listen 127.0.0.1:${port};
    location / {
      default_type application/json;
      return 200 '${answer.body}';
    }
  }
}
`

const startNginx = (program: string): Effect.Effect<number, MeasureError, Scope.Scope> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const directory = yield* fs.makeTempDirectoryScoped({ prefix: "bench-nginx-" })
    const port = yield* Loopback.deadPort
    const file = `${directory}/nginx.conf`
    yield* fs.writeFileString(file, config(directory, port))
    const ended = yield* Deferred.make<never, MeasureError>()
    const end = (reason: string): void =>
      Deferred.unsafeDone(ended, new MeasureError({ message: `${program}: ${reason}` }))
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        const server = spawn(program, ["-e", "stderr", "-c", file], { stdio: ["ignore", "ignore", "inherit"] })
        server.once("error", ({ message }) => end(message))
        server.once("exit", (code) => end(`it ended with ${code}`))
        return server
      }),
      (server) =>
        Effect.zipRight(
          Effect.sync(() => server.kill()),
          Effect.exit(Deferred.await(ended))
        )
    )
    const answers = Effect.scoped(Effect.flatten(Loopback.client(port))).pipe(
      Effect.retry(Schedule.intersect(Schedule.spaced("10 millis"), Schedule.recurs(500))),
      Effect.mapError(({ message }) => new MeasureError({ message: `${program}: ${message}` }))
    )
    yield* Effect.raceFirst(answers, Deferred.await(ended))
    return port
  }).pipe(
    Effect.catchTags({
      BadArgument: ({ message }) => new MeasureError({ message }),
      SystemError: ({ message }) => new MeasureError({ message })
    }),
    Effect.provide(NodeFileSystem.layer)
  )
