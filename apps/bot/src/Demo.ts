/**
 * The whole way in ten seconds: two unreliable APIs on loopback, and a run that collects from them.
 *
 * @since 0.1.0
 */
import { type Error as PlatformError, FileSystem, type HttpServerError, Path } from "@effect/platform"
import { Effect } from "effect"
import * as ConfigFile from "./config/ConfigFile.ts"
import * as DemoApi from "./demo/DemoApi.ts"
import * as DemoData from "./demo/DemoData.ts"
import * as Run from "./Run.ts"
import { Screen } from "./Screen.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** Where the config file, the database and the report go. */
  readonly directory: string
  readonly seed: number
  readonly fresh: boolean
}

/**
 * @since 0.1.0
 * @category errors
 */
export type DemoError =
  | ConfigFile.ConfigFileError
  | HttpServerError.ServeError
  | PlatformError.PlatformError
  | Run.RunError

/**
 * Serves the APIs while it runs. The same seed gives the same trouble.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run = (options: Options): Effect.Effect<void, DemoError, Screen | FileSystem.FileSystem | Path.Path> =>
  Effect.scoped(
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const { remarks } = yield* Screen
      // The data comes with the app: what is wrong with it is the app's fault.
      const data = yield* Effect.catchTag(DemoData.read(yield* shipped("../data")), "ParseError", Effect.die)
      const api = yield* DemoApi.make({ data, seed: options.seed })
      const text = (yield* fs.readFileString(yield* shipped("../examples/demo.yaml")))
        .replace("${WEATHER_URL}", api.weather.url)
        .replace("${STOCKS_URL}", api.stocks.url)
      const file = path.join(options.directory, "tributary.yaml")
      yield* fs.makeDirectory(options.directory, { recursive: true })
      yield* fs.writeFileString(file, text)
      yield* remarks.write(
        [
          "Two APIs on loopback serve real data, unreliably:",
          `  weather  ${api.weather.url}  429 above 7 requests a second`,
          `  stocks   ${api.stocks.url}  429 above 12 requests a second, and says so nowhere`,
          `Of both 3 % of the answers are a 503; one record is malformed, one day is missing (seed ${options.seed}).`,
          `What to collect from them stands in ${file}.`,
          "",
          ""
        ].join("\n")
      )
      yield* Effect.flatMap(ConfigFile.load(file), Run.run({ fresh: options.fresh }))
    })
  )

/** A file of the app, seen from the sources as well as from the bundle. */
const shipped = (file: string) =>
  Effect.flatMap(Path.Path, (path) => Effect.orDie(path.fromFileUrl(new URL(file, import.meta.url))))
