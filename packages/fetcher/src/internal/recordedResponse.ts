import type { HttpClientError, HttpClientResponse } from "@effect/platform"
import { Effect, Stream } from "effect"
import { BodyResponse } from "./BodyResponse.ts"
import { concat } from "./cassetteContent.ts"

/**
 * A response that is handed on as it comes, and whose body is kept when its reader has come to the end, if it is not larger
 * than `limit` bytes. Nothing is read that nobody asks for.
 *
 * @internal
 */
export class RecordedResponse extends BodyResponse {
  readonly #original: HttpClientResponse.HttpClientResponse
  readonly #limit: number
  readonly #keep: (body: Uint8Array) => Effect.Effect<void>
  #body: Uint8Array | undefined

  constructor(
    original: HttpClientResponse.HttpClientResponse,
    limit: number,
    keep: (body: Uint8Array) => Effect.Effect<void>
  ) {
    super(original)
    this.#original = original
    this.#limit = limit
    this.#keep = keep
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
  protected get bytes(): Effect.Effect<Uint8Array, HttpClientError.ResponseError> {
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
}
