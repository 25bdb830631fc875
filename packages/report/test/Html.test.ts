import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Html, type Report } from "@tributary/report"
import { complete, hostile, incomplete, kinds, weekly } from "./Sample.ts"

const text = (html: string) => html.replaceAll(/<[^>]*>/g, " ").replaceAll(/\s+/g, " ")

describe("render", () => {
  it("has each table with its chart, and the sources' numbers", () => {
    const page = Html.render(complete)
    assert.match(page, /^<!doctype html>\n<html lang="en">/)
    assert.include(page, "<title>Weather</title>")
    assert.include(page, `<time datetime="2025-01-05T10:00:00.000Z">2025-01-05 10:00 UTC</time>`)
    assert.strictEqual(page.match(/<svg /g)?.length, 2)
    assert.include(
      page,
      `<tr><td class="text">Seattle</td><td class="window">2014-12-29</td><td class="number">6.33</td><td class="number">7</td></tr>`
    )
    assert.include(page, `<th scope="row">weather</th><td class="number none">56</td>`)
    assert.include(text(page), "1234 records from 1 source. Nothing is missing.")
    assert.notInclude(page, `id="missing"`)
    assert.notInclude(page, `id="rejected"`)
  })

  it("says first that something is missing, and then why", () => {
    const page = Html.render(incomplete)
    assert.include(page, `<a href="#missing" class="severe">Slices missing: 13 failed, 1 skipped, 2 pending.</a>`)
    assert.include(page, `<a href="#rejected" class="mild">1 record rejected.</a>`)
    assert.include(
      text(page.slice(page.indexOf(`id="missing"`))),
      "weather 13 slices failed StatusError: status 503: try later city=Seattle,date=2015-01-10 "
    )
    assert.include(text(page), "city=Seattle,date=2015-01-19 and 3 more")
    assert.include(text(page), "weather 2 slices pending not asked for yet; run again to go on")
    assert.include(
      text(page),
      "weather record 3 of city=Seattle,date=2015-01-20 expected a number at high, got &#34;n/a&#34; {&#34;high&#34;:&#34;n/a&#34;}"
    )
  })

  it("needs nothing from elsewhere and allows no script", () => {
    for (const report of [complete, incomplete, hostile]) {
      const page = Html.render(report)
      assert.include(page, `<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; style-src`)
      assert.notMatch(page, /<(script|link|iframe|img|object|base)\b|@import|\son\w+=/i)
      for (const [, target] of page.matchAll(/(?:href|src|url)[=(]"?([^")]*)/g)) assert.match(target ?? "", /^#/)
    }
  })

  it("escapes everything that comes from outside", () => {
    const page = Html.render(hostile)
    assert.notInclude(page.replaceAll(/<svg[^]*?<\/svg>/g, ""), "</svg>")
    assert.notMatch(page, /<script|\u001b|\u0007|\u202e/) // oxlint-disable-line no-control-regex
    const escaped = "&#60;script&#62;alert(&#34;1&#34; &#38; &#39;2&#39;)&#60;/script&#62;"
    for (const part of ["<title>", "<h1>", "<h2>", `<td class="text">`, `<th scope="row">`, "<strong>", "<code>"]) {
      assert.include(page, part + escaped)
    }
  })

  it("has no id twice", () => {
    const ids = Array.from(Html.render(incomplete).matchAll(/\sid="([^"]*)"/g), ([, id]) => id)
    assert.isAbove(ids.length, 2)
    assert.strictEqual(new Set(ids).size, ids.length)
  })

  it("folds a long table that has a chart, and cuts what is far too long", () => {
    const rows = Array.from({ length: 1200 }, (_, index) => ["fog", `city ${index}`, index])
    const page = Html.render({
      ...incomplete,
      tables: [weekly, { ...kinds, rows }],
      rejects: Array.from({ length: 130 }, () => ({ ...incomplete.rejects[0]!, raw: "x".repeat(5000) }))
    })
    assert.strictEqual(page.match(/<details>/g)?.length, 1)
    assert.include(page, "<summary>1200 rows</summary>")
    assert.include(page, "… 200 more rows")
    assert.include(page, `>city 999</td>`)
    assert.notInclude(page, `>city 1000</td>`)
    assert.include(page, "… 30 more records")
    assert.include(page, `${"x".repeat(300)}…</code>`)
    assert.notInclude(page, "x".repeat(301))
  })

  it("says when there is nothing at all", () => {
    const page = Html.render({ ...complete, tables: [{ ...weekly, rows: [] }], sources: [] })
    assert.notInclude(page, "<svg")
    assert.include(page, "No rows in weather.")
    assert.include(page, "Nothing was collected yet.")
  })

  it("is the same each time, and cannot fail", () => {
    assert.strictEqual(Html.render(incomplete), Html.render(incomplete))
    expectTypeOf(Html.render).toEqualTypeOf<(report: Report.Report) => string>()
  })
})
