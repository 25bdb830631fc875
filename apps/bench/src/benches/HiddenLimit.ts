/**
 * `hidden-limit`: how close a client comes to a server's rate that it knows, hears of or has to find, and how often it is
 * refused.
 */
import { Clock, Effect, type Scope } from "effect"
import type { Bench, Contender } from "../Bench.ts"
import * as Child from "../Child.ts"
import * as Limiters from "../Limiters.ts"
import * as Loopback from "../Loopback.ts"
import * as LearningClient from "./LearningClient.ts"
import * as LimitedServer from "./LimitedServer.ts"

const requests = 2000
const { burst, rate } = LimitedServer.limit

/** Seconds: the server's burst at once, the others at its rate. */
const optimum = (requests - burst) / rate

const cap = 60

type Call = Effect.Effect<Loopback.Response>

/** Takes a turn first. One that is refused waits as long as it was told. */
const paced =
  (take: Effect.Effect<unknown>, call: Call): LearningClient.Ask =>
  () =>
    Effect.flatMap(Effect.zipRight(take, call), ({ headers, status }) =>
      status === 429 ? Effect.as(Effect.sleep(Number(headers["retry-after"]) * 1000), false) : Effect.succeed(true)
    )

/** Lets nobody in before all are there: it takes a tenth of a second to start the fibers, which is nobody's merit. */
const makeGate = Effect.gen(function* () {
  const latch = yield* Effect.makeLatch()
  let arrived = 0
  let openedAt = 0n
  const open = Effect.zipRight(
    Effect.map(Clock.currentTimeNanos, (now) => void (openedAt = now)),
    latch.open
  )
  const enter = Effect.suspend((): Effect.Effect<unknown> => (++arrived < requests ? latch.await : open))
  return { enter, openedAt: () => openedAt }
})

/**
 * - `says`: what the server says of its limit.
 * - `make`: how a client asks that server.
 */
interface Options {
  readonly package: string
  readonly quick: boolean
  readonly says: LimitedServer.Says
  readonly make: (call: Call) => Effect.Effect<LearningClient.Ask, never, Scope.Scope>
}

const contender = (name: string, { make, says, ...options }: Options): Contender => ({
  name,
  package: options.package,
  quick: options.quick,
  measure: Effect.gen(function* () {
    const call = yield* Loopback.client(yield* Child.start({ role: "limit", argument: says }))
    let refused = 0
    let done = 0
    const counted = Effect.map(Effect.orDie(call), (response) => {
      if (response.status === 429) refused++
      else done++
      return response
    })
    const ask = yield* make(counted)
    const insist = (isRetry: boolean): Effect.Effect<void> =>
      Effect.flatMap(ask(isRetry), (isServed) => (isServed ? Effect.void : insist(true)))
    const { enter, openedAt } = yield* makeGate
    yield* Effect.replicateEffect(Effect.zipRight(enter, insist(false)), requests, {
      concurrency: "unbounded",
      discard: true
    }).pipe(Effect.timeoutOption(cap * 1000))
    const seconds = Number((yield* Clock.currentTimeNanos) - openedAt()) / 1e9
    return { "wall/optimum": seconds / optimum, "429s": refused, lost: requests - done }
  })
})

/** A limiter that is told the rate. */
const knowing = (
  name: string,
  { make, ...limiter }: Limiters.Limiter,
  options: { readonly quick: boolean; readonly starts: number }
): Contender =>
  contender(name, {
    package: limiter.package,
    quick: options.quick,
    says: "retry-after",
    // The server's rate, as so many starts in the time that they take at that rate.
    make: (call) =>
      Effect.map(make({ starts: options.starts, millis: (options.starts * 1000) / rate }), ({ take }) =>
        paced(Effect.isEffect(take) ? take : Effect.promise(take), call)
      )
  })

const learning = (name: string, says: LimitedServer.Says): Contender =>
  contender(name, { package: Limiters.tributary.package, quick: true, says, make: LearningClient.make })

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
    knowing("tributary known", Limiters.tributary, { quick: true, starts: burst / 4 }),
    learning("tributary headers", "headers"),
    learning("tributary blind", "nothing"),
    ...Limiters.ratePeers.flatMap((peer) => [
      knowing(`${peer.name}, 1 per 5 ms`, peer, { quick: best.has(peer.name), starts: 1 }),
      { ...knowing(`${peer.name}, ${rate} per s`, peer, { quick: false, starts: rate }), rounds: 1 }
    ])
  ],
  notes: [
    "The server runs in a process of its own and answers 429 beyond its limit. All requests are asked for at once, over " +
      "node:http; each takes a turn of the limiter first, and one that is refused takes a turn again.",
    `\`wall/optimum\`: time until the last request was served over (${requests} - ${burst}) / ${rate} = ${optimum} s. A run ends ` +
      `after ${cap} s at the latest, ${(cap / optimum).toFixed(2)} times the optimum; \`lost\` are the requests not served by then.`,
    "`tributary known` and the peers are told the limit. To them the server says `Retry-After: 1` with every 429, and one " +
      "that is refused waits so long. `tributary known` takes a quarter of the server's burst. Each peer runs twice: with the " +
      "limit as it is written in a server's documentation (one round, as these take up to the cap), and spread as evenly as " +
      "the peer can.",
    "`tributary headers` and `tributary blind` are told nothing and begin with 10 a second. To `headers` the server says in " +
      `every response \`RateLimit-Policy: "default";q=${rate};w=1\` and \`RateLimit: "default";r=...;t=...\`, with what is left of ` +
      "its burst; to `blind` it says nothing, and a 429 is bare. None of the peers finds a rate by itself.",
    "p-limit is left out: it limits concurrency, not the rate."
  ]
}
