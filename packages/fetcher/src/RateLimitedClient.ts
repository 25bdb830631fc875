/**
 * An `HttpClient` that is polite and patient: a layer over any other `HttpClient`.
 *
 * For each host it keeps to the limits, those that it is given and those that the server tells in its headers; obeys
 * `Retry-After` (everybody who waits for that host does), retries what is safe to retry on a budget, leaves a host alone
 * that fails, and bounds every attempt and the request as a whole in time. Whatever speaks `@effect/platform` gets that by
 * one layer.
 *
 * A request's way is that of `Policy` of `@tributary/resilience`: total deadline -> hedge -> retry with its budget -> breaker
 * -> limiter -> permit -> breaker -> attempt timeout -> transport -> what the server said.
 *
 * @since 0.1.0
 */
import { Headers, HttpClient, type HttpClientError, HttpClientRequest, type HttpClientResponse } from "@effect/platform"
import {
  Aimd,
  type CircuitBreaker,
  type ConcurrencyLimiter,
  type Deadline,
  Hedge,
  Policy,
  type RateLimiter,
  Retry,
  RetryBudget
} from "@tributary/resilience"
import {
  Clock,
  Config,
  type ConfigError,
  Context,
  DateTime,
  Duration,
  Effect,
  type Fiber,
  Layer,
  Mailbox,
  Option,
  Predicate,
  type Schema,
  type Scope,
  Stream
} from "effect"
import * as ClientEvent from "./ClientEvent.ts"
import * as FetchError from "./FetchError.ts"
import * as HostPolicy from "./HostPolicy.ts"
import { ClientMetrics } from "./internal/clientMetrics.ts"
import {
  currentMaxBodyBytes,
  drain,
  monotonicMillis,
  mostDrainMillis,
  mostErrorBytes,
  read,
  readStart,
  type TooLarge,
  withReading
} from "./internal/exchange.ts"
import { ReadResponse } from "./internal/ReadResponse.ts"
import { redactRequest } from "./internal/redact.ts"
import { type AttemptError, Failed, facts as errorFacts, Refused } from "./internal/refusal.ts"
import * as RateLimitHeaders from "./RateLimitHeaders.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Options extends HostPolicy.HostPolicies {
  /**
   * What a request is counted under: an API token, a tenant, a route. Each key has limits, a breaker and permits of its own, by
   * the policy of the request's host. Defaults to the host, with its port where it is not the scheme's own.
   */
  readonly key?: ((request: HttpClientRequest.HttpClientRequest, url: URL) => string) | undefined
}

/**
 * What a key is doing, and what it did so far.
 *
 * @since 0.1.0
 * @category models
 */
export interface Snapshot {
  /** The host, or what `Options.key` makes of the requests. */
  readonly host: string
  /** Attempts under way. */
  readonly active: number
  /** Requests that wait for a turn or a permit. */
  readonly waiting: number
  /** How long the host is paused, as the server asked; zero if it is not. */
  readonly pausedFor: Duration.Duration
  readonly circuit: CircuitBreaker.State
  /** The limits that hold: the own ones, those that the server told, and the one that was found. */
  readonly limits: ReadonlyArray<RateLimiter.LimitSnapshot>
  /** Attempts sent so far. */
  readonly attempts: number
  /** Of these, attempts after the first of a request. */
  readonly retries: number
  /** Answers so far that asked to slow down. */
  readonly throttled: number
}

/**
 * A look at the client beside its `HttpClient`.
 *
 * @since 0.1.0
 * @category services
 */
export class RateLimitedClient extends Context.Tag("@tributary/fetcher/RateLimitedClient")<
  RateLimitedClient,
  {
    /** The keys seen, the thousand most recent at most. */
    readonly snapshot: Effect.Effect<ReadonlyArray<Snapshot>>
    /**
     * What happens from the subscription on. Never ends. A subscriber who falls behind by more than 1,024 events misses the
     * oldest; without one, nothing is made.
     */
    readonly events: Stream.Stream<ClientEvent.ClientEvent>
  }
