/**
 * The collected rows: a table a source, as the user would have made it.
 *
 * A table has the source's name, its columns, its key as primary key, and `tributary_slice`, the slice that a row came from.
 *
 * @since 0.1.0
 */
import { SqlClient, type SqlError } from "@effect/sql"
import { Context, Effect, Layer } from "effect"
import { transaction } from "./internal/transaction.ts"
import type { Slice } from "./Slice.ts"
import type { Row, Source } from "./Source.ts"

/**
 * @since 0.1.0
 * @category services
 */
export class RecordStore extends Context.Tag("@tributary/collect/RecordStore")<
  RecordStore,
  {
    /** Makes the source's table where it is missing. */
    readonly open: (source: Source) => Effect.Effect<void, SqlError.SqlError>
    /** Drops the source's table with all its rows. */
    readonly drop: (source: string) => Effect.Effect<void, SqlError.SqlError>
    /**
     * Puts a slice's rows in the place of what the slice brought before. A row whose key is there already takes that row's
     * place; of several with one key the last one stays.
     */
    readonly replace: (source: Source, slice: Slice, rows: ReadonlyArray<Row>) => Effect.Effect<void, SqlError.SqlError>
  }
>() {}

/** SQLite binds 32,766 values a statement; many columns of few rows reach that as well as few of many. */
const mostBinds = 10_000

const make = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient

  const sqlType = { text: "TEXT", json: "TEXT", integer: "INTEGER", real: "REAL" }
  const names = (columns: ReadonlyArray<string>) => sql.csv(columns.map((name) => sql`${sql(name)}`))

  const open = ({ columns, key, name }: Source) =>
    sql`
      CREATE TABLE IF NOT EXISTS ${sql(name)} (
        ${sql.csv(columns.map(({ name, type }) => sql`${sql(name)} ${sql.literal(sqlType[type])}`))},
        tributary_slice TEXT NOT NULL,
        PRIMARY KEY (${names(key)})
      )`.pipe(
      Effect.zipRight(
        sql`CREATE INDEX IF NOT EXISTS ${sql(`tributary_slice_of_${name}`)} ON ${sql(name)} (tributary_slice)`
      ),
      Effect.asVoid
    )

  const drop = (source: string) => Effect.asVoid(sql`DROP TABLE IF EXISTS ${sql(source)}`)

  const replace = (source: Source, slice: Slice, rows: ReadonlyArray<Row>) => {
    const byKey = new Map(rows.map((row) => [JSON.stringify(source.key.map((name) => String(row[name]))), row]))
    const unique = Array.from(byKey.values(), (row) => ({ ...row, tributary_slice: slice.id }))
    const others = source.columns.map(({ name }) => name).filter((name) => !source.key.includes(name))
    const updates = sql.csv([...others, "tributary_slice"].map((name) => sql`${sql(name)} = excluded.${sql(name)}`))
    const most = Math.max(1, Math.floor(mostBinds / (source.columns.length + 1)))
    const batches = Array.from({ length: Math.ceil(unique.length / most) }, (_, index) =>
      unique.slice(index * most, (index + 1) * most)
    )
    return sql`DELETE FROM ${sql(source.name)} WHERE tributary_slice = ${slice.id}`.pipe(
      Effect.zipRight(
        Effect.forEach(
          batches,
          (batch) =>
            sql`INSERT INTO ${sql(source.name)} ${sql.insert(batch)}
              ON CONFLICT (${names(source.key)}) DO UPDATE SET ${updates}`,
          { discard: true }
        )
      ),
      transaction(sql)
    )
  }

  return RecordStore.of({ open, drop, replace })
})

/**
 * The store in the database at hand.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<RecordStore, never, SqlClient.SqlClient> = Layer.effect(RecordStore, make)
