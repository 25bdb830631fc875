import { HttpClientError, HttpClientResponse, HttpIncomingMessage, UrlParams } from "@effect/platform"
import { Effect, Inspectable, Stream } from "effect"
import { concat } from "./cassetteContent.ts"

/**
 * A response that is handed on as it comes, and whose body is kept when its reader has come to the end, if it is not larger
 * than `limit` bytes. Nothing is read that nobody asks for.
 *
 * @internal
 */
export class RecordedResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly #original: HttpClientResponse.HttpClientResponse
  readonly #limit: number
  readonly #keep: (body: Uint8Array) => Effect.Effect<void>
  #body: Uint8Array | undefined

  constructor(
    original: HttpClientResponse.HttpClientResponse,
    limit: number,
    keep: (body: Uint8Array) => Effect.Effect<void>
  ) {
    super()
    this.#original = original
    this.#limit = limit
    this.#keep = keep
  }
  get request() {
    return this.#original.request
  }
  get status() {
    return this.#original.status
  }
  get headers() {
    return this.#original.headers
  }
  get cookies() {
    return this.#original.cookies
  }
  get remoteAddress() {
    return this.#original.remoteAddress
  }
  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    return Stream.suspend(() => {
      if (this.#body !== undefined) return Stream.succeed(this.#body.slice())
      let chunks: Array<Uint8Array> | undefined = []
      let size = 0
      const heard = Stream.map(this.#original.stream, (chunk) => {
        size += chunk.length
        if (size > this.#limit) chunks = undefined
        // The reader may do with its piece as it likes.
        chunks?.push(chunk.slice())
        return chunk
      })
      return Stream.concat(
        heard,
        Stream.execute(Effect.suspend(() => (chunks === undefined ? Effect.void : this.#kept(concat(chunks)))))
      )
    })
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    return Effect.map(this.#whole, (body) => new Uint8Array(body).buffer)
  }
  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return Effect.map(this.#whole, (body) => new TextDecoder().decode(body))
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
    return Effect.flatMap(this.#whole, (body) =>
      Effect.tryPromise({
        try: () => new Response(new Uint8Array(body), { headers: this.headers }).formData(),
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
  get #whole(): Effect.Effect<Uint8Array, HttpClientError.ResponseError> {
    return Effect.suspend(() =>
      this.#body === undefined
        ? Effect.tap(
            Effect.map(this.#original.arrayBuffer, (buffer) => new Uint8Array(buffer)),
            (body) => this.#kept(body)
          )
        : Effect.succeed(this.#body)
    )
  }
  #kept(body: Uint8Array): Effect.Effect<void> {
    this.#body = body
    return body.length > this.#limit ? Effect.void : this.#keep(body)
  }
  readonly #failed = (cause: unknown) =>
    new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
}
