/**
 * Our HTTP clients and those of others, each asked for the JSON of a URL as its users ask.
 */
// @effect-diagnostics asyncFunction:off
// The peers are asked as their users ask them: by `await`.
import { Agent as NodeAgent } from "node:http"
import { HttpClient, HttpClientRequest, HttpClientResponse } from "@effect/platform"
import { NodeHttpClient } from "@effect/platform-node"
import { Fetcher, type HostPolicy, RateLimitedClient } from "@tributary/fetcher"
import { UndiciClient } from "@tributary/undici"
import { create as makeAxios } from "axios"
import { type Context, Effect, Layer, Schedule, type Schema, type Scope } from "effect"
import { got } from "got"
import ky from "ky"
import PQueue from "p-queue"
import pRetry from "p-retry"
import { Agent, request } from "undici"
import type { Contender } from "./Bench.ts"

/**
 * By a promise.
 */
interface PromiseAsk {
  readonly _tag: "Promise"
  readonly get: (url: string) => Promise<unknown>
}

/**
 * By an effect that finds its client in the context.
 */
interface EffectAsk {
  readonly _tag: "Effect"
  readonly get: (url: string) => Effect.Effect<unknown, { readonly message: string }, HttpClient.HttpClient>
  readonly context: Context.Context<HttpClient.HttpClient>
}

/**
 * Asks for a URL and parses its JSON.
 */
export type Ask = PromiseAsk | EffectAsk

/**
 * - `package`, `installed`: as of a `Contender`.
 * - `make`: a client with connections that are kept until the scope closes.
 */
export interface Client<A extends Ask = Ask> extends Pick<Contender, "name" | "package" | "installed"> {
  readonly make: Effect.Effect<A, never, Scope.Scope>
}

const effects = (layer: Layer.Layer<HttpClient.HttpClient>, get: EffectAsk["get"]): Client["make"] =>
  Effect.map(Layer.build(layer), (context) => ({ _tag: "Effect", context, get }))

/** Everything that a policy has, and a limit that lets everybody in. */
const policy: HostPolicy.HostPolicy = {
  limits: [{ limit: 1_000_000_000, window: "1 second", burst: 1_000_000_000 }],
  concurrency: 128
}

const polite = RateLimitedClient.layer({ default: policy }).pipe(Layer.provide(UndiciClient.layer()))

/**
 * The transport alone.
 */
export const bare: Client = {
  name: "tributary bare",
  package: "@tributary/undici",
  make: effects(UndiciClient.layer(), (url) => Effect.flatMap(HttpClient.get(url), (response) => response.json))
}

const decoder = new TextDecoder()

/**
 * The full policy: deadline, retry and its budget, breaker, limiter, permit, attempt timeout, metrics.
 */
export const full: Client = {
  name: "tributary policy",
  package: "@tributary/fetcher",
  make: effects(polite, (url) =>
    Effect.map(Fetcher.fetch(HttpClientRequest.get(url)), ({ body }): unknown => JSON.parse(decoder.decode(body)))
  )
}

/**
 * The full policy, with the answer decoded.
 */
export const decoded = <A, I>(schema: Schema.Schema<A, I>): Client => ({
  name: "tributary policy+schema",
  package: "@tributary/fetcher",
  make: effects(polite, (url) => Fetcher.json(HttpClientRequest.get(url), schema))
})

const transient = Layer.effect(
  HttpClient.HttpClient,
  Effect.map(HttpClient.HttpClient, (client) =>
    client.pipe(
      HttpClient.filterStatusOk,
      HttpClient.retryTransient({ times: 3, schedule: Schedule.exponential("100 millis") })
    )
  )
).pipe(Layer.provide(NodeHttpClient.layerUndici))

/**
 * What @effect/platform has for it: transient failures retried 3 times, 10 seconds for all of it, the answer decoded.
 */
export const platform = <A, I>(schema: Schema.Schema<A, I>): Client => ({
  name: "effect layerUndici",
  package: "@effect/platform-node",
  make: effects(transient, (url) =>
    HttpClient.get(url).pipe(Effect.flatMap(HttpClientResponse.schemaBodyJson(schema)), Effect.timeout("10 seconds"))
  )
})

const agent = Effect.acquireRelease(
  Effect.sync(() => new Agent()),
  (agent) => Effect.promise(() => agent.destroy())
)

const nodeAgent = Effect.acquireRelease(
  Effect.sync(() => new NodeAgent({ keepAlive: true })),
  (agent) => Effect.sync(() => agent.destroy())
)

const promises = (get: (url: string) => Promise<unknown>): PromiseAsk => ({ _tag: "Promise", get })

const requested =
  (dispatcher: Agent) =>
  async (url: string): Promise<unknown> => {
    const { body, statusCode } = await request(url, { dispatcher })
    if (statusCode !== 200) throw new Error(`the server says ${statusCode}`)
    return JSON.parse(await body.text())
  }

/**
 * `undici.request` and `JSON.parse`.
 */
export const undici: Client<PromiseAsk> = {
  name: "undici",
  package: "undici",
  make: Effect.map(agent, (agent) => promises(requested(agent)))
}

/**
 * A queue with 128 at once, and 10 retries of each by p-retry's defaults.
 */
const queued: Client = {
  name: "undici + p-queue + p-retry",
  package: "p-queue",
  make: Effect.map(agent, (agent) => {
    const queue = new PQueue({ concurrency: 128 })
    const get = requested(agent)
    return promises((url) => queue.add(() => pRetry(() => get(url))))
  })
}

/**
 * Node's own, whose connections nobody can close.
 */
const viaFetch: Client = {
  name: "fetch",
  package: "fetch of Node",
  installed: Effect.succeedSome(process.version),
  // @effect-diagnostics-next-line globalFetch:off
  make: Effect.succeed(promises(async (url) => (await fetch(url)).json()))
}

const viaAxios: Client = {
  name: "axios",
  package: "axios",
  make: Effect.map(nodeAgent, (httpAgent) => {
    const client = makeAxios({ httpAgent })
    return promises(async (url) => (await client.get<unknown>(url)).data)
  })
}

const viaGot: Client = {
  name: "got",
  package: "got",
  make: Effect.map(nodeAgent, (http) => {
    const client = got.extend({ agent: { http } })
    return promises((url) => client.get(url).json())
  })
}

const viaKy: Client = { name: "ky", package: "ky", make: Effect.succeed(promises((url) => ky.get(url).json())) }

/** Those that are asked by `await`, but for `undici` itself. */
export const peers: ReadonlyArray<Client> = [queued, viaFetch, viaAxios, viaGot, viaKy]
