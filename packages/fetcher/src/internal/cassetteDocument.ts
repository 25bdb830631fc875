import { Array, Either, Encoding, Option, ParseResult, Schema } from "effect"
import { CassetteError } from "./cassetteErrors.ts"

const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { exact: true })

/** `Effect.sleep` of more never ends. */
const Millis = Schema.Int.pipe(Schema.between(0, 2 ** 31 - 1))

const Base64 = Schema.String.pipe(
  Schema.filter((text) => Either.isRight(Encoding.decodeBase64(text)), { message: () => "expected base64" })
)

const contentKinds = ["json", "text", "base64", "form"] as const

/** Bytes, in the form that is read best. */
const Content = Schema.Struct({
  json: optional(Schema.Unknown),
  /** Several are lines. */
  text: optional(Schema.Union(Schema.String, Schema.Array(Schema.String))),
  base64: optional(Base64),
  /** Of requests only: its bytes would have another boundary each time. */
  form: optional(
    Schema.Array(
      Schema.Tuple(
        Schema.String,
        Schema.Union(Schema.String, Schema.Struct({ filename: Schema.String, type: Schema.String, base64: Base64 }))
      )
    )
  )
}).pipe(
  Schema.filter((content) => contentKinds.filter((kind) => kind in content).length === 1, {
    message: () => "expected exactly one of json, text, base64, form"
  })
)

/** @internal */
export type Content = typeof Content.Type

const Url = Schema.String.pipe(Schema.filter((url) => URL.canParse(url), { message: () => "expected a URL" }))

const RequestDocument = Schema.Struct({
  method: Schema.String,
  url: Url,
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  body: optional(Content)
})

/** @internal */
export type RequestDocument = typeof RequestDocument.Type

const FailureDocument = Schema.Struct({
  /** Milliseconds since what came before: the request, the head or the last chunk. */
  after: Millis,
  description: optional(Schema.String),
  /** What the transport gave as the reason. */
  cause: optional(
    Schema.Struct({
      name: Schema.String,
      /** Its `_tag`. */
      tag: optional(Schema.String),
      code: optional(Schema.String),
      message: Schema.String
    })
  )
})

/** @internal */
export type FailureDocument = typeof FailureDocument.Type

const ResponseDocument = Schema.Struct({
  /** Milliseconds from the request to the head. */
  after: Millis,
  status: Schema.Int.pipe(Schema.between(100, 599)),
  headers: Schema.Record({ key: Schema.String, value: Schema.Union(Schema.String, Schema.Array(Schema.String)) }),
  body: optional(Content),
  /** How the body came, in milliseconds since what came before. The last chunk is what is left, so that bodies can be edited. */
  chunks: optional(
    Schema.Array(Schema.Struct({ after: Millis, bytes: optional(Schema.Int.pipe(Schema.nonNegative())) }))
  ),
  /** Where the body broke off. */
  error: optional(FailureDocument)
}).pipe(
  Schema.filter(({ body }) => body?.form === undefined, { message: () => "expected no form as the body of a response" })
)

/** @internal */
export type ResponseDocument = typeof ResponseDocument.Type

const Interaction = Schema.Struct({
  request: RequestDocument,
  response: optional(ResponseDocument),
  error: optional(FailureDocument)
}).pipe(
  Schema.filter(({ error, response }) => (error === undefined) !== (response === undefined), {
    message: () => "expected either response or error"
  })
)

/** One exchange: what was asked, and what came of it. @internal */
export type Interaction = typeof Interaction.Type

/** JSON, and by the line before it a document of a YAML stream. @internal */
export const render = (interaction: Interaction): string => `---\n${JSON.stringify(interaction, null, 2)}\n`

/** @internal */
export interface Cassette {
  readonly interactions: ReadonlyArray<Interaction>
  /** The text up to where writing was broken off, ready for another document. */
  readonly text: string
  /** Whether the last document is not whole. */
  readonly torn: boolean
}

/** @internal */
export const parse =
  (path: string) =>
  (written: string): Either.Either<Cassette, CassetteError> => {
    const interactions: globalThis.Array<Interaction> = []
    // Broken off in the line before a document, or right after.
    const text = written.replace(/(?<![^\n])-{1,3}[^\S\n]*\n?$/, "")
    const documents = documentsOf(text)
    for (const [index, { end, source, start }] of documents.entries()) {
      const malformed = (field: string, expected: string) =>
        Either.left(new CassetteError({ path, reason: "malformed", document: index + 1, field, expected }))
      const json = Option.liftThrowable((text: string): unknown => JSON.parse(text))(source)
      if (Option.isNone(json)) {
        // As it is written, a document has its only line "}" at its end: without, it is not whole. One with an error
        // that somebody made later still has it.
        const torn = end === text.length && !/^\}\s*$/m.test(source)
        if (torn) return Either.right({ interactions, text: text.slice(0, start), torn })
        return malformed("", "expected JSON")
      }
      const decoded = decode(json.value)
      if (Either.isLeft(decoded)) {
        const issue = Array.head(ParseResult.ArrayFormatter.formatErrorSync(decoded.left))
        return Option.match(issue, {
          onNone: () => malformed("", "expected an interaction"),
          onSome: ({ message, path }) => malformed(path.join("."), message)
        })
      }
      const deep = (["request", "response"] as const).find(
        (part) => decoded.right[part]?.body !== undefined && !canBeWritten(decoded.right[part].body)
      )
      if (deep !== undefined) return malformed(`${deep}.body.json`, "expected JSON that is not nested so deeply")
      interactions.push(decoded.right)
    }
    return Either.right({
      interactions,
      text: text === "" || text.endsWith("\n") ? text : `${text}\n`,
      torn: text !== written
    })
  }

const decode = Schema.decodeUnknownEither(Interaction, { onExcessProperty: "error" })

const canBeWritten = ({ json }: Content): boolean => Option.isSome(Option.liftThrowable(JSON.stringify)(json))

interface Source {
  readonly source: string
  readonly start: number
  readonly end: number
}

const documentsOf = (text: string): ReadonlyArray<Source> => {
  const sources: globalThis.Array<Source> = []
  const add = (start: number, from: number, end: number) => {
    const source = text.slice(from, end)
    if (source.trim() !== "") sources.push({ source, start, end })
  }
  let start = 0
  let from = 0
  // No line within JSON begins with a hyphen at its very start, but for a number that somebody put there.
  for (const { 0: line, index } of text.matchAll(/^---[^\S\n]*$/gm)) {
    add(start, from, index)
    start = index
    from = index + line.length
  }
  add(start, from, text.length)
  return sources
}
