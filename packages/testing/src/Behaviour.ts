/**
 * A server's behaviour as a plain value: an answer, or other behaviours put together.
 *
 * What is drawn by lot depends on the seed, the method, the URL and how often that URL was asked for: never on time, and
 * never on what else is asked for.
 *
 * @since 0.1.0
 */
import { Duration, type Pipeable } from "effect"
import { dual } from "effect/Function"
import { type Answer, type Request, redirect, status } from "./Answer.ts"
import { node } from "./internal/node.ts"
import type { Latency } from "./Latency.ts"
import type { RateLimitDialect } from "./RateLimitDialect.ts"

/**
 * How a server behaves. A plain value: it can be printed, piped, and served as often as one likes, each time from its
 * start.
 *
 * @since 0.1.0
 * @category models
 */
export type Behaviour =
  | Answer
  | Node<"Handle", { readonly answer: (request: Request) => Answer }>
  | Node<"Script", { readonly steps: ReadonlyArray<Behaviour> }>
  | Node<"Routes", { readonly routes: Readonly<Record<string, Behaviour>> }>
  | Node<"Sometimes", { readonly self: Behaviour; readonly share: number; readonly instead: Behaviour }>
  | Node<
      "Outage",
      {
        readonly self: Behaviour
        readonly from: Duration.Duration
        readonly until: Duration.Duration
        readonly as: Behaviour
      }
    >
  | Node<"Limited", { readonly self: Behaviour; readonly limit: Limit }>
  | Node<"Delayed", { readonly self: Behaviour; readonly latency: Latency }>
  | Node<"Changed", { readonly self: Behaviour; readonly change: Change }>
  | Node<"Seeded", { readonly self: Behaviour; readonly seed: number | string }>

/**
 * A part of a behaviour, with other parts in it.
 *
 * @since 0.1.0
 * @category models
 */
export type Node<Tag extends string, Fields> = { readonly _tag: Tag } & Fields & Pipeable.Pipeable

/**
 * What is done to an answer on its way.
 *
 * @since 0.1.0
 * @category models
 */
export type Change =
  | { readonly type: "truncated" }
  | { readonly type: "malformed" }
  | { readonly type: "resetMidBody" }
  | { readonly type: "stallMidBody" }
  | { readonly type: "lengthOffBy"; readonly bytes: number }
  | { readonly type: "drip"; readonly bytes: number; readonly every: Duration.Duration }

/**
 * A token bucket: it starts full with `burst` tokens, gains `limit` of them per `window`, and each request that is let in
 * takes one. In any window of length `w` at most `limit / window * w + burst` requests are let in.
 *
 * @since 0.1.0
 * @category models
 */
export interface Limit {
  /** Requests per window, above 0. */
  readonly limit: number
  readonly window: Duration.DurationInput
  /** Tokens in the full bucket, a whole number from 1. Defaults to `limit`, rounded down, but at least 1. */
  readonly burst?: number | undefined
  /** How every answer announces what is left. Defaults to not at all. */
  readonly dialect?: RateLimitDialect | undefined
  /** How a 429 says when to come back. Defaults to `seconds`. */
  readonly retryAfter?: "seconds" | "date" | "none" | undefined
}

const demand = (holds: boolean, rule: string, got: unknown): void => {
  if (!holds) throw new RangeError(`${rule}, got ${String(got)}`)
}

/**
 * An answer made of the request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const handle = (answer: (request: Request) => Answer): Behaviour => node({ _tag: "Handle" as const, answer })

/**
 * The first attempt at a URL (of the same method) gets the first step, the second the second; from then on the last one
 * stays. An attempt is what gets here: one that a `limited` outside turned away is none. Throws a `RangeError` when there
 * is no step.
 *
 * @since 0.1.0
 * @category constructors
 */
export const script = (steps: ReadonlyArray<Behaviour>): Behaviour => {
  demand(steps.length > 0, "a script has at least one step", "none")
  return node({ _tag: "Script" as const, steps })
}

/**
 * A behaviour for each path: `"/users"`, or with a method `"POST /users"`; `*` stands for any characters. The first that
 * fits is taken, the query is not looked at, and where none fits it is a 404. Throws a `RangeError` for a route that is
 * not written so.
 *
 * @since 0.1.0
 * @category constructors
 */
