/**
 * What the figures were measured on, and with what.
 */
import { availableParallelism, cpus } from "node:os"
import { fileURLToPath } from "node:url"
import { FileSystem } from "@effect/platform"
import { Effect, Schema } from "effect"

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
 * The installed versions of packages that this app depends on, each once, as `name version`.
 */
export const versions = (
  packages: ReadonlyArray<string>
): Effect.Effect<ReadonlyArray<string>, never, FileSystem.FileSystem> =>
  Effect.forEach(new Set(packages), (name) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      // Both src and dist, where the bundle is, lie beside node_modules.
      const file = fileURLToPath(new URL(`../node_modules/${name}/package.json`, import.meta.url))
      const { version } = yield* Effect.flatMap(fs.readFileString(file), Schema.decode(Package))
      return `${name} ${version}`
    }).pipe(Effect.orDie)
  )
