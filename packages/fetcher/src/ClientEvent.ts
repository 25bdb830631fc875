/**
 * What a `RateLimitedClient` does beside sending: for progress, logs and dashboards.
 *
 * @since 0.1.0
 */
import { Data, type Duration } from "effect"

/**
 * `key` is the host, or what `Options.key` makes of the request.
 *
 * - `Waited`: an attempt had to queue for its turn
 * - `Retried`: an attempt failed and another one follows after `delay`; `reason` is the status or the error's tag
 * - `Paused`: the server asked to be left alone for so long, by a response with that status
 * - `CircuitChanged`: the breaker opened, closed or is trying again
 * - `Hedged`: a second try has joined a slow one
 *
 * @since 0.1.0
 * @category models
 */
export type ClientEvent = Data.TaggedEnum<{
  Waited: { readonly key: string; readonly wait: Duration.Duration }
  Retried: {
    readonly key: string
    readonly attempt: number
    readonly delay: Duration.Duration
    readonly reason: string
  }
  Paused: { readonly key: string; readonly duration: Duration.Duration; readonly status: number }
  CircuitChanged: { readonly key: string; readonly from: CircuitState; readonly to: CircuitState }
  Hedged: { readonly key: string }
}>

type CircuitState = "closed" | "open" | "half-open"

/**
 * @since 0.1.0
 * @category constructors
 */
export const { $is, $match, CircuitChanged, Hedged, Paused, Retried, Waited } = Data.taggedEnum<ClientEvent>()
