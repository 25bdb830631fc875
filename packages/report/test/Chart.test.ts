import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { type Aggregate, Chart } from "@tributary/report"
import { Option } from "effect"
import { hostile, kinds, weekly } from "./Sample.ts"

const draw = (table: Aggregate.Table): string => Option.getOrThrow(Chart.svg(table))

/** The texts in the order of drawing. */
const texts = (svg: string): ReadonlyArray<string> =>
  Array.from(svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g), ([, text]) => text ?? "")

/** The lines' paths, each with its colour and how often it starts anew. */
const lines = (svg: string): ReadonlyArray<{ readonly color: string; readonly parts: number }> =>
  Array.from(
    svg.matchAll(/<path d="([^"]*)" fill="none"[^>]* stroke="(#[0-9a-f]{6})" stroke-width="1.75"/g),
    (match) => ({
      color: match[2] ?? "",
      parts: (match[1] ?? "").split("M").length - 1
    })
  )

const bars = (svg: string): number => Array.from(svg.matchAll(/<path [^>]*ecmeta_ssr_type="chart"[^>]*>/g)).length

describe("svg", () => {
  it("draws a line for each series in a plot for each measure, over a shared time axis", () => {
    const svg = draw(weekly)
    assert.deepStrictEqual(new Set(lines(svg).map(({ color }) => color)).size, 2)
    assert.strictEqual(lines(svg).length, 4)
    assert.includeMembers([...texts(svg)], ["high", "days", "week", "New York", "Seattle"])
    assert.deepStrictEqual(
      texts(svg).filter((text) => /^\d{4}-/.test(text)),
      ["2014-12-29", "2015-01-05", "2015-01-12"]
    )
  })

  it("leaves a gap where a week has no row or no value", () => {
    const full: Aggregate.Table = {
      ...weekly,
      rows: [...weekly.rows.slice(0, 4), ["Seattle", "2015-01-05", 7, 7], weekly.rows[4]!]
    }
    const [newYork, seattle] = lines(draw(full))
    assert.deepStrictEqual([newYork?.parts, seattle?.parts], [1, 1])
    assert.strictEqual(lines(draw(weekly))[1]?.parts, 2)
  })

  it("shows a single point, which no line touches, as a dot", () => {
    const svg = draw({ ...weekly, rows: [["Seattle", "2015-01-05", 5, 7]] })
    assert.match(svg, /transform="matrix\(2.5,0,0,2.5,[^"]*" fill="#2580c3"/)
  })

  it("draws grouped bars without a window, and none where there is no value", () => {
    const svg = draw(kinds)
    assert.strictEqual(bars(svg), 3)
    assert.includeMembers([...texts(svg)], ["fog", "rain", "weather", "days", "New York", "Seattle"])
  })

  it("has a name and a description for those who do not see it", () => {
    const svg = draw(weekly)
    assert.match(svg, /^<svg [^>]*role="img"[^>]* aria-label="Weekly weather: high, days by week">/)
    assert.include(svg, "<desc>Lines from 2014-12-29 to 2015-01-12. New York. Seattle.</desc>")
  })

  it("is none where there is nothing to draw", () => {
    assert.isTrue(Option.isNone(Chart.svg({ ...weekly, rows: [] })))
    assert.isTrue(Option.isNone(Chart.svg({ ...weekly, rows: [["Seattle", "2015-01-05", null, null]] })))
    assert.isTrue(Option.isNone(Chart.svg({ ...weekly, rows: [["Seattle", null, 1, 2]] })))
    assert.isTrue(
      Option.isNone(
        Chart.svg({ name: "All", from: "weather", columns: [{ name: "days", role: "measure" }], rows: [[7]] })
      )
    )
  })

  it("draws numbers only, and says what it leaves out", () => {
    const svg = draw({
      ...weekly,
      rows: [
        ...weekly.rows.map(([city, week, high]) => [city ?? null, week ?? null, high ?? null, "text"]),
        ["Seattle", null, 1, "text"]
      ]
    })
    assert.notInclude(texts(svg), "days")
    assert.include(texts(svg), "Rows without a week are not drawn.")
  })

  it("keeps to 12 series and to bars that can be seen, with a note", () => {
    const many = (columns: Aggregate.Table["columns"], count: number): Aggregate.Table => ({
      ...weekly,
      columns,
      rows: Array.from({ length: count }, (_, index) => [
        `number ${index} with a name that is far too long`,
        "2015-01-05",
        index
      ])
    })
    const overTime = draw(many([weekly.columns[0]!, weekly.columns[1]!, weekly.columns[2]!], 40))
    assert.include(texts(overTime), "The first 12 of 40 series.")
    assert.include(texts(overTime), "number 11 with a name…")
    assert.notInclude(texts(overTime), "number 12 with a name…")

    const inBars = draw(many([weekly.columns[0]!, { name: "at", role: "field" }, weekly.columns[2]!], 1000))
    assert.include(texts(inBars), "The first 160 of 1000 by city.")
    assert.strictEqual(bars(inBars), 160)
  })

  it("labels long times by round months and years", () => {
    const months = Array.from({ length: 123 }, (_, index) => [
      "x",
      `${2000 + Math.floor(index / 12)}-${String((index % 12) + 1).padStart(2, "0")}`,
      index,
      1
    ])
    const table: Aggregate.Table = {
      ...weekly,
      columns: [weekly.columns[0]!, { name: "month", role: "window", unit: "month" }, ...weekly.columns.slice(2)],
      rows: months
    }
    const labels = (count: number) =>
      texts(draw({ ...table, rows: months.slice(0, count) })).filter((text) => /^20\d\d(-\d\d)?$/.test(text))
    assert.deepStrictEqual(labels(123), ["2000", "2002", "2004", "2006", "2008", "2010"])
    assert.deepStrictEqual(labels(24), [
      "2000-01",
      "2000-04",
      "2000-07",
      "2000-10",
      "2001-01",
      "2001-04",
      "2001-07",
      "2001-10"
    ])
    assert.deepStrictEqual(
      lines(draw(table)).map(({ parts }) => parts),
      [1, 1]
    )
  })

  it("is the same each time, and shares no id with another table's", () => {
    const ids = (svg: string) => Array.from(svg.matchAll(/id="([^"]*)"/g), ([, id]) => id)
    assert.strictEqual(draw(weekly), draw(weekly))
    const [one, other] = [ids(draw(weekly)), ids(draw(kinds))]
    assert.isAbove(one.length, 0)
    assert.deepStrictEqual(
      one.filter((id) => other.includes(id)),
      []
    )
    for (const [, id] of draw(weekly).matchAll(/url\(#([^)]*)\)/g)) assert.include(one, id)
  })

  it("escapes what comes from outside, and needs neither style sheet nor script", () => {
    for (const table of hostile.tables.slice(0, 2)) {
      const svg = draw(table)
      assert.notMatch(svg, /<script|<style|class=/)
      assert.strictEqual(svg.split("</svg>").length, 2)
      // oxlint-disable-next-line no-control-regex
      assert.notMatch(svg, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
      assert.include(svg, "&#60;script&#62;")
    }
  })

  it("draws names that plain objects have, and leaves those objects alone", () => {
    const before = Reflect.ownKeys(Object.prototype)
    const names = ["__proto__", "constructor", "toString", "hasOwnProperty"]
    const svg = draw({ ...weekly, rows: names.map((name) => [name, "2015-01-05", 1, 2]) })
    const inBars = draw({ ...kinds, rows: names.map((name) => [name, name, 1]) })
    for (const name of names) {
      assert.isTrue(texts(svg).some((text) => text.startsWith(name)))
      assert.isTrue(texts(inBars).some((text) => text.startsWith(name)))
    }
    assert.deepStrictEqual(Reflect.ownKeys(Object.prototype), before)
  })

  it("cannot fail", () => {
    expectTypeOf(Chart.svg).toEqualTypeOf<(table: Aggregate.Table) => Option.Option<string>>()
  })
})
