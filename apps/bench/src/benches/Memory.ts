/**
 * `memory`: what it takes to have very many requests to make.
 */
import { Effect } from "effect"
import type { Bench, Contender } from "../Bench.ts"
import * as Feed from "./Feed.ts"
import * as JsonServer from "./JsonServer.ts"

const few = 10_000
const some = 100_000
const many = 1_000_000

const nameOf = (name: string, count: number): string => `${name}, ${count.toLocaleString("en-US")}`

const contender = (name: Feed.Name, count: number, quick: boolean): Contender => ({
  name: nameOf(name, count),
  package: name === "tributary" ? "@tributary/fetcher" : name,
  quick,
  measure: Effect.gen(function* () {
    const url = yield* JsonServer.serve
    return { "peak RSS": yield* Feed.peakApart({ name, count, url }) }
  })
})

export const memory: Bench = {
  name: "memory",
  title: `Up to ${many.toLocaleString("en-US")} requests, ${Feed.workers} at a time`,
  metrics: { "peak RSS": { unit: "MiB", better: "less", baseline: nameOf("tributary", few) } },
  rounds: 1,
  quickRounds: 1,
  contenders: [
    contender("tributary", few, true),
    contender("tributary", some, true),
    contender("tributary", many, false),
    contender("p-limit", few, true),
    contender("p-limit", some, true),
    contender("p-limit", many, false),
    contender("p-queue", few, true),
    contender("p-queue", some, true),
    contender("p-queue", many, false)
  ],
  notes: [
    "`peak RSS`: the most memory that a process has in RAM while it makes the requests, looked at every 20 ms. The server is " +
      "a process of its own, too.",
    `\`tributary\` is the full policy. ${Feed.workers} workers make a request when they have their answer to the one before, so the ` +
      "others need not be there; every one is made and answered.",
    "p-limit and p-queue are used as their documentation does it: all requests are put in the queue at once, for `undici.request`. " +
      `A run of theirs ends after ${Feed.cap} s at the latest: by then all that is in the queue has long been in memory. No answer is kept.`,
    "In its first 100,000 requests or so a process grows into the room that the garbage collector takes: whether memory is flat " +
      "shows from there on."
  ],
  surroundings: Effect.map(JsonServer.name, (name) => [`The server is ${name}.`])
}
