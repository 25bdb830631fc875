import { Iterable, Option } from "effect"
import type * as Fetcher from "../Fetcher.ts"

/** A total as servers tell it; infinite where they do not. @internal */
export const totalOf = (told: number | null | undefined): number =>
  told !== null && told !== undefined && Number.isFinite(told) ? told : Infinity

/**
 * Where a page leads that is found by counting. `end` is the first cursor that is too far, `count` how many items came.
 *
 * @internal
 */
export const nextCount = (page: {
  readonly cursor: number
  readonly step: number
  readonly end: number
  readonly count: number
  readonly fetched: Fetcher.Fetched
  readonly previous: Fetcher.Fetched | undefined
}): number | undefined => {
  const next = page.cursor + page.step
  if (page.end !== Infinity) return next < page.end ? next : undefined
  if (page.count === 0) return undefined
  // A page that stands still leads to itself, which is a loop.
  return page.previous !== undefined && isSame(page.previous.body, page.fetched.body) ? page.cursor : next
}

/** All cursors from one on; none where it is not known how many. @internal */
export const countUp = ({
  end,
  from,
  step
}: {
  readonly from: number
  readonly step: number
  readonly end: number
}): Iterable<number> =>
  end === Infinity
    ? []
    : Iterable.unfold(from, (cursor) => (cursor < end ? Option.some([cursor, cursor + step]) : Option.none()))

const isSame = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && one.every((byte, index) => byte === other[index])
