/**
 * The bot's config file: YAML to the values of @tributary/collect and @tributary/report, or every mistake in it at once.
 *
 * ```yaml
 * name: city-weather
 * database: city-weather.db              # optional, `<name>.db` beside this file; all paths are relative to this file
 * sources:
 *   weather:
 *     base: ${WEATHER_URL}               # ${NAME} is the environment's variable in any text, $${ a plain ${
 *     headers: { authorization: "Bearer ${WEATHER_TOKEN}" }
 *     limits: [10/second, 600/minute]    # second, minute, hour, day
 *     concurrency: 8
 *     request: /v1/daily/{city}{?date}   # URI template, RFC 6570
 *     for: { city: [Seattle, New York], date: { from: 2015-01-01, to: 2015-01-28, step: 1 day } }
 *     paginate: link
 *     missing: [404]                     # statuses that mean: nothing there
 *     records: $.days[*]                 # JSONPath, RFC 9535
 *     fields: { date: { at: $.date, type: date }, high: { at: $.temp_max, type: number, optional: true } }
 *     key: [city, date]
 * aggregates:
 *   weekly: { from: weather, by: [city, week(date)], measures: { high: avg(high), days: count() } }
 * reports: [table, { html: out/report.html }]
 * ```
 *
 * @since 0.1.0
 */
import { type Error as PlatformError, FileSystem, Path } from "@effect/platform"
import { Array, Chunk, Config, Effect, Either, Number, Option, Order, Schema, Stream } from "effect"
import { dual } from "effect/Function"
import * as BotConfig from "./BotConfig.ts"
import * as Problem from "./Problem.ts"
import * as Tree from "./Tree.ts"
import * as Variables from "./Variables.ts"
import * as Yaml from "./Yaml.ts"

/**
 * Raised where the file cannot be read at all. `message` says what to do about it.
 *
 * @since 0.1.0
 * @category errors
 */
export class UnreadableFile extends Schema.TaggedError<UnreadableFile>("@tributary/bot/UnreadableFile")(
  "UnreadableFile",
  {
    file: Schema.String,
    reason: Schema.Literal("NotFound", "PermissionDenied", "NotAFile", "NotText", "Unknown"),
    cause: Schema.optional(Schema.Defect)
  }
) {
  override get message(): string {
    const file = Problem.escape(this.file)
    switch (this.reason) {
      case "NotFound":
        return `there is no file ${file}: check the path`
      case "PermissionDenied":
        return `${file} may not be read: allow it, as with chmod u+r`
      case "NotAFile":
        return `${file} is not a file: give the path of a config file, such as tributary.yaml`
      case "NotText":
        return `${file} is not UTF-8 text: save it as UTF-8`
      case "Unknown":
        return `${file} cannot be read: check that its disk is there and sound`
    }
  }
}

/**
 * Raised where the file has mistakes; `problems` are all of them, from top to bottom, and `message` is the report for its author.
 *
 * @since 0.1.0
 * @category errors
 */
export class InvalidConfig extends Schema.TaggedError<InvalidConfig>("@tributary/bot/InvalidConfig")("InvalidConfig", {
  file: Schema.String,
  problems: Schema.Array(Problem.Problem)
}) {
  override get message(): string {
    return Problem.format(this)
  }
}

/**
 * @since 0.1.0
 * @category errors
 */
export type ConfigFileError = UnreadableFile | InvalidConfig

/**
 * Reads a config file. `${NAME}` in its texts is looked up through the `ConfigProvider`, which asks the environment by default.
 *
 * Fails with `UnreadableFile` if there is no such file, or none that may be read or holds text, and with `InvalidConfig` if it has
 * mistakes or more than 1 MiB.
 *
 * @since 0.1.0
 * @category constructors
 */
