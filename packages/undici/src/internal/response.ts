/**
 * The response, as `@effect/platform` wants it.
 */
import {
  Cookies,
  Headers,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  UrlParams
} from "@effect/platform"
import { Effect, Inspectable, Option, Stream } from "effect"
import * as UndiciError from "../UndiciError.ts"
import * as Body from "./body.ts"
import * as Decoding from "./decoding.ts"
import type { Exchange } from "./exchange.ts"

/** In bytes, of a body that is decompressed. */
export interface Limits {
  readonly stream: number
  readonly collect: number
}

const none: ReadonlyArray<string> = []

const textOf = (bytes: Uint8Array): string => {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("utf8")
  // The byte order mark is no part of the text (Encoding Standard, "UTF-8 decode").
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

export class UndiciResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly #exchange: Exchange
  readonly #encodings: ReadonlyArray<string>
  readonly #limits: Limits
  #headers: Headers.Headers | undefined
  #cookies: Cookies.Cookies | undefined
  #decoded: Uint8Array | undefined

  constructor(request: HttpClientRequest.HttpClientRequest, exchange: Exchange, limits: Limits) {
    super()
    this.request = request
    this.#exchange = exchange
    this.#limits = limits
    const encoding = exchange.fields["content-encoding"]
    this.#encodings = encoding === undefined ? none : Decoding.parse(String(encoding))
  }

  get status(): number {
    return this.#exchange.status
  }

  /** Of a compressed body, without `content-encoding` and `content-length`: what is read is decompressed. */
  get headers(): Headers.Headers {
    if (this.#headers !== undefined) return this.#headers
    const headers = Headers.fromInput(this.#exchange.fields)
    return (this.#headers =
      this.#encodings.length === 0 ? headers : Headers.remove(headers, ["content-encoding", "content-length"]))
  }

  get cookies(): Cookies.Cookies {
    return (this.#cookies ??= Cookies.fromSetCookie(this.#exchange.fields["set-cookie"] ?? []))
  }

  /** undici does not tell which connection it took. */
  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }

  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    return Stream.suspend(() => {
      const exchange = this.#exchange
      // One who keeps the body in memory has it for everybody.
      if (exchange.claimed && !exchange.streamed) return Stream.fromEffect(this.#bytes)
      return Stream.mapError(
        Body.stream({ exchange, encodings: this.#encodings, limit: this.#limits.stream }),
        (cause) => this.#error(cause)
      )
    })
  }

  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
    return Effect.map(this.#bytes, textOf)
  }

  get json(): Effect.Effect<unknown, HttpClientError.ResponseError> {
    return this.#read((bytes) => (bytes.length === 0 ? null : JSON.parse(textOf(bytes))))
  }

  get urlParamsBody(): Effect.Effect<UrlParams.UrlParams, HttpClientError.ResponseError> {
    return Effect.map(this.text, (text) => UrlParams.fromInput(new URLSearchParams(text)))
  }

  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    // A copy: whoever writes into it must not change what the next one reads, and the bytes may be part of a larger buffer.
    return Effect.map(this.#bytes, (bytes) => new Uint8Array(bytes).buffer)
  }

  get formData(): Effect.Effect<FormData, HttpClientError.ResponseError> {
    return Effect.flatMap(this.#bytes, (bytes) =>
      Effect.tryPromise({
        try: () =>
          new Response(new Uint8Array(bytes), {
            headers: { "content-type": this.headers["content-type"] ?? "" }
          }).formData(),
        catch: (cause) => this.#error(cause)
      })
    )
  }

  toJSON(): unknown {
    const facts = { _id: "@effect/platform/HttpClientResponse", request: this.request.toJSON(), status: this.status }
    // To look at a response must not read its body from the network, nor take it from who does.
    return this.#exchange.ended && !this.#exchange.streamed && this.#encodings.length === 0
      ? HttpIncomingMessage.inspect(this, facts)
      : { ...facts, headers: Inspectable.redact(this.headers), remoteAddress: this.remoteAddress.toJSON() }
  }

  get #bytes(): Effect.Effect<Uint8Array, HttpClientError.ResponseError> {
    return this.#read((bytes) => bytes)
  }

  /** What is there already is read without a detour: for most responses that is all of the body. */
  #read<A>(parse: (bytes: Uint8Array) => A): Effect.Effect<A, HttpClientError.ResponseError> {
    return Effect.suspend(() => {
      const exchange = this.#exchange
      if (this.#decoded === undefined && this.#encodings.length === 0 && exchange.ended && !exchange.streamed) {
        exchange.claim()
        this.#decoded = exchange.bytes()
      }
      if (this.#decoded !== undefined) return this.#parse(this.#decoded, parse)
      return Effect.matchEffect(Body.collect({ exchange, encodings: this.#encodings, limit: this.#limits.collect }), {
        onFailure: (failure) => Effect.fail(this.#error(failure)),
        onSuccess: (bytes) => {
          this.#decoded = bytes
          return this.#parse(bytes, parse)
        }
      })
    })
  }

  #parse<A>(bytes: Uint8Array, parse: (bytes: Uint8Array) => A): Effect.Effect<A, HttpClientError.ResponseError> {
    try {
      return Effect.succeed(parse(bytes))
    } catch (cause) {
      return Effect.fail(this.#error(cause))
    }
  }

  #error(cause: unknown): HttpClientError.ResponseError {
    return new HttpClientError.ResponseError({
      request: this.request,
      response: this,
      reason: "Decode",
      ...(UndiciError.isUndiciError(cause) ? { description: cause.message } : {}),
      cause
    })
  }
}
