#!/usr/bin/env node
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Effect } from "effect"
import * as Cli from "./Cli.ts"
import * as Failure from "./Failure.ts"
import * as Screen from "./Screen.ts"

// A reader that has seen enough (`tributary report FILE | head`) is no error.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code === "EPIPE") process.exit(0)
  throw error
})

Cli.main(process.argv).pipe(
  Effect.tapErrorCause(Failure.report),
  // Nobody collects spans here, and they would hold URLs and SQL.
  Effect.withTracerEnabled(false),
  Effect.provide([Screen.layer, NodeContext.layer]),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Failure.exitCode(exit))
  })
)
