import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { Effect, Option } from "effect"
import { type Interaction, parse, render } from "./cassetteDocument.ts"
import { CassetteError } from "./cassetteErrors.ts"

/** It is read as one string. Nobody reads a larger one, whatever it is. */
const mostBytes = 128 * 1024 * 1024

const read = (path: string): Effect.Effect<Option.Option<string>, CassetteError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const { size } = yield* fs.stat(path)
    if (size > mostBytes) return yield* new CassetteError({ path, reason: "too-large" })
    return Option.some(yield* fs.readFileString(path))
  }).pipe(
    Effect.catchTags({
      SystemError: (cause) =>
        cause.reason === "NotFound"
          ? Effect.succeedNone
          : Effect.fail(new CassetteError({ path, reason: "unreadable", cause })),
      BadArgument: (cause) => new CassetteError({ path, reason: "unreadable", cause })
    })
  )

/** @internal */
export interface Tape {
  readonly interactions: ReadonlyArray<Interaction>
  /** On disk when it is over, whatever happens to the process or the machine then. */
  readonly append: (interaction: Interaction) => Effect.Effect<void, PlatformError>
}

/** @internal */
export const open = ({
  mode,
  path
}: {
  readonly mode: "replay" | "record" | "replay-or-record"
  readonly path: string
}): Effect.Effect<Tape, CassetteError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const text = mode === "record" ? Option.none() : yield* read(path)
    if (mode === "replay" && Option.isNone(text)) return yield* new CassetteError({ path, reason: "missing" })
    const cassette = yield* parse(path)(Option.getOrElse(text, () => ""))
    if (cassette.torn) {
      yield* Effect.logWarning(`cassette ${path}: the last document is not whole and was left out`)
    }
    const writing = yield* Effect.makeSemaphore(1)
    // What the file is to begin with, until it does: the first document replaces what must not stay.
    let beginning = Option.contains(text, cassette.text) ? Option.none<string>() : Option.some(cassette.text)

    const append = (interaction: Interaction) =>
      Effect.suspend(() =>
        Option.match(beginning, {
          onNone: () => extend(render(interaction)),
          onSome: (text) =>
            Effect.tap(replace(text + render(interaction)), () => {
              beginning = Option.none()
            })
        })
      ).pipe(Effect.uninterruptible, writing.withPermits(1))

    const write = (file: string, flag: "a" | "w", text: string) =>
      Effect.scoped(
        Effect.flatMap(fs.open(file, { flag }), (file) =>
          Effect.zipRight(file.writeAll(new TextEncoder().encode(text)), file.sync)
        )
      )

    // A half document in the middle would spoil the file.
    const extend = (text: string) =>
      Effect.flatMap(fs.stat(path), ({ size }) =>
        Effect.onError(write(path, "a", text), () => Effect.ignore(fs.truncate(path, size)))
      )

    const replace = (text: string) =>
      Effect.gen(function* () {
        const directory = /^(.*)[/\\][^/\\]*$/s.exec(path)?.[1] ?? "."
        if (directory !== "") yield* fs.makeDirectory(directory, { recursive: true })
        const partial = `${path}.partial`
        yield* write(partial, "w", text).pipe(
          Effect.zipRight(fs.rename(partial, path)),
          Effect.tapError(() => Effect.ignore(fs.remove(partial)))
        )
        // The name is on disk with the directory; there are systems that cannot do that.
        yield* Effect.ignore(
          Effect.scoped(Effect.flatMap(fs.open(directory || "/", { flag: "r" }), ({ sync }) => sync))
        )
      })

    return { interactions: cassette.interactions, append }
  })
