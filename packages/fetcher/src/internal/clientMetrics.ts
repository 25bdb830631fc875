import { Cause, Exit, Metric, MetricBoundaries, Option } from "effect"
import type { AttemptError } from "./refusal.ts"
import type { HttpClientResponse } from "@effect/platform"

/**
 * OpenTelemetry's semantic conventions for HTTP clients, with the boundaries in seconds that they recommend. One duration per
 * attempt, as the conventions ask.
 */
const duration = Metric.histogram(
  "http.client.request.duration",
  MetricBoundaries.fromIterable([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]),
  "Duration of HTTP client requests, in seconds"
)
const active = Metric.gauge("http.client.active_requests", { description: "Number of active HTTP requests" })
const retries = Metric.counter("tributary.client.retries", {
  description: "Attempts after the first",
  incremental: true
})
const throttles = Metric.counter("tributary.client.throttles", {
  description: "Answers that asked to slow down",
  incremental: true
})

type End = Exit.Exit<HttpClientResponse.HttpClientResponse, AttemptError>

/** The status, or what went wrong; none for an interruption, of which the server knows nothing. */
const outcomeOf = (exit: End): number | string | undefined => {
  if (Exit.isSuccess(exit)) return exit.value.status
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (error === undefined) return undefined
  return error._tag === "Refused" ? error.response.status : error.error._tag
}

/** The metrics of one key; those of a method and an outcome are made when they first occur. @internal */
export class ClientMetrics {
  readonly #address: string
  readonly #durations = new Map<string, typeof duration>()
  readonly #active: Metric.Metric.Gauge<number>
  readonly #retries: Metric.Metric.Counter<number>
  readonly #throttles: Metric.Metric.Counter<number>

  constructor(address: string) {
    this.#address = address
    this.#active = Metric.tagged(active, "server.address", address)
    this.#retries = Metric.tagged(retries, "server.address", address)
    this.#throttles = Metric.tagged(throttles, "server.address", address)
  }

  active(count: number): void {
    this.#active.unsafeUpdate(count, [])
  }

  retried(): void {
    this.#retries.unsafeUpdate(1, [])
  }

  throttled(): void {
    this.#throttles.unsafeUpdate(1, [])
  }

  ended(method: string, exit: End, millis: number): void {
    const outcome = outcomeOf(exit)
    if (outcome === undefined) return
    const name = `${method} ${outcome}`
    let metric = this.#durations.get(name)
    if (metric === undefined) {
      metric = duration.pipe(
        Metric.tagged("http.request.method", method),
        Metric.tagged("server.address", this.#address),
        Metric.tagged(typeof outcome === "number" ? "http.response.status_code" : "error.type", String(outcome))
      )
      this.#durations.set(name, metric)
    }
    metric.unsafeUpdate(millis / 1_000, [])
  }
}
