/**
 * `GET /v1/prices/{symbol}?year=YYYY[&page=N][&per_page=N]`: a stock's month-end prices in a year, six a page unless
 * asked otherwise.
 */
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect, type ParseResult, Schema } from "effect"
import type { StockRow } from "./DemoData.ts"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"

const Query = Schema.Struct({
  symbol: Schema.String,
  year: Schema.String.pipe(Schema.pattern(/^\d{4}$/, { message: () => "expected a year as YYYY" })),
  ...Page.fields(6)
})

/**
 * Routes over `rows`; `origin` is where they are served. A year in which the stock was not listed is an empty list.
 */
export const make = (options: {
  readonly rows: ReadonlyArray<StockRow>
  readonly origin: string
}): HttpRouter.HttpRouter<ParseResult.ParseError> => {
  const prices = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const query = yield* HttpRouter.schemaParams(Query)
    const { symbol, year } = query
    const stock = options.rows.filter((row) => row.symbol === symbol)
    if (stock.length === 0) {
      return Problem.respond({ status: 404, detail: `There is no stock "${symbol}".` })
    }
    const months = stock.filter((row) => row.date.startsWith(year))
    const page = Page.of({ rows: months, query, url: new URL(request.originalUrl, options.origin) })
    return HttpServerResponse.unsafeJson(
      { symbol, prices: page.rows.map(({ date, price }) => ({ date, price })) },
      { headers: page.headers }
    )
  })

  return HttpRouter.empty.pipe(HttpRouter.get("/v1/prices/:symbol", prices))
}
