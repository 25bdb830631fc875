/**
 * A server on loopback that answers 30 % of the requests 503, at random but for everybody the same.
 */
import { Effect, type Scope, Utils } from "effect"
import * as Child from "../Child.ts"
import * as Loopback from "../Loopback.ts"

export const share = 0.3

const seed = 1

/**
 * The statuses of one answer after the other.
 */
export const statuses = (): (() => number) => {
  const random = new Utils.PCGRandom(seed)
  return () => (random.number() < share ? 503 : 200)
}

/**
 * Serves on a free port until the scope closes, and gives the port.
 */
export const serve: Effect.Effect<number, never, Scope.Scope> = Effect.suspend(() => {
  const next = statuses()
  return Loopback.serve(() => ({ status: next() }))
})

/**
 * The child process that serves.
 */
export const child: Effect.Effect<never> = Effect.scoped(Effect.flatMap(serve, Child.answer))