export const routes = (routes: Readonly<Record<string, Behaviour>>): Behaviour => {
  for (const route of Object.keys(routes)) {
    demand(/^([A-Z]+ )?[/*]\S*$/.test(route), 'a route is a path such as "/users/*" or "GET /users"', route)
  }
  return node({ _tag: "Routes" as const, routes })
}

/**
 * A redirect (302) to where the request came from, for ever.
 *
 * @since 0.1.0
 * @category constructors
 */
export const redirectLoop: Behaviour = handle(({ url }) => redirect(url))

/**
 * A share of the attempts, from 0 to 1, meets another behaviour instead. Throws a `RangeError` for another share.
 *
 * @since 0.1.0
 * @category combinators
 */
export const sometimes: {
  (share: number, instead: Behaviour): (self: Behaviour) => Behaviour
  (self: Behaviour, share: number, instead: Behaviour): Behaviour
} = dual(3, (self: Behaviour, share: number, instead: Behaviour): Behaviour => {
  demand(share >= 0 && share <= 1, "a share is from 0 to 1", share)
  return node({ _tag: "Sometimes" as const, self, share, instead })
})

/**
 * Whatever comes in the time from `from` until `until`, counted from the server's start, meets `as` instead: a 503 by
 * default.
 *
 * @since 0.1.0
 * @category combinators
 */
export const outage: {
  (options: OutageOptions): (self: Behaviour) => Behaviour
  (self: Behaviour, options: OutageOptions): Behaviour
} = dual(2, (self: Behaviour, { as = status(503), from, until }: OutageOptions): Behaviour =>
  node({ _tag: "Outage" as const, self, from: Duration.decode(from), until: Duration.decode(until), as })
)

/**
 * When an outage is, counted from the server's start, and what it looks like.
 *
 * @since 0.1.0
 * @category models
 */
export interface OutageOptions {
  readonly from: Duration.DurationInput
  readonly until: Duration.DurationInput
  /** Defaults to `status(503)`. */
  readonly as?: Behaviour | undefined
}

/**
 * Enforces a rate limit over all requests together. One too many gets a 429 at once, and goes no further: what is inside
 * does not count it as an attempt. Throws a `RangeError` for a limit that is not as `Limit` says.
 *
 * @since 0.1.0
 * @category combinators
 */
export const limited: {
  (limit: Limit): (self: Behaviour) => Behaviour
  (self: Behaviour, limit: Limit): Behaviour
} = dual(2, (self: Behaviour, limit: Limit): Behaviour => {
  const window = Duration.toMillis(limit.window)
  demand(limit.limit > 0 && Number.isFinite(limit.limit), "a limit is finite and above 0", limit.limit)
  demand(window > 0 && Number.isFinite(window), "a window is finite and above 0 ms", window)
  const { burst = 1 } = limit
  demand(Number.isInteger(burst) && burst >= 1, "a burst is a whole number from 1", burst)
  return node({ _tag: "Limited" as const, self, limit })
})

/**
 * Every answer, and every failure to answer, comes later by a time drawn from `latency`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const latency: {
  (latency: Latency): (self: Behaviour) => Behaviour
  (self: Behaviour, latency: Latency): Behaviour
} = dual(2, (self: Behaviour, latency: Latency): Behaviour => node({ _tag: "Delayed" as const, self, latency }))

/**
 * Another seed for all that is drawn by lot inside. The seed is 0 where none is set.
 *
 * @since 0.1.0
 * @category combinators
 */
export const seeded: {
  (seed: number | string): (self: Behaviour) => Behaviour
  (self: Behaviour, seed: number | string): Behaviour
} = dual(2, (self: Behaviour, seed: number | string): Behaviour => node({ _tag: "Seeded" as const, self, seed }))

const changed =
  (change: Change) =>
  (self: Behaviour): Behaviour =>
    node({ _tag: "Changed" as const, self, change })

/**
 * The body is cut in half, and its `content-length` says so: HTTP is content, but half a JSON object is none.
 *
 * @since 0.1.0
 * @category combinators
 */
export const truncated: (self: Behaviour) => Behaviour = changed({ type: "truncated" })

/**
 * The body gets a `}` too many at its end, which no JSON can have.
 *
 * @since 0.1.0
 * @category combinators
 */
export const malformed: (self: Behaviour) => Behaviour = changed({ type: "malformed" })

/**
 * The connection is reset after half of the body: ECONNRESET.
 *
 * @since 0.1.0
 * @category combinators
 */
export const resetMidBody: (self: Behaviour) => Behaviour = changed({ type: "resetMidBody" })

/**
 * Half of the body comes, the other half never does, and the connection stays open.
 *
 * @since 0.1.0
 * @category combinators
 */
export const stallMidBody: (self: Behaviour) => Behaviour = changed({ type: "stallMidBody" })

/**
 * `content-length` is wrong. With a positive number it promises so many bytes more than come before the server ends the
 * connection; with a negative one so many come that a client does not ask for. Throws a `RangeError` unless it is a
 * whole number.
 *
 * @since 0.1.0
 * @category combinators
 */
export const lengthOffBy = (bytes: number): ((self: Behaviour) => Behaviour) => {
  demand(Number.isInteger(bytes), "a length is off by a whole number", bytes)
  return changed({ type: "lengthOffBy", bytes })
}

/**
 * The body comes in pieces of so many bytes (at least 1), with a pause before each. Throws a `RangeError` for fewer.
 *
 * @since 0.1.0
 * @category combinators
 */
export const drip = (options: {
  readonly bytes: number
  readonly every: Duration.DurationInput
}): ((self: Behaviour) => Behaviour) => {
  demand(Number.isInteger(options.bytes) && options.bytes >= 1, "a piece has at least 1 byte", options.bytes)
  return changed({ type: "drip", bytes: options.bytes, every: Duration.decode(options.every) })
}
