import {
  Cookies,
  Headers,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  UrlParams
} from "@effect/platform"
import { Chunk, Effect, Inspectable, Option, Stream } from "effect"
import type { Reception } from "./reception.ts"
import type { Sent } from "./sending.ts"
import { socketError } from "./socketError.ts"

type Pause = Reception["pause"]

/** An answer as undici would hand it out, had it come over a wire. @internal */
export class MemoryResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly headers: Headers.Headers
  readonly stream: Stream.Stream<Uint8Array, HttpClientError.ResponseError>
  readonly #bytes: Effect.Effect<Uint8Array, HttpClientError.ResponseError>

  constructor(request: HttpClientRequest.HttpClientRequest, sent: Sent, pause: Pause) {
    super()
    this.request = request
    this.status = sent.status
    this.headers = Headers.fromInput({
      ...sent.headers,
      ...(sent.length === undefined ? {} : { "content-length": String(sent.length) })
    })
    this.stream = Stream.concat(pieces(sent, pause), ending(sent, this.#failed))
    // A transport reads a body once and keeps it; what fails or is slow does so once.
    this.#bytes = Effect.runSync(Effect.cached(collect(this.stream)))
  }
  get cookies() {
    return Cookies.fromSetCookie(this.headers["set-cookie"] ?? [])
  }
  get remoteAddress() {
    return Option.none<string>()
  }
  get arrayBuffer() {
    return Effect.map(this.#bytes, (bytes) => new Uint8Array(bytes).buffer)
  }
  get text() {
    return Effect.map(this.#bytes, (bytes) => new TextDecoder().decode(bytes))
  }
  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.tryMap(this.text, {
      try: (text): unknown => (text === "" ? null : JSON.parse(text)),
      catch: this.#failed
    })
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }
  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.flatMap(this.#bytes, (bytes) =>
      Effect.tryPromise({
        try: () => new Response(new Uint8Array(bytes), { headers: this.headers }).formData(),
        catch: this.#failed
      })
    )
  }
  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }
  readonly #failed = (cause: unknown) =>
    new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
}

/** What a client takes for the body: no more than it was told. */
const pieces = ({ body, drip, length }: Sent, pause: Pause): Stream.Stream<Uint8Array> => {
  const wanted = body.subarray(0, length)
  if (wanted.length === 0) return Stream.empty
  if (drip === undefined) return Stream.succeed(wanted)
  const count = Math.ceil(wanted.length / drip.bytes)
  return Stream.range(0, count - 1).pipe(
    Stream.mapEffect((i) => Effect.as(pause(drip.pause), wanted.subarray(i * drip.bytes, (i + 1) * drip.bytes)))
  )
}

const ending = (
  { body, ending, length = 0 }: Sent,
  failed: (cause: unknown) => HttpClientError.ResponseError
): Stream.Stream<never, HttpClientError.ResponseError> => {
  // All that was promised has come: what the connection does then is nobody's concern.
  if (ending === "done" || body.length >= length) return Stream.empty
  return ending === "silence" ? Stream.never : Stream.failSync(() => failed(socketError(ending)))
}

const collect = <E>(stream: Stream.Stream<Uint8Array, E>): Effect.Effect<Uint8Array, E> =>
  Effect.map(Stream.runCollect(stream), (pieces) => new Uint8Array(Buffer.concat(Chunk.toArray(pieces))))
