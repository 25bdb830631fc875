/**
 * undici's pools, made of our options.
 */
import { Duration, Redacted } from "effect"
import type * as net from "node:net"
import { type Agent, type Dispatcher, EnvHttpProxyAgent, Pool } from "undici"
import * as Connector from "./connector.ts"
import type { Names } from "./names.ts"
import { Origins } from "./origins.ts"

export interface Proxies {
  readonly http: Redacted.Redacted | undefined
  readonly https: Redacted.Redacted | undefined
  readonly no: string
}

export interface Settings {
  readonly connections: number
  readonly keepAlive: Duration.Duration
  readonly keepAliveMax: Duration.Duration
  readonly pipelining: number
  readonly allowH2: boolean
  readonly connectTimeout: Duration.Duration
  readonly headersTimeout: Duration.Duration
  readonly bodyTimeout: Duration.Duration
  readonly names: Names
  readonly tls: Connector.Tls
  readonly proxies: Proxies | undefined
  readonly allowAddress: Connector.AddressFilter | undefined
}

/** For undici, 0 is no limit. */
const millis = (duration: Duration.Duration): number =>
  Duration.isFinite(duration) ? Math.max(1, Math.ceil(Duration.toMillis(duration))) : 0

/** These have no way to say "no limit"; a timer cannot run for longer. */
const keptMillis = (duration: Duration.Duration): number =>
  Math.min(Math.max(1, Duration.toMillis(duration)), 2 ** 31 - 1)

export interface Pools {
  readonly dispatch: (
    options: Dispatcher.DispatchOptions & { readonly origin: string },
    handler: Dispatcher.DispatchHandler
  ) => void
  /** Closes all connections at once, also those that are being made. */
  readonly destroy: () => Promise<void>
}

export const make = (settings: Settings): Pools => {
  const { allowAddress, allowH2, proxies } = settings
  const tls = Connector.tlsOptions(settings.tls)
  const timeout = millis(settings.connectTimeout)
  const connecting = new Set<net.Socket>()
  const connect = Connector.direct({
    options: { ...tls, allowH2, timeout },
    names: settings.names,
    connecting,
    allow: allowAddress
  })
  const options: Agent.Options = {
    connect,
    allowH2,
    connections: settings.connections,
    pipelining: settings.pipelining,
    keepAliveTimeout: keptMillis(settings.keepAlive),
    keepAliveMaxTimeout: keptMillis(settings.keepAliveMax),
    headersTimeout: millis(settings.headersTimeout),
    bodyTimeout: millis(settings.bodyTimeout)
  }
  const pools = proxies === undefined ? new Origins(options) : proxied(options, { settings, proxies })
  return {
    dispatch: (request, handler) => void pools.dispatch(request, handler),
    destroy: () => {
      const destroyed = pools.destroy()
      for (const socket of connecting) socket.destroy(new Error("the client is closed"))
      return destroyed.then(() => {})
    }
  }
}

/** Here undici's `Agent` is in between: under many interruptions there may be more connections to one origin than allowed. */
const proxied = (
  options: Agent.Options,
  { settings, proxies }: { readonly settings: Settings; readonly proxies: Proxies }
) => {
  const { allowAddress, allowH2 } = settings
  const tls = { ...Connector.tlsOptions(settings.tls), timeout: millis(settings.connectTimeout) }
  return new EnvHttpProxyAgent({
    ...options,
    ...(allowAddress === undefined ? {} : { factory: guarded(options.connect, allowAddress) }),
    requestTls: { ...tls, allowH2 },
    proxyTls: tls,
    // All three are given, even if empty: undici would look into the environment by itself.
    httpProxy: proxies.http === undefined ? "" : Redacted.value(proxies.http),
    httpsProxy: proxies.https === undefined ? "" : Redacted.value(proxies.https),
    noProxy: proxies.no
  })
}

/** What does not connect by our own connector goes through a proxy. */
const guarded =
  (own: Agent.Options["connect"], allow: Connector.AddressFilter) =>
  (origin: string | URL, options: Agent.Options): Dispatcher => {
    const { connect } = options
    return new Pool(
      origin,
      typeof connect === "function" && connect !== own
        ? { ...options, connect: Connector.throughProxy(connect)(allow) }
        : options
    )
  }
