import type { HttpClientResponse } from "@effect/platform"
import { Data, type Duration, Option } from "effect"
import type { FetchError } from "../FetchError.ts"

/** An answer that is worth another attempt; the last one goes to the user as it is. @internal */
export class Refused extends Data.TaggedError("Refused")<{
  readonly response: HttpClientResponse.HttpClientResponse
  readonly isThrottle: boolean
  /** What the server asks for, above zero. */
  readonly retryAfter: Option.Option<Duration.Duration>
  /** Whether the request may be sent again at all. */
  readonly again: boolean
}> {}

/** No answer. @internal */
export class Failed extends Data.TaggedError("Failed")<{
  readonly error: FetchError
  readonly again: boolean
}> {}

/** @internal */
export type AttemptError = Refused | Failed

/** What a policy has to know of the errors of an attempt. @internal */
export const facts = {
  isThrottle: (error: AttemptError): boolean => error._tag === "Refused" && error.isThrottle,
  retryAfter: (error: AttemptError): Option.Option<Duration.Duration> =>
    error._tag === "Refused" ? error.retryAfter : Option.none(),
  // 5xx and what goes wrong on the way, but not what is wrong with the request or the answer.
  isFailure: (error: AttemptError): boolean =>
    error._tag === "Refused"
      ? error.response.status >= 500
      : error.error._tag === "ConnectError" || error.error._tag === "TimeoutError"
}
