import { assert, describe, it } from "@effect/vitest"
import { Effect, Option } from "effect"
import * as Program from "../src/Program.ts"

const missing = "no-such-program"

describe("Program", () => {
  it.live("gives what a program writes", () =>
    Effect.gen(function* () {
      const output = yield* Program.output(process.execPath, "-e", `console.log("out"); console.error("error")`)
      assert.strictEqual(output, "out\nerror")
    })
  )

  it.live("fails if it fails, with its own words", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Program.output(process.execPath, "-e", `console.error("no luck"); process.exit(3)`)
      )
      assert.strictEqual(error.message, `${process.execPath}: no luck`)
      assert.match((yield* Effect.flip(Program.output(missing))).message, /ENOENT/)
    })
  )

  it.live("finds the first that there is", () =>
    Effect.gen(function* () {
      const found = yield* Program.find([missing, process.execPath], "--version")
      assert.deepStrictEqual(Option.getOrThrow(found), { program: process.execPath, output: process.version })
      assert.isTrue(Option.isNone(yield* Program.find([missing], "--version")))
    })
  )
})
