import type { HttpClientError, HttpClientRequest } from "@effect/platform"
import { Effect, Stream } from "effect"
import { BodyResponse, type Head } from "./BodyResponse.ts"
import { concat } from "./cassetteContent.ts"
import { monotonicMillis } from "./exchange.ts"

/** @internal */
export const sleepUntil = (due: number): Effect.Effect<void> =>
  Effect.flatMap(monotonicMillis, (now) => (due > now ? Effect.sleep(Math.ceil(due - now)) : Effect.void))

/** @internal */
export interface Played extends Omit<Head, "request"> {
  /** Each is there from `due` on, on the monotonic clock, whether or not somebody waits for it. */
  readonly pieces: ReadonlyArray<{ readonly due: number; readonly bytes: Uint8Array }>
  /** How the body breaks off. */
  readonly failure?: { readonly due: number; readonly cause?: unknown; readonly description?: string } | undefined
}

/** An answer whose body is known to its end. It can be read again, in every form. @internal */
export class PlayedResponse extends BodyResponse {
  readonly #played: Played

  constructor(request: HttpClientRequest.HttpClientRequest, played: Played) {
    super({ ...played, request })
    this.#played = played
  }
  get stream(): Stream.Stream<Uint8Array, HttpClientError.ResponseError> {
    const { failure, pieces } = this.#played
    const whole = Stream.mapEffect(Stream.fromIterable(pieces), ({ bytes, due }) => Effect.as(sleepUntil(due), bytes))
    if (failure === undefined) return whole
    const { due, ...why } = failure
    return Stream.concat(whole, Stream.fromEffect(Effect.zipRight(sleepUntil(due), this.failed(why))))
  }
  protected get bytes(): Effect.Effect<Uint8Array, HttpClientError.ResponseError> {
    return Effect.map(Stream.runCollect(this.stream), (chunks) => concat([...chunks]))
  }
}
