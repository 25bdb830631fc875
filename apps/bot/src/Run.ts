/**
 * One run of a config file: collect what is missing, then report.
 *
 * @since 0.1.0
 */
import { type Error as PlatformError, FileSystem, type HttpClient, Path } from "@effect/platform"
import type { Migrator, SqlClient, SqlError } from "@effect/sql"
import { Collector, Ledger, RecordStore } from "@tributary/collect"
import { type HostPolicy, RateLimitedClient } from "@tributary/fetcher"
import { Retry } from "@tributary/resilience"
import { UndiciClient } from "@tributary/undici"
import { Array, Clock, Duration, Effect, Layer, Record, Schema } from "effect"
import type { BotConfig } from "./config/BotConfig.ts"
import * as Database from "./Database.ts"
import * as Progress from "./Progress.ts"
import * as Reports from "./Reports.ts"
import { Screen } from "./Screen.ts"

/**
 * Some slices failed; the report says which and why.
 *
 * @since 0.1.0
 * @category errors
 */
export class SlicesFailed extends Schema.TaggedError<SlicesFailed>("@tributary/bot/SlicesFailed")("SlicesFailed", {
  failed: Schema.Int
}) {
  override get message(): string {
    return `${count(this.failed, "slice")} failed; run the same command again to try ${this.failed === 1 ? "it" : "them"} again`
  }
}

/**
 * There is nothing to report from: the file was not run yet.
 *
 * @since 0.1.0
 * @category errors
 */
export class NotRunYet extends Schema.TaggedError<NotRunYet>("@tributary/bot/NotRunYet")("NotRunYet", {
  database: Schema.String
}) {
  override get message(): string {
    return `there is no database ${this.database} yet; collect first, with: tributary run FILE`
  }
}

/**
 * @since 0.1.0
 * @category errors
 */
export type RunError = SlicesFailed | Ledger.DefinitionChanged | Database.DatabaseFailed | PlatformError.PlatformError

type Requirements = Screen | FileSystem.FileSystem | Path.Path

/**
 * Collects what is not settled yet, reports, and sums up. Interrupted, it says how to go on; nothing that was committed is
 * lost.
 *
 * @since 0.1.0
 * @category constructors
 */
export const run =
  (options: { readonly fresh: boolean }) =>
  (config: BotConfig): Effect.Effect<void, RunError, Requirements> =>
    Effect.gen(function* () {
      const { answers } = yield* Screen
      const client = yield* RateLimitedClient.RateLimitedClient
      const collector = yield* Collector.make({ sources: config.sources, fresh: options.fresh })
      const startedAt = yield* Clock.currentTimeMillis
      const state = Effect.map(
        Effect.all({ progress: collector.progress, hosts: client.snapshot }),
        ({ hosts, progress }) => ({ hosts, progress, sources: config.sources })
      )
      const progress = yield* collector.run.pipe(
        Progress.during(state),
        Effect.onInterrupt(() => Effect.flatMap(collector.progress, sayInterrupted))
      )
      const elapsed = Duration.millis((yield* Clock.currentTimeMillis) - startedAt)
      const files = yield* Reports.write(config)
      yield* answers.write(summary({ progress, hosts: yield* client.snapshot, elapsed }))
      yield* sayWhere(config, files)
      const failed = total(progress, "failed")
      if (failed > 0) return yield* new SlicesFailed({ failed })
    }).pipe(Effect.provide([http(config), database(config)]), Effect.catchTags(Database.handlers(config.database)))

/**
 * Reports from what the database holds, without a single request.
 *
 * @since 0.1.0
 * @category constructors
 */
export const report = (
  config: BotConfig
): Effect.Effect<void, NotRunYet | Database.DatabaseFailed | PlatformError.PlatformError, Requirements> =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    if (!(yield* fs.exists(config.database))) return yield* new NotRunYet({ database: config.database })
    const files = yield* Effect.provide(Reports.write(config), database(config))
    yield* sayWhere(config, files)
  }).pipe(Effect.catchTags(Database.handlers(config.database)))

