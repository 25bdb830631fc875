import { assert, it } from "@effect/vitest"
import { UndiciClient } from "@tributary/undici"
import { Effect } from "effect"
import dns from "node:dns"
import { syncBuiltinESMExports } from "node:module"
import { causeOf } from "./failures.ts"
import { serve } from "./server.ts"

/** What the resolver answers, question by question; the last answer stays. */
const answers = new Map<string, Array<ReadonlyArray<string>>>()
const asked: Array<string> = []

const resolver = Effect.acquireRelease(
  Effect.sync(() => {
    const { lookup } = dns
    const fake = (
      host: string,
      _options: unknown,
      done: (error: null, found: ReadonlyArray<dns.LookupAddress>) => void
    ) => {
      asked.push(host)
      const left = answers.get(host) ?? []
      const answer = (left.length > 1 ? left.shift() : left[0]) ?? []
      setImmediate(() =>
        done(
          null,
          answer.map((address) => ({ address, family: 4 }))
        )
      )
    }
    Object.assign(dns, { lookup: fake })
    syncBuiltinESMExports()
    return lookup
  }),
  (lookup) =>
    Effect.sync(() => {
      Object.assign(dns, { lookup })
      syncBuiltinESMExports()
    })
)

it.scopedLive("are looked up once for many connections, and asked about at each of them", () =>
  Effect.gen(function* () {
    const server = yield* serve((_, response) => response.writeHead(200, { connection: "close" }).end("x"))
    yield* resolver
    const get = (host: string, options: UndiciClient.Options) =>
      Effect.map(UndiciClient.make(options), (client) =>
        Effect.flatMap(client.get(`http://${host}:${server.port}`), (response) => response.text)
      )
    const lookups = (host: string) => asked.filter((name) => name === host).length

    answers.set("many.test", [["127.0.0.1"]])
    const many = yield* get("many.test", {})
    yield* Effect.all(
      Array.from({ length: 20 }, () => many),
      { concurrency: "unbounded" }
    )
    yield* many
    assert.deepStrictEqual([server.accepted(), lookups("many.test")], [21, 1])

    answers.set("none.test", [["127.0.0.1"]])
    const none = yield* get("none.test", { dnsCache: 0 })
    yield* none
    yield* none
    assert.strictEqual(lookups("none.test"), 2)

    // A name that changes its answer, and one that hides a forbidden address among others.
    answers.set("rebinding.test", [["127.0.0.1"], ["10.0.0.1"]])
    const allowAddress = (address: string) => address === "127.0.0.1"
    const rebinding = yield* get("rebinding.test", { dnsCache: 0, allowAddress })
    assert.strictEqual(yield* rebinding, "x")
    const cause = causeOf(yield* Effect.flip(rebinding))
    assert.strictEqual(cause._tag === "AddressBlocked" && cause.address, "10.0.0.1")
    answers.set("mixed.test", [["10.0.0.1", "127.0.0.1"]])
    assert.strictEqual(yield* yield* get("mixed.test", { allowAddress }), "x")
  })
)
