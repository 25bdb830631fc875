import { Schema } from "effect"

/**
 * The cassette cannot be played, said when it is opened.
 *
 * - `missing`: there is no such file
 * - `unreadable`: the file system does not give it
 * - `too-large`: more than 128 MiB
 * - `malformed`: `field` of the document number `document` is not as `expected`
 *
 * @since 0.1.0
 * @category errors
 */
export class CassetteError extends Schema.TaggedError<CassetteError>("@tributary/fetcher/CassetteError")(
  "CassetteError",
  {
    path: Schema.String,
    reason: Schema.Literal("missing", "unreadable", "too-large", "malformed"),
    /** Counted from 1. */
    document: Schema.optionalWith(Schema.Int, { exact: true }),
    /** Such as `response.status`; empty for the document as a whole. */
    field: Schema.optionalWith(Schema.String, { exact: true }),
    expected: Schema.optionalWith(Schema.String, { exact: true }),
    cause: Schema.optionalWith(Schema.Defect, { exact: true })
  }
) {
  override get message(): string {
    const at = this.field === undefined || this.field === "" ? "" : ` at ${this.field}`
    const says = {
      missing: `there is no such file; record it with the mode "record" or "replay-or-record"`,
      unreadable: "the file cannot be read",
      "too-large": "the file is larger than 128 MiB; split it",
      malformed: `document ${this.document}${at}: ${this.expected}`
    }
    return `cassette ${this.path}: ${says[this.reason]}`
  }
}

const Request = Schema.Struct({ method: Schema.String, url: Schema.String })

const at = (path: string, { method, url }: typeof Request.Type): string => `${method} ${url}: cassette ${path}`

/**
 * What the nearest recording has, and what was asked for. Both as in the file, so without secrets.
 *
 * @since 0.1.0
 * @category models
 */
export const Difference: Schema.Struct<{
  what: typeof Schema.String
  recorded: typeof Schema.String
  asked: typeof Schema.String
}> = Schema.Struct({
  /** `method`, `origin`, `path`, `query page`, `header accept` or `body.user.name`. */
  what: Schema.String,
  recorded: Schema.String,
  asked: Schema.String
})

/**
 * Nothing in the cassette fits the request, and it may not be recorded.
 *
 * @since 0.1.0
 * @category errors
 */
export class NoInteraction extends Schema.TaggedError<NoInteraction>("@tributary/fetcher/NoInteraction")(
  "NoInteraction",
  {
    path: Schema.String,
    request: Request,
    /** Absent where nothing is recorded at all. `document` counts from 1. */
    nearest: Schema.optionalWith(Schema.Struct({ document: Schema.Int, differences: Schema.Array(Difference) }), {
      exact: true
    })
  }
) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    const nearest =
      this.nearest === undefined
        ? "it is empty"
        : `nearest is document ${this.nearest.document}, with ${this.nearest.differences
            .map(({ asked, recorded, what }) => `${what} ${recorded} instead of ${asked}`)
            .join(", ")}`
    return `${at(this.path, this.request)} has no interaction for it; ${nearest}`
  }
}

/**
 * The request cannot be recorded. Where it is the answer that cannot, the request was sent.
 *
 * - `body-too-large`: the body of the request or the answer has more than `limit` bytes
 * - `body-unreadable`: the body of the request is a stream that failed, or of a kind that has no bytes
 * - `disk`: the file cannot be written
 *
 * @since 0.1.0
 * @category errors
 */
export class NotRecorded extends Schema.TaggedError<NotRecorded>("@tributary/fetcher/NotRecorded")("NotRecorded", {
  path: Schema.String,
  request: Request,
  reason: Schema.Literal("body-too-large", "body-unreadable", "disk"),
  /** Bytes allowed. */
  limit: Schema.optionalWith(Schema.Int, { exact: true }),
  cause: Schema.optionalWith(Schema.Defect, { exact: true })
}) {
  get isTransient(): boolean {
    return false
  }
  override get message(): string {
    const says = {
      "body-too-large": `does not take bodies of more than ${this.limit} bytes; raise maxBodyBytes`,
      "body-unreadable": "cannot take the body of the request: it cannot be read as bytes",
      disk: "cannot be written"
    }
    return `${at(this.path, this.request)} ${says[this.reason]}`
  }
}
