/**
 * The reports that a config file asks for, from what its database holds.
 *
 * @since 0.1.0
 */
import { type Error as PlatformError, FileSystem, Path } from "@effect/platform"
import type { SqlClient, SqlError } from "@effect/sql"
import type { Ledger } from "@tributary/collect"
import { Html, Report, Terminal } from "@tributary/report"
import { Effect } from "effect"
import type { BotConfig } from "./config/BotConfig.ts"
import { Screen } from "./Screen.ts"

/**
 * Writes every report, and gives the paths of those that are files.
 *
 * @since 0.1.0
 * @category constructors
 */
export const write = (
  config: BotConfig
): Effect.Effect<
  ReadonlyArray<string>,
  SqlError.SqlError | PlatformError.PlatformError,
  SqlClient.SqlClient | Ledger.Ledger | Screen | FileSystem.FileSystem | Path.Path
> =>
  Effect.gen(function* () {
    const { answers, color } = yield* Screen
    const report = yield* Report.make({ title: config.name, aggregates: config.aggregates })
    const files: Array<string> = []
    for (const target of config.reports) {
      if (target._tag === "Table") {
        const width = yield* answers.columns
        yield* answers.write(`${Terminal.render(report, { width, color })}\n`)
      } else {
        yield* writeWhole(target.path, Html.render(report))
        files.push(target.path)
      }
    }
    return files
  })

/** Under another name first: who has the old report open never sees half a new one. */
const writeWhole = (path: string, text: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory((yield* Path.Path).dirname(path), { recursive: true })
    yield* fs.writeFileString(`${path}.new`, text)
    yield* fs.rename(`${path}.new`, path)
  })
