/**
 * The real records that the demo API serves, read from two CSV files.
 */
import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { DateTime, Effect, Option, type ParseResult, Schema } from "effect"

/**
 * A calendar day that exists, written "YYYY-MM-DD".
 */
export const IsoDate = Schema.String.pipe(
  Schema.filter((text) => Option.exists(DateTime.make(text), (day) => DateTime.formatIsoDateUtc(day) === text), {
    message: () => "expected a day as YYYY-MM-DD"
  })
)

const WeatherRow = Schema.Struct({
  city: Schema.propertySignature(Schema.String).pipe(Schema.fromKey("location")),
  date: IsoDate,
  temp_max: Schema.NumberFromString,
  temp_min: Schema.NumberFromString,
  precipitation: Schema.NumberFromString,
  wind: Schema.NumberFromString,
  weather: Schema.String
})

const StockRow = Schema.Struct({ symbol: Schema.String, date: IsoDate, price: Schema.NumberFromString })

/**
 * What one city's station noted on one day: degrees Celsius, millimetres of precipitation, wind in metres a second.
 */
export type WeatherRow = typeof WeatherRow.Type

/**
 * The closing price in US dollars of one stock in one month; `date` is the month's first day.
 */
export type StockRow = typeof StockRow.Type

/**
 * All rows, in the order of the files: by city or symbol, then by date.
 */
export interface DemoData {
  readonly weather: ReadonlyArray<WeatherRow>
  readonly stocks: ReadonlyArray<StockRow>
}

const decodeWeather = Schema.decodeUnknown(Schema.Array(WeatherRow))
const decodeStocks = Schema.decodeUnknown(Schema.Array(StockRow))

/**
 * Reads `weather.csv` and `stocks.csv` from `folder`. Fails with a `PlatformError` when a file cannot be read and with
 * a `ParseError` that names the row when a cell is not what it should be.
 */
export const read = (
  folder: string
): Effect.Effect<DemoData, PlatformError | ParseResult.ParseError, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const files = yield* FileSystem.FileSystem
    const weather = yield* files.readFileString(`${folder}/weather.csv`)
    const stocks = yield* files.readFileString(`${folder}/stocks.csv`)
    return {
      weather: yield* decodeWeather(table(weather)),
      stocks: yield* decodeStocks(table(stocks).map((row) => ({ ...row, date: isoDate(row["date"]) })))
    }
  })

// No cell of these files is quoted or holds a comma.
const table = (csv: string): ReadonlyArray<Readonly<Record<string, string | undefined>>> => {
  const [names = [], ...rows] = csv
    .trim()
    .split(/\r?\n/)
    .map((line) => line.split(","))
  return rows.map((cells) => Object.fromEntries(names.map((name, index) => [name, cells[index]])))
}

const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

/** "Jan 1 2000" as "2000-01-01"; by hand, because a date parser would read it in the machine's time zone. */
const isoDate = (text = ""): string => {
  const [month = "", day = "", year = ""] = text.split(" ")
  return [year, String(months.indexOf(month) + 1).padStart(2, "0"), day.padStart(2, "0")].join("-")
}
