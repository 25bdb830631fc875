import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Random } from "effect"
import type { DemoApi } from "../src/demo/DemoApi.ts"
import * as Bot from "./support/Bot.ts"

const seed = 20_261_121

/** Where the pages of a committed slice come from. */
const pathOf = (slice: { readonly source: string; readonly parameters: string }): string => {
  const { city, date, symbol, year } = JSON.parse(slice.parameters)
  return slice.source === "weather"
    ? `/v1/daily/${encodeURIComponent(city)}?date=${date}`
    : `/v1/prices/${symbol}?year=${year.slice(0, 4)}`
}

/** Runs to the end without being disturbed. */
const undisturbed = Effect.scoped(
  Effect.gen(function* () {
    const api = yield* Bot.fastApi
    const { database, file, run } = yield* Bot.workspace({ api })
    const { code, stderr } = yield* run("run", file)
    assert.strictEqual(code, 0, stderr)
    return { contents: yield* Bot.contents(database), requests: (yield* Bot.requests(api)).length }
  })
)

const untilSeen = (api: DemoApi, count: number) =>
  Effect.repeat(Effect.delay(Bot.requests(api), "3 millis"), { until: (seen) => seen.length >= count })

/** Kills a run once the APIs have seen so many requests and so many milliseconds more have passed, then resumes it. */
const killed = (instant: { readonly requests: number; readonly millis: number }) =>
  Effect.scoped(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const api = yield* Bot.fastApi
      const { database, file, run, start } = yield* Bot.workspace({ api })

      const { ended, process } = yield* start("run", file)
      yield* untilSeen(api, instant.requests)
      yield* Effect.sleep(instant.millis)
      process.kill("SIGKILL")
      yield* ended
      const before = (yield* Bot.requests(api)).length
      const committed = (yield* fs.exists(database)) ? (yield* Bot.contents(database)).slices : []

      const { code, stderr } = yield* run("run", file)
      assert.strictEqual(code, 0, stderr)
      const again = (yield* Bot.requests(api)).slice(before).map(({ url }) => url)
      const twice = committed
        .map(pathOf)
        .filter((path) => again.some((url) => url === path || url.startsWith(`${path}&`)))
      return { twice, committed: committed.length, contents: yield* Bot.contents(database) }
    })
  )

describe("kill -9", () => {
  it.live(
    "at 20 seeded instants loses nothing, doubles nothing and asks for nothing again",
    () =>
      Effect.gen(function* () {
        const expected = yield* undisturbed
        assert.strictEqual(expected.contents.slices.length, 106)
        const random = Random.make(seed)
        // Among the first 90 % of the requests, so that it is still running when it is killed.
        const instants = yield* Effect.replicateEffect(
          Effect.all({
            requests: random.nextIntBetween(1, Math.floor(expected.requests * 0.9)),
            millis: random.nextIntBetween(0, 20)
          }),
          20
        )
        const committed = yield* Effect.forEach(
          instants,
          (instant) =>
            Effect.map(killed(instant), (outcome) => {
              const where = `seed ${seed}, killed ${instant.millis} ms after request ${instant.requests}`
              assert.deepStrictEqual(outcome.twice, [], where)
              assert.deepStrictEqual(outcome.contents, expected.contents, where)
              return outcome.committed
            }),
          { concurrency: 2 }
        )
        // The kills must have hit runs that were under way, or they have shown nothing. One or another may come too late.
        const underWay = committed.filter((count) => count > 0 && count < 106).length
        assert.isAtLeast(underWay, 15, `slices committed when killed: ${committed.join(", ")}`)
      }).pipe(Effect.provide(NodeContext.layer)),
    120_000
  )
})
