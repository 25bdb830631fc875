import type { Headers } from "@effect/platform"
import { Duration } from "effect"
import { type Answer, type Fault, type Request, status } from "../Answer.ts"
import type { Behaviour, Change } from "../Behaviour.ts"
import * as Latency from "../Latency.ts"
import * as RateLimitDialect from "../RateLimitDialect.ts"
import { chance } from "./chance.ts"
import { type Sent, send } from "./sending.ts"
import { tokenBucket } from "./tokenBucket.ts"

/** A request that has come in. @internal */
export interface Arrival {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: Headers.Headers
  readonly body: string
  /** Milliseconds since the server's start, on the monotonic clock. */
  readonly since: number
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** What becomes of a request: nothing for `delay` milliseconds, and then that. @internal */
export interface Fate {
  readonly delay: number
  readonly outcome: Sent | Fault
}

/** What an inner behaviour says, before it is bound to bytes. */
interface Verdict {
  readonly delay: number
  readonly answer: Answer
  /** Of limits on the way; the answer's own come before them. */
  readonly headers: Readonly<Record<string, string>>
  readonly changes: ReadonlyArray<Change>
}

/**
 * A running behaviour. `height` is how far it stands above the innermost one, and tells the draws of nested behaviours
 * apart; counted from inside, it stays the same when something is put around.
 */
interface Running {
  readonly height: number
  readonly judge: (arrival: Arrival) => Verdict
}

/** Starts a behaviour, with full buckets and no attempts. What it gives has a state of its own. @internal */
export const start = (behaviour: Behaviour): ((arrival: Arrival) => Fate) => {
  const { judge } = run(behaviour, "0")
  return (arrival) => {
    const { answer, changes, delay, headers } = judge(arrival)
    const { method, now } = arrival
    return { delay, outcome: answer._tag === "Fault" ? answer : send({ changes, headers, method, now })(answer) }
  }
}

const run = (behaviour: Behaviour, seed: string): Running => {
  switch (behaviour._tag) {
    case "Response":
    case "Fault":
      return leaf(() => behaviour)
    case "Handle":
      return leaf((arrival) => behaviour.answer(toRequest(arrival)))
    case "Seeded":
      return run(behaviour.self, String(behaviour.seed))
    case "Script": {
      const steps = behaviour.steps.map((step) => run(step, seed))
      const attempt = counter()
      return above(steps, (_, arrival) => {
        const step = steps[Math.min(attempt(arrival), steps.length) - 1]
        return step === undefined ? notFound : step.judge(arrival)
      })
    }
    case "Routes": {
      const routes = Object.entries(behaviour.routes).map(([route, inner]) => ({
        fits: matcher(route),
        inner: run(inner, seed)
      }))
      return above(
        routes.map(({ inner }) => inner),
        (_, arrival) => routes.find(({ fits }) => fits(arrival))?.inner.judge(arrival) ?? notFound
      )
    }
    case "Sometimes": {
      const self = run(behaviour.self, seed)
      const instead = run(behaviour.instead, seed)
      const attempt = counter()
      return above([self, instead], (height, arrival) => {
        const drawn = draw(seed, height, arrival, attempt(arrival))
        return (drawn < behaviour.share ? instead : self).judge(arrival)
      })
    }
    case "Outage": {
      const self = run(behaviour.self, seed)
      const instead = run(behaviour.as, seed)
      const from = Duration.toMillis(behaviour.from)
      const until = Duration.toMillis(behaviour.until)
      return above([self, instead], (_, arrival) =>
        (arrival.since >= from && arrival.since < until ? instead : self).judge(arrival)
      )
    }
    case "Delayed": {
      const self = run(behaviour.self, seed)
      const sample = Latency.sample(behaviour.latency)
      const attempt = counter()
      return above([self], (height, arrival) => {
        const n = attempt(arrival)
        const verdict = self.judge(arrival)
        const delay = sample(draw(seed, height, arrival, n), draw(`${seed} 2`, height, arrival, n))
        return { ...verdict, delay: verdict.delay + delay }
      })
    }
    case "Limited": {
      const self = run(behaviour.self, seed)
      const { dialect, limit, retryAfter = "seconds" } = behaviour.limit
      const window = Duration.toMillis(behaviour.limit.window)
      const burst = behaviour.limit.burst ?? Math.max(1, Math.floor(limit))
      const take = tokenBucket({ interval: window / limit, burst })
      return above([self], (_, arrival) => {
        const { admitted, full, remaining, wait } = take(arrival.since)
        const quota = { limit, window, remaining, wait, reset: full, now: arrival.now }
        const headers = {
          ...(dialect === undefined ? {} : RateLimitDialect.headers(dialect)(quota)),
          ...(admitted || retryAfter === "none"
            ? {}
            : { "retry-after": RateLimitDialect.retryAfter(retryAfter)(quota) })
        }
        const inner = admitted ? self.judge(arrival) : tooMany
        return { ...inner, headers: { ...headers, ...inner.headers } }
      })
    }
    case "Changed": {
      const self = run(behaviour.self, seed)
      return above([self], (_, arrival) => {
        const verdict = self.judge(arrival)
        return { ...verdict, changes: [...verdict.changes, behaviour.change] }
      })
    }
  }
}

const verdict = (answer: Answer): Verdict => ({ delay: 0, answer, headers: {}, changes: [] })

const notFound = verdict(status(404))

const tooMany = verdict(status(429))

const leaf = (answer: (arrival: Arrival) => Answer): Running => ({
  height: 0,
  judge: (arrival) => verdict(answer(arrival))
})

const above = (inner: ReadonlyArray<Running>, judge: (height: number, arrival: Arrival) => Verdict): Running => {
  const height = 1 + Math.max(0, ...inner.map(({ height }) => height))
  return { height, judge: (arrival) => judge(height, arrival) }
}

/** How often a method and URL have come by, this time included. */
const counter = (): ((arrival: Arrival) => number) => {
  const counts = new Map<string, number>()
  return ({ method, url }) => {
    const key = `${method} ${url}`
    const count = (counts.get(key) ?? 0) + 1
    counts.set(key, count)
    return count
  }
}

const draw = (seed: string, height: number, { method, url }: Arrival, attempt: number): number =>
  chance(`${seed}\n${height}\n${method} ${url}\n${attempt}`)

const matcher = (route: string): ((arrival: Arrival) => boolean) => {
  const [, method, path = ""] = /^(?:([A-Z]+) )?(.*)$/.exec(route) ?? []
  const pattern = path
    .split("*")
    .map((part) => part.replaceAll(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`))
    .join(".*")
  const regExp = new RegExp(`^${pattern}$`)
  return (arrival) => (method === undefined || method === arrival.method) && regExp.test(pathOf(arrival.url))
}

const pathOf = (url: string): string => url.replace(/\?.*$/s, "")

const toRequest = ({ body, headers, method, url }: Arrival): Request => {
  const path = pathOf(url)
  return { method, url, path, query: new URLSearchParams(url.slice(path.length)), headers, body }
}
