import { DateTime, Option } from "effect"

/** "YYYY-MM" or "YYYY-MM-DD" as milliseconds since 1970. @internal */
export const parse = (window: string): Option.Option<number> =>
  Option.map(DateTime.make(`${window}${window.length === 7 ? "-01" : ""}T00:00:00Z`), DateTime.toEpochMillis)

/** Where the next window starts. @internal */
export const next =
  (unit: "week" | "month") =>
  (millis: number): number =>
    unit === "week" ? millis + week : plusMonths(millis, 1)

/**
 * A handful of round dates between the first and the last window, each with its label: single weeks while there are few, then
 * months, then years.
 *
 * @internal
 */
export const ticks = ({
  first,
  last,
  unit
}: {
  readonly first: number
  readonly last: number
  readonly unit: "week" | "month"
}): ReadonlyArray<{ readonly at: number; readonly label: string }> => {
  const most = 10
  if (unit === "week" && (last - first) / week < 7) {
    const weeks = Math.round((last - first) / week)
    return Array.from({ length: weeks + 1 }, (_, index) => tick(first + index * week, 10))
  }
  const months = monthsSince0(last) - monthsSince0(first)
  const step = steps.find((step) => months / step < most) ?? 1200
  const start = Math.ceil(monthsSince0(first) / step) * step
  const all = Array.from({ length: Math.floor((monthsSince0(last) - start) / step) + 1 }, (_, index) =>
    tick(plusMonths(first, start + index * step - monthsSince0(first)), step < 12 ? 7 : 4)
  )
  return all.filter(({ at }) => at >= first)
}

const week = 7 * 24 * 60 * 60 * 1000
const steps = [1, 2, 3, 6, 12, 24, 60, 120, 240, 600]

const tick = (at: number, length: number) => ({
  at,
  label: DateTime.formatIso(DateTime.unsafeMake(at)).slice(0, length)
})

const monthsSince0 = (millis: number): number => {
  const { month, year } = DateTime.toPartsUtc(DateTime.unsafeMake(millis))
  return year * 12 + month - 1
}

// The first day of a month that lies so many months after the one of `millis`.
const plusMonths = (millis: number, months: number): number =>
  DateTime.unsafeMake(millis).pipe(DateTime.startOf("month"), DateTime.add({ months }), DateTime.toEpochMillis)
