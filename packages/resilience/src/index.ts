/**
 * A limit that finds its own height: additive increase, multiplicative decrease.
 *
 * @since 0.1.0
 */
export * as Aimd from "./Aimd.ts"

/**
 * Circuit breakers: what fails too often is left alone for a while, and then tried again with care.
 *
 * @since 0.1.0
 */
export * as CircuitBreaker from "./CircuitBreaker.ts"

/**
 * Caps on how many run at once, per key and in all: whoever comes when all is taken waits for a permit.
 *
 * @since 0.1.0
 */
export * as ConcurrencyLimiter from "./ConcurrencyLimiter.ts"

/**
 * A total time that nested calls inherit and can only shorten, and a timeout for one attempt that never outlasts it.
 *
 * @since 0.1.0
 */
export * as Deadline from "./Deadline.ts"

/**
 * The generic cell rate algorithm (ITU-T I.371, as a virtual scheduler) with its own queue, in plain TypeScript.
 *
 * @since 0.1.0
 */
export * as Gcra from "./Gcra.ts"

/**
 * A second try beside a first one that takes long: whichever succeeds first is the result.
 *
 * @since 0.1.0
 */
export * as Hedge from "./Hedge.ts"

/**
 * Permits per key and in all, handed out first come, first served within classes of priority, in plain TypeScript.
 *
 * @since 0.1.0
 */
export * as Permits from "./Permits.ts"

/**
 * All parts around one call, in the one order that is right.
 *
 * @since 0.1.0
 */
export * as Policy from "./Policy.ts"

/**
 * Keyed rate limits that queue: whoever comes too early waits its turn.
 *
 * @since 0.1.0
 */
export * as RateLimiter from "./RateLimiter.ts"

/**
 * Retries by policies that combine, with exponential backoff, jitter and the server's own word on when to come back.
 *
 * @since 0.1.0
 */
export * as Retry from "./Retry.ts"

/**
 * One budget of retries for many calls, so that an outage is not answered with many times the load.
 *
 * @since 0.1.0
 */
export * as RetryBudget from "./RetryBudget.ts"
