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

export class Bucket implements Shape {
  readonly name: string
  readonly resource: string
  interval: number
  burst: number
  /** The theoretical arrival time: when the bucket would be full again. */
  full = Number.NEGATIVE_INFINITY
  /** What those who wait want of it, by their class. */
  readonly queued: Array<number> = priorities.map(() => 0)

  constructor({ burst, interval, name, resource }: Shape) {
    this.name = name
    this.resource = resource
    this.interval = interval
    this.burst = burst
  }

  /** When so much may be taken. May lie in the past. */
  availableAt(weight: number): number {
    return this.full - (this.burst - weight) * this.interval
  }

  /** When so much may be taken after so much else was, from `now` on. */
  availableAfter(ahead: number, weight: number, now: number): number {
    return Math.max(this.full, now) + (ahead + weight - this.burst) * this.interval
  }

  charge(now: number, weight: number): void {
    this.full = Math.max(this.full, now) + weight * this.interval
  }

  enqueue(priority: Priority, weight: number): void {
    ;(this.queued[priority] as number) += weight
  }

  /** Another pace, with as many tokens in it as there are, if they find room. `now` is not before a pause ends. */
  reshape({ burst, interval }: Pick<Shape, "burst" | "interval">, now: number): void {
    const tokens = this.burst - Math.max(0, this.full - now) / this.interval
    this.interval = interval
    this.burst = burst
    this.full = now + (burst - Math.min(tokens, burst)) * interval
  }

  /** Keeps at most so many tokens. True if there were more. */
  drain(now: number, tokens: number): boolean {
    const full = now + (this.burst - tokens) * this.interval
    if (full <= this.full) return false
    this.full = full
    return true
  }
}

/** What a server says that is left until a point of time: afterwards nothing is known, and nothing is held back. */
export class Allowance {
  readonly name: string
  readonly resource: string
  left: number
  renewsAt: number

  constructor(name: string, resource: string, left: number, renewsAt: number) {
    this.name = name
    this.resource = resource
    this.left = left
    this.renewsAt = renewsAt
  }

  availableAt(weight: number): number {
    return weight > this.left ? this.renewsAt : Number.NEGATIVE_INFINITY
  }

  charge(now: number, weight: number): void {
    if (now >= this.renewsAt) this.left = Number.POSITIVE_INFINITY
    this.left -= weight
  }
}
