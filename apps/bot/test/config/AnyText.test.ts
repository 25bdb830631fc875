import { assert, describe, it } from "@effect/vitest"
import { Effect, FastCheck } from "effect"
import { parse, weather } from "./weather.ts"

const options = { timeout: 30_000, fastCheck: { numRuns: 200 } }

describe("any text", () => {
  const outcome = (text: string) =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(parse(text))
      if (exit._tag === "Success") return
      assert.strictEqual(exit.cause._tag, "Fail")
      if (exit.cause._tag !== "Fail") return
      const { problems } = exit.cause.error
      assert.isAbove(problems.length, 0)
      const lines = text.split("\n").length
      for (const { column, line } of problems) {
        assert.isTrue(line >= 1 && line <= lines && column >= 1, `${line}:${column}`)
      }
      assert.notMatch(exit.cause.error.message.replaceAll("\n", ""), /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
    })

  it.effect.prop(
    "is a config or has mistakes",
    [FastCheck.string({ unit: "binary", maxLength: 200 })],
    ([text]) => outcome(text),
    options
  )

  const yamlish = FastCheck.array(
    FastCheck.constantFrom(
      ..."abc-:,[]{}&*!|>'\"%@`#?<~$\\ \n\t\r",
      "  ",
      "\n  ",
      "- ",
      ": ",
      "${A}",
      "&a ",
      "*a",
      "name: ",
      "sources:\n"
    ),
    { maxLength: 60 }
  )
  it.effect.prop("of YAML's own characters too", [yamlish], ([parts]) => outcome(parts.join("")), options)

  const cut = FastCheck.tuple(
    FastCheck.nat(weather.length),
    FastCheck.nat(12),
    FastCheck.oneof(
      yamlish.map((parts) => parts.slice(0, 4).join("")),
      FastCheck.string({ maxLength: 4 })
    )
  )
  it.effect.prop(
    "that was a good file once, too",
    [cut],
    ([[at, length, put]]) => outcome(weather.slice(0, at) + put + weather.slice(at + length)),
    options
  )
})
