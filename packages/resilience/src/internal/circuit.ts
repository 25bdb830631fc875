import { Duration } from "effect"
import type { Change, Outcome, Snapshot, State } from "../CircuitBreaker.ts"

/**
 * A circuit that was half-open for so long (milliseconds), for want of calls or because a probe never ended, closes: what
 * it knows is too old, and its key would never be forgotten.
 */
const longestHalfOpen = 3_600_000

/** Counts the calls of the last `width` milliseconds, a whole number, in `length` buckets. */
class Window {
  readonly #width: number
  readonly #length: number
  readonly #buckets: Array<{ readonly index: number; calls: number; failures: number }> = []
  calls = 0
  failures = 0

  constructor(width: number, length: number) {
    this.#width = width
    this.#length = length
  }

  /** Forgets what is too old, and gives the index of the current bucket. */
  advance(now: number): number {
    // Multiplied first: a bucket's own width may be a fraction, and its rounding would keep a bucket one round too long.
    const index = Math.floor((now * this.#length) / this.#width)
    for (
      let first = this.#buckets[0];
      first !== undefined && first.index <= index - this.#length;
      first = this.#buckets[0]
    ) {
      this.calls -= first.calls
      this.failures -= first.failures
      this.#buckets.shift()
    }
    return index
  }

  add(now: number, failed: number): void {
    const index = this.advance(now)
    let last = this.#buckets.at(-1)
    if (last?.index !== index) {
      last = { index, calls: 0, failures: 0 }
      this.#buckets.push(last)
    }
    last.calls++
    last.failures += failed
    this.calls++
    this.failures += failed
  }

  clear(): void {
    this.#buckets.length = 0
    this.calls = 0
    this.failures = 0
  }
}

/** The options of a breaker with their defaults, durations in milliseconds. @internal */
export interface Settings {
  readonly failureRate: number
  readonly minimumCalls: number
  readonly window: number
  readonly buckets: number
  readonly probes: number
  readonly openTime: number
  readonly maxOpenTime: number
}

/**
 * The state machine of one key. Plain TypeScript, as it is on the way of every call: so `protect` costs no more than an
 * `Effect.onExit`, about 0.7 microseconds. Time comes in as an argument, in milliseconds of a monotonic clock.
 *
 * @internal
 */
export class Circuit {
  readonly #key: string
  readonly #settings: Settings
  readonly #changed: (change: Change) => void
  readonly #window: Window
  #state: State = "closed"
  /** Counts the changes of state. A call that ends in another period than it began in says nothing about this one. */
  #period = 0
  /** Calls under way, whichever period they began in. */
  #running = 0
  /** Of this half-open period: probes under way, and probes that succeeded. */
  #probing = 0
  #passed = 0
  #openTime = 0
  #openUntil = 0

  constructor(key: string, settings: Settings, changed: (change: Change) => void) {
    this.#key = key
    this.#settings = settings
    this.#changed = changed
    this.#window = new Window(settings.window, settings.buckets)
  }

  /** How long a call is turned away; zero if it is let through. */
  rejectsFor(now: number): number {
    this.#advance(now)
    if (this.#state === "open") return this.#openUntil - now
    const { openTime, probes } = this.#settings
    return this.#state === "closed" || this.#probing + this.#passed < probes ? 0 : openTime
  }

  /** A call that is let through begins. Gives its period, to be handed to `end`. */
  begin(): number {
    this.#running++
    if (this.#state === "half-open") this.#probing++
    return this.#period
  }

  end(period: number, outcome: Outcome, now: number): void {
    this.#running--
    this.#advance(now)
    if (period !== this.#period) return
    if (this.#state === "half-open") {
      this.#probing--
      if (outcome === "failure") this.#open(now, Math.min(this.#openTime * 2, this.#settings.maxOpenTime))
      else if (outcome === "success" && ++this.#passed === this.#settings.probes) this.#enter("closed")
    } else if (outcome !== "ignored") {
      this.#window.add(now, outcome === "failure" ? 1 : 0)
      const { calls, failures } = this.#window
      const { failureRate, minimumCalls, openTime } = this.#settings
      if (calls >= minimumCalls && failures / calls >= failureRate) this.#open(now, openTime)
    }
  }

  /** It is as if it were new. */
  isIdle(now: number): boolean {
    this.#advance(now)
    this.#window.advance(now)
    return this.#state === "closed" && this.#running === 0 && this.#window.calls === 0
  }

  snapshot(now: number): Snapshot {
    const retryAfter = Duration.millis(this.rejectsFor(now))
    this.#window.advance(now)
    const { calls, failures } = this.#window
    return { key: this.#key, state: this.#state, calls, failures, retryAfter }
  }

  #advance(now: number): void {
    if (this.#state === "open" && now >= this.#openUntil) this.#enter("half-open")
    if (this.#state === "half-open" && now >= this.#openUntil + longestHalfOpen) this.#enter("closed")
  }

  #open(now: number, openTime: number): void {
    this.#openTime = openTime
    this.#openUntil = now + openTime
    this.#enter("open")
  }

  #enter(to: State): void {
    const from = this.#state
    this.#state = to
    this.#period++
    this.#probing = 0
    this.#passed = 0
    if (to === "closed") this.#window.clear()
    this.#changed({ key: this.#key, from, to })
  }
}
