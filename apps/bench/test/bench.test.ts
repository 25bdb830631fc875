import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Bench from "../src/Bench.ts"
import { bench, contender } from "./benches.ts"

describe("Bench", () => {
  it.effect("measures in turn, each run in a scope of its own, and gives medians", () =>
    Effect.gen(function* () {
      const seen: Array<string> = []
      const see = (what: string) => Effect.sync(() => void seen.push(what))
      const ours = contender({
        name: "tributary",
        measure: Effect.as(
          Effect.acquireRelease(see("open"), () => see("close")),
          { "steps/s": 4 }
        )
      })
      const peer = contender({ name: "snail", runs: [{ "steps/s": 1 }, { "steps/s": 3 }] })
      const rows = yield* Bench.run(see)(bench({ contenders: [ours, peer], rounds: 2 }))
      assert.deepStrictEqual(seen, [
        "walk: round 1 of 2: tributary",
        "open",
        "close",
        "walk: round 1 of 2: snail",
        "walk: round 2 of 2: tributary",
        "open",
        "close",
        "walk: round 2 of 2: snail"
      ])
      assert.deepStrictEqual(
        rows.map(({ name, ratio, value }) => ({ name, ratio, value })),
        [
          { name: "tributary", ratio: 2, value: 4 },
          { name: "snail", ratio: 1, value: 2 }
        ]
      )
    })
  )

  it.effect("is shorter when it is to be quick", () =>
    Effect.gen(function* () {
      const all = bench({
        contenders: [
          contender({ name: "tributary", runs: [{ "steps/s": 4 }, { "steps/s": 9 }] }),
          contender({ name: "snail", runs: [{ "steps/s": 1 }], quick: false })
        ]
      })
      const rows = yield* Bench.run(() => Effect.void)(Bench.quick(all))
      assert.deepStrictEqual(rows, [{ name: "tributary", metric: "steps/s", value: 4, unit: "1/s", ratio: null }])
    })
  )

  it.effect("leaves out who is not installed, and says so", () =>
    Effect.gen(function* () {
      const { contenders, notes } = yield* Bench.here(
        bench({
          contenders: [
            contender({ name: "tributary" }),
            contender({ name: "snail", installed: Effect.succeedSome("1.0") }),
            contender({ name: "dodo", installed: Effect.succeedNone })
          ],
          surroundings: Effect.succeed(["It rains."])
        })
      )
      assert.deepStrictEqual(
        contenders.map(({ name }) => name),
        ["tributary", "snail"]
      )
      assert.deepStrictEqual(notes, [
        "On flat ground.",
        "It rains.",
        "Left out, as this machine does not have them: dodo."
      ])
    })
  )

  it.effect("has no more to say where everybody is there", () =>
    Effect.gen(function* () {
      const { notes } = yield* Bench.here(bench({ contenders: [contender({ name: "tributary" })] }))
      assert.deepStrictEqual(notes, ["On flat ground."])
    })
  )
})
