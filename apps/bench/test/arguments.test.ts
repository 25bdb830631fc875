import { assert, describe, it } from "@effect/vitest"
import { Either } from "effect"
import * as Arguments from "../src/Arguments.ts"
import { bench } from "./benches.ts"

const benches = [bench({}), bench({ name: "run", title: "A run" })]

const parse = (line: string) =>
  Either.match(Arguments.parse(benches)(line.split(" ").filter((word) => word !== "")), {
    onLeft: (error) => error.message,
    onRight: (request) =>
      request._tag === "Help" ? request._tag : { ...request, benches: request.benches.map(({ name }) => name) }
  })

describe("Arguments", () => {
  it("runs one bench, or all of them", () => {
    assert.deepStrictEqual(parse("run"), { _tag: "Run", benches: ["run"], quick: false, output: "text" })
    assert.deepStrictEqual(parse("walk --quick --json"), {
      _tag: "Run",
      benches: ["walk"],
      quick: true,
      output: "json"
    })
    assert.deepStrictEqual(parse("--all"), { _tag: "Run", benches: ["walk", "run"], quick: false, output: "text" })
    assert.deepStrictEqual(parse("--all --write"), {
      _tag: "Run",
      benches: ["walk", "run"],
      quick: false,
      output: "document"
    })
    assert.strictEqual(parse("--help"), "Help")
  })

  it.each([
    ["", "which bench?"],
    ["--quick", "which bench?"],
    ["fly", `there is no bench "fly"`],
    ["walk run", "one bench at a time, or --all of them"],
    ["walk --all", "either walk or --all"],
    ["walk --write", "--write renews the whole file: it goes with --all"],
    ["--all --json", "--json is the output of one bench"]
  ])("says what is wrong with `%s`", (line, message) => {
    assert.strictEqual(parse(line), message)
  })

  it("names an option that it does not know", () => {
    assert.match(String(parse("walk --fast")), /'--fast'/)
  })

  it("lists the benches", () => {
    assert.match(Arguments.usage(benches), /\n {2}walk {3}A walk\n {2}run {4}A run\n$/)
  })
})
