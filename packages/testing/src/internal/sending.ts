import { Duration } from "effect"
import type { Response } from "../Answer.ts"
import type { Change } from "../Behaviour.ts"
import { httpDate } from "../RateLimitDialect.ts"
import { gzipBomb } from "./gzipBomb.ts"

/** An answer as it goes out. @internal */
export interface Sent {
  readonly _tag: "Sent"
  readonly status: number
  /** All but those of the connection itself. */
  readonly headers: Readonly<Record<string, string>>
  /** The bytes that are sent, be they as many as `length` says or not. */
  readonly body: Uint8Array
  /** The length that is announced; undefined where an answer has no body. */
  readonly length: number | undefined
  /** The body in pieces of so many bytes, with a pause in milliseconds before each. */
  readonly drip: { readonly bytes: number; readonly pause: number } | undefined
  /** After the body: nothing more, a reset, silence, or the end of the connection. */
  readonly ending: "done" | "reset" | "silence" | "hangUp"
}

const encoder = new TextEncoder()

const encoded = new WeakMap<Response, Uint8Array>()

const toBytes = (answer: Response): Uint8Array => {
  const known = encoded.get(answer)
  if (known !== undefined) return known
  const { body } = answer
  const bytes =
    typeof body === "string" ? encoder.encode(body) : body instanceof Uint8Array ? body : gzipBomb(body.gzipOfMebibytes)
  encoded.set(answer, bytes)
  return bytes
}

/** What an answer is sent with. @internal */
export interface Sending {
  readonly changes: ReadonlyArray<Change>
  /** Besides its own, which come before them. */
  readonly headers: Response["headers"]
  readonly method: string
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** Binds an answer to bytes. @internal */
export const send =
  ({ changes, headers, method, now }: Sending) =>
  (answer: Response): Sent => {
    const body = toBytes(answer)
    const intact: Sent = {
      _tag: "Sent",
      status: answer.status,
      headers: { date: httpDate(now), ...headers, ...answer.headers },
      body,
      length: body.length,
      drip: undefined,
      ending: "done"
    }
    const sent = changes.reduce(apply, intact)
    // RFC 9110, 8.6 and 15: a HEAD is told the length of the body it does not get; these statuses have none.
    const hasNoBody = answer.status === 204 || answer.status === 304
    if (method === "HEAD" || hasNoBody) {
      return { ...sent, body: empty, length: hasNoBody ? undefined : sent.length, drip: undefined, ending: "done" }
    }
    const promised = sent.length ?? 0
    return sent.ending === "done" && promised !== sent.body.length ? { ...sent, ending: "hangUp" } : sent
  }

const empty = new Uint8Array()

const firstHalf = (body: Uint8Array): Uint8Array => body.subarray(0, Math.floor(body.length / 2))

const apply = (sent: Sent, change: Change): Sent => {
  switch (change.type) {
    case "truncated": {
      const body = firstHalf(sent.body)
      return { ...sent, body, length: body.length }
    }
    case "malformed": {
      const body = new Uint8Array(sent.body.length + 1)
      body.set(sent.body)
      body[sent.body.length] = "}".charCodeAt(0)
      return { ...sent, body, length: body.length }
    }
    case "resetMidBody":
      return { ...sent, body: firstHalf(sent.body), ending: "reset" }
    case "stallMidBody":
      return { ...sent, body: firstHalf(sent.body), ending: "silence" }
    case "lengthOffBy":
      return { ...sent, length: Math.max(0, sent.body.length + change.bytes) }
    case "drip":
      return { ...sent, drip: { bytes: change.bytes, pause: Duration.toMillis(change.every) } }
  }
}
