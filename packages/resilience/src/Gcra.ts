/**
 * The generic cell rate algorithm (ITU-T I.371, as a virtual scheduler) with its own queue, in plain TypeScript.
 *
 * A limiter is asked on the hot path of every request, and a queued request should cost bytes, not a fiber: so the
 * decision and the queue are plain objects under the Effect face of `RateLimiter`. Time comes in as an argument, in
 * milliseconds of a monotonic clock; nothing here reads a clock or starts a timer.
 *
 * @since 0.1.0
 */

/**
 * One limit of a gate: a token comes every `interval` milliseconds and at most `burst` of them are kept.
 *
 * @since 0.1.0
 * @category models
 */
export interface Rate {
  readonly interval: number
  readonly burst: number
}

/**
 * One who waits at a gate. Belongs to the gate from `enqueue` on until it is granted, expired or removed.
 *
 * @since 0.1.0
 * @category models
 */
export class Waiter {
  /** A turn that comes free after this is of no use (milliseconds of the gate's clock); `Infinity` for no limit. */
  readonly deadline: number
  /** Called once, when the waiter has been charged and may start. Must not call the gate; neither must `expired`. */
  readonly granted: () => void
  /** Called once instead of `granted`, with the time from which it could have started; `Infinity` if never. */
  readonly expired: (availableAt: number) => void
  state: "new" | "waiting" | "granted" | "gone" = "new"
  /** When it was charged. */
  chargedAt = Number.NEGATIVE_INFINITY
  /** The gate's count of pauses when it was charged: what was charged before a pause is not given back after it. */
  pauses = 0
  next: Waiter | undefined = undefined
  previous: Waiter | undefined = undefined

  constructor(deadline: number, granted: () => void, expired: (availableAt: number) => void) {
    this.deadline = deadline
    this.granted = granted
    this.expired = expired
  }
}

/**
 * Sums of fractions of a millisecond are off by their last bits: what differs by no more than this nanosecond is the
 * same time.
 *
 * @since 0.1.0
 * @category constants
 */
export const epsilon = 1e-6

/**
 * The state of one key: several rates taken together, a first-in first-out queue and a pause.
 *
 * In every window of `w` milliseconds at most `w / interval + burst` waiters of each rate start. A waiter is charged
 * when it leaves the queue and not before, so one that gives up leaves no trace.
 *
 * @since 0.1.0
 * @category models
 */
export class Gate {
  readonly #rates: ReadonlyArray<Rate>
  // For each rate the theoretical arrival time: when the bucket would be full again.
  readonly #full: Array<number>
  #head: Waiter | undefined = undefined
  #tail: Waiter | undefined = undefined
  #waiting = 0
  #chargedAt = Number.NEGATIVE_INFINITY
  #pausedUntil = Number.NEGATIVE_INFINITY
  #pauses = 0

  constructor(rates: ReadonlyArray<Rate>) {
    this.#rates = rates
    this.#full = rates.map(() => Number.NEGATIVE_INFINITY)
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting
  }

  /** Nobody starts before this; `-Infinity` if the gate was never paused. */
  get pausedUntil(): number {
    return this.#pausedUntil
  }

