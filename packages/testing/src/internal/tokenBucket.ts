/** @internal */
export interface Taken {
  readonly admitted: boolean
  /** Whole tokens that are left. */
  readonly remaining: number
  /** Milliseconds until there is a token; zero if there is one. */
  readonly wait: number
  /** Milliseconds until the bucket is full. */
  readonly full: number
}

// A microsecond, in milliseconds. A test clock that stands at a date of today keeps its nanoseconds in a double, which is
// off by a quarter of that: who waited exactly as long as it was told must not come too early by it.
const epsilon = 1e-3

/**
 * A full bucket of `burst` tokens that gains one every `interval` milliseconds. It is kept as the time at which it is full
 * again. In any window of `w` milliseconds at most `w / interval + burst` are admitted.
 *
 * @internal
 */
export const tokenBucket = ({
  burst,
  interval
}: {
  readonly interval: number
  readonly burst: number
}): ((now: number) => Taken) => {
  let fullAt = Number.NEGATIVE_INFINITY
  return (now) => {
    const capacity = interval * burst
    const next = Math.max(fullAt, now) + interval
    const admitted = next - now <= capacity + epsilon
    if (admitted) fullAt = next
    const full = Math.max(0, fullAt - now)
    return {
      admitted,
      remaining: Math.max(0, Math.floor((capacity - full + epsilon) / interval)),
      wait: Math.max(0, full + interval - capacity),
      full
    }
  }
}
