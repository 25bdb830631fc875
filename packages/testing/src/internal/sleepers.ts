/** @internal */
export interface Sleeper {
  /** Nanoseconds. */
  readonly at: bigint
  /** Tells apart the sleepers of one instant: the lower slept earlier. */
  readonly turn: number
  readonly wake: () => void
  /** Where it stands in the heap, so that one that gives up is found at once; -1 once it has left. */
  place: number
}

const isBefore = (a: Sleeper, b: Sleeper): boolean => (a.at === b.at ? a.turn < b.turn : a.at < b.at)

/**
 * Who sleeps, earliest first: a binary heap. Most timeouts never fire, so leaving must be as cheap as coming.
 *
 * @internal
 */
export class Sleepers {
  private readonly heap: Array<Sleeper> = []
  private turns = 0

  get size(): number {
    return this.heap.length
  }

  add(at: bigint, wake: () => void): Sleeper {
    const sleeper: Sleeper = { at, turn: this.turns++, wake, place: -1 }
    this.rise(sleeper, this.heap.length)
    return sleeper
  }

  takeEarliest(): Sleeper | undefined {
    const [earliest] = this.heap
    if (earliest !== undefined) this.remove(earliest)
    return earliest
  }

  /** Nothing happens if it has left already. */
  remove(sleeper: Sleeper): void {
    const { place } = sleeper
    if (place < 0) return
    sleeper.place = -1
    const last = this.heap.pop()
    if (last === undefined || last === sleeper) return
    this.sink(last, place)
    this.rise(last, last.place)
  }

  private put(sleeper: Sleeper, place: number): void {
    this.heap[place] = sleeper
    sleeper.place = place
  }

  private rise(sleeper: Sleeper, from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >> 1
      const parent = this.heap[above]
      if (parent === undefined || !isBefore(sleeper, parent)) break
      this.put(parent, place)
      place = above
    }
    this.put(sleeper, place)
  }

  private sink(sleeper: Sleeper, from: number): void {
    let place = from
    while (true) {
      let below = 2 * place + 1
      let child = this.heap[below]
      const right = this.heap[below + 1]
      if (child !== undefined && right !== undefined && isBefore(right, child)) {
        below++
        child = right
      }
      if (child === undefined || !isBefore(child, sleeper)) break
      this.put(child, place)
      place = below
    }
    this.put(sleeper, place)
  }
}
