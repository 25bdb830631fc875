/**
 * `outage`: what calls do to a server that is gone, and how many get through to one that often fails.
 */
import { Clock, Effect } from "effect"
import type { Bench, Contender } from "../Bench.ts"
import * as Child from "../Child.ts"
import * as Loopback from "../Loopback.ts"
import * as Retriers from "../Retriers.ts"
import * as FlakyServer from "./FlakyServer.ts"

const calls = 1000
const concurrency = 50

/** Seconds. */
const cap = 20

/**
 * What became of the calls of a port. Attempts are counted where they are made, below everything that decides on them.
 */
const load = ({ make }: Retriers.Retrier, port: number) =>
  Effect.gen(function* () {
    const request = yield* Loopback.client(port)
    let begun = 0
    let attempts = 0
    let done = 0
    let succeeded = 0
    const attempt = Effect.suspend(() => {
      attempts++
      return Effect.mapError(request, ({ message }) => new Retriers.Unavailable({ message }))
    }).pipe(
      Effect.filterOrFail(
        ({ status }) => status === 200,
        ({ status }) => new Retriers.Unavailable({ message: String(status) })
      ),
      Effect.asVoid
    )
    const insist = yield* make
    const call = Effect.suspend(() => {
      begun++
      return Effect.isSuccess(insist(attempt))
    }).pipe(
      Effect.map((isSuccess) => {
        done++
        if (isSuccess) succeeded++
      })
    )
    const startedAt = yield* Clock.currentTimeNanos
    yield* Effect.replicateEffect(call, calls, { concurrency, discard: true }).pipe(Effect.timeoutOption(cap * 1000))
    const seconds = Number((yield* Clock.currentTimeNanos) - startedAt) / 1e9
    return { attemptsPerCall: attempts / begun, seconds, succeeded: succeeded / calls, unfinished: calls - done }
  })

const contender = (retrier: Retriers.Retrier, options: Pick<Contender, "quick" | "rounds">): Contender => ({
  name: retrier.name,
  package: retrier.package,
  ...options,
  measure: Effect.gen(function* () {
    const outage = yield* load(retrier, yield* Loopback.deadPort)
    const flaky = yield* load(retrier, yield* Child.start({ role: "fail" }))
    return {
      "attempts/call": outage.attemptsPerCall,
      wall: outage.seconds,
      unfinished: outage.unfinished,
      "503s succeeded": flaky.succeeded,
      "503s attempts/call": flaky.attemptsPerCall,
      "503s wall": flaky.seconds
    }
  })
})

export const outage: Bench = {
  name: "outage",
  title: `${calls.toLocaleString("en-US")} calls of a dead server, and of one that answers ${FlakyServer.share * 100} % of them 503`,
  metrics: {
    "attempts/call": { unit: "", better: "less" },
    wall: { unit: "s", better: "less" },
    unfinished: { unit: "", better: "less" },
    "503s succeeded": { unit: "", better: "more" },
    "503s attempts/call": { unit: "", better: "less" },
    "503s wall": { unit: "s", better: "less" }
  },
  rounds: 3,
  quickRounds: 1,
  contenders: [
    contender(Retriers.tributary, { quick: true }),
    contender(Retriers.budgetAlone, { quick: true }),
    contender(Retriers.patient, { quick: true }),
    contender(Retriers.cockatiel, { quick: true }),
    contender(Retriers.schedule, { quick: true }),
    contender(Retriers.naive, { quick: false }),
    contender(Retriers.promise, { quick: false, rounds: 1 })
  ],
  notes: [
    `${concurrency} calls at a time. The dead server is a port of loopback that refuses connections: nothing fails faster, so ` +
      "nothing holds the attempts back but the client itself. The other one runs in a process of its own and answers 503 by a " +
      "seeded generator, in the same order to everybody.",
    "`attempts/call`: attempts over calls that were begun, counted where the request is made. It is below 1 where a breaker " +
      "turns calls away. `succeeded` is a share of all calls.",
    `A run ends after ${cap} s at the latest, \`unfinished\` are the calls that had no result of the outage by then. p-retry's ` +
      "10 retries of one call take 17 minutes by its defaults: its `attempts/call` in the outage is what came of the first " +
      `${cap} s, on the way to 11.`,
    "`tributary` is a `Policy` of a retry with a shared budget and a circuit breaker, all by their defaults (3 attempts, which " +
      "let 0.3 ^ 3 = 2.7 % of the calls of the flaky server fail); `no breaker` is the same with the budget alone, `patient` " +
      "makes 4 attempts.",
    "cockatiel is composed as its README does it; `effect Schedule` is exponential from 100 ms, jittered, 3 times; `a loop of " +
      "3` does not wait. All of them retry whatever fails, cockatiel its own open breaker too, which is where its time goes. " +
      "Of 30 % errors 5 in a row come by chance, in some runs and not in others: then its breaker opens, and most calls are lost."
  ]
}
