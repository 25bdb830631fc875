/**
 * A server on loopback that takes a second for every answer, however many ask.
 */
import { Effect } from "effect"
import * as Child from "../Child.ts"
import * as Loopback from "../Loopback.ts"
import * as JsonServer from "./JsonServer.ts"

/** Milliseconds. */
export const delay = 1000

/**
 * The child process that serves.
 */
export const child: Effect.Effect<never> = Effect.scoped(
  Effect.flatMap(
    Loopback.serve(() => ({ ...JsonServer.answer, delay })),
    Child.answer
  )
)
