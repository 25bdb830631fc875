/**
 * The SQLite file that a run writes and a report reads.
 *
 * In WAL mode and with `synchronous = FULL` a commit survives the death of the process at any instant, and a power cut too.
 *
 * @since 0.1.0
 */
import { type Migrator, SqlClient, SqlError } from "@effect/sql"
import { SqliteClient } from "@effect/sql-sqlite-node"
import { Cause, Context, Effect, Layer, Predicate, Schema } from "effect"

/**
 * The database cannot be used. `message` says why, and what to do.
 *
 * @since 0.1.0
 * @category errors
 */
export class DatabaseFailed extends Schema.TaggedError<DatabaseFailed>("@tributary/bot/DatabaseFailed")(
  "DatabaseFailed",
  { message: Schema.String, cause: Schema.Defect }
) {}

/**
 * Opens a file, or makes it. What SQLite says against it (no such folder, no right, not a database) is a `SqlError`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer = (filename: string): Layer.Layer<SqlClient.SqlClient, SqlError.SqlError> =>
  SqliteClient.layer({ filename }).pipe(
    // The client throws where it cannot open.
    Layer.catchAllCause((cause) =>
      Layer.fail(new SqlError.SqlError({ cause: Cause.squash(cause), message: "the database cannot be opened" }))
    ),
    // What is in force otherwise depends on whether the file was in WAL mode before.
    Layer.tap((context) => Context.get(context, SqlClient.SqlClient)`PRAGMA synchronous = FULL`)
  )

/**
 * For `Effect.catchTags`: turns what fails on a database into `DatabaseFailed`.
 *
 * @since 0.1.0
 * @category combinators
 */
export const handlers = (filename: string) => {
  const failed = (error: SqlError.SqlError | Migrator.MigrationError): Effect.Effect<never, DatabaseFailed> =>
    Effect.fail(new DatabaseFailed({ message: describe(filename, error), cause: error }))
  return { SqlError: failed, MigrationError: failed }
}

const describe = (filename: string, error: SqlError.SqlError | Migrator.MigrationError): string => {
  const { cause, message } = error
  const code = Predicate.hasProperty(cause, "code") ? String(cause.code) : ""
  const why = Predicate.isError(cause) ? cause.message : message
  const advice = advices.find(([prefix]) => code.startsWith(prefix))?.[1] ?? "nothing that was committed is lost"
  return `database ${filename}: ${why}${code === "" ? "" : ` [${code}]`}\n  ${advice}`
}

const advices: ReadonlyArray<readonly [code: string, advice: string]> = [
  ["SQLITE_FULL", "the disk is full; make room and run the same command again, what is committed is kept"],
  ["SQLITE_BUSY", "another process holds the database; wait until it ends, or stop it, and run the same command again"],
  [
    "SQLITE_LOCKED",
    "another process holds the database; wait until it ends, or stop it, and run the same command again"
  ],
  ["SQLITE_READONLY", "the file or its folder may not be written; change its permissions, or give another `database`"],
  ["SQLITE_CANTOPEN", "the file cannot be opened; is it a folder, and may its folder be written?"],
  ["SQLITE_NOTADB", "this is not a SQLite database; give another `database`"],
  ["SQLITE_CORRUPT", "the file is damaged; keep a copy, and collect again with --fresh into another `database`"],
  ["SQLITE_IOERR", "the disk failed; run the same command again when it is sound, what is committed is kept"]
]