>() {}

/** What the hosts of one policy share. */
interface Parts {
  readonly deadline: Duration.DurationInput
  readonly attempt: Duration.DurationInput
  readonly limiter: RateLimiter.RateLimiter["Type"]
  readonly breaker: CircuitBreaker.CircuitBreaker["Type"] | undefined
  readonly concurrency: ConcurrencyLimiter.ConcurrencyLimiter["Type"] | undefined
}

interface HostParts extends Parts, Pick<Policy.Policy<AttemptError>, keyof typeof errorFacts> {
  readonly key: string
  readonly retry: Policy.RetryOptions<AttemptError>
  readonly budget: RetryBudget.RetryBudget["Type"] | undefined
  readonly hedge: Hedge.Hedge["Type"] | undefined
}

interface Host {
  readonly policy: HostParts
  readonly metrics: ClientMetrics
  active: number
  attempts: number
  retries: number
  throttled: number
}

type PolicyError = Policy.Errors<HostParts>

const mostHosts = 1_000

const eventsKept = 1_024

// RFC 9110, 9.2.2. What is not idempotent is only sent again under a key by which the server knows it again.
const idempotent = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"])
const maySendAgain = (request: HttpClientRequest.HttpClientRequest): boolean =>
  (idempotent.has(request.method) || Headers.has(request.headers, "idempotency-key")) && request.body._tag !== "Stream"

const isOverload = (error: unknown): boolean =>
  error instanceof Refused
    ? error.isThrottle || error.response.status === 503
    : error instanceof Failed && error.error._tag === "TimeoutError"

