import { Cause, Exit, Metric, MetricBoundaries, MetricKey, MetricLabel, Option } from "effect"
import { type AttemptError, Failed, Refused } from "./refusal.ts"
import type { HttpClientResponse } from "@effect/platform"

/** Looked up once, as every tag that is added on the way is a new key. */
const tagged =
  (tags: Readonly<Record<string, string>>) =>
  <Key extends MetricKey.MetricKey.Untyped>(key: Key): Key =>
    MetricKey.taggedWithLabels(
      key,
      Object.entries(tags).map(([name, value]) => MetricLabel.make(name, value))
    ) as Key

/**
 * OpenTelemetry's semantic conventions for HTTP clients, with the boundaries in seconds that they recommend. One duration per
 * attempt, as the conventions ask.
 */
const duration = MetricKey.histogram(
  "http.client.request.duration",
  MetricBoundaries.fromIterable([0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10]),
  "Duration of HTTP client requests, in seconds"
)
const active = MetricKey.gauge("http.client.active_requests", { description: "Number of active HTTP requests" })
const retries = MetricKey.counter("tributary.client.retries", {
  description: "Attempts after the first",
  incremental: true
})
const throttles = MetricKey.counter("tributary.client.throttles", {
  description: "Answers that asked to slow down",
  incremental: true
})

const noTags: ReadonlyArray<MetricLabel.MetricLabel> = []

type End = Exit.Exit<HttpClientResponse.HttpClientResponse, AttemptError | { readonly _tag: string }>

/** The status, or what went wrong; none for an interruption, of which the server knows nothing. */
const outcomeOf = (exit: End): number | string | undefined => {
  if (Exit.isSuccess(exit)) return exit.value.status
  const error = Option.getOrUndefined(Cause.failureOption(exit.cause))
  if (error === undefined) return undefined
  if (error instanceof Refused) return error.response.status
  return error instanceof Failed ? error.error._tag : "TimeoutError"
}

/** The metrics of one key; those of a method and an outcome are made when they first occur. @internal */
export class ClientMetrics {
  readonly #tags: Readonly<Record<string, string>>
  readonly #durations = new Map<string, Metric.Metric.Histogram<number>>()
  readonly #active: Metric.Metric.Gauge<number>
  readonly #retries: Metric.Metric.Counter<number>
  readonly #throttles: Metric.Metric.Counter<number>

  constructor(address: string) {
    this.#tags = { "server.address": address }
    this.#active = Metric.fromMetricKey(tagged(this.#tags)(active))
    this.#retries = Metric.fromMetricKey(tagged(this.#tags)(retries))
    this.#throttles = Metric.fromMetricKey(tagged(this.#tags)(throttles))
  }

  active(count: number): void {
    this.#active.unsafeUpdate(count, noTags)
  }

  retried(): void {
    this.#retries.unsafeUpdate(1, noTags)
  }

  throttled(): void {
    this.#throttles.unsafeUpdate(1, noTags)
  }

  ended(method: string, exit: End, millis: number): void {
    const outcome = outcomeOf(exit)
    if (outcome === undefined) return
    const name = `${method} ${outcome}`
    let histogram = this.#durations.get(name)
    if (histogram === undefined) {
      const label = typeof outcome === "number" ? "http.response.status_code" : "error.type"
      const tags = { ...this.#tags, "http.request.method": method, [label]: String(outcome) }
      histogram = Metric.fromMetricKey(tagged(tags)(duration))
      this.#durations.set(name, histogram)
    }
    histogram.unsafeUpdate(millis / 1_000, noTags)
  }
}
