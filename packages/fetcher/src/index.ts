/** @since 0.1.0 */
export * as Cassette from "./Cassette.ts"
/** @since 0.1.0 */
export * as ClientEvent from "./ClientEvent.ts"
/** @since 0.1.0 */
export * as FetchError from "./FetchError.ts"
/** @since 0.1.0 */
export * as Fetcher from "./Fetcher.ts"
/** @since 0.1.0 */
export * as HostPolicy from "./HostPolicy.ts"
/** @since 0.1.0 */
export * as Mismatch from "./Mismatch.ts"
/** @since 0.1.0 */
export * as Paginate from "./Paginate.ts"
/** @since 0.1.0 */
export * as RateLimitedClient from "./RateLimitedClient.ts"
/** @since 0.1.0 */
export * as RateLimitHeaders from "./RateLimitHeaders.ts"
/** @since 0.1.0 */
export * as UrlGuard from "./UrlGuard.ts"
