import { Error as PlatformError, FileSystem, Path } from "@effect/platform"
import { NodeContext } from "@effect/platform-node"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Plan } from "@tributary/collect"
import { Aggregate } from "@tributary/report"
import { ConfigProvider, Duration, Effect, FastCheck, Stream } from "effect"
import type * as BotConfig from "../../src/config/BotConfig.ts"
import * as ConfigFile from "../../src/config/ConfigFile.ts"
import { edited, parse, parseWith, variables, weather } from "./weather.ts"

const messageOf = (text: string, given: Readonly<Record<string, string>> = variables) =>
  Effect.map(Effect.flip(parseWith(given)(text)), (error) => error.message)

describe("parse", () => {
  it.effect("gives the values that the file asks for", () =>
    Effect.gen(function* () {
      const { sources, ...rest } = yield* parse(weather)
      assert.deepStrictEqual(rest, {
        name: "city-weather",
        database: "/srv/bot/city-weather.db",
        limits: {
          "127.0.0.1:8080": [
            { limit: 10, window: Duration.seconds(1) },
            { limit: 600, window: Duration.minutes(1) }
          ]
        },
        aggregates: [
          Aggregate.make({
            name: "weekly",
            from: "weather",
            by: [Aggregate.field("city"), Aggregate.week("date")],
            measures: { high: Aggregate.avg("high"), wettest: Aggregate.max("precipitation"), days: Aggregate.count() }
          })
        ],
        reports: [{ _tag: "Table" }, { _tag: "Html", path: "/srv/bot/out/report.html" }]
      })

      assert.strictEqual(sources.length, 1)
      const source = sources[0]!
      assert.strictEqual(source.name, "weather")
      assert.strictEqual(source.concurrency, 4)
      assert.deepStrictEqual(source.key, ["city", "date"])
      assert.deepStrictEqual(source.missing, new Set([404]))
      assert.deepStrictEqual(
        source.columns.map(({ name, type }) => `${name} ${type}`),
        ["city text", "date text", "high real", "precipitation real"]
      )
      const slices = Array.from(yield* Stream.runCollect(Plan.slices(source)), ({ id }) => id)
      assert.strictEqual(slices.length, 2 * 28)
      assert.strictEqual(slices[0], "city=Seattle,date=2015-01-01")
      assert.strictEqual(slices.at(-1), "city=New York,date=2015-01-28")

      const [slice] = Array.from(yield* Stream.runCollect(Stream.take(Plan.slices(source), 1)))
      const row = source.toRow(slice!)({ date: "2015-01-01", temp_max: "12.5" })
      assert.deepStrictEqual(row._tag === "Right" && row.right, {
        city: "Seattle",
        date: "2015-01-01",
        high: 12.5,
        precipitation: null
      })
    })
  )

  it.effect("fills in what the file leaves out", () =>
    Effect.gen(function* () {
      const config = yield* parse(`
name: small
sources:
  a: { base: "https://example.com", request: /, records: $, fields: { id: { at: $.id, type: integer } }, key: [id] }
`)
      assert.strictEqual(config.database, "/srv/bot/small.db")
      assert.deepStrictEqual(config.reports, [{ _tag: "Table" }])
      assert.deepStrictEqual(config.aggregates, [])
      assert.deepStrictEqual(config.limits, {})
      assert.strictEqual(config.sources[0]?.concurrency, 8)
    })
  )

  it.effect("joins the limits of sources on one host", () =>
    Effect.gen(function* () {
      const source = (base: string, limits: string) =>
        `{ base: "${base}", limits: [${limits}], request: /, records: $, fields: { id: { at: $.id, type: integer } }, key: [id] }`
      const { limits } = yield* parse(`
name: many
sources:
  a: ${source("https://example.com/a", "5/second, 100/hour")}
  b: ${source("https://EXAMPLE.com:443/b", "5/second, 1000/day")}
  c: ${source("http://example.com:81", "1/minute")}
`)
      assert.deepStrictEqual(limits, {
        "example.com": [
          { limit: 5, window: Duration.seconds(1) },
          { limit: 100, window: Duration.hours(1) },
          { limit: 1000, window: Duration.days(1) }
        ],
        "example.com:81": [{ limit: 1, window: Duration.minutes(1) }]
      })
    })
  )

  it.effect("steps by days, weeks, months and years", () =>
    Effect.gen(function* () {
      for (const [step, size] of [
        ["1 day", 28],
        ["2 weeks", 2],
        ["1 month", 1],
        ["1 year", 1]
      ] as const) {
        const { sources } = yield* parse(edited(["1 day", step]))
        assert.strictEqual(Plan.size(sources[0]!), 2 * size, step)
      }
    })
  )

  it.effect("reads JSON, Windows lines, anchors and aliases", () =>
    Effect.gen(function* () {
      const expected = yield* parse(weather)
      const windows = yield* parse(weather.replaceAll("\n", "\r\n"))
      assert.deepStrictEqual(windows.aggregates, expected.aggregates)

      const fields = `{ "id": { "at": "$.id", "type": "integer" } }`
      const source = `{ "base": "https://example.com", "request": "/", "records": "$", "fields": ${fields}, "key": ["id"] }`
      const json = yield* parse(`{ "name": "json", "sources": { "a": ${source} } }`)
      assert.strictEqual(json.sources[0]?.name, "a")

      const twice = yield* parse(`name: twice\nsources:\n  a: &a ${source}\n  b: *a\n`)
      assert.deepStrictEqual(
        twice.sources.map(({ name }) => name),
        ["a", "b"]
      )
    })
  )

  it.effect("tells every mistake at once, from top to bottom", () =>
    Effect.gen(function* () {
      const message = yield* messageOf(
        edited(
          ["10/second", "10 per second"],
          ["$.days[*]", "$.days["],
          ["    fields:", "    feilds:"],
          ["from: weather", "from: wether"],
          ["week(date)", "day(date)"],
          ["${WEATHER_URL}", "${WEATHER_HOST}"]
        )
      )
      assert.strictEqual(
        message,
        `tributary.yaml has 6 mistakes

tributary.yaml:4:11  sources.weather.base
  expected the environment variable WEATHER_HOST to be set
  got      nothing

tributary.yaml:6:14  sources.weather.limits[0]
  expected a rate such as 10/second, 600/minute or 1000/day
  got      "10 per second"

tributary.yaml:12:14  sources.weather.records
  expected a JSONPath (RFC 9535), such as $.days[*]
  got      "$.days[": unclosed bracketed selection ('$.days[':7)

tributary.yaml:13:5  sources.weather.feilds
  expected one of: base, headers, limits, concurrency, request, for, paginate, missing, records, fields, key
  got      "feilds"  (did you mean "fields"?)

tributary.yaml:20:11  aggregates.weekly.from
  expected one of the sources: weather
  got      "wether"  (did you mean "weather"?)

tributary.yaml:21:16  aggregates.weekly.by[1]
  expected a field, week(field) or month(field)
  got      "day(date)"`
      )
    })
  )

  it.effect("shows a hundred mistakes and counts the others", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(parse(weather + Array.from({ length: 120 }, (_, i) => `x${i}: 1\n`).join("")))
      assert.strictEqual(error.problems.length, 120)
      assert.isTrue(error.message.startsWith("tributary.yaml has 120 mistakes\n"))
      assert.isTrue(error.message.endsWith("\n\nand 20 more"))
    })
  )

  it.effect("ends soon, whatever aliases stand for", () =>
    Effect.gen(function* () {
      const bomb = Array.from({ length: 12 }, (_, i) =>
        i === 0 ? "a0: &a0 [x, x, x, x, x, x, x, x, x]" : `a${i}: &a${i} [${`*a${i - 1}, `.repeat(9)}]`
      ).join("\n")
      const { problems } = yield* Effect.flip(parse(bomb))
      const excessive = problems.filter(({ expected }) => expected === "aliases that stand for 10000 values at most")
      assert.strictEqual(excessive.length, 1)
      assert.strictEqual(excessive[0]?.line, 5)

      assert.include(yield* messageOf("a: &a [*a]"), "expected an anchor &a further up\n  got      *a")
    })
  )

  it.effect("refuses a file of more than 1 MiB", () =>
    Effect.gen(function* () {
      const message = yield* messageOf(`# ${"x".repeat(1024 * 1024)}`)
      assert.strictEqual(
        message,
        "tributary.yaml has 1 mistake\n\ntributary.yaml:1:1\n  expected a file of at most 1 MiB\n  got      more"
      )
    })
  )
})

