/**
 * A pool for each origin.
 *
 * Not undici's `Agent`: that lets go of a pool as soon as its last connection is gone, though others are still being made.
 * Under many interruptions there were then several pools of one origin, with more connections than allowed, and `destroy`
 * knew only the last of them.
 */
import { type Dispatcher, Pool } from "undici"

/** Origins kept at once, as long as some of them are idle: who follows links to ever new hosts must not fill the memory. */
const capacity = 1000

export class Origins {
  readonly #options: Pool.Options
  readonly #pools = new Map<string, Pool>()

  constructor(options: Pool.Options) {
    this.#options = options
  }

  dispatch(
    options: Dispatcher.DispatchOptions & { readonly origin: string },
    handler: Dispatcher.DispatchHandler
  ): void {
    const { origin } = options
    let pool = this.#pools.get(origin)
    if (pool === undefined) {
      if (this.#pools.size >= capacity) this.#dropIdle()
      pool = new Pool(origin, this.#options)
      this.#pools.set(origin, pool)
    }
    pool.dispatch(options, handler)
  }

  destroy(): Promise<unknown> {
    return Promise.all([...this.#pools.values()].map((pool) => pool.destroy()))
  }

  #dropIdle(): void {
    for (const [origin, pool] of this.#pools) {
      const { connected, pending, queued, running } = pool.stats
      if (connected + pending + queued + running > 0) continue
      this.#pools.delete(origin)
      void pool.destroy()
    }
  }
}
