import { Effect, Stream } from "effect"
import { BodyResponse, type Head } from "./BodyResponse.ts"

/**
 * A response whose body was read as part of the attempt. It can be read again, in every form: whatever stands between the
 * client and the `Fetcher` (a log, a middleware that asks for a token meanwhile) reads it as if nothing had happened.
 *
 * @internal
 */
export class ReadResponse extends BodyResponse {
  readonly body: Uint8Array
  /** How often the request was sent until this came. */
  readonly attempts: number

  constructor(head: Head, body: Uint8Array, attempts: number) {
    super(head)
    this.body = body
    this.attempts = attempts
  }
  get stream() {
    return Stream.succeed(this.body)
  }
  protected get bytes() {
    return Effect.succeed(this.body)
  }
}