describe("variables", () => {
  it.effect("are filled in as they are, and never read as YAML or looked at again", () =>
    Effect.gen(function* () {
      const { sources } = yield* parseWith({
        ...variables,
        A: "[1, 2]",
        B: "${A}: *x"
      })(edited(["[Seattle, New York]", `["\${A}", "x \${A}-\${B}", "$\${A}", "$A $$ $"]`]))
      assert.deepStrictEqual(Array.from(sources[0]!.parameters["city"]!), [
        "[1, 2]",
        "x [1, 2]-${A}: *x",
        "${A}",
        "$A $$ $"
      ])
    })
  )

  it.effect("stay text where a number is expected", () =>
    Effect.gen(function* () {
      assert.include(
        yield* messageOf(edited(["concurrency: 4", "concurrency: ${N}"]), { ...variables, N: "4" }),
        `expected a whole number from 1 to 256\n  got      "\${N}"`
      )
    })
  )

  it.effect("are all told when they are not set, and nothing else is said of what they are for", () =>
    Effect.gen(function* () {
      assert.strictEqual(
        yield* messageOf(weather, {}),
        `tributary.yaml has 2 mistakes

tributary.yaml:4:11  sources.weather.base
  expected the environment variable WEATHER_URL to be set
  got      nothing

tributary.yaml:5:31  sources.weather.headers.authorization
  expected the environment variable WEATHER_TOKEN to be set
  got      nothing`
      )
    })
  )

  // Every text of the file, one by one, becomes a secret.
  const texts = [
    ["city-weather", "${S}"],
    ["${WEATHER_URL}", "${S}"],
    ["Bearer ${WEATHER_TOKEN}", "${S}"],
    ["10/second", `"\${S}"`],
    ["concurrency: 4", "concurrency: ${S}"],
    ["/v1/daily/{city}{?date}", "/{${S}}"],
    ["Seattle", `"\${S}", "\${S}"`],
    ["2015-01-01", `"\${S}"`],
    ["1 day", `"\${S}"`],
    ["type: link", `type: "\${S}"`],
    ["404", `"\${S}"`],
    ["$.days[*]", "$.${S}["],
    ["$.date", `"$[\${S}"`],
    ["type: date", `type: "\${S}"`],
    ["key: [city", `key: ["\${S}"`],
    ["from: weather", "from: ${S}"],
    ["week(date)", `"week(\${S})"`],
    ["avg(high)", `"avg(\${S})"`],
    ["table,", `"\${S}",`]
  ] as const

  it.effect.prop(
    "are never shown",
    { edit: FastCheck.constantFrom(...texts), tail: FastCheck.string({ unit: "binary", maxLength: 20 }) },
    ({ edit, tail }) =>
      Effect.gen(function* () {
        const secret = `hunter3${tail}`
        const error = yield* Effect.flip(parseWith({ ...variables, S: secret })(edited(edit))).pipe(Effect.option)
        if (error._tag === "Some") {
          assert.notInclude(error.value.message, "hunter3")
          assert.notInclude(JSON.stringify(error.value), "hunter3")
          assert.include(error.value.message, "${S}")
        }
      })
  )

  it.effect("do not give themselves away by a name that is near", () =>
    Effect.gen(function* () {
      const message = yield* messageOf(edited(["by: [city", `by: ["\${S}"`]), { ...variables, S: "citi" })
      assert.include(message, `got      "\${S}"`)
      assert.notInclude(message, "did you mean")
    })
  )

  it.effect("and headers are redacted in the values", () =>
    Effect.gen(function* () {
      const config = yield* parse(weather)
      assert.notInclude(JSON.stringify(config), "hunter2")
    })
  )
})

