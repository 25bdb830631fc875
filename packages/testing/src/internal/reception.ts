import { Headers } from "@effect/platform"
import { Duration, Effect, FiberRef, type Redacted } from "effect"
import type { Behaviour } from "../Behaviour.ts"
import { type Fate, start } from "./engine.ts"

/**
 * A request that the server saw.
 *
 * @since 0.1.0
 * @category models
 */
export interface Seen {
  /** When it had come in, in milliseconds since the epoch, on the server's clock. */
  readonly at: number
  readonly method: string
  /** Path and query: `/users?page=2`. */
  readonly url: string
  /** Names in lower case. Those of `Headers.currentRedactedNames` (`authorization`, `cookie`, ...) are redacted. */
  readonly headers: Readonly<Record<string, string | Redacted.Redacted>>
  /** The status it was to get, be the body whole or not; undefined where there was no answer. */
  readonly status: number | undefined
}

/** Decides on a request and notes it. @internal */
export interface Reception {
  /** Waits for milliseconds of the server's clock. */
  readonly pause: (millis: number) => Effect.Effect<void>
  readonly receive: (request: {
    readonly method: string
    readonly url: string
    readonly headers: Headers.Headers
    readonly body: string
  }) => Effect.Effect<Fate>
  readonly log: Effect.Effect<ReadonlyArray<Seen>>
}

/** The server's time begins now, on the clock of now. @internal */
export const make = (behaviour: Behaviour): Effect.Effect<Reception> =>
  Effect.map(Effect.clock, (clock) => {
    const decide = start(behaviour)
    // Not the wall clock: when that jumps, the server goes on as before.
    const startedAt = clock.unsafeCurrentTimeNanos()
    const seen: Array<Seen> = []
    return {
      pause: (millis) => (millis > 0 ? clock.sleep(Duration.millis(millis)) : Effect.void),
      receive: (request) =>
        Effect.map(FiberRef.get(Headers.currentRedactedNames), (redacted) => {
          const at = clock.unsafeCurrentTimeMillis()
          const since = Number(clock.unsafeCurrentTimeNanos() - startedAt) / 1e6
          const fate = decide({ ...request, since, now: at })
          const status = fate.outcome._tag === "Sent" ? fate.outcome.status : undefined
          const { headers, method, url } = request
          seen.push({ at, method, url, headers: Headers.redact(headers, redacted), status })
          return fate
        }),
      log: Effect.sync(() => [...seen])
    }
  })
