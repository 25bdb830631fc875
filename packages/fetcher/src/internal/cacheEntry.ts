import CachePolicy from "http-cache-semantics"
import { Schema } from "effect"

/** A stored response without its body. Nothing of its request is in it. @internal */
export class Entry extends Schema.Class<Entry>("@tributary/fetcher/CacheEntry")({
  status: Schema.Int,
  headers: Schema.Record({ key: Schema.String, value: Schema.String }),
  /** Names of request headers that chose it, in lower case. */
  vary: Schema.Array(Schema.String),
  /** When it had the age that its headers tell, in milliseconds since 1970. */
  since: Schema.Number
}) {}

/** What a response is to a cache. */
interface Received {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
}

/** @internal */
export interface Arrival {
  readonly response: Received
  /** When the request was sent, in milliseconds since 1970. */
  readonly sentAt: number
  /** When the response came. */
  readonly receivedAt: number
  /** Whether the header of a name is a secret, and not to be stored. */
  readonly isSecret: IsSecret
}

// RFC 9111, 3.1, and RFC 9110, 7.6.1.
const notStored = new Set([
  "connection",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authentication-info",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
  "set-cookie",
  "set-cookie2"
])

// RFC 9111, 3.2: they tell of the body that came, and a 304 has none.
const notUpdated = new Set(["content-length", "content-encoding", "content-type", "content-range"])

/** @internal */
export type IsSecret = (name: string) => boolean

const storedHeaders = ({ isSecret, response: { headers } }: Arrival): Record<string, string> => {
  const ofConnection = new Set(listOf(headers["connection"]))
  return Object.fromEntries(
    Object.entries(headers).filter(([name]) => !notStored.has(name) && !ofConnection.has(name) && !isSecret(name))
  )
}

const listOf = (value = ""): ReadonlyArray<string> =>
  value
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "")

/**
 * RFC 9111, 4.2.3: the age is the larger one of what the caches on the way say plus the time on the way, and what the server's
 * `Date` says.
 */
const sinceOf = ({ receivedAt, response: { headers }, sentAt }: Arrival): number => {
  const age = Number.parseInt(headers["age"] ?? "", 10)
  const date = Date.parse(headers["date"] ?? "")
  return Math.min(sentAt, Number.isNaN(date) ? receivedAt : date + Math.max(0, Number.isNaN(age) ? 0 : age) * 1_000)
}

/** The entry that a response to a GET makes. @internal */
export const entryOf = (arrival: Arrival): Entry =>
  new Entry({
    status: arrival.response.status,
    headers: storedHeaders(arrival),
    vary: listOf(arrival.response.headers["vary"]),
    since: sinceOf(arrival)
  })

/** What a 304 makes of an entry. RFC 9111, 3.2 and 4.3.4. @internal */
export const freshened =
  (arrival: Arrival) =>
  (entry: Entry): Entry => {
    const { age: _, ...kept } = entry.headers
    const updates = Object.entries(storedHeaders(arrival)).filter(([name]) => !notUpdated.has(name))
    return new Entry({ ...entry, headers: { ...kept, ...Object.fromEntries(updates) }, since: sinceOf(arrival) })
  }

