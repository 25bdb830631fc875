/** @since 0.1.0 */
export * as ByteStream from "./ByteStream.ts"
/** @since 0.1.0 */
export * as Cassette from "./Cassette.ts"
/** @since 0.1.0 */
export * as ClientEvent from "./ClientEvent.ts"
/** @since 0.1.0 */
export * as CookieJar from "./CookieJar.ts"
/** @since 0.1.0 */
export * as Download from "./Download.ts"
/** @since 0.1.0 */
export * as EventStream from "./EventStream.ts"
/** @since 0.1.0 */
export * as FetchError from "./FetchError.ts"
/** @since 0.1.0 */
export * as Fetcher from "./Fetcher.ts"
/** @since 0.1.0 */
export * as HostPolicy from "./HostPolicy.ts"
/** @since 0.1.0 */
export * as HttpCache from "./HttpCache.ts"
/** @since 0.1.0 */
export * as IdempotencyKey from "./IdempotencyKey.ts"
/** @since 0.1.0 */
export * as JsonLines from "./JsonLines.ts"
/** @since 0.1.0 */
export * as Mismatch from "./Mismatch.ts"
/** @since 0.1.0 */
export * as Paginate from "./Paginate.ts"
/** @since 0.1.0 */
export * as RateLimitHeaders from "./RateLimitHeaders.ts"
/** @since 0.1.0 */
export * as RateLimitedClient from "./RateLimitedClient.ts"
/** @since 0.1.0 */
export * as SingleFlight from "./SingleFlight.ts"
/** @since 0.1.0 */
export * as UrlGuard from "./UrlGuard.ts"
