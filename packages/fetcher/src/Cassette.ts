/**
 * Records what an `HttpClient` was asked and answered in a file, and plays it back without a network.
 *
 * A cassette stands directly over the transport: all that is above it (retries, limits, decoding) runs as it does over the
 * network, in a test, in virtual time. Secrets do not get into the file.
 *
 * @since 0.1.0
 */
import {
  type FileSystem,
  Headers,
  HttpClient,
  HttpClientError,
  HttpClientRequest,
  type HttpClientResponse
} from "@effect/platform"
import { Effect, FiberRef, Layer, Option, type Redacted } from "effect"
import { contentOf, type ReadBody, readRequest } from "./internal/cassetteContent.ts"
import type { Interaction, RequestDocument } from "./internal/cassetteDocument.ts"
import { type CassetteError, NoInteraction, NotRecorded } from "./internal/cassetteErrors.ts"
import { open } from "./internal/cassetteFile.ts"
import { nearestTo, Reel, signatureOf } from "./internal/cassetteMatching.ts"
import {
  failureDocument,
  hear,
  heardResponse,
  playedResponse,
  responseDocument,
  wholeMillis,
  whyOf
} from "./internal/cassetteRecording.ts"
import * as Redaction from "./internal/cassetteRedaction.ts"
import { PlayedResponse, sleepUntil } from "./internal/cassetteResponse.ts"
import { monotonicMillis } from "./internal/exchange.ts"
import { redactCause } from "./internal/redact.ts"

export { CassetteError, Difference, NoInteraction, NotRecorded } from "./internal/cassetteErrors.ts"

/**
 * What is hidden in the file, beside what always is: values become `REDACTED`. Names are compared without regard to case.
 *
 * @since 0.1.0
 * @category models
 */
export interface Redact {
  /** Names of headers, of requests and answers. Defaults to none. */
  readonly headers?: ReadonlyArray<string | RegExp> | undefined
  /** Names of query parameters, also in the addresses that headers have. Defaults to none. */
  readonly query?: ReadonlyArray<string | RegExp> | undefined
  /** Names of fields in bodies: of JSON at any depth, of lines and events of JSON, of forms. Defaults to none. */
  readonly body?: ReadonlyArray<string | RegExp> | undefined
  /** Values to hide wherever they are: in a path, a header, a body that is text. Defaults to none. */
  readonly values?: ReadonlyArray<Redacted.Redacted> | undefined
}

/**
 * What has to be the same for a recording to answer a request, beside method, origin and path. What is hidden in the file
 * plays no part.
 *
 * @since 0.1.0
 * @category models
 */
export interface Match {
  /** The query, in any order of names. Defaults to true. */
  readonly query?: boolean | undefined
  /** The body; of JSON, in any order of names. Defaults to true. */
  readonly body?: boolean | undefined
  /** The headers of these names. Defaults to none. */
  readonly headers?: ReadonlyArray<string> | undefined
}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The file, one for each layer that writes. Its directory is made when there is something to write. */
  readonly path: string
  /**
   * - `replay`: only what is in the file; all else fails with `NoInteraction`, and nothing is sent
   * - `record`: everything is sent, and with the first answer a new file replaces the old one
   * - `replay-or-record`: what was in the file at the start is played, all else is sent and added
   *
   * Defaults to `replay`: nothing that runs by itself shall reach the network, or pass, because a recording is missing.
   */
  readonly mode?: "replay" | "record" | "replay-or-record" | undefined
  readonly match?: Match | undefined
  readonly redact?: Redact | undefined
  /** Whether what is played takes the time that it took, by the `Clock`. Defaults to `recorded`. */
  readonly delays?: "recorded" | "none" | undefined
  /** Bytes of a body, of a request or an answer. Defaults to 8 MiB. */
  readonly maxBodyBytes?: number | undefined
}

