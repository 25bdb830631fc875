/**
 * An `HttpClient` for Node, on undici's dispatcher.
 *
 * @since 0.1.0
 */
export * as UndiciClient from "./UndiciClient.ts"

/**
 * Why an exchange failed, as the `cause` of the `HttpClientError` that says so.
 *
 * @since 0.1.0
 */
export * as UndiciError from "./UndiciError.ts"
