/**
 * Runs what the arguments ask for: answers go to standard output, progress and mistakes to standard error.
 */
import { fileURLToPath } from "node:url"
import { FileSystem, type Error as PlatformError } from "@effect/platform"
import { Console, DateTime, Effect } from "effect"
import * as Arguments from "./Arguments.ts"
import * as Bench from "./Bench.ts"
import * as Machine from "./Machine.ts"
import * as Report from "./Report.ts"

const document = fileURLToPath(new URL("../../../docs/benchmarks.md", import.meta.url))

const measure = Effect.fnUntraced(function* (bench: Bench.Bench, quick: boolean) {
  const chosen = yield* Bench.here(quick ? Bench.quick(bench) : bench)
  const rows = yield* Bench.run(Console.error)(chosen)
  const machine = yield* Machine.read
  const versions = yield* Machine.versions(chosen.contenders)
  const command = `pnpm bench ${bench.name}${quick ? " --quick" : ""}`
  return { bench: chosen, command, rows, machine, versions }
})

/**
 * `write` is standard output.
 */
export const main = ({
  args,
  benches,
  write
}: {
  readonly args: ReadonlyArray<string>
  readonly benches: ReadonlyArray<Bench.Bench>
  readonly write: (text: string) => Effect.Effect<void>
}): Effect.Effect<
  void,
  Arguments.UsageError | Bench.MeasureError | PlatformError.PlatformError,
  FileSystem.FileSystem
> =>
  Effect.gen(function* () {
    const request = yield* Arguments.parse(benches)(args)
    if (request._tag === "Help") return yield* write(Arguments.usage(benches))
    const { output, quick } = request
    const reports = yield* Effect.forEach(request.benches, (bench) =>
      Effect.tap(measure(bench, quick), (report) =>
        output === "document" ? Effect.void : write(output === "json" ? Report.json(report) : Report.text(report))
      )
    )
    if (output !== "document") return
    const fs = yield* FileSystem.FileSystem
    const date = DateTime.formatIsoDateUtc(yield* DateTime.now)
    yield* fs.writeFileString(document, Report.markdown(date)(reports))
    yield* Console.error(`written: ${document}`)
  })
