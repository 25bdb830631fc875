import { assert, describe, it } from "@effect/vitest"
import { HttpClient } from "@effect/platform"
import { Effect, Schema } from "effect"
import { UndiciClient } from "@tributary/undici"
import * as JsonServer from "../src/benches/JsonServer.ts"

describe("JsonServer", () => {
  it("knows its answer, and nothing else", () => {
    assert.isTrue(JsonServer.isCatalog(JSON.parse(JSON.stringify(JsonServer.catalog))))
    assert.deepStrictEqual(
      [undefined, null, "", {}, { id: 2 }].map((other) => JsonServer.isCatalog(other)),
      [false, false, false, false, false]
    )
    assert.isTrue(Schema.is(JsonServer.Catalog)(JsonServer.catalog))
  })

  it.live("is nginx where there is one, until the scope closes", (context) =>
    Effect.gen(function* () {
      // Without it the server is a child process of the bench's program, which this is not.
      if (!(yield* JsonServer.name).startsWith("nginx")) return yield* Effect.sync(() => context.skip())
      const get = (url: string) => Effect.flatMap(HttpClient.get(url), (response) => response.json)
      const { answer, url } = yield* Effect.scoped(
        Effect.gen(function* () {
          const url = yield* JsonServer.serve
          return { answer: yield* get(`${url}?1`), url }
        })
      )
      assert.deepStrictEqual(answer, JsonServer.catalog)
      const error = yield* Effect.flip(Effect.asVoid(get(url)))
      assert.strictEqual(error._tag, "RequestError")
    }).pipe(Effect.provide(UndiciClient.layer()))
  )
})
