import { HttpClientError, HttpClientResponse, HttpIncomingMessage, UrlParams } from "@effect/platform"
import { Effect, Inspectable, Stream } from "effect"

/**
 * A response whose body was read as part of the attempt. It can be read again, in every form: whatever stands between the
 * client and the `Fetcher` (a log, a middleware that asks for a token meanwhile) reads it as if nothing had happened.
 *
 * @internal
 */
export class ReadResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly #original: HttpClientResponse.HttpClientResponse
  readonly body: Uint8Array
  /** How often the request was sent until this came. */
  readonly attempts: number

  constructor(original: HttpClientResponse.HttpClientResponse, body: Uint8Array, attempts: number) {
    super()
    this.#original = original
    this.body = body
    this.attempts = attempts
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
  get stream() {
    return Stream.succeed(this.body)
  }
  get arrayBuffer() {
    return Effect.sync(() => new Uint8Array(this.body).buffer)
  }
  get text() {
    return Effect.sync(() => new TextDecoder().decode(this.body))
  }
  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return Effect.tryMap(this.text, {
      try: (text): unknown => (text === "" ? null : JSON.parse(text)),
      catch: (cause) => this.#failed(cause)
    })
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }
  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.tryPromise({
      try: () => new Response(new Uint8Array(this.body), { headers: this.headers }).formData(),
      catch: (cause) => this.#failed(cause)
    })
  }
  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "@effect/platform/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }
  #failed(cause: unknown): HttpClientError.ResponseError {
    return new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
  }
}
