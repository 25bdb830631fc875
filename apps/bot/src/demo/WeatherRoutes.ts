/**
 * `GET /v1/daily/{city}?date=YYYY-MM-DD[&to=YYYY-MM-DD][&page=N][&per_page=N]`: what a city's station noted on a day,
 * or from one day to another.
 */
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "@effect/platform"
import { Effect, type ParseResult, Schema } from "effect"
import { IsoDate, type WeatherRow } from "./DemoData.ts"
import * as Page from "./Page.ts"
import * as Problem from "./Problem.ts"

const Query = Schema.Struct({
  city: Schema.String,
  date: IsoDate,
  to: Schema.optionalWith(IsoDate, { exact: true }),
  ...Page.fields(31)
}).pipe(
  Schema.filter(({ date, to }) =>
    to === undefined || date <= to ? undefined : { path: ["to"], message: `expected a day not before ${date}` }
  )
)

/**
 * Routes over `rows`, without the `missing` row and with a maximum temperature that is no number in the `malformed`
 * one. `origin` is where they are served. A single day that is not there is a 404, a range of such days an empty list.
 */
export const make = (options: {
  readonly rows: ReadonlyArray<WeatherRow>
  readonly missing: WeatherRow | undefined
  readonly malformed: WeatherRow | undefined
  readonly origin: string
}): HttpRouter.HttpRouter<ParseResult.ParseError> => {
  const kept = options.rows.filter((row) => row !== options.missing)

  const daily = Effect.gen(function* () {
    const request = yield* HttpServerRequest.HttpServerRequest
    const query = yield* HttpRouter.schemaParams(Query)
    const { city, date, to = date } = query
    const station = kept.filter((row) => row.city === city)
    if (station.length === 0) {
      return Problem.respond({ status: 404, detail: `There is no station in "${city}".` })
    }
    const days = station.filter((row) => row.date >= date && row.date <= to)
    if (days.length === 0 && query.to === undefined) {
      return Problem.respond({ status: 404, detail: `The station in ${city} has no record of ${date}.` })
    }
    const page = Page.of({ rows: days, query, url: new URL(request.originalUrl, options.origin) })
    return HttpServerResponse.unsafeJson(
      { city, days: page.rows.map((row) => (row === options.malformed ? { ...day(row), temp_max: "n/a" } : day(row))) },
      { headers: page.headers }
    )
  })

  return HttpRouter.empty.pipe(HttpRouter.get("/v1/daily/:city", daily))
}

const day = ({ date, precipitation, temp_max, temp_min, weather, wind }: WeatherRow) => ({
  date,
  temp_max,
  temp_min,
  precipitation,
  wind,
  weather
})
