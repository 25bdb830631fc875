import { type Error as PlatformError, FileSystem, type Headers } from "@effect/platform"
import { Effect, Option, Schema } from "effect"

/** Where the bytes so far are kept, and what they are of. @internal */
export interface PartFile {
  readonly part: string
  readonly note: string
}

/** @internal */
export const of = (path: string): PartFile => ({ part: `${path}.part`, note: `${path}.part.json` })

/** Of which representation the part is: by `If-Range`, the server goes on only with the same one. @internal */
export class Note extends Schema.Class<Note>("Note")({
  url: Schema.String,
  /** A strong entity tag, or a date of last modification that is as good. */
  validator: Schema.String,
  total: Schema.NonNegativeInt
}) {}

const NoteJson = Schema.parseJson(Note)

/** @internal */
export interface Resumable {
  readonly note: Note
  readonly bytes: number
}

/** What there is to go on with; a note that cannot be read, or is of another URL, is none. @internal */
export const resumable =
  (url: string) =>
  (file: PartFile): Effect.Effect<Option.Option<Resumable>, PlatformError.PlatformError, FileSystem.FileSystem> =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      if (!(yield* fs.exists(file.part)) || !(yield* fs.exists(file.note))) return Option.none()
      const note = yield* Effect.option(Schema.decode(NoteJson)(yield* fs.readFileString(file.note)))
      const bytes = Number((yield* fs.stat(file.part)).size)
      return Option.filterMap(note, (note) =>
        note.url === url && bytes > 0 ? Option.some({ note, bytes }) : Option.none()
      )
    })

/** @internal */
export const writeNote =
  (note: Note) =>
  (file: PartFile): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem> =>
    Effect.flatMap(FileSystem.FileSystem, (fs) => fs.writeFileString(file.note, JSON.stringify(note)))

/** @internal */
export const removeNote = (file: PartFile): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.remove(file.note, { force: true }))

/** @internal */
export const discard = (file: PartFile): Effect.Effect<void, PlatformError.PlatformError, FileSystem.FileSystem> =>
  Effect.flatMap(FileSystem.FileSystem, (fs) =>
    Effect.zipRight(removeNote(file), fs.remove(file.part, { force: true }))
  )

/**
 * What may stand in `If-Range` (RFC 9110, 13.1.5): an entity tag that is not weak; without any entity tag, a date of last
 * modification at least a second before the answer's own (8.8.2.2), as within that second there may be another change.
 *
 * @internal
 */
export const validatorOf = (headers: Headers.Headers): Option.Option<string> => {
  const { date = "", etag, "last-modified": modified = "" } = headers
  if (etag !== undefined) return etag.startsWith('"') ? Option.some(etag) : Option.none()
  return Date.parse(date) - Date.parse(modified) >= 1_000 ? Option.some(modified) : Option.none()
}

/** @internal */
export interface ContentRange {
  readonly start: number
  readonly end: number
  readonly total: Option.Option<number>
}

/** RFC 9110, 14.4; none where it is not of bytes or makes no sense. @internal */
export const contentRange = (headers: Headers.Headers): Option.Option<ContentRange> => {
  const match = /^bytes (\d+)-(\d+)\/(\d+|\*)$/i.exec(headers["content-range"]?.trim() ?? "")
  if (match === null) return Option.none()
  const [start, end] = [Number(match[1]), Number(match[2])]
  const total = match[3] === "*" ? Option.none<number>() : Option.some(Number(match[3]))
  return start <= end && Option.getOrElse(total, () => Number.POSITIVE_INFINITY) > end
    ? Option.some({ start, end, total })
    : Option.none()
}
