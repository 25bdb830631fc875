/**
 * What may be asked of a rate limiter. Anything else is a mistake in the program, and a defect.
 */
import { Duration } from "effect"
import type { Cost, Rate } from "../Gcra.ts"
import type { Discovery, Limit } from "../RateLimiter.ts"

const toRate = ({ burst, limit, name, resource = "requests", window }: Limit): Rate => {
  const millis = Duration.toMillis(window)
  if (!(limit > 0) || !(millis > 0) || !Number.isFinite(limit) || !Number.isFinite(millis)) {
    throw new RangeError(`a limit needs a finite limit and window above 0, got ${limit} per ${millis} ms`)
  }
  const accrues = Math.min(Math.max(1, limit), Math.max(2, (limit / millis) * 100))
  const most = burst ?? (resource === "requests" ? accrues : Math.max(1, limit))
  if (!(most >= 1) || !Number.isFinite(most)) throw new RangeError(`a burst is finite and at least 1, got ${most}`)
  return {
    name: name ?? `${resource} per ${Duration.format(window)}`,
    resource,
    interval: millis / limit,
    burst: Math.floor(most)
  }
}

export const toRates = (limits: ReadonlyArray<Limit>): ReadonlyArray<Rate> => {
  const rates = limits.map(toRate)
  const names = new Set<string | undefined>()
  for (const { name } of rates) {
    if (names.has(name)) throw new RangeError(`two limits of a key have the name "${name}": give one of them another`)
    names.add(name)
  }
  return rates
}

export const checkCost = (cost: Cost): Cost => {
  const amounts = typeof cost === "number" ? [cost] : Object.values(cost)
  for (const amount of amounts) {
    if (!(amount >= 0) || !Number.isFinite(amount))
      throw new RangeError(`a cost is finite and at least 0, got ${amount}`)
  }
  return cost
}

export const inRange =
  (name: string) =>
  (isRight: (value: number) => boolean) =>
  (value: number): number => {
    if (!isRight(value)) throw new RangeError(`${name} is out of range, got ${value}`)
    return value
  }

export const discoveryOf = (discover: Discovery | true | undefined) => {
  if (discover === undefined) return undefined
  const { initial = 10, most = Number.POSITIVE_INFINITY } = discover === true ? {} : discover
  return {
    initial: inRange("initial")((value) => value > 0 && Number.isFinite(value))(initial),
    most: inRange("most")((value) => value > 0)(most)
  }
}

export const millisOf = (duration: Duration.DurationInput | undefined): number | undefined =>
  duration === undefined ? undefined : Duration.toMillis(duration)
