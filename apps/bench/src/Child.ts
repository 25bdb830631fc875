/**
 * Other processes of this same program: a server that does not share the clients' event loop, a heap of one's own.
 */
import { fork } from "node:child_process"
import { Effect, type Scope } from "effect"
import { MeasureError } from "./Bench.ts"

/**
 * Starts this program as another process and gives the number that it sends first. It is stopped when the scope closes.
 *
 * - `role`: what it is to do; `argument`: with what.
 * - `flags`: for Node itself.
 */
export const start = ({
  argument = "",
  flags = [],
  role
}: {
  readonly role: string
  readonly argument?: string
  readonly flags?: ReadonlyArray<string>
}): Effect.Effect<number, MeasureError, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => fork(process.argv[1] ?? "", ["child", role, argument], { execArgv: [...flags] })),
    (child) => Effect.sync(() => child.kill())
  ).pipe(
    Effect.flatMap((child) =>
      Effect.async<number, MeasureError>((resume) => {
        const fail = (reason: string): void =>
          resume(new MeasureError({ message: `the process to ${role} ${argument}: ${reason}` }))
        child.once("message", (message) => resume(Effect.succeed(Number(message))))
        child.once("error", (error) => fail(error.message))
        child.once("exit", (code) => fail(`it ended with ${code}`))
      })
    )
  )

/**
 * In the child: sends the number that the parent waits for, and stays until the parent is gone.
 */
export const answer = (value: number): Effect.Effect<never> =>
  Effect.async(() => {
    // What waits here may have timers for an hour.
    process.once("disconnect", () => process.exit())
    process.send?.(value)
  })