/**
 * The client over the `HttpClient` in context. Statuses are left as they are: after the last attempt the user gets the
 * response, be it a 503. What fails in transport or is not let through fails as a platform `RequestError` whose cause is a
 * `FetchError` (`FetchError.fromHttpClientError` gets it back).
 *
 * Retried are failed connections, timeouts of an attempt and the statuses 408, 425, 429, 500, 502, 503, 504, 522, 524, and
 * a 403 that asks to slow down, for methods that are idempotent or carry an `Idempotency-Key`, but no body that is a stream.
 * The body of a response that is tried again is drained first (64 KiB or a second, then it is hung up on).
 *
 * What asks to slow down (`RateLimitHeaders.throttle`) holds back the whole key for as long as it says; where it does not
 * say, the key's rate is lowered, and searched for anew. Limits in the headers of any response are kept to.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (
  options: Options = {}
): Effect.Effect<
  { readonly client: HttpClient.HttpClient } & RateLimitedClient["Type"],
  never,
  HttpClient.HttpClient | Scope.Scope
> =>
  Effect.gen(function* () {
    const transport = yield* HttpClient.HttpClient
    const policyOf = HostPolicy.of(options)
    const hosts = new Map<string, Host>()
    let latest: Host | undefined

    const subscribers = new Set<Mailbox.Mailbox<ClientEvent.ClientEvent>>()
    const publish = (event: ClientEvent.ClientEvent): void => {
      for (const subscriber of subscribers) subscriber.unsafeOffer(event)
    }

    // One set of keyed parts for each policy.
    const partsOf = new Map<HostPolicy.HostPolicy, Parts>()
    for (const policy of HostPolicy.all(options)) partsOf.set(policy, yield* makeParts(policy, publish, subscribers))

    const makeHost = (name: string, policy: HostPolicy.HostPolicy): Effect.Effect<Host> =>
      Effect.gen(function* () {
        const parts = partsOf.get(policy) as Parts
        const { budget = {}, hedge = false, retry = Retry.make() } = policy
        const purse = budget === false ? undefined : yield* RetryBudget.make(budget)
        const gate = purse === undefined ? Effect.succeed(true) : purse.withdraw()
        const hedging =
          hedge === false
            ? undefined
            : yield* Hedge.make({
                ...hedge,
                gate: Effect.tap(gate, (granted) => {
                  if (granted) publish(ClientEvent.Hedged({ key: name }))
                  return Effect.void
                })
              })
        const metrics = new ClientMetrics(name)
        const host: Host = {
          policy: {
            ...parts,
            ...errorFacts,
            key: name,
            budget: purse,
            hedge: hedging,
            retry: {
              policy: retry,
              while: (error) => error.again,
              onRetry: (error, { attempt, delay }) =>
                Effect.suspend(() => {
                  host.retries++
                  metrics.retried()
                  publish(ClientEvent.Retried({ key: name, attempt, delay, reason: reasonOf(error) }))
                  return error._tag === "Refused" ? drain(mostDrainMillis)(error.response) : Effect.void
                })
            }
          },
          metrics,
          active: 0,
          attempts: 0,
          retries: 0,
          throttled: 0
        }
        return host
      })

    const known = (name: string): Host | undefined => {
      const host = hosts.get(name)
      if (host === undefined || host === latest) return host
      // To the end: those at the front are dropped first.
      hosts.delete(name)
      hosts.set(name, host)
      latest = host
      return host
    }

    const hostOf = (name: string, host: string): Effect.Effect<Host> =>
      Effect.map(makeHost(name, policyOf(host)), (made) => {
        const other = hosts.get(name)
        if (other !== undefined) return other
        if (hosts.size >= mostHosts) {
          for (const [other, { active }] of hosts) {
            if (active > 0) continue
            hosts.delete(other)
            break
          }
        }
        hosts.set(name, made)
        latest = made
        return made
      })

    const execute = (request: HttpClientRequest.HttpClientRequest, reading?: number): Sent =>
      Effect.withFiberRuntime((fiber) => {
        const maxBodyBytes = reading ?? Option.getOrUndefined(fiber.getFiberRef(currentMaxBodyBytes))
        const host = options.key === undefined ? plainHostOf(request) : undefined
        const found = host === undefined ? undefined : known(host)
        if (found !== undefined)
          return send(transport, withoutFragment(request), found, { fiber, maxBodyBytes, publish })
        const url = Option.getOrUndefined(HttpClientRequest.toUrl(request))
        if (url === undefined) return transport.execute(request)
        const name = options.key?.(request, url) ?? url.host
        const other = known(name)
        return other === undefined
          ? Effect.flatMap(hostOf(name, url.host), (host) =>
              send(transport, withoutFragment(request), host, { fiber, maxBodyBytes, publish })
            )
          : send(transport, withoutFragment(request), other, { fiber, maxBodyBytes, publish })
      })

    const snapshot = Effect.gen(function* () {
      const keys = new Map<string, Partial<Omit<Snapshot, "waiting">> & { waiting: number }>()
      for (const { breaker, concurrency, limiter } of partsOf.values()) {
        for (const { key, limits, pausedFor, waiting } of yield* limiter.snapshot) {
          keys.set(key, { limits, pausedFor, waiting })
        }
        const permits = concurrency === undefined ? [] : (yield* concurrency.snapshot).keys
        for (const { key, waiting } of permits) {
          const known = keys.get(key)
          keys.set(key, { ...known, waiting: waiting + (known?.waiting ?? 0) })
        }
        for (const { key, state } of breaker === undefined ? [] : yield* breaker.snapshot) {
          keys.set(key, { waiting: 0, ...keys.get(key), circuit: state })
        }
      }
      return Array.from(hosts, ([host, { active, attempts, retries, throttled }]): Snapshot => {
        const { circuit = "closed", limits = [], pausedFor = Duration.zero, waiting = 0 } = keys.get(host) ?? {}
        return { host, active, waiting, pausedFor, circuit, limits, attempts, retries, throttled }
      })
    })

    const events = Effect.gen(function* () {
      const mailbox = yield* Mailbox.make<ClientEvent.ClientEvent>({ capacity: eventsKept, strategy: "sliding" })
      yield* Effect.acquireRelease(
        Effect.sync(() => subscribers.add(mailbox)),
        () => Effect.sync(() => subscribers.delete(mailbox))
      )
      return Mailbox.toStream(mailbox)
    }).pipe(Stream.unwrapScoped)

    const client = HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
      Effect.flatMap((request) => execute(request)),
      Effect.succeed
    ).pipe(withReading((limit) => (request) => execute(request, limit)))
    return { client, snapshot, events }
  })

const makeParts = (
  policy: HostPolicy.HostPolicy,
  publish: (event: ClientEvent.ClientEvent) => void,
  subscribers: ReadonlySet<unknown>
): Effect.Effect<Parts, never, Scope.Scope> =>
  Effect.gen(function* () {
    const { breaker = {}, concurrency = 20, discover, limits = [] } = policy
    const made = yield* Policy.make({
      deadline: policy.totalTimeout ?? "30 seconds",
      attempt: policy.attemptTimeout ?? "10 seconds",
      limiter: { limits, discover },
      breaker: breaker === false ? undefined : breaker,
      concurrency:
        concurrency === false
          ? undefined
          : { perKey: typeof concurrency === "number" ? concurrency : Aimd.make({ ...concurrency, isOverload }) }
    })
    if (made.breaker !== undefined) {
      yield* Effect.forkScoped(
        Stream.runForEach(made.breaker.changes, (change) =>
          Effect.sync(() => publish(ClientEvent.CircuitChanged(change)))
        )
      )
    }
    const { takeWithin } = made.limiter
    // Nobody listens: nothing is measured.
    const heard: typeof takeWithin = (key: string, options: RateLimiter.TakeWithinOptions = {}) =>
      Effect.suspend(() =>
        subscribers.size === 0
          ? takeWithin(key, options)
          : Effect.flatMap(monotonicMillis, (asked) =>
              Effect.tap(takeWithin(key, options), () =>
                Effect.map(monotonicMillis, (now) => {
                  if (now > asked) publish(ClientEvent.Waited({ key, wait: Duration.millis(now - asked) }))
                })
              )
            )
      )
    return { ...made, limiter: { ...made.limiter, takeWithin: heard } }
  })

const reasonOf = (error: AttemptError | Deadline.AttemptTimeout): string =>
  error._tag === "Refused" ? String(error.response.status) : error._tag === "Failed" ? error.error._tag : "TimeoutError"

type Execute = HttpClient.HttpClient["execute"]

/** A transport that can bound the time of a request itself does it without a fiber; `@tributary/undici` can. */
const withinOf = (transport: HttpClient.HttpClient) =>
  Within in transport ? (transport[Within] as (millis: number, end: "head" | "body") => Execute) : undefined

