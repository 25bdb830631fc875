import {
  type Cookies,
  type Headers,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  UrlParams
} from "@effect/platform"
import { Effect, Inspectable, type Option, type Stream } from "effect"

type Failure = HttpClientError.ResponseError

/** What the platform's own responses do by the head of a response. @internal */
export interface Head {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly status: number
  readonly headers: Headers.Headers
  readonly cookies: Cookies.Cookies
  readonly remoteAddress: Option.Option<string>
}

const utf8 = new TextDecoder()

/** A response in every form that there is, by its head and its bytes. It can be read again. @internal */
export abstract class BodyResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly #head: Head

  constructor(head: Head) {
    super()
    this.#head = head
  }
  abstract get stream(): Stream.Stream<Uint8Array, Failure>
  /** All of the body; not the reader's own, who may do with a copy as it likes. */
  protected abstract get bytes(): Effect.Effect<Uint8Array, Failure>

  get request() {
    return this.#head.request
  }
  get status() {
    return this.#head.status
  }
  get headers() {
    return this.#head.headers
  }
  get cookies() {
    return this.#head.cookies
  }
  get remoteAddress() {
    return this.#head.remoteAddress
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, Failure> {
    return Effect.map(this.bytes, (bytes) => new Uint8Array(bytes).buffer)
  }
  get text(): Effect.Effect<string, Failure> {
    return Effect.map(this.bytes, (bytes) => utf8.decode(bytes))
  }
  get json(): Effect.Effect<unknown, Failure> {
    return Effect.tryMap(this.text, {
      try: (text): unknown => (text === "" ? null : JSON.parse(text)),
      catch: (cause) => this.failed({ cause })
    })
  }
  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, Failure> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }
  get formData(): Effect.Effect<FormData, Failure> {
    return Effect.flatMap(this.bytes, (bytes) =>
      Effect.tryPromise({
        try: () => new Response(new Uint8Array(bytes), { headers: this.headers }).formData(),
        catch: (cause) => this.failed({ cause })
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
  protected failed(why: { readonly cause?: unknown; readonly description?: string }): Failure {
    return new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", ...why })
  }
}
