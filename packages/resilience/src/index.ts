/**
 * The generic cell rate algorithm (ITU-T I.371, as a virtual scheduler) with its own queue, in plain TypeScript.
 *
 * @since 0.1.0
 */
export * as Gcra from "./Gcra.ts"

/**
 * Keyed rate limits that queue: whoever comes too early waits its turn.
 *
 * @since 0.1.0
 */
export * as RateLimiter from "./RateLimiter.ts"

/**
 * Retries with exponential backoff, full jitter and the server's own word on when to come back.
 *
 * @since 0.1.0
 */
export * as Retry from "./Retry.ts"
