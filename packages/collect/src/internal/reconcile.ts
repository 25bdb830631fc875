import type { SqlClient, SqlError } from "@effect/sql"
import { Effect } from "effect"
import * as Plan from "../Plan.ts"
import type { Stored } from "../Slice.ts"
import type { Source } from "../Source.ts"

const batch = 1000

/**
 * Compares the ledger's slices of a source with its plan, which may have changed since: takes those out whose window has
 * moved, so that they are asked for again, and counts those that are outside the plan now. @internal
 */
export const reconcile =
  (sql: SqlClient.SqlClient) =>
  (source: Source): Effect.Effect<number, SqlError.SqlError> =>
    Effect.gen(function* () {
      const compare = Plan.compare(source)
      let outside = 0
      let last = ""
      while (true) {
        const rows = yield* sql<{ slice: string; parameters: string }>`
          SELECT slice, parameters FROM tributary_slices
          WHERE source = ${source.name} AND slice > ${last} ORDER BY slice LIMIT ${batch}`
        const moved: Array<string> = []
        for (const { parameters, slice } of rows) {
          const standing = compare(JSON.parse(parameters) as Stored)
          if (standing === "outside") outside++
          if (standing === "moved") moved.push(slice)
          last = slice
        }
        if (moved.length > 0) {
          yield* sql`DELETE FROM tributary_rejects WHERE source = ${source.name} AND ${sql.in("slice", moved)}`
          yield* sql`DELETE FROM tributary_slices WHERE source = ${source.name} AND ${sql.in("slice", moved)}`
        }
        if (rows.length < batch) return outside
      }
    })
