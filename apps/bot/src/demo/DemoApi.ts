/**
 * The unreliable API that the demo collects from: real weather and stock prices on two loopback ports, each with a rate
 * limit of its own; now and then a 503; one day that is missing and one record that is malformed.
 */
import type { HttpServerError } from "@effect/platform"
import { Effect, type Scope } from "effect"
import type { DemoData } from "./DemoData.ts"
import * as DemoFaults from "./DemoFaults.ts"
import * as FlakyServer from "./FlakyServer.ts"
import * as StocksRoutes from "./StocksRoutes.ts"
import * as WeatherRoutes from "./WeatherRoutes.ts"

/**
 * - `port`: where to serve. Defaults to 0, any free port.
 * - `rate`: requests a second. Defaults to 7 for the weather and 12 for the stocks.
 * - `burst`: requests that may come at once after a pause. Defaults to 10.
 */
export interface HostOptions {
  readonly port?: number
  readonly rate?: number
  readonly burst?: number
}

/**
 * - `data`: what is served; the cities' days from 2015-01-01 to 2015-01-28 are those of which one is lost and one spoilt.
 * - `seed`: decides every fault. Defaults to 1.
 * - `outage`: the share of attempts that get a 503, from 0 to 1. Defaults to 0.03.
 * - `latency`: the least and the most time an answer takes. Defaults to 20 and 80 milliseconds.
 * - `weather`, `stocks`: port and rate limit of the two hosts.
 */
export interface Options {
  readonly data: DemoData
  readonly seed?: number
  readonly outage?: number
  readonly latency?: DemoFaults.Options["latency"]
  readonly weather?: HostOptions
  readonly stocks?: HostOptions
}

/**
 * The two hosts while they serve.
 */
export interface DemoApi {
  readonly weather: FlakyServer.FlakyServer
  readonly stocks: FlakyServer.FlakyServer
}

/**
 * Serves both hosts until the scope closes. Fails with a `ServeError` when a given port is taken.
 */
export const make = (options: Options): Effect.Effect<DemoApi, HttpServerError.ServeError, Scope.Scope> =>
  Effect.gen(function* () {
    const { data, latency = { min: "20 millis", max: "80 millis" }, outage = 0.03, seed = 1 } = options
    const faults = { seed, outage, latency }
    const demoed = data.weather.filter(({ date }) => date >= "2015-01-01" && date <= "2015-01-28")
    const { malformed, missing } = yield* DemoFaults.victims({ seed, records: demoed })

    const weather = yield* FlakyServer.make({
      port: options.weather?.port ?? 0,
      limit: { rate: options.weather?.rate ?? 7, burst: options.weather?.burst ?? 10 },
      faults,
      routes: (origin) => WeatherRoutes.make({ rows: data.weather, missing, malformed, origin })
    })
    const stocks = yield* FlakyServer.make({
      port: options.stocks?.port ?? 0,
      limit: { rate: options.stocks?.rate ?? 12, burst: options.stocks?.burst ?? 10 },
      faults,
      routes: (origin) => StocksRoutes.make({ rows: data.stocks, origin })
    })
    return { weather, stocks }
  })
