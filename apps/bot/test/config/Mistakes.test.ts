import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { edited, parse } from "./weather.ts"

const mistake = (place: string, expected: string, got: string) =>
  `tributary.yaml:${place}\n  expected ${expected}\n  got      ${got}`

const report = (...mistakes: ReadonlyArray<string>) =>
  [`tributary.yaml has ${mistakes.length} ${mistakes.length === 1 ? "mistake" : "mistakes"}`, ...mistakes].join("\n\n")

const keysOfSource = "one of: base, headers, limits, concurrency, request, for, paginate, missing, records, fields, key"
const aParameter =
  "a list such as [Seattle, New York], or dates such as { from: 2015-01-01, to: 2015-12-31, step: 1 day }"
const aName = "a name of lower-case letters, digits and _, beginning with a letter"
const columns = "city, date, high, precipitation"

const cases: ReadonlyArray<readonly [what: string, text: string, ...mistakes: ReadonlyArray<string>]> = [
  ["an empty file", "", mistake("1:1", "a config file: an object with name and sources", "nothing")],
  ["a file of comments", "# soon\n", mistake("1:1", "a config file: an object with name and sources", "nothing")],
  ["a list for a file", "- a\n", mistake("1:1", "a config file: an object with name and sources", "a list")],
  ["nothing but a name", "name: x\n", mistake("1:1  sources", "an object with one source or more", "nothing")],
  [
    "no source",
    "name: x\nsources: {}\n",
    mistake("2:10  sources", "an object with one source or more", "an empty object")
  ],
  [
    "a bracket left open",
    edited(["concurrency: 4", "concurrency: [4"]),
    mistake(
      "8:5",
      "valid YAML",
      "a syntax error: Flow sequence in block collection must be sufficiently indented and end with a ]"
    )
  ],
  ["two documents", "name: a\n---\nname: b\n", mistake("2:1", "valid YAML", "a second document")],
  [
    "an unknown tag",
    edited(["concurrency: 4", "concurrency: !!binary 4"]),
    mistake("7:18", "valid YAML", "a syntax error: Unresolved tag: tag:yaml.org,2002:binary")
  ],
  [
    "a key that is a list",
    edited(["name: city-weather", "? [name]\n: x"]),
    mistake("1:3", "valid YAML", "a key that is no text")
  ],
  [
    "a key twice",
    edited(["    missing: [404]\n", "    missing: [404]\n    key: [city]\n"]),
    mistake("18:5  sources.weather.key", "each key once", `"key" again`)
  ],
  [
    "the key of all objects",
    edited(["    missing: [404]\n", "    __proto__: 1\n"]),
    mistake("11:5  sources.weather.__proto__", "another name", `"__proto__"`)
  ],
  ["values too deep", "[".repeat(101), mistake("1:101", "at most 100 values within each other", "more")],
  [
    "an alias without an anchor",
    edited(["concurrency: 4", "concurrency: *many"]),
    mistake("7:18  sources.weather.concurrency", "an anchor &many further up", "*many")
  ],
  [
    "a key that is misspelt",
    edited(["    fields:", "    feilds:"]),
    mistake("13:5  sources.weather.feilds", keysOfSource, `"feilds"  (did you mean "fields"?)`)
  ],
  [
    "a key with neighbours swapped, of what others speak",
    edited(["    for:", "    fro:"]),
    mistake("9:5  sources.weather.fro", keysOfSource, `"fro"  (did you mean "for"?)`)
  ],
  [
    "a key that nobody knows",
    edited(["name: city-weather", "name: city-weather\nschedule: daily"]),
    mistake("2:1  schedule", "one of: name, database, sources, aggregates, reports", `"schedule"`)
  ],
  [
    "a missing key",
    edited(["    records: $.days[*]\n", ""]),
    mistake("3:3  sources.weather.records", "a JSONPath such as $.days[*]", "nothing")
  ],
  [
    "a key without a value",
    edited(["records: $.days[*]", "records:"]),
    mistake("12:5  sources.weather.records", "a JSONPath such as $.days[*]", "nothing")
  ],
  [
    "a source that is a number",
    "name: x\nsources:\n  a: 5\n",
    mistake("3:6  sources.a", "a source: an object with base, request, records, fields and key", "5")
  ],
  [
    "a bot without a good name",
    edited(["name: city-weather", "name: ../weather"]),
    mistake("1:7  name", "a name of letters, digits, -, _ and .", `"../weather"`)
  ],
  [
    "a source's name in upper case",
    edited(["  weather:\n", "  Weather:\n"], ["from: weather", "from: Weather"]),
    mistake("3:3  sources.Weather", `${aName}, not with tributary_ or sqlite_`, `"Weather"`)
  ],
  [
    "an aggregate's name in upper case",
    edited(["  weekly:", "  Weekly:"]),
    mistake("19:3  aggregates.Weekly", aName, `"Weekly"`)
  ],
  [
    "an address that is none",
    edited(["${WEATHER_URL}", "localhost"]),
    mistake("4:11  sources.weather.base", "an http or https address without query and fragment", `"localhost"`)
  ],
  [
    "a header that no request can carry",
    edited(["{ authorization:", `{ x: "a\\nb", y: 5, authorization:`]),
    mistake(
      "5:19  sources.weather.headers.x",
      "text that a header can carry: Latin-1, on one line",
      "a string (not shown)"
    ),
    mistake(
      "5:30  sources.weather.headers.y",
      "text that a header can carry: Latin-1, on one line",
      "a number (not shown)"
    )
  ],
  [
    "a header's name",
    edited(["{ authorization:", `{ "a b": x, authorization:`]),
    mistake(`5:16  sources.weather.headers["a b"]`, "a header name (RFC 9110, 5.1)", `"a b"`)
  ],
  [
    "a rate in words",
    edited(["10/second", "10 per second"]),
    mistake("6:14  sources.weather.limits[0]", "a rate such as 10/second, 600/minute or 1000/day", `"10 per second"`)
  ],
  [
    "a rate of nothing",
    edited(["600/minute", "0/minute"]),
    mistake("6:25  sources.weather.limits[1]", "a rate such as 10/second, 600/minute or 1000/day", `"0/minute"`)
  ],
  [
    "one rate without a list",
    edited(["[10/second, 600/minute]", "10/second"]),
    mistake("6:13  sources.weather.limits", "a list of rates such as [10/second, 600/minute]", `"10/second"`)
  ],
  [
    "too few at once",
    edited(["concurrency: 4", "concurrency: 0"]),
    mistake("7:18  sources.weather.concurrency", "a whole number from 1 to 256", "0")
  ],
  [
    "too many at once",
    edited(["concurrency: 4", "concurrency: 257"]),
    mistake("7:18  sources.weather.concurrency", "a whole number from 1 to 256", "257")
  ],
  [
    "a number in quotes",
    edited(["concurrency: 4", `concurrency: "4"`]),
    mistake("7:18  sources.weather.concurrency", "a whole number from 1 to 256", `"4"`)
  ],
  [
    "a template with an unknown parameter",
    edited(["{city}{?date}", "{citi}{?date}"]),
    mistake(
      "8:14  sources.weather.request",
      "one of the variables city, date, date_end",
      `"citi"  (did you mean "city"?)`
    )
  ],
  [
    "a template that is none",
    edited(["{city}{?date}", "{city"]),
    mistake("8:14  sources.weather.request", "a URI template such as /v1/daily/{city}{?date}", `"/v1/daily/{city"`)
  ],
  [
    "a parameter that is a number",
    edited(["[Seattle, New York]", "5"]),
    mistake("9:18  sources.weather.for.city", aParameter, "5")
  ],
  [
    "a parameter without a value",
    edited(["[Seattle, New York]", "[]"]),
    mistake("9:18  sources.weather.for.city", aParameter, "an empty list")
  ],
  [
    "values that would change, are no values, or come again",
    edited(["[Seattle, New York]", "[007, true, a, a]"]),
    mistake("9:19  sources.weather.for.city[0]", `7, or "007" as text`, "007"),
    mistake("9:24  sources.weather.for.city[1]", "text or a number", "true")
  ],
  [
    "a value twice",
    edited(["[Seattle, New York]", `[1, a, "1"]`]),
    mistake("9:25  sources.weather.for.city[2]", "each value once", `"1"`)
  ],
  [
    "a day that does not exist",
    edited(["2015-01-28", "2015-02-30"]),
    mistake("9:69  sources.weather.for.date.to", "a date such as 2015-01-31", `"2015-02-30"`)
  ],
  [
    "a range that ends before it begins",
    edited(["2015-01-28", "2014-12-31"]),
    mistake("9:69  sources.weather.for.date.to", "a date not before `from`", `"2014-12-31"`)
  ],
  [
    "a step beyond all dates",
    edited(["1 day", "1000000 years"]),
    mistake(
      "9:87  sources.weather.for.date.step",
      "a step such as 1 day, 2 weeks, 1 month or 1 year",
      `"1000000 years"`
    )
  ],
  [
    "a step that is none",
    edited(["1 day", "daily"]),
    mistake("9:87  sources.weather.for.date.step", "a step such as 1 day, 2 weeks, 1 month or 1 year", `"daily"`)
  ],
  [
    "a pagination that is not there",
    edited(["{ type: link }", "cursor"]),
    mistake("10:15  sources.weather.paginate", "link, or { type: link }", `"cursor"`)
  ],
  [
    "a pagination that is misspelt",
    edited(["{ type: link }", "{ type: lnk }"]),
    mistake("10:23  sources.weather.paginate.type", "link", `"lnk"  (did you mean "link"?)`)
  ],
  [
    "a status of success for a missing one",
    edited(["[404]", "[404, 200]"]),
    mistake("11:20  sources.weather.missing[1]", "a whole number from 400 to 499", "200")
  ],
  [
    "a JSONPath in braces without quotes",
    edited(["at: $.date", "at: $.date[*]"]),
    mistake(
      "14:25",
      "valid YAML (inside { } and [ ], a text with such brackets needs quotes)",
      "a syntax error: Unexpected flow-seq-start at node end"
    )
  ],
  [
    "a JSONPath that is none",
    edited(["$.days[*]", "$.days["]),
    mistake(
      "12:14  sources.weather.records",
      "a JSONPath (RFC 9535), such as $.days[*]",
      `"$.days[": unclosed bracketed selection ('$.days[':7)`
    )
  ],
  [
    "a field's JSONPath to many values",
    edited(["at: $.date", `at: "$.date[*]"`]),
    mistake(
      "14:19  sources.weather.fields.date.at",
      "a JSONPath (RFC 9535) to one value, such as $.date",
      `"$.date[*]"`
    )
  ],
  [
    "a field's name",
    edited(["      high:", "      hi gh:"], ["avg(high)", "count()"]),
    mistake(
      `15:7  sources.weather.fields["hi gh"]`,
      "a name of letters, digits and _, not beginning with tributary_",
      `"hi gh"`
    )
  ],
  [
    "a type that is misspelt",
    edited(["$.temp_max, type: number", "$.temp_max, type: nubmer"]),
    mistake(
      "15:37  sources.weather.fields.high.type",
      "one of: string, number, integer, boolean, date, datetime, json",
      `"nubmer"  (did you mean "number"?)`
    )
  ],
  [
    "no field",
    edited(
      ["fields:\n", "fields: {}\n"],
      ["      date: { at: $.date, type: date }\n", ""],
      ["      high: { at: $.temp_max, type: number }\n", ""],
      ["      precipitation: { at: $.precipitation, type: number, optional: true }\n", ""]
    ),
    mistake("13:13  sources.weather.fields", "an object with one field or more", "an empty object")
  ],
  [
    "a key that is no column",
    edited(["[city, date]", "[city, dat]"]),
    mistake("17:17  sources.weather.key[1]", `columns, each once: ${columns}`, `"dat"  (did you mean "date"?)`)
  ],
  [
    "an aggregate of no source",
    edited(["from: weather", "from: wether"]),
    mistake("20:11  aggregates.weekly.from", "one of the sources: weather", `"wether"  (did you mean "weather"?)`)
  ],
  [
    "a dimension that is none",
    edited(["week(date)", "day(date)"]),
    mistake("21:16  aggregates.weekly.by[1]", "a field, week(field) or month(field)", `"day(date)"`)
  ],
  [
    "a week of what is no date",
    edited(["week(date)", "week(city)"]),
    mistake("21:16  aggregates.weekly.by[1]", "a column of type date or datetime", `"city", which is of type string`)
  ],
  [
    "a dimension that is no column",
    edited(["by: [city", "by: [town"]),
    mistake("21:10  aggregates.weekly.by[0]", `one of the source's columns: ${columns}`, `"town"`)
  ],
  [
    "a dimension twice",
    edited(["by: [city", "by: [city, city"]),
    mistake("21:16  aggregates.weekly.by[1]", "a name that no other column has", `"city"`)
  ],
  [
    "a measure that is none",
    edited(["avg(high)", "median(high)"]),
    mistake(
      "22:23  aggregates.weekly.measures.high",
      "avg(field), sum(field), min(field), max(field), count(field) or count()",
      `"median(high)"`
    )
  ],
  [
    "a measure of no column",
    edited(["avg(high)", "avg(hihg)"]),
    mistake(
      "22:23  aggregates.weekly.measures.high",
      `one of the source's columns: ${columns}`,
      `"hihg"  (did you mean "high"?)`
    )
  ],
  [
    "a mean of text",
    edited(["avg(high)", "avg(city)"]),
    mistake(
      "22:23  aggregates.weekly.measures.high",
      "a column of type number or integer",
      `"city", which is of type string`
    )
  ],
  [
    "a measure named as a dimension",
    edited(["days: count()", "week: count()"]),
    mistake("22:63  aggregates.weekly.measures.week", "a name that no other column has", `"week"`)
  ],
  [
    "no measure",
    edited(["{ high: avg(high), wettest: max(precipitation), days: count() }", "{}"]),
    mistake("22:15  aggregates.weekly.measures", "an object with one measure or more", "an empty object")
  ],
  [
    "reports of unknown kinds",
    edited(["[table,", "[csv, { htlm: x },"]),
    mistake("23:11  reports[0]", "table, or { html: PATH }", `"csv"`),
    mistake("23:18  reports[1].htlm", "html", `"htlm"  (did you mean "html"?)`)
  ],
  [
    "a page without a path",
    edited(["out/report.html", `""`]),
    mistake("23:26  reports[1].html", "the path of a file", `""`)
  ],
  [
    "reports that overwrite",
    edited([
      "[table,",
      "[table, table, { html: ./out/../out/report.html }, { html: city-weather.db }, { html: tributary.yaml },"
    ]),
    mistake("23:18  reports[1]", "each report once", `"table"`),
    mistake("23:69  reports[3].html", "a file that nothing else is written to", `"city-weather.db"`),
    mistake("23:96  reports[4].html", "a file that nothing else is written to", `"tributary.yaml"`),
    mistake("23:122  reports[5].html", "a file that nothing else is written to", `"out/report.html"`)
  ],
  [
    "a variable that is not set",
    edited(["${WEATHER_URL}", "${WEATHER_HOST}/${V}"]),
    mistake("4:11  sources.weather.base", "the environment variable WEATHER_HOST to be set", "nothing"),
    mistake("4:11  sources.weather.base", "the environment variable V to be set", "nothing")
  ],
  [
    "a variable without a name",
    edited(["${WEATHER_URL}", "http://${weather-url}"]),
    mistake("4:11  sources.weather.base", "a variable such as ${NAME}, or $${ to mean a plain ${", `"\${weather-url}"`)
  ],
  [
    "characters that would not show",
    `name: "a\\u202eb\\0\\e[2J"\nsources: { "a\\nb": 1 }`,
    mistake("1:7  name", "a name of letters, digits, -, _ and .", `"a\\u{202e}b\\u{0}\\u{1b}[2J"`),
    mistake(`2:12  sources["a\\u{a}b"]`, `${aName}, not with tributary_ or sqlite_`, `"a\\nb"`),
    mistake(`2:20  sources["a\\u{a}b"]`, "a source: an object with base, request, records, fields and key", "1")
  ],
  [
    "a very long text",
    edited(["city-weather", "ab ".repeat(100)]),
    mistake("1:7  name", "a name of letters, digits, -, _ and .", `"${"ab ".repeat(26)}a…"`)
  ]
]

describe("mistakes", () => {
  for (const [what, text, ...mistakes] of cases) {
    it.effect(what, () =>
      Effect.gen(function* () {
        const message = yield* Effect.match(parse(text), {
          onSuccess: () => "no mistake",
          onFailure: (error) => error.message
        })
        assert.strictEqual(message, report(...mistakes))
      })
    )
  }
})
