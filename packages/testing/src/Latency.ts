/**
 * How long a server takes to answer.
 *
 * @since 0.1.0
 */
import { Duration, Predicate } from "effect"

/**
 * A duration, or a distribution of durations, named by what it is known by:
 *
 * - `"50 millis"`: always the same
 * - `{ min, max }`: uniform
 * - `{ mean }`: exponential, as the time between events that do not know of each other
 * - `{ median, p95 }`: log-normal, as most servers are: many answers near the median and a long tail. `p95` is at least
 *   the median; both are above zero.
 *
 * @since 0.1.0
 * @category models
 */
export type Latency =
  | Duration.DurationInput
  | { readonly min: Duration.DurationInput; readonly max: Duration.DurationInput }
  | { readonly mean: Duration.DurationInput }
  | { readonly median: Duration.DurationInput; readonly p95: Duration.DurationInput }

/**
 * A sample in whole milliseconds (what a timer can tell apart), made of two numbers drawn evenly from 0 to below 1.
 *
 * @since 0.1.0
 * @category conversions
 */
export const sample =
  (latency: Latency) =>
  (u: number, v: number): number =>
    Math.round(millis(latency, u, v))

const millis = (latency: Latency, u: number, v: number): number => {
  if (Predicate.hasProperty(latency, "min")) {
    const min = Duration.toMillis(latency.min)
    return min + u * (Duration.toMillis(latency.max) - min)
  }
  if (Predicate.hasProperty(latency, "mean")) return -Duration.toMillis(latency.mean) * Math.log(1 - u)
  if (Predicate.hasProperty(latency, "median")) {
    const median = Duration.toMillis(latency.median)
    const sigma = Math.log(Duration.toMillis(latency.p95) / median) / z95
    return median * Math.exp(sigma * normal(u, v))
  }
  return Duration.toMillis(latency)
}

/** The 95th percentile of the standard normal distribution. */
const z95 = 1.6448536269514722

// Box and Muller (1958).
const normal = (u: number, v: number): number => Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v)
