import { FileSystem } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, it } from "@effect/vitest"
import { Effect, Schema } from "effect"
import { fileURLToPath } from "node:url"
import * as DemoData from "../src/demo/DemoData.ts"

const folder = fileURLToPath(new URL("../data", import.meta.url))

describe("DemoData", () => {
  it.effect("reads every row of both files, typed", () =>
    Effect.gen(function* () {
      const { stocks, weather } = yield* DemoData.read(folder)
      assert.strictEqual(weather.length, 2 * 1461)
      assert.deepStrictEqual(weather[1], {
        city: "Seattle",
        date: "2012-01-02",
        temp_max: 10.6,
        temp_min: 2.8,
        precipitation: 10.9,
        wind: 4.5,
        weather: "rain"
      })
      assert.strictEqual(stocks.length, 4 * 123 + 68)
      assert.deepStrictEqual(stocks[0], { symbol: "MSFT", date: "2000-01-01", price: 39.81 })
      assert.deepStrictEqual(stocks[11], { symbol: "MSFT", date: "2000-12-01", price: 17.65 })
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.scoped("names the row and the cell that cannot be read", () =>
    Effect.gen(function* () {
      const files = yield* FileSystem.FileSystem
      const copy = yield* files.makeTempDirectoryScoped()
      yield* files.writeFileString(`${copy}/weather.csv`, "location,date,precipitation,temp_max,temp_min,wind,weather")
      yield* files.writeFileString(
        `${copy}/stocks.csv`,
        "symbol,date,price\nMSFT,Jan 1 2000,39.81\nMSFT,Foo 1 2000,1\n"
      )
      const error = yield* Effect.flip(DemoData.read(copy))
      assert.strictEqual(error._tag, "ParseError")
      assert.include(error.message, `[1]`)
      assert.include(error.message, `["date"]`)
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it.effect("fails when a file is not there", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(DemoData.read(`${folder}/absent`))
      assert.strictEqual(error._tag, "SystemError")
    }).pipe(Effect.provide(NodeContext.layer))
  )

  it("takes a day that exists, and nothing else, for a day", () => {
    const is = Schema.is(DemoData.IsoDate)
    assert.deepStrictEqual(
      [
        "2015-01-03",
        "2012-02-29",
        "2015-02-29",
        "2015-02-30",
        "2015-1-3",
        "2015-01",
        "2015-01-03T00:00:00Z",
        "today",
        ""
      ].map((text) => is(text)),
      [true, true, false, false, false, false, false, false, false]
    )
  })
})