export const load: (
  file: string
) => Effect.Effect<BotConfig.BotConfig, ConfigFileError, FileSystem.FileSystem | Path.Path> = Effect.fn(
  "ConfigFile.load"
)(function* (file: string) {
  const path = yield* Path.Path
  const bytes = yield* read(file)
  if (bytes.length > Yaml.maximumSize) return yield* new InvalidConfig({ file, problems: [tooLarge] })
  const text = yield* decodeUtf8(file, bytes)
  const variables = new Map<string, string>()
  for (const name of Variables.names(text)) {
    const value = yield* Effect.option(Config.string(name))
    if (Option.isSome(value)) variables.set(name, value.value)
  }
  return yield* parse(text, { file, directory: path.dirname(path.resolve(file)), variables })
})

/**
 * What a config file's text needs to be understood.
 *
 * @since 0.1.0
 * @category models
 */
export interface Surroundings {
  /** What the file is called in the report. */
  readonly file: string
  /** What its paths are relative to. */
  readonly directory: string
  /** What `${NAME}` stands for. */
  readonly variables: ReadonlyMap<string, string>
}

/**
 * Reads the text of a config file. Fails with `InvalidConfig`, whatever the text.
 *
 * @since 0.1.0
 * @category constructors
 */
export const parse: {
  (options: Surroundings): (text: string) => Effect.Effect<BotConfig.BotConfig, InvalidConfig, Path.Path>
  (text: string, options: Surroundings): Effect.Effect<BotConfig.BotConfig, InvalidConfig, Path.Path>
} = dual(
  2,
  Effect.fnUntraced(function* (text: string, { directory, file, variables }: Surroundings) {
    const path = yield* Path.Path
    if (text.length > Yaml.maximumSize) return yield* new InvalidConfig({ file, problems: [tooLarge] })
    const { contents, locate } = Yaml.parse(Variables.mask(text))
    const invalid = (tree: Tree.Tree, mistakes: ReadonlyArray<Problem.Mistake>) =>
      new InvalidConfig({ file, problems: Array.sort(mistakes.map(Tree.problem({ tree, locate })), fromTop) })
    if (Either.isLeft(contents)) return yield* invalid(Tree.nothing, contents.left)

    const { mistakes, tree } = Tree.make(variables)(contents.right)
    const resolve = (to: string) => path.resolve(directory, to)
    const { config, mistakes: more } = BotConfig.read({ tree, resolve, file: path.basename(file) })
    if (mistakes.length + more.length > 0) return yield* invalid(tree, [...mistakes, ...more])
    return config()
  })
)

const fromTop: Order.Order<Problem.Problem> = Order.combine(
  Order.mapInput(Number.Order, ({ line }) => line),
  Order.mapInput(Number.Order, ({ column }) => column)
)

const tooLarge: Problem.Problem = { line: 1, column: 1, path: "", expected: "a file of at most 1 MiB", got: "more" }

/** At most one byte more than is allowed, so that a file without an end ends. */
const read = (file: string): Effect.Effect<Uint8Array, UnreadableFile, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Stream.runCollect(fs.stream(file, { bytesToRead: Yaml.maximumSize + 1 })).pipe(
      Effect.map((chunks) => Buffer.concat(Chunk.toReadonlyArray(chunks))),
      Effect.mapError((cause) => new UnreadableFile({ file, reason: reasonOf(cause), cause }))
    )
  )

const reasonOf = (error: PlatformError.PlatformError): UnreadableFile["reason"] => {
  if (error._tag === "BadArgument") return "NotAFile"
  switch (error.reason) {
    case "NotFound":
    case "PermissionDenied":
      return error.reason
    case "BadResource":
      return "NotAFile"
    default:
      return "Unknown"
  }
}

const decodeUtf8 = (file: string, bytes: Uint8Array): Effect.Effect<string, UnreadableFile> =>
  Effect.try({
    try: () => new TextDecoder("utf-8", { fatal: true }).decode(bytes),
    catch: (cause) => new UnreadableFile({ file, reason: "NotText", cause })
  })
