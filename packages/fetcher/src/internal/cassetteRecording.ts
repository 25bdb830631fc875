import {
  Cookies,
  Headers,
  type HttpClientError,
  type HttpClientRequest,
  type HttpClientResponse
} from "@effect/platform"
import { Array, Effect, Either, Option, Predicate, Stream } from "effect"
import { concat, contentOf, piecesOf, TooLarge } from "./cassetteContent.ts"
import type { FailureDocument, ResponseDocument } from "./cassetteDocument.ts"
import { hidden } from "./cassetteFields.ts"
import type { Redaction } from "./cassetteRedaction.ts"
import type { Played } from "./cassetteResponse.ts"
import { monotonicMillis } from "./exchange.ts"
import { redactCause, redactText } from "./redact.ts"
import { codeOf } from "./transport.ts"

/** An answer read to its end, with the times at which it came. @internal */
export interface Heard {
  readonly response: HttpClientResponse.HttpClientResponse
  readonly sentAt: number
  readonly headAt: number
  readonly chunks: ReadonlyArray<{ readonly at: number; readonly bytes: Uint8Array }>
  readonly failure: { readonly at: number; readonly error: HttpClientError.ResponseError } | undefined
}

/** @internal */
export const hear =
  ({ limit, sentAt }: { readonly limit: number; readonly sentAt: number }) =>
  (response: HttpClientResponse.HttpClientResponse): Effect.Effect<Heard, TooLarge> =>
    Effect.gen(function* () {
      const headAt = yield* monotonicMillis
      const chunks: globalThis.Array<Heard["chunks"][number]> = []
      let size = 0
      const failure = yield* response.stream.pipe(
        Stream.runForEach((bytes) =>
          Effect.flatMap(monotonicMillis, (at) => {
            size += bytes.length
            if (size > limit) return new TooLarge({ limit })
            if (bytes.length > 0) chunks.push({ at, bytes })
            return Effect.void
          })
        ),
        Effect.as(undefined),
        Effect.catchTag("ResponseError", (error) =>
          // fetch has no stream for a 204.
          Effect.map(monotonicMillis, (at) => (error.reason === "EmptyBody" ? undefined : { at, error }))
        )
      )
      return { response, sentAt, headAt, chunks, failure }
    })

/** What the client gets that recorded it: nothing of it hidden, and nothing to wait for any more. @internal */
export const heardResponse = ({ chunks, failure, response }: Heard): Played => ({
  status: response.status,
  headers: response.headers,
  cookies: response.cookies,
  remoteAddress: response.remoteAddress,
  pieces: chunks.map(({ bytes }) => ({ due: 0, bytes })),
  failure:
    failure === undefined
      ? undefined
      : {
          due: 0,
          cause: failure.error.cause,
          ...(failure.error.description === undefined ? {} : { description: failure.error.description })
        }
})

/** @internal */
export const responseDocument =
  (redaction: Redaction) =>
  ({ chunks, failure, headAt, response, sentAt }: Heard): ResponseDocument => {
    const { "content-type": contentType } = response.headers
    const body = contentOf(redaction.body(contentType))(concat(chunks.map(({ bytes }) => bytes)))
    const since = wholeMillis(sentAt)
    const after = since(headAt)
    return {
      after,
      status: response.status,
      headers: headersOf(redaction, response),
      ...(body === undefined
        ? {}
        : {
            body,
            chunks: chunks.map(({ at, bytes }, index) =>
              index + 1 < chunks.length ? { after: since(at), bytes: bytes.length } : { after: since(at) }
            )
          }),
      ...(failure === undefined ? {} : { error: failureDocument(redaction)(since(failure.at))(failure.error) })
    }
  }

/** Each time since the one before. Rounded so that the errors do not add up. @internal */
export const wholeMillis = (from: number): ((at: number) => number) => {
  let last = 0
  return (at) => {
    const now = Math.round(at - from)
    const after = now - last
    last = now
    return after
  }
}

/** @internal */
export const failureDocument =
  (redaction: Redaction) =>
  (after: number) =>
  ({ cause, description, request }: HttpClientError.HttpClientError): FailureDocument => {
    const text = (text: string) => redaction.text(redactText(request)(text))
    return {
      after,
      ...(description === undefined ? {} : { description: text(description) }),
      ...(cause === undefined ? {} : { cause: causeDocument(request, cause, text) })
    }
  }

const causeDocument = (
  request: HttpClientRequest.HttpClientRequest,
  cause: unknown,
  text: (text: string) => string
): NonNullable<FailureDocument["cause"]> => {
  const { message, name } = redactCause(request)(cause)
  const code = codeOf(cause)
  const tag = Predicate.hasProperty(cause, "_tag") && Predicate.isString(cause._tag) ? cause._tag : undefined
  return {
    name,
    ...(tag === undefined ? {} : { tag }),
    ...(code === undefined ? {} : { code }),
    message: text(message)
  }
}

const headersOf = (redaction: Redaction, { cookies, headers }: HttpClientResponse.HttpClientResponse) => {
  const shown: Record<string, string | ReadonlyArray<string>> = {}
  for (const [name, value] of Object.entries(headers)) {
    if (name !== "set-cookie") shown[name] = redaction.header(name, value)
  }
  // Whoever keeps cookies shall still get them, by name.
  const kept = Array.filterMap(Object.values(cookies.cookies), ({ name, options }) =>
    Option.map(Either.getRight(Cookies.makeCookie(name, hidden, options)), Cookies.serializeCookie)
  )
  return kept.length === 0 ? shown : { ...shown, "set-cookie": kept }
}

/** @internal */
export const playedResponse =
  ({ delays, startedAt }: { readonly delays: "recorded" | "none"; readonly startedAt: number }) =>
  (document: ResponseDocument): Played => {
    const headAt = startedAt + document.after
    const dueAt = (at: number) => (delays === "none" ? 0 : headAt + at)
    const pieces = piecesOf(document)
    const headers = Headers.fromInput(document.headers)
    const { "set-cookie": cookies = [] } = document.headers
    return {
      status: document.status,
      headers,
      cookies: Cookies.fromSetCookie(cookies),
      remoteAddress: Option.none(),
      pieces: pieces.filter(({ bytes }) => bytes.length > 0).map(({ at, bytes }) => ({ due: dueAt(at), bytes })),
      failure:
        document.error === undefined
          ? undefined
          : { due: dueAt((pieces.at(-1)?.at ?? 0) + document.error.after), ...whyOf(document.error) }
    }
  }

/** @internal */
export const whyOf = ({
  cause,
  description
}: FailureDocument): { readonly cause?: Error; readonly description?: string } => ({
  ...(description === undefined ? {} : { description }),
  ...(cause === undefined ? {} : { cause: errorOf(cause) })
})

const errorOf = ({ message, tag, ...facts }: NonNullable<FailureDocument["cause"]>): Error =>
  Object.assign(new Error(message), facts, tag === undefined ? {} : { _tag: tag })
