import { Duration } from "effect"

// RFC 9111, 1.2.2: what is larger counts as 2^31 seconds. The point of time that follows is then one a `Date` can hold.
/** @internal */
const longest = Duration.seconds(2 ** 31)

/** As a duration that is neither negative nor longer than `longest`. @internal */
export const bounded = (millis: number): Duration.Duration =>
  Duration.min(Duration.millis(Math.max(0, millis)), longest)

// Some servers send fractions of a second, against the RFC; they mean them.
/** @internal */
export const decimal = (text: string | undefined): number | undefined =>
  text !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : undefined

/**
 * The first number of a field, as a whole one: Reddit sends `599.0`, Docker Hub `100;w=21600`, and a field that came twice
 * is joined by a comma. One of more than 53 bits is no count of anything.
 *
 * @internal
 */
export const count = (text: string | undefined): number | undefined => {
  const number = text === undefined ? undefined : decimal(first(text))
  return number === undefined || number > Number.MAX_SAFE_INTEGER ? undefined : Math.floor(number)
}

/**
 * The time from `at` (milliseconds since the epoch) to a reset: seconds, seconds or milliseconds since the epoch,
 * RFC 3339, or a duration as Go prints it. Zero if it is past.
 *
 * @internal
 */
export const untilReset =
  (at: number) =>
  (text: string | undefined): Duration.Duration | undefined => {
    if (text === undefined) return undefined
    const number = decimal(first(text))
    if (number === undefined) {
      const instant = rfc3339(text)
      const millis = instant === undefined ? goDuration(text) : instant - at
      return millis === undefined ? undefined : bounded(millis)
    }
    // As seconds, 10^11 is in the year 5138; as milliseconds in 1973.
    if (number >= 1e11) return bounded(number - at)
    // Nobody resets in 30 years.
    return bounded(number >= 1e9 ? number * 1_000 - at : number * 1_000)
  }

/** The same to seconds since the epoch, however few. @internal */
export const untilEpoch =
  (at: number) =>
  (text: string | undefined): Duration.Duration | undefined => {
    const number = decimal(text)
    return number === undefined ? undefined : bounded(number * 1_000 - at)
  }

// The three forms of RFC 9110, 5.6.7: IMF-fixdate, RFC 850 and asctime. `Date.parse` reads all of them, and much else.
const forms = [
  /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/
]
const asctime = /^[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/

/** Milliseconds since the epoch. @internal */
export const httpDate = (text: string | undefined): number | undefined => {
  const trimmed = text?.trim() ?? ""
  // asctime names no zone and means UTC.
  const zoned = asctime.test(trimmed) ? `${trimmed} GMT` : trimmed
  return zoned === trimmed && !forms.some((form) => form.test(trimmed)) ? undefined : parsed(zoned)
}

const first = (text: string): string => text.replace(/[;,].*$/s, "")

const rfc3339 = (text: string): number | undefined => {
  const upper = text.trim().toUpperCase()
  return /^\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[-+]\d\d:\d\d)$/.test(upper)
    ? parsed(upper.replace(" ", "T"))
    : undefined
}

const parsed = (date: string): number | undefined => {
  const millis = Date.parse(date)
  return Number.isNaN(millis) ? undefined : millis
}

/** The units of Go's `time.ParseDuration`, in milliseconds. */
const units: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 1e-3,
  µs: 1e-3, // U+00B5
  μs: 1e-3, // U+03BC
  ns: 1e-6
}
const part = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|μs|ns)/g
const duration = new RegExp(`^(${part.source})+$`)

const goDuration = (text: string): number | undefined => {
  const trimmed = text.trim()
  if (!duration.test(trimmed)) return undefined
  return Array.from(trimmed.matchAll(part)).reduce(
    (millis, [, number, unit]) => millis + Number(number) * (units[unit ?? ""] ?? 0),
    0
  )
}
