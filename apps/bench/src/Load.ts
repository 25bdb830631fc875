/**
 * Many requests through one client, so many at once.
 */
// @effect-diagnostics asyncFunction:off
// The peers are asked as their users ask them: by `await`.
import { Clock, Effect } from "effect"
import { MeasureError } from "./Bench.ts"
import type { Ask } from "./Clients.ts"

/**
 * - `count`: how many requests.
 * - `workers`: how many of them at once.
 * - `url`: of the request with that number, from 0.
 * - `isRight`: whether the parsed answer is what the server sends.
 */
export interface Load {
  readonly count: number
  readonly workers: number
  readonly url: (index: number) => string
  readonly isRight: (answer: unknown) => boolean
}

/**
 * Makes the requests, each worker one after the other, and keeps no answer. Gives the seconds it took. Fails unless every
 * answer came and is right.
 */
export const seconds =
  ({ count, isRight, url, workers }: Load) =>
  (ask: Ask): Effect.Effect<number, MeasureError> =>
    Effect.gen(function* () {
      let asked = 0
      let right = 0
      const hear = (answer: unknown): void => {
        if (isRight(answer)) right++
      }
      const startedAt = yield* Clock.currentTimeNanos
      yield* run(ask, { workers, more: () => asked < count, url: () => url(asked++), hear })
      const seconds = Number((yield* Clock.currentTimeNanos) - startedAt) / 1e9
      if (right !== count) return yield* new MeasureError({ message: `${right} of ${count} answers were right` })
      return seconds
    })

interface Turns {
  readonly workers: number
  readonly more: () => boolean
  readonly url: () => string
  readonly hear: (answer: unknown) => void
}

const run = (ask: Ask, { hear, more, url, workers }: Turns): Effect.Effect<unknown, MeasureError> => {
  if (ask._tag === "Effect") {
    const { context, get } = ask
    return Effect.whileLoop({ while: more, body: () => get(url()), step: hear }).pipe(
      Effect.replicateEffect(workers, { concurrency: workers, discard: true }),
      Effect.mapError(({ message }) => new MeasureError({ message })),
      Effect.provide(context)
    )
  }
  const { get } = ask
  const worker = async (): Promise<void> => {
    while (more()) hear(await get(url()))
  }
  return Effect.tryPromise({
    try: () => Promise.all(Array.from({ length: workers }, worker)),
    catch: (error) => new MeasureError({ message: error instanceof Error ? error.message : String(error) })
  })
}