/** Whether a 304 speaks of this entry. RFC 9111, 4.3.4. @internal */
export const isConfirmedBy =
  ({ headers }: Received) =>
  (entry: Entry): boolean => {
    const etag = headers["etag"]
    return etag === undefined || etag.replace(/^W\//, "") === entry.headers["etag"]?.replace(/^W\//, "")
  }

const validatorNames = { etag: "if-none-match", "last-modified": "if-modified-since" } as const

/** The headers that ask whether the entry still holds; undefined if that cannot be asked. @internal */
export const conditionsOf = ({ headers }: Entry): Readonly<Record<string, string>> | undefined => {
  const conditions: Record<string, string> = {}
  for (const [validator, condition] of Object.entries(validatorNames)) {
    const value = headers[validator]
    if (value !== undefined) conditions[condition] = value
  }
  return Object.keys(conditions).length === 0 ? undefined : conditions
}

/** How a stored response may be used. */
interface Verdict {
  /**
   * - `use`: as it is
   * - `use-and-revalidate`: as it is, and the server is asked beside (RFC 5861, 3)
   * - `revalidate`: only if the server says that it holds
   */
  readonly use: "use" | "use-and-revalidate" | "revalidate"
  readonly isStale: boolean
  /** Whether it may be used if the server fails (RFC 5861, 4). */
  readonly mayOutliveErrors: boolean
  /** Seconds. */
  readonly age: number
}

// The age at which nobody asks any more is for the server to say: no heuristics (RFC 9111, 4.2.2, allows them).
const options = { shared: false, cacheHeuristic: 0, immutableMinTimeToLive: 0 }

/**
 * http-cache-semantics knows directives only in lower case, and takes the time from the system's clock. What `Vary` says has been
 * looked at before.
 */
const policyOf = (entry: Entry, now: number) => {
  const { "cache-control": cacheControl, expires, vary: _, ...rest } = entry.headers
  const headers = {
    ...rest,
    ...(cacheControl === undefined ? {} : { "cache-control": cacheControl.toLowerCase() }),
    // RFC 9111, 5.3: what is no date, above all "0", is past. JavaScript takes "0" for the year 2000.
    ...(expires === undefined ? {} : { expires: /^[a-z]{3}.* gmt$/i.test(expires) ? expires : "invalid" })
  }
  const facts = {
    ...new CachePolicy({ method: "GET", url: "", headers: {} }, { status: entry.status, headers }, options).toObject(),
    t: entry.since
  }
  return (directives: Readonly<Record<string, string>> = facts.rescc) =>
    Object.assign(CachePolicy.fromObject({ ...facts, rescc: directives }), { now: () => now })
}

/** Whether an entry may be stored, and there is any use in it. RFC 9111, 3. @internal */
export const isWorthStoring =
  (now: number) =>
  (entry: Entry): boolean => {
    const policy = policyOf(entry, now)()
    return (
      !entry.vary.includes("*") && policy.storable() && (policy.timeToLive() > 0 || conditionsOf(entry) !== undefined)
    )
  }

/** RFC 9111, 4, for a request with these headers. @internal */
export const judge =
  ({ headers: requestHeaders, now }: { readonly headers: Readonly<Record<string, string>>; readonly now: number }) =>
  (entry: Entry): Verdict => {
    const make = policyOf(entry, now)
    const policy = make()
    const { rescc } = policy.toObject()
    const isStale = policy.stale()
    // RFC 9111, 5.2.2.2 and 5.2.2.4: what is stale may then not be used, whatever else allows it. http-cache-semantics asks again
    // for what is fresh too with the one, and forgets it with the other.
    const { "must-revalidate": mustRevalidate, ...others } = rescc
    const isStrict = mustRevalidate !== undefined || rescc["no-cache"] !== undefined
    const adjusted = make(isStale && isStrict ? { ...others, "must-revalidate": "true" } : others)
    const { pragma = "", "cache-control": asked } = requestHeaders
    const { response, revalidation } = adjusted.evaluateRequest({
      method: "GET",
      url: "",
      // RFC 9111, 5.4: Pragma counts only where there is no Cache-Control.
      headers: asked === undefined ? { pragma } : { "cache-control": asked.toLowerCase() }
    })
    const outlives = Number.parseInt(rescc["stale-if-error"] ?? "", 10)
    const age = policy.age()
    return {
      use: response === undefined ? "revalidate" : revalidation === undefined ? "use" : "use-and-revalidate",
      isStale,
      mayOutliveErrors: !isStrict && policy.maxAge() + (Number.isNaN(outlives) ? 0 : outlives) > age,
      age: Math.max(0, Math.floor(age))
    }
  }

/** Whether a header like `Cache-Control` has this directive. @internal */
export const hasDirective =
  (directive: string) =>
  (value: string | undefined): boolean =>
    listOf(value).some((one) => one === directive || one.startsWith(`${directive}=`))
