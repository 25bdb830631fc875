/**
 * The search for a rate that a server bears and does not tell: doubling until it is too much, then halving the interval
 * between the highest rate that went well and the lowest that did not.
 *
 * Each rate is tried until so many requests went well that a server which lets a tenth of a second's worth through at
 * once would have shown it. Only successes at the rate itself count: not those of a time that asked for less, and errors
 * never speed it up.
 */

/** Rates in starts a second, times in milliseconds. */
export interface Settings {
  readonly initial: number
  readonly most: number
  /** By how much the rate that was found is undercut, from 0 to 1. */
  readonly headroom: number
}

/** What a server is taken to let through at once, in seconds of its rate. */
const slack = 0.1

/** A rate is tried at least and at most so long (seconds), and with at least so many requests. */
const shortestTrial = 0.5
const longestTrial = 10
const fewestSuccesses = 4

/** The interval is small enough when its upper end is no more than so many times its lower one. */
const precision = 1.1

/** What is left of a rate that was borne so far and is not any more. */
const decrease = 0.85

/** Where it is not known when a request started, a rate is cut at most once in so many milliseconds. */
const cutEvery = 1_000

/** How long the rate that was found stands before a higher one is tried (milliseconds), and how long at most. */
const shortestRest = 60_000
const longestRest = 600_000

/** Below this nothing is searched for: one request in 100 seconds. */
const slowest = 0.01

export class Discovery {
  readonly #settings: Settings
  #rate: number
  /** The highest rate that went well; 0 if none did. */
  #low = 0
  /** The lowest rate that did not; `Infinity` if none. */
  #high = Number.POSITIVE_INFINITY
  /** By what the rate grows while no upper end is known. */
  #growth = 2
  #successes = 0
  #triedAt: number
  #cutAt = Number.NEGATIVE_INFINITY
  #foundAt: number | undefined
  #rest = shortestRest

  constructor(settings: Settings, now: number) {
    this.#settings = settings
    this.#rate = settings.initial
    this.#triedAt = now
  }

  /** A search that begins with a cut, at a rate that was given and is too much. */
  static below(settings: Settings, now: number): Discovery {
    const discovery = new Discovery(settings, now)
    discovery.throttled(now)
    return discovery
  }

  get rate(): number {
    return this.#rate
  }

  /** The upper limit itself went well: there is nothing to search for. */
  get isDone(): boolean {
    return this.#low >= this.#settings.most
  }

  /** A request went well that started then. True if the rate is another one now. */
  succeeded(now: number, startedAt = now): boolean {
    if (this.#foundAt !== undefined) {
      if (now - this.#foundAt < this.#rest) return false
      this.#foundAt = undefined
      this.#rest = Math.min(longestRest, 2 * this.#rest)
      this.#high = Number.POSITIVE_INFINITY
      this.#growth = precision
      this.#try(Math.min(this.#settings.most, this.#low * this.#growth), now)
      return true
    }
    if (startedAt < this.#triedAt) return false
    const needed = Math.max(fewestSuccesses, Math.ceil(this.#rate * this.#trial))
    // Slower than the rate would allow: that says nothing about it.
    if (now - this.#triedAt > (2_000 * needed) / this.#rate) this.#try(this.#rate, now)
    if (++this.#successes < needed) return false
    const before = this.#rate
    this.#low = Math.max(this.#low, this.#rate)
    if (this.#high === Number.POSITIVE_INFINITY) {
      this.#try(Math.min(this.#settings.most, this.#rate * this.#growth), now)
      this.#growth = Math.min(2, this.#growth ** 2)
    } else if (this.#high > this.#low * precision) {
      this.#try((this.#low + this.#high) / 2, now)
    } else {
      this.#rate = this.#low * (1 - this.#settings.headroom)
      this.#foundAt = now
    }
    return this.#rate !== before
  }

  /**
   * The server says that it is too much to one that started then. True if the rate was cut: those that had started before
   * the last cut say nothing new.
   */
  throttled(now: number, startedAt = now - cutEvery): boolean {
    if (startedAt <= this.#cutAt) return false
    this.#cutAt = now
    // One that was found and undercut is borne no more: nothing is known any more but that it is too much.
    const isKnownGood = this.#low > 0 && this.#low < this.#rate
    this.#high = this.#rate
    if (!isKnownGood) this.#low = 0
    this.#foundAt = undefined
    this.#try(Math.max(slowest, isKnownGood ? this.#low : this.#rate * decrease), now)
    return true
  }

  get #trial(): number {
    const excess = this.#low > 0 && this.#low < this.#rate ? this.#rate / this.#low - 1 : 1
    return Math.min(longestTrial, Math.max(shortestTrial, slack / excess))
  }

  #try(rate: number, now: number): void {
    this.#rate = rate
    this.#successes = 0
    this.#triedAt = now
  }
}
