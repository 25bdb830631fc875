// Packs every package, lints the tarballs, then installs and uses them from an empty project as a user would.
import { execFileSync } from "node:child_process"
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"

const run = (cwd, command, ...args) => execFileSync(command, args, { cwd, stdio: "inherit" })
const bin = (name) => resolve("node_modules/.bin", name)
const dir = mkdtempSync(join(tmpdir(), "tributary-smoke-"))

const program = `import { FetchHttpClient, HttpClientRequest } from "@effect/platform"
import { Collector, Field, Parameter, Plan, Source } from "@tributary/collect"
import { type FetchError, Fetcher, RateLimitedClient } from "@tributary/fetcher"
import { StatusError } from "@tributary/fetcher/FetchError"
import { Aggregate, Html } from "@tributary/report"
import { RateLimiter, Retry } from "@tributary/resilience"
import { FakeServer, VirtualTime } from "@tributary/testing"
import { withLimit } from "@tributary/resilience/RateLimiter"
import { Effect, Layer, Schema } from "effect"

const limited: Effect.Effect<string> = Effect.succeed("ok").pipe(
  withLimit("k"),
  Effect.retry(Retry.schedule({ policy: Retry.make() })),
  Effect.provide(RateLimiter.layer({ limits: [{ limit: 1, window: "1 second" }] }))
)

const weather = Source.make({
  name: "weather",
  base: "http://127.0.0.1:9",
  request: "/{city}",
  for: { city: Parameter.list(["Seattle", "New York"]) },
  records: "$.days[*]",
  schema: Field.struct({ high: { type: "number" } }),
  key: ["city"]
})

const http = RateLimitedClient.layer().pipe(Layer.provide(FetchHttpClient.layer))
const fetched: Effect.Effect<string, FetchError.FetchError> = Fetcher.json(
  HttpClientRequest.get("http://" + weather.host),
  Schema.String
).pipe(Effect.provide(http))

const error = await Effect.runPromise(Effect.flip(fetched))
const week: Effect.Effect<void, VirtualTime.Deadlock> = VirtualTime.run(Effect.sleep("1 week"), { seed: 1 })
await Effect.runPromise(week)
const weekly = Aggregate.make({ name: "all", from: "weather", by: [], measures: { high: Aggregate.avg("high") } })

const ok =
  (await Effect.runPromise(limited)) === "ok" &&
  Plan.size(weather) === 2 &&
  error._tag === "ConnectError" &&
  !(error instanceof StatusError) &&
  weekly.from === "weather" &&
  typeof Html.render === "function" &&
  typeof FakeServer.serve === "function" &&
  typeof Collector.make === "function"
if (!ok) throw new Error("smoke test failed")
`

try {
  for (const name of readdirSync("packages")) run(join("packages", name), "pnpm", "pack", "--pack-destination", dir)
  const tarballs = readdirSync(dir).filter((file) => file.endsWith(".tgz"))
  for (const tarball of tarballs) {
    run(dir, bin("publint"), "--strict", tarball)
    run(dir, bin("attw"), "--quiet", "--profile", "esm-only", tarball)
  }

  writeFileSync(join(dir, "package.json"), JSON.stringify({ private: true, type: "module" }))
  writeFileSync(join(dir, "main.mts"), program)
  const peers = ["effect@^3.22", "@effect/platform@^0.97", "@effect/sql@^0.52", "@effect/experimental@^0.61"]
  run(dir, "npm", "install", "--no-audit", "--no-fund", "--silent", ...peers, ...tarballs)
  const options = ["--strict", "--target", "es2022", "--module", "nodenext", "--skipLibCheck"]
  run(dir, bin("tsc"), "--ignoreConfig", ...options, "main.mts")
  run(dir, "node", "main.mjs")
  console.log(`${tarballs.length} packages pack, install and work`)
} finally {
  rmSync(dir, { recursive: true, force: true })
}
