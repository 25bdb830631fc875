/**
 * What requests that are still to be made cost in memory, in a process of its own: nothing else makes it grow.
 */
// @effect-diagnostics asyncFunction:off
// The peers are used as their users use them: by `await`.
import { Effect, Schedule, Schema, type Scope } from "effect"
import pLimit from "p-limit"
import PQueue from "p-queue"
import { MeasureError } from "../Bench.ts"
import * as Child from "../Child.ts"
import * as Clients from "../Clients.ts"
import * as Load from "../Load.ts"
import * as JsonServer from "./JsonServer.ts"

export const workers = 50

/** Seconds after which it is over for those who queue everything up: by then all of it is in memory, and only gets less. */
export const cap = 30

type Feed = (load: Load.Load) => Effect.Effect<unknown, MeasureError, Scope.Scope>

/** A request is made when a worker has nothing to do, and is not there before. */
const lazily: Feed = (load) => Effect.flatMap(Clients.full.make, Load.seconds(load))

interface Queue {
  readonly count: number
  readonly workers: number
  readonly get: (index: number) => Promise<void>
}

/** All requests are in the queue before the first is answered. */
const atOnce =
  (run: (queue: Queue) => Promise<unknown>): Feed =>
  ({ count, isRight, url, workers }) =>
    Effect.gen(function* () {
      const ask = yield* Clients.undici.make
      let right = 0
      const get = async (index: number): Promise<void> => {
        if (isRight(await ask.get(url(index)))) right++
      }
      yield* Effect.tryPromise({
        try: () => run({ count, workers, get }),
        catch: (error) => new MeasureError({ message: String(error) })
      }).pipe(Effect.timeoutOption(cap * 1000))
      if (right === 0) return yield* new MeasureError({ message: `none of ${count} answers was right` })
    })

const feeds = {
  tributary: lazily,
  "p-limit": atOnce(({ count, get, workers }) => {
    const limit = pLimit(workers)
    return Promise.all(Array.from({ length: count }, (_, index) => limit(get, index)))
  }),
  "p-queue": atOnce(({ count, get, workers }) =>
    new PQueue({ concurrency: workers }).addAll(Array.from({ length: count }, (_, index) => () => get(index)))
  )
}

export type Name = keyof typeof feeds

/** - `url`: of the server; each request has a URL of its own there. */
const Task = Schema.parseJson(
  Schema.Struct({ name: Schema.Literal("tributary", "p-limit", "p-queue"), count: Schema.Number, url: Schema.String })
)

type Task = typeof Task.Type

/**
 * Makes so many requests and gives the most memory, in MiB, that this process had in RAM meanwhile. Fails if one of ours had no
 * right answer, or none of theirs did.
 */
export const peak = ({ count, name, url }: Task): Effect.Effect<number, MeasureError, Scope.Scope> =>
  Effect.gen(function* () {
    let bytes = 0
    const look = Effect.sync(() => {
      bytes = Math.max(bytes, process.memoryUsage.rss())
    })
    yield* Effect.forkScoped(Effect.repeat(look, Schedule.spaced("20 millis")))
    yield* feeds[name]({ count, workers, url: (index) => `${url}?${index}`, isRight: JsonServer.isCatalog })
    yield* look
    return bytes / 2 ** 20
  })

/**
 * The same in a process of its own.
 */
export const peakApart = (task: Task): Effect.Effect<number, MeasureError, Scope.Scope> =>
  Effect.flatMap(Effect.orDie(Schema.encode(Task)(task)), (argument) => Child.start({ role: "feed", argument }))

/**
 * That process.
 */
export const child = (argument: string): Effect.Effect<never> =>
  Schema.decode(Task)(argument).pipe(Effect.flatMap(peak), Effect.scoped, Effect.orDie, Effect.flatMap(Child.answer))
