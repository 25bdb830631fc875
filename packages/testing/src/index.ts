/**
 * A server that misbehaves on demand: one description, served in memory or on loopback.
 *
 * @since 0.1.0
 */
export * as FakeServer from "./FakeServer.ts"

/**
 * How long a server takes to answer.
 *
 * @since 0.1.0
 */
export * as Latency from "./Latency.ts"

/**
 * How servers say in their headers what is left of a rate limit, in the dialects in use.
 *
 * @since 0.1.0
 */
export * as RateLimitDialect from "./RateLimitDialect.ts"

/**
 * Time that jumps to the next sleeper as soon as nothing can run, so that an hour of sleeps takes as long as its work does.
 *
 * @since 0.1.0
 */
export * as VirtualTime from "./VirtualTime.ts"
