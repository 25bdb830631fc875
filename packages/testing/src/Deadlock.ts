/**
 * The error of a program that waits for itself.
 *
 * @since 0.1.0
 */
import { Duration, Schema } from "effect"

/**
 * A fiber that a `Deadlock` found waiting.
 *
 * @since 0.1.0
 * @category errors
 */
export class WaitingFiber extends Schema.Class<WaitingFiber>("@tributary/testing/WaitingFiber")({
  /** As logs print it: `#12`. Counted through the process: not the same in every run. */
  id: Schema.String,
  /** Counted through the run, from 1 (the program itself), in the order in which they started. The same in every run. */
  number: Schema.Int,
  /** The names of the spans around it, the innermost first. */
  spans: Schema.Array(Schema.String),
  /** Its log annotations. */
  annotations: Schema.Record({ key: Schema.String, value: Schema.Unknown }),
  /** What is known of what it waits for. */
  waitsFor: Schema.optional(Schema.String)
}) {
  /** One line. */
  override toString(): string {
    const annotations = Object.entries(this.annotations).map(([key, value]) => `${key}=${String(value)}`)
    const where = [...(this.spans.length > 0 ? [this.spans.join(" < ")] : []), ...annotations].join(", ")
    return `${this.id}${where === "" ? "" : ` (${where})`}${this.waitsFor === undefined ? "" : `: ${this.waitsFor}`}`
  }
}

/** So many fibers are named in a message. The error itself has them all. */
const mostNamed = 10

/**
 * Everything waits and nobody sleeps: time would stand still for ever.
 *
 * @since 0.1.0
 * @category errors
 */
export class Deadlock extends Schema.TaggedError<Deadlock>("@tributary/testing/Deadlock")("Deadlock", {
  /** Virtual time since the run began. */
  elapsed: Schema.DurationFromMillis,
  /** Who waits, in the order in which they started. */
  fibers: Schema.Array(WaitingFiber)
}) {
  override get message(): string {
    const named = this.fibers.slice(0, mostNamed).map((fiber) => `  ${fiber.toString()}`)
    const others = this.fibers.length - named.length
    const when = Duration.toMillis(this.elapsed) === 0 ? "At the start" : `After ${Duration.format(this.elapsed)}`
    return [
      `${when}, nothing can run and nobody sleeps. These fibers wait for ever:`,
      ...named,
      ...(others > 0 ? [`  and ${others} more`] : []),
      "If one of them waits for the network, a file or a real timer: that belongs into VirtualTime.external."
    ].join("\n")
  }
}
