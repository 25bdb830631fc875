/**
 * `latency`: whether a client asks for many things at the same time that are slow to come.
 */
import { Effect } from "effect"
import type { Bench, Contender } from "../Bench.ts"
import * as Child from "../Child.ts"
import * as Clients from "../Clients.ts"
import * as Load from "../Load.ts"
import * as JsonServer from "./JsonServer.ts"
import * as SlowServer from "./SlowServer.ts"

const count = 100

const contender = ({ make, ...client }: Clients.Client, quick: boolean): Contender => ({
  ...client,
  quick,
  measure: Effect.gen(function* () {
    const port = yield* Child.start({ role: "slow" })
    const load = Load.seconds({
      count,
      workers: count,
      url: (index) => `http://127.0.0.1:${port}/${index}`,
      isRight: JsonServer.isCatalog
    })
    // Another client, for the compiler alone.
    yield* Effect.scoped(Effect.flatMap(make, load))
    const seconds = yield* Effect.flatMap(make, load)
    return { "wall/optimum": (seconds * 1000) / SlowServer.delay }
  })
})

export const latency: Bench = {
  name: "latency",
  title: `${count} URLs that take ${SlowServer.delay / 1000} s each, all at once`,
  metrics: { "wall/optimum": { unit: "x", better: "less" } },
  rounds: 5,
  quickRounds: 5,
  contenders: [
    contender({ ...Clients.decoded(JsonServer.Catalog), name: "tributary" }, true),
    contender(Clients.undici, true),
    contender(Clients.platform(JsonServer.Catalog), false),
    ...Clients.peers.map((peer) => contender(peer, peer.name === "fetch"))
  ],
  notes: [
    `\`wall/optimum\`: from the first request to the last answer, parsed, over the ${SlowServer.delay / 1000} s that each takes. The ` +
      "server runs in a process of its own. The client is a new one in every run: that connections are opened counts. Another " +
      "one does the same before, so that the compiler has seen the code.",
    `\`tributary\` is the full policy with a Schema of the answer, and with permits for all ${count}: by default a host gets 20 at a time.`
  ]
}
