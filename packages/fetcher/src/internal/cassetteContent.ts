import { HttpBody, HttpClientRequest } from "@effect/platform"
import { Data, Effect, Either, Encoding, Option, Stream } from "effect"
import type { Content, ResponseDocument } from "./cassetteDocument.ts"

/** @internal */
export class TooLarge extends Data.TaggedError("TooLarge")<{ readonly limit: number }> {}

/** @internal */
export class Unreadable extends Data.TaggedError("Unreadable")<{ readonly cause: unknown }> {}

/** As text, if it is valid UTF-8. */
const textOf: (bytes: Uint8Array) => Option.Option<string> = Option.liftThrowable((bytes) =>
  new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)
)

/** Undefined where there are no bytes; `rewrite` is asked about text only. Its bytes are the same again. @internal */
export const contentOf =
  (rewrite: (text: string) => string) =>
  (bytes: Uint8Array): Content | undefined =>
    bytes.length === 0
      ? undefined
      : Option.match(textOf(bytes), {
          onNone: () => ({ base64: Encoding.encodeBase64(bytes) }),
          onSome: (text) => textContent(rewrite(text))
        })

const textContent = (text: string): Content =>
  Option.getOrElse(jsonContent(text), () => ({ text: text.includes("\n") ? text.split("\n") : text }))

/** Only if the same text can be made of the value again: not with spaces, numbers like 1.0, names that are there twice. */
const jsonContent: (text: string) => Option.Option<Content> = (text) =>
  /^[[{]/.test(text)
    ? Option.liftThrowable((): unknown => JSON.parse(text))().pipe(
        Option.filter((json) => Option.contains(Option.liftThrowable(JSON.stringify)(json), text)),
        Option.map((json) => ({ json }))
      )
    : Option.none()

/** @internal */
export const bytesOf = (content: Content | undefined): Uint8Array => {
  if (content === undefined) return new Uint8Array()
  if (content.base64 !== undefined)
    return Either.getOrElse(Encoding.decodeBase64(content.base64), () => new Uint8Array())
  if (content.text === undefined)
    return new TextEncoder().encode(JSON.stringify("json" in content ? content.json : content.form))
  return new TextEncoder().encode(typeof content.text === "string" ? content.text : content.text.join("\n"))
}

/** The body in the pieces in which it came, with the time from the head to each. @internal */
export const piecesOf = ({
  body,
  chunks = []
}: ResponseDocument): ReadonlyArray<{
  readonly at: number
  readonly bytes: Uint8Array
}> => {
  const bytes = bytesOf(body)
  let at = 0
  let from = 0
  return (chunks.length === 0 ? [{ after: 0 }] : chunks).map((chunk, index, { length }) => {
    at += chunk.after
    const size = index + 1 < length && "bytes" in chunk ? (chunk.bytes ?? 0) : Infinity
    const piece = { at, bytes: bytes.subarray(from, from + size) }
    from += piece.bytes.length
    return piece
  })
}

/** @internal */
export interface ReadBody {
  /** What was read; of a form, what it is made of. */
  readonly content: Uint8Array | Form
  /** The request to send: the body of the one that came may be gone by now. */
  readonly request: HttpClientRequest.HttpClientRequest
}

/** @internal */
export const readRequest =
  (limit: number) =>
  (request: HttpClientRequest.HttpClientRequest): Effect.Effect<ReadBody, TooLarge | Unreadable> => {
    const { body } = request
    const bounded = (content: ReadBody["content"], size: number, sent = request) =>
      size > limit ? new TooLarge({ limit }) : Effect.succeed({ content, request: sent })
    switch (body._tag) {
      case "Empty":
        return bounded(new Uint8Array(), 0)
      case "Uint8Array":
        return bounded(body.body, body.body.length)
      case "Stream":
        return Effect.flatMap(readStream(limit, body.stream), (bytes) =>
          bounded(
            bytes,
            bytes.length,
            HttpClientRequest.setBody(
              request,
              HttpBody.stream(Stream.succeed(bytes), body.contentType, body.contentLength)
            )
          )
        )
      case "FormData":
        return Effect.flatMap(readForm(limit, body.formData), (form) => bounded(form, 0))
      case "Raw":
        return Effect.flatMap(readRaw(body.body), (bytes) => bounded(bytes, bytes.length))
    }
  }

const readStream = (limit: number, stream: Stream.Stream<Uint8Array, unknown>) =>
  stream.pipe(
    Stream.mapError((cause) => new Unreadable({ cause })),
    Stream.mapAccumEffect(0, (size, chunk) =>
      size + chunk.length > limit ? new TooLarge({ limit }) : Effect.succeed([size + chunk.length, chunk] as const)
    ),
    Stream.runCollect,
    Effect.map((chunks) => concat([...chunks]))
  )

type Form = NonNullable<Content["form"]>

const readForm = (limit: number, form: FormData): Effect.Effect<Form, TooLarge | Unreadable> => {
  const entries = [...form.entries()]
  const size = entries.reduce((sum, [, value]) => sum + (typeof value === "string" ? value.length : value.size), 0)
  if (size > limit) return new TooLarge({ limit })
  return Effect.forEach(entries, ([name, value]): Effect.Effect<Form[number], Unreadable> => {
    if (typeof value === "string") return Effect.succeed([name, value])
    const { name: filename, type } = value
    return Effect.map(readRaw(value), (bytes) => [name, { filename, type, base64: Encoding.encodeBase64(bytes) }])
  })
}

const readRaw = (body: unknown): Effect.Effect<Uint8Array, Unreadable> => {
  if (body instanceof Uint8Array) return Effect.succeed(body)
  if (typeof body === "string" || body instanceof URLSearchParams) {
    return Effect.succeed(new TextEncoder().encode(String(body)))
  }
  if (body instanceof ArrayBuffer) return Effect.succeed(new Uint8Array(body))
  if (!(body instanceof Blob)) return new Unreadable({ cause: new TypeError("not text, bytes or a Blob") })
  return Effect.tryPromise({
    try: () => body.arrayBuffer(),
    catch: (cause) => new Unreadable({ cause })
  }).pipe(Effect.map((buffer) => new Uint8Array(buffer)))
}

/** @internal */
export const concat = (chunks: ReadonlyArray<Uint8Array>): Uint8Array<ArrayBuffer> => {
  const bytes = new Uint8Array(chunks.reduce((size, chunk) => size + chunk.length, 0))
  let offset = 0
  for (const chunk of chunks) {
    bytes.set(chunk, offset)
    offset += chunk.length
  }
  return bytes
}