const isTimeExceeded = Predicate.isTagged("TimeExceeded")

const Within: unique symbol = Symbol.for("@tributary/HttpClient/within")

type Sent = Effect.Effect<HttpClientResponse.HttpClientResponse, HttpClientError.HttpClientError>

type Received = Effect.Effect<HttpClientResponse.HttpClientResponse, Refused | TooLarge | HttpClientError.ResponseError>

/** Runs for every request: what can be done without a step of the runtime is. */
const send = (
  transport: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest,
  host: Host,
  {
    fiber,
    maxBodyBytes,
    publish
  }: {
    readonly fiber: Fiber.RuntimeFiber<unknown, unknown>
    readonly maxBodyBytes: number | undefined
    readonly publish: (event: ClientEvent.ClientEvent) => void
  }
): Sent => {
  const clock = Context.get(fiber.currentDefaultServices, Clock.Clock)
  const now = (): number => Number(clock.unsafeCurrentTimeNanos()) / 1e6
  const startedAt = now()
  const again = maySendAgain(request)
  const { key, limiter } = host.policy
  let attempts = 0
  const facts = () => ({ request: redactRequest(request), attempts, elapsed: Duration.millis(now() - startedAt) })

  const failed = (error: HttpClientError.HttpClientError | TooLarge) => {
    if (error._tag === "TooLarge") {
      return new Failed({ error: new FetchError.BodyTooLargeError({ ...facts(), limit: error.limit }), again: false })
    }
    const known = FetchError.fromHttpClientError(facts())(error)
    return new Failed({ error: known, again: again && known.isTransient })
  }

  const received = (response: HttpClientResponse.HttpClientResponse): Received => {
    const { headers, status } = response
    const wall = clock.unsafeCurrentTimeMillis()
    const observations = RateLimitHeaders.observations(wall)(headers)
    const inFlight = host.active - 1
    const observed =
      observations.length === 0
        ? undefined
        : Effect.forEach(observations, (one) => limiter.observe(key, { ...one, inFlight }), { discard: true })
    const throttle = RateLimitHeaders.throttle(wall)(response)
    if (Option.isNone(throttle) && !FetchError.isTransientStatus(status)) {
      const read = readBody(response)
      return observed === undefined ? read : Effect.zipRight(observed, read)
    }
    const retryAfter = Option.flatMapNullable(throttle, ({ retryAfter }) => retryAfter).pipe(
      Option.filter(Duration.greaterThan(Duration.zero))
    )
    if (Option.isSome(throttle)) {
      host.throttled++
      host.metrics.throttled()
      if (Option.isSome(retryAfter)) publish(ClientEvent.Paused({ key, duration: retryAfter.value, status }))
    }
    const refused = Effect.fail(new Refused({ response, isThrottle: Option.isSome(throttle), retryAfter, again }))
    return observed === undefined ? refused : Effect.zipRight(observed, refused)
  }

  const readBody = (response: HttpClientResponse.HttpClientResponse): Received =>
    maxBodyBytes !== undefined && isSuccess(response)
      ? Effect.map(read(maxBodyBytes)(response), (body) => new ReadResponse(response, body, attempts))
      : Effect.succeed(response)

  const attempt = <E extends { readonly _tag: string } = never>(execute: Execute, outOfTime?: () => E) =>
    Effect.suspend(() => {
      // Set with the counts, so that an interruption before them takes nothing off.
      let since: number | undefined
      const transmit = Effect.suspend(() => {
        attempts++
        host.attempts++
        host.metrics.active(++host.active)
        since = now()
        return Effect.matchEffect(Effect.flatMap(execute(request), received), {
          onFailure: (error): Effect.Effect<never, AttemptError | E> => {
            if (error._tag === "Refused") return Effect.fail(error)
            const isOver = outOfTime !== undefined && "cause" in error && isTimeExceeded(error.cause)
            return Effect.fail(isOver ? outOfTime() : failed(error))
          },
          onSuccess: Effect.succeed
        })
      })
      return Effect.onExit(transmit, (exit) => {
        if (since !== undefined) {
          host.metrics.active(--host.active)
          host.metrics.ended(request.method, exit, now() - since)
        }
        return Effect.void
      })
    })

  // A failure is what its status says, be its body slow or cut off: it is not under the policy's times.
  const explained = (response: HttpClientResponse.HttpClientResponse) =>
    isSuccess(response) || maxBodyBytes === undefined
      ? Effect.succeed(response)
      : Effect.map(
          readStart({ limit: mostErrorBytes, millis: mostDrainMillis })(response),
          (body) => new ReadResponse(response, body, attempts)
        )

  const policy = again || host.policy.hedge === undefined ? host.policy : { ...host.policy, hedge: undefined }
  const within = withinOf(transport)
  const applied =
    within === undefined
      ? Policy.apply(attempt(transport.execute), policy)
      : Policy.applyTimed<HttpClientResponse.HttpClientResponse, AttemptError, never>(({ exceeded, millis }) =>
          attempt(within(millis, maxBodyBytes === undefined ? "head" : "body"), exceeded)
        )(policy)
  return Effect.matchEffect(applied, {
    onSuccess: explained,
    onFailure: (error) => {
      if (error._tag === "Refused") return explained(error.response)
      const at = DateTime.unsafeMake(clock.unsafeCurrentTimeMillis())
      return Effect.fail(FetchError.toHttpClientError(request)(fetchErrorOf(error, facts(), at)))
    }
  })
}

