/**
 * The state of one limit: the generic cell rate algorithm as a virtual scheduler.
 */
import { priorities, type Priority } from "./priority.ts"

export interface Shape {
  readonly name: string
  readonly resource: string
  /** Milliseconds in which one token comes. */
  readonly interval: number
  /** Tokens that are kept at most. */
  readonly burst: number
}

/** When the bucket would be full again if it had been full somewhere in the times after a charge and before the next. */
interface Sum {
  /** The charge, by its number in the gate. */
  readonly after: number
  full: number
}

/**
 * The theoretical arrival time `full` is the latest of many sums: each begins at a time at which the bucket may have been
 * full, and adds what was charged from then on. So a charge that is still open, as its amount may change, is in the sums
 * that begin before it, and not in those that begin after it: while charges are open these are kept apart.
 */
export class Bucket implements Shape {
  readonly name: string
  readonly resource: string
  interval: number
  burst: number
  /** The theoretical arrival time: when the bucket would be full again. */
  full = Number.NEGATIVE_INFINITY
  /** What those who wait want of it, by their class. */
  readonly queued: Array<number> = priorities.map(() => 0)
  /** The latest sums that begin before all open charges, and after each of them; none while nothing is open. */
  readonly #sums: Array<Sum> = []

  constructor({ burst, interval, name, resource }: Shape) {
    this.name = name
    this.resource = resource
    this.interval = interval
    this.burst = burst
  }

  /** No charge of it is open. */
  get isSettled(): boolean {
    return this.#sums.length === 0
  }

  /** When so much may be taken: `Infinity` if never. May lie in the past. */
  availableAt(weight: number): number {
    return weight > this.burst ? Number.POSITIVE_INFINITY : this.full - (this.burst - weight) * this.interval
  }

  /** When so much may be taken after so much else was, from `now` on. */
  availableAfter(ahead: number, weight: number, now: number): number {
    if (weight > this.burst) return Number.POSITIVE_INFINITY
    return Math.max(this.full, now) + (ahead + weight - this.burst) * this.interval
  }

  charge(now: number, weight: number): void {
    const millis = weight * this.interval
    this.#raise(now)
    this.full += millis
    for (const sum of this.#sums) sum.full += millis
  }

  /** Leaves open how much the last charge was. */
  open(charge: number, now: number): void {
    // It may have been nothing, and become something.
    this.#raise(now)
    if (this.#sums.length === 0) this.#sums.push({ after: Number.NEGATIVE_INFINITY, full: this.full })
    this.#sums.push({ after: charge, full: Number.NEGATIVE_INFINITY })
  }

  /** An open charge was so much more; less if that is negative. */
  settle(charge: number, weight: number): void {
    const index = this.#sums.findIndex(({ after }) => after === charge)
    const [before, settled] = [this.#sums[index - 1], this.#sums[index]]
    if (before === undefined || settled === undefined) return
    this.#shiftBefore(charge, weight * this.interval)
    before.full = Math.max(before.full, settled.full)
    this.#sums.splice(index, 1)
    if (this.#sums.length === 1) this.#sums.pop()
  }

  /** Gives back so many milliseconds of a charge. */
  giveBack(charge: number, millis: number): void {
    if (this.#sums.length === 0) this.full -= millis
    else this.#shiftBefore(charge, -millis)
  }

  enqueue(priority: Priority, weight: number): void {
    ;(this.queued[priority] as number) += weight
  }

  /** Another pace, with as many tokens in it as there are, if they find room. `now` is not before a pause ends. */
  reshape({ burst, interval }: Pick<Shape, "burst" | "interval">, now: number): void {
    // A pause without an end: nothing will ever be taken.
    if (now === Number.POSITIVE_INFINITY) return
    const reshaped = (full: number): number => now + ((full - now) / this.interval + burst - this.burst) * interval
    // No more tokens than found room before, nor than find room now.
    const least = Math.max(now, reshaped(now))
    this.full = reshaped(this.full)
    for (const sum of this.#sums) sum.full = reshaped(sum.full)
    this.interval = interval
    this.burst = burst
    this.#raise(least)
  }

  /** Keeps at most so many tokens. True if there were more. */
  drain(now: number, tokens: number): boolean {
    const full = now + (this.burst - tokens) * this.interval
    const isLess = full > this.full
    // What is settled later must not bring back more than that, either.
    this.#raise(full)
    return isLess
  }

  #raise(full: number): void {
    this.full = Math.max(this.full, full)
    const last = this.#sums.at(-1)
    if (last !== undefined) last.full = Math.max(last.full, full)
  }

  /** Moves the sums that begin before a charge. */
  #shiftBefore(charge: number, millis: number): void {
    this.full = Number.NEGATIVE_INFINITY
    for (const sum of this.#sums) {
      if (sum.after < charge) sum.full += millis
      this.full = Math.max(this.full, sum.full)
    }
  }
}

/** What a server says that is left until a point of time: afterwards nothing is known, and nothing is held back. */
export class Allowance {
  readonly name: string
  readonly resource: string
  /** The last charge before the server said so, by its number in the gate. */
  readonly since: number
  left: number
  renewsAt: number

  constructor(name: string, resource: string, left: number, renewsAt: number, since: number) {
    this.name = name
    this.resource = resource
    this.left = left
    this.renewsAt = renewsAt
    this.since = since
  }

  availableAt(weight: number): number {
    return weight > this.left ? this.renewsAt : Number.NEGATIVE_INFINITY
  }

  charge(now: number, weight: number): void {
    if (now >= this.renewsAt) this.left = Number.POSITIVE_INFINITY
    this.left -= weight
  }

  /** A charge was so much less; more if that is negative. */
  giveBack(charge: number, weight: number): void {
    if (charge > this.since) this.left += weight
  }
}
