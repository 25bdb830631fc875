import type { Headers } from "@effect/platform"
import { Duration, Option } from "effect"
import {
  isInnerList,
  type BareItem,
  type Item,
  type Parameters,
  parseDictionary,
  parseList,
  Token
} from "structured-headers"
import type { Observation } from "../RateLimitHeaders.ts"
import { bounded, count, untilReset } from "./headerValue.ts"
import { observation } from "./observation.ts"

/**
 * `RateLimit` and its kin, by the newest draft that fits.
 *
 * @internal
 */
export const fields =
  (at: number) =>
  (headers: Headers.Headers): ReadonlyArray<Observation> => {
    const found = named(headers)
    return found.length > 0 ? found : unnamed(at)(headers)
  }

/**
 * `RateLimit` and `RateLimit-Policy` by draft-ietf-httpapi-ratelimit-headers-10: lists of named items, the first with what
 * is left (`r`) and for how long (`t`), the second with the quota (`q`), its unit (`qu`) and its window (`w`).
 */
const named = (headers: Headers.Headers): ReadonlyArray<Observation> => {
  const policies = items(headers["ratelimit-policy"]).flatMap(([value, parameters]) => {
    const [name, limit] = [nameOf(value), whole(parameters.get("q"))]
    if (name === undefined || limit === undefined) return []
    return [{ name, limit, window: window(parameters), unit: String(parameters.get("qu") ?? "requests") }]
  })
  const states = items(headers["ratelimit"]).flatMap(([value, parameters]) => {
    const [name, remaining] = [nameOf(value), whole(parameters.get("r"))]
    return name === undefined || remaining === undefined
      ? []
      : [{ name, remaining, reset: seconds(parameters.get("t")) }]
  })
  return [
    ...states.map((state) => ({ ...policies.find(({ name }) => name === state.name), ...state })),
    ...policies.filter(({ name }) => !states.some((state) => state.name === name))
  ].flatMap(({ unit = "requests", ...facts }) =>
    // The others of its registry, `content-bytes` and `concurrent-requests`, are nothing that a rate of requests can keep.
    unit === "requests" ? observation("requests")(facts) : []
  )
}

/**
 * The drafts up to 07, which many servers still speak: one limit, as `RateLimit: limit=100, remaining=50, reset=30` or as
 * `RateLimit-Limit`, `-Remaining` and `-Reset`, with the windows beside it as `RateLimit-Policy: 100;w=60` or, until
 * draft 02, in `RateLimit-Limit: 100, 100;w=60`.
 */
const unnamed =
  (at: number) =>
  (headers: Headers.Headers): ReadonlyArray<Observation> => {
    const policies = [...items(headers["ratelimit-policy"]), ...items(headers["ratelimit-limit"])].flatMap(
      ([value, parameters]) => {
        const limit = whole(value)
        const width = window(parameters)
        return limit === undefined || width === undefined ? [] : [{ limit, window: width }]
      }
    )
    const fields = dictionary(headers["ratelimit"])
    const limit = whole(fields("limit")) ?? count(headers["ratelimit-limit"])
    const remaining = whole(fields("remaining")) ?? count(headers["ratelimit-remaining"])
    const reset = seconds(fields("reset")) ?? untilReset(at)(headers["ratelimit-reset"])
    const own = policies.find((policy) => policy.limit === limit)
    return [
      ...observation("requests")({ ...own, limit, remaining, reset }),
      ...policies.filter((policy) => policy !== own).flatMap(observation("requests"))
    ]
  }

// RFC 9651, 4.2: a field that cannot be parsed as a whole is ignored as a whole.
const items = (text: string | undefined): ReadonlyArray<Item> =>
  text === undefined
    ? []
    : Option.getOrElse(parsedList(text), () => []).flatMap((item) => (isInnerList(item) ? [] : [item]))

const parsedList = Option.liftThrowable(parseList)

const parsedDictionary = Option.liftThrowable(parseDictionary)

const dictionary = (text: string | undefined): ((key: string) => unknown) => {
  const fields = Option.getOrUndefined(parsedDictionary(text ?? ""))
  return (key) => fields?.get(key)?.[0]
}

// The drafts want a string; some servers send a token.
const nameOf = (value: BareItem): string | undefined =>
  typeof value === "string" || value instanceof Token ? value.toString() : undefined

const whole = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isInteger(value) && value >= 0 ? value : undefined

const seconds = (value: unknown): Duration.Duration | undefined => {
  const number = whole(value)
  return number === undefined ? undefined : bounded(number * 1_000)
}

const window = (parameters: Parameters): Duration.Duration | undefined => {
  const width = seconds(parameters.get("w"))
  return width === undefined || Duration.isZero(width) ? undefined : width
}
