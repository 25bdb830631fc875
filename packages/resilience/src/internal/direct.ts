/**
 * What a part can do without a step of the runtime: the way of a call that has to wait for nothing. A service that was made
 * by somebody else has none of it, and is asked by its members.
 */
import type { Exit } from "effect"
import type { Cost, Priority } from "../Gcra.ts"

const Direct: unique symbol = Symbol.for("@tributary/resilience/direct")

export interface Limiter {
  /** The turn, in milliseconds of its clock; none if it has to wait, or may not have it. */
  readonly take: (key: string, cost: Cost, priority: Priority) => number | undefined
  readonly succeeded: (key: string, turn: number) => void
}

export interface Permits {
  /** Takes a permit and gives how to end; none if it has to wait. */
  readonly take: (key: string, priority: Priority) => ((exit: Exit.Exit<unknown, unknown>) => void) | undefined
}

export interface Breaker {
  readonly isOpen: (key: string) => boolean
  /** Counts a call under way and gives how to end it. Not to be asked while it is open. */
  readonly begin: (key: string) => (outcome: "success" | "failure" | "ignored") => void
}

export interface Budget {
  readonly deposit: () => void
}

interface Directs {
  readonly budget: Budget
  readonly limiter: Limiter
  readonly permits: Permits
  readonly breaker: Breaker
}

export const attach =
  <K extends keyof Directs>(_kind: K) =>
  (direct: Directs[K]) =>
  <S extends object>(service: S): S =>
    Object.assign(service, { [Direct]: direct })

export const of =
  <K extends keyof Directs>(_kind: K) =>
  (service: object): Directs[K] | undefined =>
    Direct in service ? (service[Direct] as Directs[K]) : undefined
