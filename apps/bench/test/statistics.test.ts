import { assert, describe, it } from "@effect/vitest"
import { Array, FastCheck } from "effect"
import * as Statistics from "../src/Statistics.ts"

const values = FastCheck.array(FastCheck.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 1 })

describe("Statistics", () => {
  it("takes the middle one, or the mean of the two in the middle", () => {
    assert.strictEqual(Statistics.median([7]), 7)
    assert.strictEqual(Statistics.median([10, 9, 100]), 10)
    assert.strictEqual(Statistics.median([1, 100, 3, 2]), 2.5)
  })

  it.prop("has as many values above the median as below it, in whatever order they come", [values], ([values]) => {
    if (!Array.isNonEmptyArray(values)) return
    const median = Statistics.median(values)
    assert.isAtMost(values.filter((value) => value < median).length, values.length / 2)
    assert.isAtMost(values.filter((value) => value > median).length, values.length / 2)
    assert.strictEqual(Statistics.median(Array.reverse(values)), median)
  })

  it("lets everybody have a turn before anybody has the next one", () => {
    const turns = Statistics.alternate(3)([{ name: "ours" }, { name: "slow", rounds: 1 }, { name: "B", rounds: 9 }])
    assert.deepStrictEqual(
      turns.map(({ contender, round }) => [round, contender.name]),
      [
        [1, "ours"],
        [1, "slow"],
        [1, "B"],
        [2, "ours"],
        [2, "B"],
        [3, "ours"],
        [3, "B"]
      ]
    )
  })

  it("gives a row for each name and metric, beside the baseline", () => {
    const samples = [
      { name: "ours", metric: "calls/s", value: 30 },
      { name: "peer", metric: "calls/s", value: 8 },
      { name: "peer", metric: "lost", value: 0 },
      { name: "ours", metric: "calls/s", value: 20 },
      { name: "peer", metric: "calls/s", value: 12 },
      { name: "ours", metric: "lost", value: 2 },
      { name: "ours", metric: "s", value: 1 }
    ]
    const rows = Statistics.rows({
      "calls/s": { unit: "1/s", better: "more", baseline: "peer" },
      lost: { unit: "", better: "less", baseline: "peer" },
      s: { unit: "s", better: "less" }
    })(samples)
    assert.deepStrictEqual(rows, [
      { name: "ours", metric: "calls/s", value: 25, unit: "1/s", ratio: 2.5 },
      { name: "peer", metric: "calls/s", value: 10, unit: "1/s", ratio: 1 },
      // A ratio to nothing is none.
      { name: "peer", metric: "lost", value: 0, unit: "", ratio: null },
      { name: "ours", metric: "lost", value: 2, unit: "", ratio: null },
      { name: "ours", metric: "s", value: 1, unit: "s", ratio: null }
    ])
  })
})
