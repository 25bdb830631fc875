/**
 * Responses whose body nobody reads: each holds a connection, and is given up in the end.
 *
 * One fiber for all of them, and only as long as there are some: the usual short body is there with its head and never
 * gets here.
 */
import { Duration, Effect, type Scope } from "effect"
import type { Exchange } from "./exchange.ts"

export class Unread {
  readonly #timeout: bigint
  readonly #scope: Scope.Scope
  /** When each is given up, in nanoseconds: in the order of their coming, and so the earliest first. */
  readonly #due = new Map<Exchange, bigint>()
  #sweeping = false

  constructor(timeout: Duration.Duration, scope: Scope.Scope) {
    // A sleep above 2^31 - 1 ms would never end.
    this.#timeout = BigInt(Math.round(Math.min(Duration.toMillis(timeout), 2 ** 31 - 1) * 1e6))
    this.#scope = scope
  }

  watch(exchange: Exchange): Effect.Effect<void> {
    return Effect.clockWith((clock) => {
      this.#due.set(exchange, clock.unsafeCurrentTimeNanos() + this.#timeout)
      exchange.onClaimed = () => this.#due.delete(exchange)
      if (this.#sweeping) return Effect.void
      this.#sweeping = true
      return Effect.forkIn(Effect.interruptible(this.#sweep), this.#scope)
    })
  }

  giveUpAll(): void {
    for (const exchange of this.#due.keys()) exchange.abort()
  }

  readonly #sweep: Effect.Effect<void> = Effect.clockWith((clock) => {
    const now = clock.unsafeCurrentTimeNanos()
    for (const [exchange, due] of this.#due) {
      // A timer may come a little early, and sleeping for less than that would go round and round.
      if (due - now > 1_000_000n) return Effect.zipRight(Effect.sleep(Duration.nanos(due - now)), this.#sweep)
      exchange.abort()
    }
    this.#sweeping = false
    return Effect.void
  })
}
