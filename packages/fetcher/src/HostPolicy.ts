/**
 * How to treat a host: how often, how many at once, for how long, and what to do when it fails.
 *
 * @since 0.1.0
 */
import type { Aimd, CircuitBreaker, Hedge, RateLimiter, Retry, RetryBudget } from "@tributary/resilience"
import { Array, type Duration, Option, Order } from "effect"

/**
 * Every part has a default that is right for a server that one does not know; `false` leaves a part out.
 *
 * @since 0.1.0
 * @category models
 */
export interface HostPolicy {
  /** Requests that may start, attempts included; all limits hold at once. Defaults to none. */
  readonly limits?: ReadonlyArray<RateLimiter.Limit> | undefined
  /** Searches for the rate where the server does not tell it. Defaults to not. */
  readonly discover?: RateLimiter.Options["discover"]
  /**
   * Attempts under way at once: a number, or a limit that adapts (see `Aimd` of resilience), lowered by refusals and
   * timeouts. Defaults to 20.
   */
  readonly concurrency?: number | Omit<Aimd.Options, "isOverload"> | false | undefined
  /** Defaults to `Retry.make()`: 3 attempts, full jitter from 50 ms (1 s after a 429), capped at 20 seconds. */
  readonly retry?: Retry.Policy | undefined
  /** Pays for the retries of a host, and for hedges. Defaults to 500 tokens, of which a retry costs 14. */
  readonly budget?: RetryBudget.Options | false | undefined
  /** Defaults to open at half of at least 50 attempts in 30 seconds that failed. */
  readonly breaker?: CircuitBreaker.Options | false | undefined
  /** A second try beside a slow one, of methods that are idempotent. Defaults to none. */
  readonly hedge?: Omit<Hedge.Options, "gate"> | false | undefined
  /**
   * From the turn to the answer: to its headers, or to the end of its body where the `Fetcher` asks. Defaults to 10 seconds.
   */
  readonly attemptTimeout?: Duration.DurationInput | undefined
  /**
   * Queueing, attempts and waits together. A request that is known not to make it fails at once, without being sent.
   * Defaults to 30 seconds.
   */
  readonly totalTimeout?: Duration.DurationInput | undefined
}

/**
 * Policies by host. The first that fits: the host as it is, the longest wildcard, the default.
 *
 * @since 0.1.0
 * @category models
 */
export interface HostPolicies {
  /** For hosts that `hosts` does not name. Defaults to `{}`. */
  readonly default?: HostPolicy | undefined
  /**
   * By host, with the port where it is not the scheme's own: `api.example.com`, `127.0.0.1:8080`. `*.example.com` is for all
   * names below that one, each with limits of its own.
   */
  readonly hosts?: Readonly<Record<string, HostPolicy>> | undefined
}

const none: HostPolicy = {}

/**
 * The policy of a host, as it stands in a URL.
 *
 * @since 0.1.0
 * @category getters
 */
export const of = (policies: HostPolicies): ((host: string) => HostPolicy) => {
  const hosts = new Map(Object.entries(policies.hosts ?? {}).map(([name, policy]) => [name.toLowerCase(), policy]))
  const wildcards = Array.sort(
    Array.filterMap(hosts, ([name, policy]) =>
      name.startsWith("*.") ? Option.some({ suffix: name.slice(1), policy }) : Option.none()
    ),
    Order.reverse(Order.mapInput(Order.number, ({ suffix }: { readonly suffix: string }) => suffix.length))
  )
  return (host) =>
    hosts.get(host) ??
    wildcards.find(({ suffix }) => host.endsWith(suffix) && host.length > suffix.length)?.policy ??
    policies.default ??
    none
}

/**
 * Every policy that `of` can give.
 *
 * @since 0.1.0
 * @category getters
 */
export const all = (policies: HostPolicies): ReadonlySet<HostPolicy> =>
  new Set([policies.default ?? none, ...Object.values(policies.hosts ?? {})])
