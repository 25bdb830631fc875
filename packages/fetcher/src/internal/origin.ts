import type { HttpClientRequest } from "@effect/platform"
import type { Effect, Schema } from "effect"
import type * as FetchError from "../FetchError.ts"

/** @internal */
export type Facts = Schema.Struct.Type<typeof FetchError.Exchange>

/** What an answer came from, and what an error about it says of that, as of now. @internal */
export interface Origin {
  readonly request: HttpClientRequest.HttpClientRequest
  readonly exchange: Effect.Effect<Facts>
}
