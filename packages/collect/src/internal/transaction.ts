import { SqlError, type SqlClient } from "@effect/sql"
import { type Cause, Effect } from "effect"

/**
 * As `withTransaction`, with every failure of the database a `SqlError`. There a COMMIT or ROLLBACK that fails is a defect;
 * and on a full disk SQLite ends the transaction by itself, so that the ROLLBACK fails and hides the reason. @internal
 */
export const transaction =
  (sql: SqlClient.SqlClient) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | SqlError.SqlError, R> =>
    Effect.suspend(() => {
      let reason: Cause.Cause<E> | undefined
      return effect.pipe(
        Effect.tapErrorCause((cause) =>
          Effect.sync(() => {
            reason = cause
          })
        ),
        sql.withTransaction,
        Effect.catchAllDefect((defect): Effect.Effect<never, E | SqlError.SqlError> => {
          if (reason !== undefined) return Effect.failCause(reason)
          return defect instanceof SqlError.SqlError ? Effect.fail(defect) : Effect.die(defect)
        })
      )
    })
