import {
  type Cookies,
  type Headers,
  HttpClientError,
  type HttpClientRequest,
  HttpClientResponse,
  HttpIncomingMessage,
  UrlParams
} from "@effect/platform"
import { Effect, Inspectable, type Option, Stream } from "effect"
import { concat } from "./cassetteContent.ts"

/** Milliseconds that a jump of the wall clock does not change. @internal */
export const monotonicMillis: Effect.Effect<number> = Effect.map(
  Effect.clock,
  (clock) => Number(clock.unsafeCurrentTimeNanos()) / 1e6
)

/** @internal */
export const sleepUntil = (due: number): Effect.Effect<void> =>
  Effect.flatMap(monotonicMillis, (now) => (due > now ? Effect.sleep(Math.ceil(due - now)) : Effect.void))

/** @internal */
export interface Played {
  readonly status: number
  readonly headers: Headers.Headers
  readonly cookies: Cookies.Cookies
  readonly remoteAddress: Option.Option<string>
  /** Each is there from `due` on, on the monotonic clock, whether or not somebody waits for it. */
  readonly pieces: ReadonlyArray<{ readonly due: number; readonly bytes: Uint8Array }>
  /** How the body breaks off. */
  readonly failure?: { readonly due: number; readonly cause?: unknown; readonly description?: string } | undefined
}

/** An answer whose body is known to its end. It can be read again, in every form. @internal */
export class PlayedResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly #played: Played

  constructor(request: HttpClientRequest.HttpClientRequest, played: Played) {
    super()
    this.request = request
    this.#played = played
  }
  get status() {
    return this.#played.status
  }
  get headers() {
    return this.#played.headers
  }
  get cookies() {
    return this.#played.cookies
  }
  get remoteAddress() {
    return this.#played.remoteAddress
  }
  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    const { failure, pieces } = this.#played
    const whole = Stream.mapEffect(Stream.fromIterable(pieces), ({ bytes, due }) => Effect.as(sleepUntil(due), bytes))
    if (failure === undefined) return whole
    const { due, ...why } = failure
    const broken = new HttpClientError.ResponseError({
      request: this.request,
      response: this,
      reason: "Decode",
      ...why
    })
    return Stream.concat(whole, Stream.fromEffect(Effect.zipRight(sleepUntil(due), broken)))
  }
  get arrayBuffer(): Effect.Effect<ArrayBuffer, HttpClientError.ResponseError> {
    return Effect.map(this.#bytes, ({ buffer }) => buffer)
  }
  get text(): Effect.Effect<string, HttpClientError.ResponseError> {
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
    return Effect.flatMap(this.arrayBuffer, (buffer) =>
      Effect.tryPromise({
        try: () => new Response(buffer, { headers: this.headers }).formData(),
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
  get #bytes() {
    return Effect.map(Stream.runCollect(this.stream), (chunks) => concat([...chunks]))
  }
  readonly #failed = (cause: unknown) =>
    new HttpClientError.ResponseError({ request: this.request, response: this, reason: "Decode", cause })
}
