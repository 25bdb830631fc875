import { HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { RateLimitedClient } from "@tributary/fetcher"
import { Retry } from "@tributary/resilience"
import { UndiciClient } from "@tributary/undici"
import { Effect, Layer, Schedule } from "effect"
import { spawn, spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** nginx's `limit_req` is a leaky bucket by the millisecond: what a server in the wild does. */
const hasNginx = spawnSync("nginx", ["-v"]).status === 0

const freePort = Effect.async<number>((resume) => {
  const server = createServer().listen(0, "127.0.0.1", () => {
    const { port } = server.address() as AddressInfo
    server.close(() => resume(Effect.succeed(port)))
  })
})

/** Lets 50 a second through, and `burst` more at once. */
const nginx = (burst: number) =>
  Effect.gen(function* () {
    const port = yield* freePort
    const directory = yield* Effect.acquireRelease(
      Effect.sync(() => mkdtempSync(join(tmpdir(), "tributary-nginx-"))),
      (directory) => Effect.sync(() => rmSync(directory, { recursive: true, force: true }))
    )
    writeFileSync(
      join(directory, "nginx.conf"),
      `daemon off; worker_processes 1; pid ${directory}/pid; error_log ${directory}/error.log crit;
      events {}
      http {
        access_log off; client_body_temp_path ${directory}; proxy_temp_path ${directory};
        fastcgi_temp_path ${directory}; uwsgi_temp_path ${directory}; scgi_temp_path ${directory};
        limit_req_zone $binary_remote_addr zone=all:1m rate=50r/s;
        limit_req_status 429;
        server {
          listen 127.0.0.1:${port};
          location / { limit_req zone=all burst=${burst} nodelay; default_type application/json; root ${directory}; }
          location /up { return 204; }
        }
      }`
    )
    writeFileSync(join(directory, "data.json"), "{}")
    yield* Effect.acquireRelease(
      Effect.sync(() => spawn("nginx", ["-c", join(directory, "nginx.conf"), "-p", directory], { stdio: "ignore" })),
      (child) =>
        Effect.async<void>((resume) => {
          child.once("exit", () => resume(Effect.void))
          child.kill("SIGKILL")
        })
    )
    const url = `http://127.0.0.1:${port}`
    yield* HttpClient.get(`${url}/up`).pipe(
      Effect.provide(UndiciClient.layer()),
      Effect.retry(Schedule.spaced("20 millis").pipe(Schedule.upTo("5 seconds")))
    )
    return url
  })

const statuses = (url: string, n: number) =>
  Effect.gen(function* () {
    const counts: Record<number, number> = {}
    yield* Effect.replicateEffect(
      Effect.map(HttpClient.execute(HttpClientRequest.get(`${url}/data.json`)), ({ status }) => {
        counts[status] = (counts[status] ?? 0) + 1
      }),
      n,
      { concurrency: "unbounded", discard: true }
    )
    return counts
  })

describe.skipIf(!hasNginx)("nginx's limit_req, driven at its limit", () => {
  it.scopedLive("is never exceeded once it is known", () =>
    Effect.gen(function* () {
      const url = yield* nginx(5)
      const layer = RateLimitedClient.layer({
        default: { limits: [{ limit: 50, window: "1 second", burst: 2 }], retry: Retry.none }
      }).pipe(Layer.provide(UndiciClient.layer()))
      assert.deepStrictEqual(yield* Effect.provide(statuses(url, 120), layer), { 200: 120 })
    })
  )

  it.scopedLive("is found by its refusals where it is not, and nothing is lost", () =>
    Effect.gen(function* () {
      const url = yield* nginx(5)
      const layer = RateLimitedClient.layer({
        default: {
          discover: { initial: 40 },
          retry: Retry.make({ attempts: 20 }),
          budget: false,
          totalTimeout: "1 minute"
        }
      }).pipe(Layer.provide(UndiciClient.layer()))
      const [counts, hosts] = yield* Effect.zip(
        statuses(url, 150),
        Effect.flatMap(RateLimitedClient.RateLimitedClient, ({ snapshot }) => snapshot)
      ).pipe(Effect.provide(layer))
      assert.deepStrictEqual(counts, { 200: 150 })
      assert.isAtMost(hosts[0]?.throttled ?? 0, 40)
    })
  )
})
