/** A percentile over the last so many latencies. */

/** Where `value` belongs in what is sorted: before all that is not less. */
const lowerBound = (sorted: ReadonlyArray<number>, value: number): number => {
  let low = 0
  let high = sorted.length
  while (low < high) {
    const middle = (low + high) >> 1
    const found = sorted[middle]
    if (found !== undefined && found < value) low = middle + 1
    else high = middle
  }
  return low
}

export class Latencies {
  readonly #window: number
  /** In the order in which they came; from a full window on, the next one takes the place of the oldest. */
  readonly #recent: Array<number> = []
  readonly #sorted: Array<number> = []
  #next = 0

  constructor(window: number) {
    this.#window = window
  }

  get count(): number {
    return this.#recent.length
  }

  add(millis: number): void {
    const oldest = this.#recent[this.#next]
    if (oldest !== undefined) this.#sorted.splice(lowerBound(this.#sorted, oldest), 1)
    this.#sorted.splice(lowerBound(this.#sorted, millis), 0, millis)
    this.#recent[this.#next] = millis
    this.#next = (this.#next + 1) % this.#window
  }

  /** By nearest rank: the least latency that at least this share of them do not exceed. */
  percentile(share: number): number | undefined {
    return this.#sorted[Math.max(1, Math.ceil(share * this.#sorted.length)) - 1]
  }
}