const database = (
  config: BotConfig
): Layer.Layer<
  SqlClient.SqlClient | Ledger.Ledger | RecordStore.RecordStore,
  SqlError.SqlError | Migrator.MigrationError | PlatformError.PlatformError,
  FileSystem.FileSystem | Path.Path
> =>
  Layer.merge(Ledger.layer, RecordStore.layer).pipe(
    Layer.provideMerge(Database.layer(config.database)),
    Layer.provide(
      Layer.effectDiscard(
        Effect.gen(function* () {
          const fs = yield* FileSystem.FileSystem
          yield* fs.makeDirectory((yield* Path.Path).dirname(config.database), { recursive: true })
        })
      )
    )
  )

// A bot has time: it rather waits for its turn or for a server that is down for a minute than give a slice up.
const http = (config: BotConfig): Layer.Layer<HttpClient.HttpClient | RateLimitedClient.RateLimitedClient> => {
  const patient: HostPolicy.HostPolicy = {
    retry: Retry.make({ attempts: 6, base: "200 millis" }),
    attemptTimeout: "30 seconds",
    totalTimeout: "10 minutes",
    // Both would give slices up in an outage that the attempts outlast.
    breaker: false,
    budget: false
  }
  return RateLimitedClient.layer({
    default: patient,
    hosts: Record.map(config.limits, (limits) => ({ ...patient, limits }))
  }).pipe(Layer.provide(UndiciClient.layer()))
}

const sayInterrupted = (progress: ReadonlyArray<Collector.Progress>) =>
  Effect.flatMap(Screen, ({ remarks }) => {
    const settled = total(progress, "resumed", "done", "skipped")
    return remarks.write(
      `\nInterrupted. ${settled} of ${count(total(progress, "planned"), "slice")} are in the database; ` +
        `run the same command again to go on from there.\n`
    )
  })

const sayWhere = (config: BotConfig, files: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { answers } = yield* Screen
    const path = yield* Path.Path
    const here = path.resolve()
    const short = (file: string): string => path.relative(here, file) || file
    yield* answers.write(
      [
        ...files.map((file) => `Report    ${short(file)}`),
        `Database  ${short(config.database)}  (SQLite: tables ${config.sources.map(({ name }) => name).join(", ")}, tributary_slices)`
      ]
        .map((line) => `${line}\n`)
        .join("")
    )
  })

const summary = (run: {
  readonly progress: ReadonlyArray<Collector.Progress>
  readonly hosts: ReadonlyArray<RateLimitedClient.Snapshot>
  readonly elapsed: Duration.Duration
}): string => {
  const sum = (...names: ReadonlyArray<Counter>) => total(run.progress, ...names)
  const resumed = sum("resumed")
  if (sum("done", "failed", "skipped") === 0) {
    return `Nothing to do: all ${count(resumed, "slice")} had been collected before. No request was sent.\n`
  }
  const requests = (name: "attempts" | "retries" | "throttled") =>
    Array.reduce(run.hosts, 0, (sum, host) => sum + host[name])
  return (
    `${count(sum("done", "failed", "skipped"), "slice")} in ${Duration.toSeconds(run.elapsed).toFixed(1)} s` +
    (resumed > 0 ? ` (${resumed} more had been collected before)` : "") +
    `: ${sum("done")} done, ${sum("skipped")} skipped, ${sum("failed")} failed; ` +
    `${count(sum("records"), "row")}, ${count(sum("rejected"), "record")} set aside.\n` +
    `${count(requests("attempts"), "request")}, ${requests("retries")} of them retries; ` +
    `the servers said 429 ${count(requests("throttled"), "time")}.\n`
  )
}

type Counter = Exclude<keyof Collector.Progress, "source">

const total = (progress: ReadonlyArray<Collector.Progress>, ...names: ReadonlyArray<Counter>): number =>
  progress.reduce((sum, tally) => sum + names.reduce((sum, name) => sum + tally[name], 0), 0)

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? "" : "s"}`
