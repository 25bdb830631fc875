/**
 * Crawlee's HttpCrawler, which is given all its requests at once.
 */
import type * as Http from "@crawlee/http"
import { Clock, Effect } from "effect"
import { MeasureError } from "./Bench.ts"
import type { Load } from "./Load.ts"

// Not by a literal: bundled, it does not find parts of itself.
const name: string = "@crawlee/http"

const library = Effect.promise((): Promise<typeof Http> => import(name))

/**
 * As `Load.seconds`: makes the requests with a queue in memory. A crawler asks no URL twice unless it is told apart by a key.
 */
export const seconds = ({ count, isRight, url, workers }: Load): Effect.Effect<number, MeasureError> =>
  Effect.gen(function* () {
    const { Configuration, HttpCrawler, log } = yield* library
    log.setLevel(log.LEVELS.OFF)
    let right = 0
    const crawler = new HttpCrawler(
      {
        minConcurrency: workers,
        maxConcurrency: workers,
        requestHandler: ({ json }) => {
          if (isRight(json)) right++
        }
      },
      new Configuration({ persistStorage: false })
    )
    const requests = Array.from({ length: count }, (_, index) => ({ url: url(index), uniqueKey: String(index) }))
    const startedAt = yield* Clock.currentTimeNanos
    yield* Effect.tryPromise({
      try: () => crawler.run(requests),
      catch: (error) => new MeasureError({ message: String(error) })
    })
    const seconds = Number((yield* Clock.currentTimeNanos) - startedAt) / 1e9
    if (right !== count) return yield* new MeasureError({ message: `${right} of ${count} answers were right` })
    return seconds
  })
