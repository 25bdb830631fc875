/**
 * `hidden-limit`: how close a client that knows a server's rate comes to it, and how often it is refused.
 */
import { Agent, get } from "node:http"
import { Clock, Effect, type Scope } from "effect"
import type { Bench, Contender } from "../Bench.ts"
import * as Child from "../Child.ts"
import * as Limiters from "../Limiters.ts"
import * as LimitedServer from "./LimitedServer.ts"

const requests = 2000
const { burst, rate } = LimitedServer.limit

/** Seconds: the server's burst at once, the others at its rate. */
const optimum = (requests - burst) / rate

const cap = 60

/**
 * What became of a run.
 */
interface Outcome {
  readonly seconds: number
  readonly refused: number
  readonly done: number
}

/** A request; gives the seconds after which to come again, or 0 if it was served. */
type Call = Effect.Effect<number>

const client = (port: number): Effect.Effect<Call, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => new Agent({ keepAlive: true, maxSockets: 256 })),
    (agent) => Effect.sync(() => agent.destroy())
  ).pipe(
    Effect.map((agent) =>
      Effect.async<number>((resume) => {
        const request = get({ host: "127.0.0.1", port, agent }, (response) => {
          response.resume()
          response.once("end", () =>
            resume(Effect.succeed(response.statusCode === 429 ? Number(response.headers["retry-after"]) : 0))
          )
        })
        request.once("error", (error) => resume(Effect.die(error)))
      })
    )
  )

/**
 * Every request takes a turn first. One that is refused waits as long as it was told and takes a turn again.
 */
const drive = (take: Effect.Effect<unknown>, call: Call): Effect.Effect<Outcome> =>
  Effect.gen(function* () {
    let refused = 0
    let done = 0
    const attempt: Effect.Effect<void> = Effect.flatMap(Effect.zipRight(take, call), (retryAfter) => {
      if (retryAfter === 0) {
        done++
        return Effect.void
      }
      refused++
      return Effect.zipRight(Effect.sleep(retryAfter * 1000), attempt)
    })
    const startedAt = yield* Clock.currentTimeNanos
    yield* Effect.replicateEffect(attempt, requests, { concurrency: "unbounded", discard: true }).pipe(
      Effect.timeoutOption(cap * 1000)
    )
    const seconds = Number((yield* Clock.currentTimeNanos) - startedAt) / 1e9
    return { seconds, refused, done }
  })

/** The server's rate, as so many starts in the time that they take at that rate. */
const spread = (starts: number): Limiters.Rate => ({ starts, millis: (starts * 1000) / rate })

const contender = (
  name: string,
  options: Pick<Limiters.Limiter, "make" | "package"> & { readonly quick: boolean; readonly rate: Limiters.Rate }
): Contender => ({
  name,
  package: options.package,
  quick: options.quick,
  measure: Effect.gen(function* () {
    const call = yield* client(yield* Child.start({ role: "serve" }))
    const { take } = yield* options.make(options.rate)
    const { done, refused, seconds } = yield* drive(Effect.isEffect(take) ? take : Effect.promise(take), call)
    return { "wall/optimum": seconds / optimum, "429s": refused, lost: requests - done }
  })
})

const best = new Set([Limiters.throttle.name, Limiters.bottleneck.name])

export const hiddenLimit: Bench = {
  name: "hidden-limit",
  title: `${requests.toLocaleString("en-US")} requests to a server that allows ${rate} a second, ${burst} at once`,
  metrics: {
    "wall/optimum": { unit: "x", better: "less" },
    "429s": { unit: "", better: "less" },
    lost: { unit: "", better: "less" }
  },
  rounds: 3,
  quickRounds: 1,
  contenders: [
    contender("tributary known", { ...Limiters.tributary, quick: true, rate: spread(burst / 4) }),
    ...Limiters.ratePeers.flatMap((peer) => [
      contender(`${peer.name}, 1 per 5 ms`, { ...peer, quick: best.has(peer.name), rate: spread(1) }),
      { ...contender(`${peer.name}, ${rate} per s`, { ...peer, quick: false, rate: spread(rate) }), rounds: 1 }
    ])
  ],
  notes: [
    "The server runs in a process of its own and answers 429 with `Retry-After: 1` beyond its limit. All requests are asked " +
      "for at once, over node:http; each takes a turn of the limiter first, and one that is refused waits as long as it was " +
      "told and takes a turn again.",
    `\`wall/optimum\`: time until the last request was served over (${requests} - ${burst}) / ${rate} = ${optimum} s. A run ends ` +
      `after ${cap} s at the latest, ${(cap / optimum).toFixed(2)} times the optimum; \`lost\` are the requests not served by then.`,
    `\`tributary known\` is given the limit and a quarter of the server's burst. Each peer runs twice: with the limit as ` +
      "it is written in a server's documentation (one round, as these take up to the cap), and spread as evenly as " +
      "the peer can.",
    "p-limit is left out: it limits concurrency, not the rate."
  ]
}
