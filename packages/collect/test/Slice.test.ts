import { assert, describe, it } from "@effect/vitest"
import { Slice } from "@tributary/collect"
import { FastCheck } from "effect"

const id = (parameters: Slice.Slice["parameters"]) => Slice.make({ source: "s", parameters, windowEnds: {} }).id

describe("Slice", () => {
  it("has an id for people", () => {
    assert.strictEqual(id({ city: "New York", date: "2015-01-03" }), "city=New York,date=2015-01-03")
    assert.strictEqual(id({ page: 7 }), "page=7")
    assert.strictEqual(id({}), "all")
    assert.strictEqual(id({ a: "x,b=y", b: "100%\n" }), "a=x%2Cb%3Dy,b=100%25%0A")
  })

  it("keeps parameters and window ends", () => {
    const slice = Slice.make({
      source: "s",
      parameters: { month: "2015-01-01" },
      windowEnds: { month_end: "2015-01-31" }
    })
    assert.deepStrictEqual(Slice.toStored(slice), { month: "2015-01-01", month_end: "2015-01-31" })
  })

  const text = FastCheck.string({
    unit: FastCheck.constantFrom("a", "b", ",", "=", "%", "2", "C", "\n", "\u0085", "é")
  })
  const values = FastCheck.tuple(text, text)

  it.prop("has an id that no other values share, in one line", [values, values], ([[a, b], [c, d]]) => {
    const one = id({ a, b })
    assert.strictEqual(one === id({ a: c, b: d }), a === c && b === d)
    assert.notMatch(one, /\p{Cc}/u)
  })
})