/** What a part of the policy says, as a user of HTTP knows it. */
const fetchErrorOf = (
  error: Failed | PolicyError,
  facts: Schema.Struct.Type<typeof FetchError.Exchange>,
  now: DateTime.Utc
): FetchError.FetchError => {
  switch (error._tag) {
    case "Failed":
      return error.error
    case "AttemptTimeout":
      return new FetchError.TimeoutError({ ...facts, phase: "attempt", limit: error.limit })
    case "DeadlineExceeded":
      return new FetchError.TimeoutError({ ...facts, phase: "total", limit: error.limit })
    case "CircuitOpen": {
      const { retryAfter } = error
      return new FetchError.CircuitOpenError({ ...facts, retryAfter, retryAt: DateTime.addDuration(now, retryAfter) })
    }
    case "RateLimitExceeded": {
      const { retryAfter } = error
      const retryAt = DateTime.addDuration(now, retryAfter)
      return new FetchError.RateLimitedError({ ...facts, scope: "client", retryAfter, retryAt })
    }
  }
}

/**
 * @example
 * ```ts
 * import { FetchHttpClient } from "@effect/platform"
 * import { RateLimitedClient } from "@tributary/fetcher"
 * import { Layer } from "effect"
 *
 * export const HttpLive = RateLimitedClient.layer({
 *   hosts: { "api.example.com": { limits: [{ limit: 10, window: "1 second" }] } }
 * }).pipe(Layer.provide(FetchHttpClient.layer))
 * ```
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (
  options: Options = {}
): Layer.Layer<HttpClient.HttpClient | RateLimitedClient, never, HttpClient.HttpClient> =>
  Layer.scopedContext(
    Effect.map(make(options), ({ client, events, snapshot }) =>
      Context.make(HttpClient.HttpClient, client).pipe(Context.add(RateLimitedClient, { snapshot, events }))
    )
  )

/**
 * The same with options that come from the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  options: Config.Config.Wrap<Options>
): Layer.Layer<HttpClient.HttpClient | RateLimitedClient, ConfigError.ConfigError, HttpClient.HttpClient> =>
  Layer.unwrapEffect(Effect.map(Config.unwrap(options), layer))

const label = "[a-z0-9-]+"
const byte = "(?:0|[1-9]\\d{0,2})"
/** A name whose last label is no number, or IPv4 in its usual spelling: all others `URL` spells in its own way. */
const plainUrl = new RegExp(
  `^https?://((?:(?:${label}\\.)*[a-z]${label}|${byte}(?:\\.${byte}){3})(?::[1-9]\\d*)?)(?:[/?#]|$)`
)

/** The host as `URL` gives it, where that can be seen without making one: lower case, and no port of a scheme's own. */
const plainHostOf = ({ url }: HttpClientRequest.HttpClientRequest): string | undefined => {
  const match = plainUrl.exec(url)?.[1]
  return match === undefined || /:(?:80|443)$/.test(match) ? undefined : match
}

const withoutFragment = (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest => {
  const { hash, url } = request
  if (Option.isNone(hash) && !url.includes("#")) return request
  return HttpClientRequest.removeHash(
    url.includes("#") ? HttpClientRequest.setUrl(request, url.replace(/#.*$/s, "")) : request
  )
}

const isSuccess = ({ status }: HttpClientResponse.HttpClientResponse): boolean => status >= 200 && status < 300
