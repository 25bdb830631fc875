/**
 * What names stand for, kept for a short while.
 *
 * `getaddrinfo` takes a thread of libuv's, of which there are four: without this, a burst of connections to one host would
 * ask the same question once for each, and hold up files and zlib meanwhile.
 */
import { type Clock, Duration } from "effect"
import * as dns from "node:dns"

type Addresses = ReadonlyArray<dns.LookupAddress>
type Done = (error: NodeJS.ErrnoException | null, addresses: Addresses) => void

/** Names kept at once: who follows links to ever new hosts must not fill the memory. */
const capacity = 1000

export class Names {
  readonly #clock: Clock.Clock
  readonly #ttl: bigint
  readonly #known = new Map<string, { readonly addresses: Addresses; readonly until: bigint }>()
  readonly #asking = new Map<string, Array<Done>>()

  constructor(clock: Clock.Clock, ttl: Duration.Duration) {
    this.#clock = clock
    this.#ttl = BigInt(Math.round(Math.min(Duration.toMillis(ttl), 2 ** 31 - 1) * 1e6))
  }

  /** Never calls back at once. The options of all calls must be the same. */
  lookup(host: string, options: dns.LookupOptions, done: Done): void {
    const known = this.#known.get(host)
    if (known !== undefined && this.#clock.unsafeCurrentTimeNanos() < known.until) {
      return queueMicrotask(() => done(null, known.addresses))
    }
    const asking = this.#asking.get(host)
    if (asking !== undefined) return void asking.push(done)
    const waiting = [done]
    this.#asking.set(host, waiting)
    dns.lookup(host, { ...options, all: true }, (error, addresses) => {
      this.#asking.delete(host)
      if (error === null) this.#keep(host, addresses)
      for (const done of waiting) done(error, addresses)
    })
  }

  #keep(host: string, addresses: Addresses): void {
    // The oldest answer comes first.
    this.#known.delete(host)
    const [oldest] = this.#known.keys()
    if (this.#known.size >= capacity && oldest !== undefined) this.#known.delete(oldest)
    this.#known.set(host, { addresses, until: this.#clock.unsafeCurrentTimeNanos() + this.#ttl })
  }
}