/**
 * The client over the `HttpClient` in context. It opens the file once, and fails with `CassetteError` if it cannot be
 * played.
 *
 * Recordings of the same request are played in the order of the file; then the last one is played again and again. What was
 * recorded is on disk before the client has the answer. To that end the answer is read to its end first.
 *
 * Requests fail with what was recorded, or with a `RequestError` of the reason `Encode`, which nobody tries again, whose
 * `cause` is `NoInteraction` or `NotRecorded`.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = ({
  delays = "recorded",
  match = {},
  maxBodyBytes = 8 * 1024 * 1024,
  mode = "replay",
  path,
  redact = {}
}: Options): Effect.Effect<HttpClient.HttpClient, CassetteError, HttpClient.HttpClient | FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const transport = yield* HttpClient.HttpClient
    const tape = yield* open({ mode, path })
    const signature = signatureOf(match)
    const recorded = tape.interactions.map((interaction) => [signature(interaction.request), interaction] as const)
    const reel = new Reel(recorded)

    const execute = (request: HttpClientRequest.HttpClientRequest) =>
      // "bob:secret@host" is a URL as well, of the scheme "bob".
      Option.match(
        Option.filter(HttpClientRequest.toUrl(request), ({ protocol }) => /^https?:$/.test(protocol)),
        {
          onNone: () => new HttpClientError.RequestError({ request, reason: "InvalidUrl" }),
          onSome: (url) =>
            Effect.flatMap(FiberRef.get(Headers.currentRedactedNames), (redactedNames) =>
              answer(request, url, Redaction.make(redact)(request, redactedNames))
            )
        }
      )

    const answer = (
      request: HttpClientRequest.HttpClientRequest,
      url: URL,
      redaction: Redaction.Redaction
    ): Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError> => {
      const shown = { method: request.method, url: redaction.url(url) }
      const failed = (cause: NoInteraction | NotRecorded) =>
        new HttpClientError.RequestError({ request, reason: "Encode", cause, description: cause.message })
      const notRecorded = (facts: Pick<NotRecorded, "reason"> & Partial<Pick<NotRecorded, "limit" | "cause">>) =>
        failed(new NotRecorded({ path, request: shown, ...facts }))

      const documentOf = ({ content }: ReadBody): RequestDocument => {
        const body =
          content instanceof Uint8Array
            ? contentOf(redaction.body(request.headers["content-type"]))(content)
            : { form: redaction.form(content) }
        const headers = Object.entries(request.headers).map(([name, value]) => [name, redaction.header(name, value)])
        return { ...shown, headers: Object.fromEntries(headers), ...(body === undefined ? {} : { body }) }
      }

      const keep = (interaction: Interaction) =>
        Effect.mapError(tape.append(interaction), (cause) => notRecorded({ reason: "disk", cause }))

      const record = (document: RequestDocument, sent: HttpClientRequest.HttpClientRequest) =>
        Effect.gen(function* () {
          const sentAt = yield* monotonicMillis
          const heard = yield* transport.execute(sent).pipe(
            Effect.tapErrorTag("RequestError", (error) =>
              error.reason === "Transport"
                ? Effect.flatMap(monotonicMillis, (now) =>
                    keep({ request: document, error: failureDocument(redaction)(wholeMillis(sentAt)(now))(error) })
                  )
                : Effect.void
            ),
            Effect.flatMap(hear({ limit: maxBodyBytes, sentAt }))
          )
          yield* keep({ request: document, response: responseDocument(redaction)(heard) })
          return new PlayedResponse(request, heardResponse(heard))
        })

      const play = ({ error, response }: Interaction) =>
        Effect.gen(function* () {
          const startedAt = yield* monotonicMillis
          if (delays === "recorded") yield* sleepUntil(startedAt + (response ?? error ?? { after: 0 }).after)
          if (response !== undefined)
            return new PlayedResponse(request, playedResponse({ delays, startedAt })(response))
          return yield* new HttpClientError.RequestError({
            request,
            reason: "Transport",
            ...(error === undefined ? {} : whyOf(error))
          })
        })

      return Effect.gen(function* () {
        const read = yield* readRequest(maxBodyBytes)(request)
        const document = documentOf(read)
        const asked = signature(document)
        const interaction = mode === "record" ? Option.none() : reel.take(asked)
        if (Option.isSome(interaction)) return yield* play(interaction.value)
        if (mode !== "replay") return yield* record(document, read.request)
        const found = nearestTo(asked)(recorded.map(([signature]) => signature))
        return yield* failed(
          new NoInteraction({ path, request: shown, ...(found === undefined ? {} : { nearest: found }) })
        )
      }).pipe(
        Effect.catchTags({
          TooLarge: ({ limit }) => notRecorded({ reason: "body-too-large", limit }),
          Unreadable: ({ cause }) => notRecorded({ reason: "body-unreadable", cause: redactCause(request)(cause) })
        })
      )
    }

    return HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
      Effect.flatMap(execute),
      Effect.succeed
    )
  })

/**
 * The client of `make`.
 *
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { NodeFileSystem } from "@effect/platform-node"
 * import { Cassette } from "@tributary/fetcher"
 * import { Config, Effect, Layer } from "effect"
 *
 * const mode = Config.literal("replay", "record", "replay-or-record")("CASSETTE").pipe(Config.withDefault("replay"))
 *
 * export const HttpTest = Layer.unwrapEffect(
 *   Effect.map(mode, (mode) => Cassette.layer({ path: "test/cassettes/users.yaml", mode }))
 * ).pipe(Layer.provide([FetchHttpClient.layer, NodeFileSystem.layer]))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options
): Layer.Layer<HttpClient.HttpClient, CassetteError, HttpClient.HttpClient | FileSystem.FileSystem> =>
  Layer.effect(HttpClient.HttpClient, make(options))