describe("load", () => {
  const inFolder = <A, E, R>(use: (folder: string, fs: FileSystem.FileSystem) => Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const folder = yield* fs.makeTempDirectoryScoped()
      return yield* use(folder, fs)
    }).pipe(Effect.scoped, Effect.provide(NodeContext.layer))

  it.effect("reads a file, with paths relative to it and variables from the ConfigProvider", () =>
    inFolder((folder, fs) =>
      Effect.gen(function* () {
        yield* fs.writeFileString(`${folder}/tributary.yaml`, `\ufeff${weather}`)
        const config = yield* ConfigFile.load(`${folder}/./tributary.yaml`)
        assert.strictEqual(config.database, `${folder}/city-weather.db`)
        assert.deepStrictEqual(config.reports[1], { _tag: "Html", path: `${folder}/out/report.html` })
        assert.deepStrictEqual(Object.keys(config.limits), ["127.0.0.1:8080"])
      })
    ).pipe(Effect.withConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(variables)))))
  )

  it.effect("names the file as it was given", () =>
    inFolder((folder, fs) =>
      Effect.gen(function* () {
        const file = `${folder}/a.yaml`
        yield* fs.writeFileString(file, "name: a\n")
        const error = yield* Effect.flip(ConfigFile.load(file))
        assert.strictEqual(
          error.message,
          `${file} has 1 mistake\n\n${file}:1:1  sources\n  expected an object with one source or more\n  got      nothing`
        )
      })
    )
  )

  it.effect("says what to do where there is no such file", () =>
    inFolder((folder, fs) =>
      Effect.gen(function* () {
        const message = (file: string) => Effect.map(Effect.flip(ConfigFile.load(file)), (error) => error.message)
        assert.strictEqual(yield* message(`${folder}/no.yaml`), `there is no file ${folder}/no.yaml: check the path`)
        assert.strictEqual(
          yield* message(folder),
          `${folder} is not a file: give the path of a config file, such as tributary.yaml`
        )
        yield* fs.writeFile(`${folder}/latin1.yaml`, Uint8Array.of(0x6e, 0xe4, 0x0a))
        assert.strictEqual(
          yield* message(`${folder}/latin1.yaml`),
          `${folder}/latin1.yaml is not UTF-8 text: save it as UTF-8`
        )
        yield* fs.writeFileString(`${folder}/big.yaml`, "ä".repeat(600_000))
        assert.include(yield* message(`${folder}/big.yaml`), "expected a file of at most 1 MiB")
      })
    )
  )

  it.effect("tells a file that may not be read from one that cannot be", () =>
    Effect.gen(function* () {
      // Not by a file: root may read every one.
      const refused = (reason: PlatformError.SystemErrorReason) => {
        const error = new PlatformError.SystemError({ reason, module: "FileSystem", method: "stream" })
        const fs = FileSystem.layerNoop({ stream: () => Stream.fail(error) })
        return Effect.flip(ConfigFile.load("x.yaml")).pipe(Effect.provide([fs, Path.layer]))
      }
      assert.strictEqual(
        (yield* refused("PermissionDenied")).message,
        "x.yaml may not be read: allow it, as with chmod u+r"
      )
      assert.strictEqual(
        (yield* refused("Unknown")).message,
        "x.yaml cannot be read: check that its disk is there and sound"
      )
    })
  )

  it("has all its errors in its type", () => {
    expectTypeOf(ConfigFile.load("x")).toEqualTypeOf<
      Effect.Effect<
        BotConfig.BotConfig,
        ConfigFile.UnreadableFile | ConfigFile.InvalidConfig,
        FileSystem.FileSystem | Path.Path
      >
    >()
    expectTypeOf(ConfigFile.parse("", { file: "", directory: "", variables: new Map() })).toEqualTypeOf<
      Effect.Effect<BotConfig.BotConfig, ConfigFile.InvalidConfig, Path.Path>
    >()
    expectTypeOf<ConfigFile.UnreadableFile["reason"]>().toEqualTypeOf<
      "NotFound" | "PermissionDenied" | "NotAFile" | "NotText" | "Unknown"
    >()
  })
})
