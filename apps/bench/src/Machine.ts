/**
 * What the figures were measured on, and with what.
 */
import { availableParallelism, cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { FileSystem } from "@effect/platform"
import { Effect, Option, Schema } from "effect"
import type { Contender } from "./Bench.ts"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly node: string
  readonly platform: string
}

export const read: Effect.Effect<Machine> = Effect.sync(() => ({
  cpu: cpus()[0]?.model.trim() ?? "unknown",
  cores: availableParallelism(),
  node: process.version,
  platform: `${process.platform} ${process.arch}`
}))

/**
 * As a line: `AMD EPYC, 2 cores, Node v20.20.2, linux x64`.
 */
export const format = ({ cores, cpu, node, platform }: Machine): string =>
  `${cpu}, ${cores} ${cores === 1 ? "core" : "cores"}, Node ${node}, ${platform}`

const Package = Schema.parseJson(Schema.Struct({ version: Schema.String }))

/**
 * The versions of what is measured, each once, as `name version`.
 */
export const versions = (
  contenders: ReadonlyArray<Pick<Contender, "installed" | "package">>
): Effect.Effect<ReadonlyArray<string>, never, FileSystem.FileSystem> =>
  Effect.forEach(
    new Map(contenders.map((contender) => [contender.package, contender.installed])),
    ([name, installed]) =>
      Effect.map(
        installed === undefined
          ? npmVersion(name)
          : Effect.map(
              installed,
              Option.getOrElse(() => "unknown")
            ),
        (version) => `${name} ${version}`
      )
  )

const npmVersion = (name: string): Effect.Effect<string, never, FileSystem.FileSystem> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    // Both src and dist, where the bundle is, lie beside node_modules.
    const file = fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url))
    const { version } = yield* Effect.flatMap(fs.readFileString(file), Schema.decode(Package))
    return version
  }).pipe(Effect.orDie)
