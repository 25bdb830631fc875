/**
 * The command line.
 */
import { parseArgs } from "node:util"
import { Data, Either } from "effect"
import type { Bench } from "./Bench.ts"

/**
 * A mistake in the arguments.
 */
export class UsageError extends Data.TaggedError("UsageError")<{ readonly message: string }> {}

/**
 * - `Help`: say how to call it.
 * - `Run`: run these one after the other. A `document` is docs/benchmarks.md.
 */
export type Request =
  | { readonly _tag: "Help" }
  | {
      readonly _tag: "Run"
      readonly benches: ReadonlyArray<Bench>
      readonly quick: boolean
      readonly output: "text" | "json" | "document"
    }

const options = {
  all: { type: "boolean", default: false },
  help: { type: "boolean", short: "h", default: false },
  json: { type: "boolean", default: false },
  quick: { type: "boolean", default: false },
  write: { type: "boolean", default: false }
} as const

/**
 * What the arguments (without the interpreter's two) ask for.
 */
export const parse =
  (benches: ReadonlyArray<Bench>) =>
  (args: ReadonlyArray<string>): Either.Either<Request, UsageError> =>
    Either.gen(function* () {
      const { positionals, values } = yield* Either.try({
        try: () => parseArgs({ args: [...args], options, allowPositionals: true }),
        catch: (error) => new UsageError({ message: error instanceof Error ? error.message : String(error) })
      })
      if (values.help) return { _tag: "Help" }
      const [name, ...more] = positionals
      const wrong = (message: string) => Either.left(new UsageError({ message }))
      if (more.length > 0) return yield* wrong("one bench at a time, or --all of them")
      if (name === undefined && !values.all) return yield* wrong("which bench?")
      if (name !== undefined && values.all) return yield* wrong(`either ${name} or --all`)
      if (values.write && !values.all) return yield* wrong("--write renews the whole file: it goes with --all")
      if (values.json && values.all) return yield* wrong("--json is the output of one bench")
      const chosen = values.all ? benches : benches.filter((bench) => bench.name === name)
      if (chosen.length === 0) return yield* wrong(`there is no bench "${name}"`)
      const output = values.json ? "json" : values.write ? "document" : "text"
      return { _tag: "Run", benches: chosen, quick: values.quick, output }
    })

/**
 * How to call it, with the list of the benches.
 */
export const usage = (benches: ReadonlyArray<Bench>): string => {
  const width = Math.max(...benches.map(({ name }) => name.length))
  return `Usage: pnpm bench NAME [--quick] [--json]
       pnpm bench --all [--quick] [--write]

  --quick   only ours and the two best peers, in fewer rounds
  --json    nothing but { bench, machine, rows } on standard output
  --write   write docs/benchmarks.md

Benches:
${benches.map(({ name, title }) => `  ${name.padEnd(width)}   ${title}`).join("\n")}
`
}