  /** When the next one may start, be somebody waiting or not. May lie in the past. */
  get availableAt(): number {
    let at = this.#pausedUntil
    for (let i = 0; i < this.#rates.length; i++) {
      const { burst, interval } = this.#rates[i] as Rate
      at = Math.max(at, (this.#full[i] as number) - (burst - 1) * interval)
    }
    return at
  }

  /** When one that queued now would start, as far as can be told. */
  predict(now: number): number {
    return this.#startAfter(this.#waiting, now)
  }

  /** Nobody waits and every bucket is full: the gate is as if it were new. */
  isIdle(now: number): boolean {
    return this.#waiting === 0 && this.#pausedUntil <= now && this.#full.every((full) => full <= now)
  }

  /** Takes at once if nobody waits and it is allowed now. */
  take(now: number): boolean {
    if (this.#waiting > 0 || this.availableAt > now + epsilon) return false
    this.#charge(now)
    return true
  }

  enqueue(self: Waiter): void {
    self.state = "waiting"
    self.previous = this.#tail
    if (this.#tail === undefined) this.#head = self
    else this.#tail.next = self
    this.#tail = self
    this.#waiting++
  }

  /**
   * Takes a waiter out wherever it stands; one that was granted but did not start gives back what it was charged. True
   * if it did: the next one may then start earlier than `availableAt` said.
   */
  remove(self: Waiter): boolean {
    const { state } = self
    self.state = "gone"
    if (state === "waiting") this.#unlink(self)
    if (state !== "granted" || self.pauses !== this.#pauses) return false
    // Had it never been there, whoever was charged since might have met a full bucket, which keeps no more than
    // `burst`: the time between is not given back.
    const since = this.#chargedAt - self.chargedAt
    for (let i = 0; i < this.#rates.length; i++) {
      this.#full[i] = (this.#full[i] as number) - Math.max(0, (this.#rates[i] as Rate).interval - since)
    }
    return true
  }

  /**
   * Lets start whoever may start now, first come first served. The first one is sent away if its turn comes too late; a
   * turn in time stays its own, even if a late timer hands it out after the deadline.
   */
  dispatch(now: number): void {
    for (let head = this.#head; head !== undefined; head = this.#head) {
      const availableAt = this.availableAt
      if (availableAt > head.deadline + epsilon) {
        this.#expire(head, availableAt)
      } else if (availableAt > now + epsilon) {
        return
      } else {
        this.#unlink(head)
        this.#charge(now)
        head.state = "granted"
        head.chargedAt = now
        head.pauses = this.#pauses
        head.granted()
      }
    }
  }

  /**
   * Nobody starts before `until`; from there on one by one at the rates' pace, as the buckets are then empty.
   * A pause only ever grows. Waiters who cannot be served before their deadline are sent away at once.
   */
  pauseUntil(until: number): void {
    if (until <= this.#pausedUntil) return
    this.#pausedUntil = until
    this.#pauses++
    for (let i = 0; i < this.#rates.length; i++) {
      const { burst, interval } = this.#rates[i] as Rate
      this.#full[i] = Math.max(this.#full[i] as number, until + (burst - 1) * interval)
    }
    let ahead = 0
    for (let waiter = this.#head; waiter !== undefined;) {
      const next: Waiter | undefined = waiter.next
      const at = this.#startAfter(ahead, until)
      if (at > waiter.deadline + epsilon) this.#expire(waiter, at)
      else ahead++
      waiter = next
    }
  }

  /** Sends everybody away, for a limiter that goes out of service. */
  clear(): void {
    for (let head = this.#head; head !== undefined; head = this.#head) this.#expire(head, Number.POSITIVE_INFINITY)
  }

  /** When one starts who has so many ahead of it, from `now` on. */
  #startAfter(ahead: number, now: number): number {
    let at = Math.max(now, this.#pausedUntil)
    for (let i = 0; i < this.#rates.length; i++) {
      const { burst, interval } = this.#rates[i] as Rate
      at = Math.max(at, Math.max(this.#full[i] as number, now) + (ahead - (burst - 1)) * interval)
    }
    return at
  }

  #charge(now: number): void {
    this.#chargedAt = now
    for (let i = 0; i < this.#rates.length; i++) {
      this.#full[i] = Math.max(this.#full[i] as number, now) + (this.#rates[i] as Rate).interval
    }
  }

  #expire(self: Waiter, availableAt: number): void {
    this.#unlink(self)
    self.state = "gone"
    self.expired(availableAt)
  }

  #unlink(self: Waiter): void {
    if (self.previous === undefined) this.#head = self.next
    else self.previous.next = self.next
    if (self.next === undefined) this.#tail = self.previous
    else self.next.previous = self.previous
    self.next = undefined
    self.previous = undefined
    this.#waiting--
  }
}
