/**
 * The command line: `tributary run FILE`, `report FILE`, `demo`.
 *
 * @since 0.1.0
 */
import { Args, Command, HelpDoc, Options, Span } from "@effect/cli"
import { Effect } from "effect"
import * as ConfigFile from "./config/ConfigFile.ts"
import * as Demo from "./Demo.ts"
import * as Run from "./Run.ts"

const file = Args.file({ name: "FILE" }).pipe(Args.withDescription("The config file, such as tributary.yaml."))

const fresh = Options.boolean("fresh").pipe(
  Options.withDescription("Forget what was collected before and begin anew. Without it, a run resumes.")
)

const run = Command.make("run", { file, fresh }, ({ file, fresh }) =>
  Effect.flatMap(ConfigFile.load(file), Run.run({ fresh }))
).pipe(
  Command.withDescription("Collect what FILE asks for and its database does not have yet, then write its reports.")
)

const report = Command.make("report", { file }, ({ file }) => Effect.flatMap(ConfigFile.load(file), Run.report)).pipe(
  Command.withDescription("Write FILE's reports from what its database has, without a single request.")
)

const demo = Command.make(
  "demo",
  {
    directory: Options.directory("directory").pipe(
      Options.withDefault("tributary-demo"),
      Options.withDescription("Where the config file, the database and the report go. Defaults to tributary-demo.")
    ),
    seed: Options.integer("seed").pipe(
      Options.withDefault(1),
      Options.withDescription("Decides which requests fail. Defaults to 1.")
    ),
    fresh
  },
  Demo.run
).pipe(
  Command.withDescription("Collect real data from two unreliable APIs that the demo itself serves on loopback (10 s).")
)

const tributary = Command.make("tributary").pipe(
  Command.withDescription(
    "Stop a run at any time (Ctrl-C, or a crash) and run it again: it goes on where it stopped, and tries again what failed."
  ),
  Command.withSubcommands([run, report, demo])
)

// Shown below the help of every command.
const footer = HelpDoc.blocks([
  HelpDoc.h1("EXAMPLES"),
  HelpDoc.p("tributary demo                         see it work; the config file it leaves is one to start from"),
  HelpDoc.p("tributary run tributary.yaml           collect, or go on collecting, and report"),
  HelpDoc.p("tributary run --fresh tributary.yaml   collect everything anew"),
  HelpDoc.p("tributary report tributary.yaml        report again, without requests"),
  HelpDoc.h1("EXIT CODES"),
  HelpDoc.p(
    "0 all done; 1 some slices failed, or the database did; 2 a mistake in the file or the command; 130 interrupted"
  )
])

/**
 * Runs what the arguments say (those of the process, the interpreter's two included).
 *
 * @since 0.1.0
 * @category constructors
 */
export const main = Command.run(tributary, {
  name: "tributary",
  version: "0.1.0",
  executable: "tributary",
  summary: Span.text("collects from many slow, flaky, rate-limited sources at once, losing nothing"),
  footer
})
