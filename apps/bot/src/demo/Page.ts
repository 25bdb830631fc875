/**
 * One page of a list, with the way to the next one in a Link header (RFC 8288).
 */
import { Schema } from "effect"

/**
 * A page's number, from 1, and its size.
 */
export interface Query {
  readonly page: number
  readonly per_page: number
}

const Count = Schema.NumberFromString.pipe(Schema.int(), Schema.positive())

/**
 * The query parameters `page` (default 1) and `per_page` (at most 100, default `size`).
 */
export const fields = (size: number) => ({
  page: Schema.optionalWith(Count, { exact: true, default: () => 1 }),
  per_page: Schema.optionalWith(Count.pipe(Schema.lessThanOrEqualTo(100)), { exact: true, default: () => size })
})

/**
 * The rows of one page of `url`, and the headers to send with them: `Link` as long as more rows follow.
 */
export const of = <A>(options: {
  readonly rows: ReadonlyArray<A>
  readonly query: Query
  readonly url: URL
}): { readonly rows: ReadonlyArray<A>; readonly headers: Readonly<Record<string, string>> } => {
  const { query, rows, url } = options
  const end = query.page * query.per_page
  return {
    rows: rows.slice(end - query.per_page, end),
    headers: end < rows.length ? { link: `<${next(url, query)}>; rel="next"` } : {}
  }
}

const next = (url: URL, query: Query): string => {
  const target = new URL(url)
  target.searchParams.set("page", String(query.page + 1))
  target.searchParams.set("per_page", String(query.per_page))
  return target.href
}
