import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import * as Cli from "../src/Cli.ts"
import { bench, contender } from "./benches.ts"

const main = (...args: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const written: Array<string> = []
    const walk = bench({
      contenders: [
        contender({ name: "tributary", runs: [{ "steps/s": 4 }] }),
        contender({
          name: "snail",
          package: "Snail",
          installed: Effect.succeedSome("7.1"),
          runs: [{ "steps/s": 2 }]
        })
      ],
      rounds: 1
    })
    yield* Cli.main({ args, benches: [walk], write: (text) => Effect.sync(() => void written.push(text)) })
    return written.join("")
  }).pipe(Effect.provide(NodeContext.layer))

describe("Cli", () => {
  it.effect("writes nothing but the object with --json", () =>
    Effect.gen(function* () {
      const answer = JSON.parse(yield* main("walk", "--json"))
      assert.deepStrictEqual(Object.keys(answer), ["bench", "machine", "rows"])
      assert.deepStrictEqual(Object.keys(answer.machine), ["cpu", "cores", "node", "platform"])
      assert.deepStrictEqual(answer.rows, [
        { name: "tributary", metric: "steps/s", value: 4, unit: "1/s", ratio: 2 },
        { name: "snail", metric: "steps/s", value: 2, unit: "1/s", ratio: 1 }
      ])
    })
  )

  it.effect("writes a table with the versions that were measured", () =>
    Effect.gen(function* () {
      const text = yield* main("walk")
      assert.match(text, /^effect 3\.\d+\.\d+, Snail 7\.1$/m)
      assert.match(text, /^tributary +4 +2$/m)
    })
  )

  it.effect("fails for a bench that there is not", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(main("fly"))
      assert.strictEqual(error._tag, "UsageError")
    })
  )

  it.effect("says how to call it", () =>
    Effect.gen(function* () {
      assert.match(yield* main("--help"), /^Usage: pnpm bench NAME/)
    })
  )
})
