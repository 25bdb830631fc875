/**
 * Programs of the machine, which need not be there.
 */
import { execFile } from "node:child_process"
import { Effect, type Option } from "effect"
import { MeasureError } from "./Bench.ts"

/**
 * Runs a program to its end and gives what it wrote, to standard output or error. Ends it when it is interrupted. Fails if there is no such
 * program, or it does not exit with 0.
 */
export const output = (program: string, ...args: ReadonlyArray<string>): Effect.Effect<string, MeasureError> =>
  Effect.async((resume, signal) => {
    execFile(program, args, { signal }, (error, stdout, stderr) =>
      resume(
        error === null
          ? Effect.succeed(`${stdout}${stderr}`.trim())
          : new MeasureError({ message: `${program}: ${stderr.trim() || error.message}` })
      )
    )
  })

/**
 * The first of these programs that answers to such arguments.
 */
export const find = (
  programs: ReadonlyArray<string>,
  ...args: ReadonlyArray<string>
): Effect.Effect<Option.Option<{ readonly program: string; readonly output: string }>> =>
  Effect.option(
    Effect.firstSuccessOf(
      programs.map((program) => Effect.map(output(program, ...args), (output) => ({ program, output })))
    )
  )
