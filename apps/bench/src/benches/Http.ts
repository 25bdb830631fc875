/**
 * `http`: how many answers a client gets in a second.
 */
import { Effect } from "effect"
import type { Bench, Contender, MeasureError } from "../Bench.ts"
import * as Clients from "../Clients.ts"
import * as Crawlee from "../Crawlee.ts"
import * as Load from "../Load.ts"
import * as Python from "../Python.ts"
import * as JsonServer from "./JsonServer.ts"

const count = 20_000
const warmUp = 2000
const workers = 50

/** Of the seconds that the requests take. */
const measure = (seconds: (url: string) => Effect.Effect<number, MeasureError>): Contender["measure"] =>
  Effect.map(Effect.flatMap(JsonServer.serve, seconds), (seconds) => ({ "requests/s": count / seconds }))

const load = (url: string, count: number): Load.Load => ({
  count,
  workers,
  url: () => url,
  isRight: JsonServer.isCatalog
})

const ofClient = ({ make, ...client }: Clients.Client, quick: boolean): Contender => ({
  ...client,
  quick,
  measure: Effect.flatMap(make, (ask) =>
    measure((url) => Effect.zipRight(Load.seconds(load(url, warmUp))(ask), Load.seconds(load(url, count))(ask)))
  )
})

const ofPython = ({ load, ...client }: Python.Library): Contender => ({
  ...client,
  quick: false,
  rounds: 1,
  measure: measure((url) => load({ url, warmUp, count, workers, id: JsonServer.catalog.id }))
})

const crawlee: Contender = {
  name: "Crawlee HttpCrawler",
  package: "@crawlee/http",
  quick: false,
  rounds: 1,
  measure: measure((url) => Crawlee.seconds(load(url, count)))
}

const best = new Set(["undici + p-queue + p-retry", "fetch"])

export const http: Bench = {
  name: "http",
  title: `${count.toLocaleString("en-US")} GETs of a small JSON from loopback, ${workers} at a time`,
  metrics: { "requests/s": { unit: "1/s", better: "more", baseline: Clients.undici.name } },
  rounds: 5,
  quickRounds: 5,
  contenders: [
    ofClient(Clients.bare, true),
    ofClient(Clients.full, true),
    ofClient(Clients.decoded(JsonServer.Catalog), true),
    ofClient(Clients.undici, true),
    ofClient(Clients.platform(JsonServer.Catalog), false),
    ...Clients.peers.map((peer) => ofClient(peer, best.has(peer.name))),
    crawlee,
    ofPython(Python.aiohttp),
    ofPython(Python.httpx)
  ],
  notes: [
    `Every run makes ${warmUp.toLocaleString("en-US")} requests that do not count, then ${count.toLocaleString("en-US")} by ` +
      `${workers} workers, each of which asks again when it has its answer, over connections that are kept. Each answer of ` +
      `${JSON.stringify(JsonServer.catalog).length} bytes is parsed and looked at; a run with one less than all fails.`,
    "`tributary bare` is `UndiciClient` alone and `response.json`. `tributary policy` is a `RateLimitedClient` over it, with all that " +
      "a policy has: a limit that lets everybody in, permits for 128 at a time, breaker, retry with its budget, the deadlines of the " +
      "request and of the attempt, metrics; `Fetcher.fetch` and `JSON.parse`. `tributary policy+schema` is the same with `Fetcher.json` " +
      "and a Schema of the whole answer.",
    "`undici` is `undici.request` and `JSON.parse`. With p-queue and p-retry it has 128 at a time and 10 retries; it has no " +
      "rate, breaker, budget or deadline.",
    "`effect layerUndici` is `NodeHttpClient.layerUndici` with `filterStatusOk`, `retryTransient`, `Effect.timeout` and the same " +
      "Schema. The others are used by their defaults, axios and got with an agent that keeps connections.",
    "Crawlee's HttpCrawler gets all requests at once, keeps its queue in memory, has no warm-up, and may make no fewer and no more " +
      `than ${workers} at a time. aiohttp and httpx run in a Python process and are timed there. These three run once.`
  ],
  surroundings: Effect.map(JsonServer.name, (name) => [`The server is ${name}, in a process of its own.`])
}
