import { type HttpClient, HttpClientRequest } from "@effect/platform"
import { assert, describe, it } from "@effect/vitest"
import { FetchError, Fetcher, Paginate } from "@tributary/fetcher"
import { Cause, Effect, Schema, Stream } from "effect"
import { inspect } from "node:util"
import * as Loopback from "./Loopback.ts"

const key = "sk-live/4f+9=Zq"
const token = "tok-Bearer-77"
const password = "hunter22!"

const headers = {
  authorization: `Bearer ${token}`,
  "x-api-key": key,
  cookie: `theme=dark; sid=${token}-c`
}

/** Every way in which an error gets to a screen, a log or a database. */
const faces = (error: FetchError.FetchError): ReadonlyArray<string> => [
  error.message,
  String(error),
  JSON.stringify(error),
  JSON.stringify(Schema.encodeSync(FetchError.FetchError)(error)),
  inspect(error, { depth: 20, showHidden: true }),
  Cause.pretty(Cause.fail(error), { renderErrorCause: true }),
  error.stack ?? ""
]

const secrets = [key, token, password].flatMap((secret) => [
  secret,
  encodeURIComponent(secret),
  new URLSearchParams({ secret }).toString().slice(7),
  Buffer.from(`bob:${secret}`).toString("base64")
])

const assertNoSecret = (error: FetchError.FetchError): void => {
  for (const face of faces(error)) for (const secret of secrets) assert.notInclude(face, secret, error._tag)
}

const withSecrets = (url: string): HttpClientRequest.HttpClientRequest =>
  HttpClientRequest.get(url.replace("://", `://bob:${encodeURIComponent(password)}@`), {
    urlParams: { api_key: key, access_token: token, city: "Seattle" },
    headers
  })

for (const { layer, name } of Loopback.transports) {
  // fetch sends no request with credentials in the URL.
  const withSecretsIn = (url: string) =>
    name.includes("fetch")
      ? HttpClientRequest.get(url, { urlParams: { api_key: key, city: "Seattle" }, headers })
      : withSecrets(url)

  describe(`no secret in an error, ${name}`, () => {
    const provided = Effect.provide(layer)

    it.scopedLive("of a server that repeats everything", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((request, response) => {
          const { authorization, cookie, "x-api-key": header } = request.headers
          const decoded = decodeURIComponent(request.url ?? "")
          response
            .writeHead(request.url?.startsWith("/ok") === true ? 200 : 403)
            .end(JSON.stringify([header, authorization, cookie, request.url, decoded, authorization?.split(" ")[1]]))
        })
        const error = yield* Effect.flip(Fetcher.fetch(withSecretsIn(url)))
        assert.strictEqual(error._tag, "StatusError")
        assert.include(error.message, "REDACTED")
        assert.include(error.message, "city=Seattle")
        assertNoSecret(error)
        const decode = yield* Effect.flip(Fetcher.json(withSecretsIn(`${url}/ok`), Schema.Number))
        assert.strictEqual(decode._tag, "DecodeError")
        assertNoSecret(decode)
        const fetched = yield* Fetcher.fetch(withSecretsIn(`${url}/ok`))
        const got: unknown = JSON.parse(new TextDecoder().decode(fetched.body))
        assertNoSecret(Fetcher.decodeError(fetched)({ path: "", expected: "records", got }))
      }).pipe(provided)
    )

    it.scopedLive("where a cut goes through it", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((_, response, n) => {
          const most = n % 2 === 1 ? 200 : 100
          response.writeHead(most === 100 ? 200 : 400).end(JSON.stringify("x".repeat(most - 10) + token))
        })
        const asks: ReadonlyArray<Effect.Effect<void, FetchError.FetchError, HttpClient.HttpClient>> = [
          Effect.asVoid(Fetcher.fetch(withSecretsIn(url))),
          Effect.asVoid(Fetcher.json(withSecretsIn(url), Schema.Number))
        ]
        for (const ask of asks) {
          const error = yield* Effect.flip(ask)
          for (const face of faces(error)) assert.notInclude(face, token.slice(0, 6))
        }
      }).pipe(provided)
    )

    it.scopedLive("of a server that speaks no HTTP and repeats it", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serveRaw((socket) => socket.end(`you said ${key} ${token}\r\n\r\n`))
        assertNoSecret(yield* Effect.flip(Fetcher.fetch(withSecretsIn(url))))
      }).pipe(provided)
    )

    it.live("that never left", () =>
      Effect.gen(function* () {
        const closed = yield* Loopback.closedPort
        const bad = `http://bob:${password}@127.0.0.1:99999/x?token=${token}#${key}`
        for (const request of [
          withSecrets(closed),
          withSecretsIn(closed),
          HttpClientRequest.get(bad),
          HttpClientRequest.get(`bob:${password}@host/x?token=${token}`),
          HttpClientRequest.get(closed, { headers: { authorization: `Bearer \n${token}` } })
        ]) {
          const error = yield* Effect.flip(Fetcher.fetch(request))
          assert.oneOf(error._tag, ["ConnectError", "InvalidRequestError"])
          assertNoSecret(error)
        }
      }).pipe(provided)
    )

    it.scopedLive("of a link", () =>
      Effect.gen(function* () {
        const { url } = yield* Loopback.serve((_, response) => {
          const next = `https://bob:${password}@h.example/?api_key=${encodeURIComponent(key)}&page=2#${token}`
          response.setHeader("link", `<${next}>; rel="next"`).end()
        })
        const error = yield* withSecretsIn(url).pipe(Paginate.link(), Stream.runDrain, Effect.flip)
        assert.strictEqual(error._tag, "BlockedAddressError")
        assert.include(error.message, "https://h.example/?api_key=REDACTED&page=2")
        assertNoSecret(error)
      }).pipe(provided)
    )
  })
}

describe("what is hidden", () => {
  const shown = (name: string): boolean => {
    const { url } = FetchError.describe(HttpClientRequest.get("http://h/", { urlParams: { [name]: "value" } }))
    return url.includes("value")
  }

  it("query parameters whose name speaks of a secret", () => {
    const names =
      "key api_key apikey apiKey api-key X-Api-Key appkey appid app_id token access_token accessToken refreshToken sessionToken authToken id_token secret client_secret clientSecret password userPassword passwd pwd pass passphrase sig signature X-Amz-Signature X-Amz-Credential X-Amz-Security-Token auth authorization jwt session session_id sessionid hmac otp code"
    for (const name of names.split(" ")) assert.isFalse(shown(name), name)
  })

  it("and no other", () => {
    const names = "q city page per_page limit country_code zip_code cursor design author compass keyword sort keys id"
    for (const name of names.split(" ")) assert.isTrue(shown(name), name)
  })

  it("user info and fragment", () => {
    assert.deepStrictEqual(FetchError.describe(HttpClientRequest.post("http://bob:pw@h.example:81/p?a=1&a=2#top")), {
      method: "POST",
      url: "http://h.example:81/p?a=1&a=2"
    })
  })

  it.scopedLive("Basic credentials as they are and decoded; not the scheme, nor what is too short to tell", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serve(
        Loopback.body(
          401,
          `Basic: bob has no password ${password}, nor ${Buffer.from(`bob:${password}`).toString("base64")}`
        )
      )
      const request = HttpClientRequest.basicAuth(HttpClientRequest.get(url), "bob", password)
      const error = yield* Effect.flip(Fetcher.fetch(request))
      assert.strictEqual(
        error._tag === "StatusError" && error.body,
        "Basic: bob has no password REDACTED, nor REDACTED"
      )
    }).pipe(Effect.provide(Loopback.overUndici()))
  )

  it.scopedLive("one secret that begins like another", () =>
    Effect.gen(function* () {
      const { url } = yield* Loopback.serve(Loopback.body(401, "abcdef123 abcdef"))
      const request = HttpClientRequest.get(url, { urlParams: { key: "abcdef", token: "abcdef123" } })
      const error = yield* Effect.flip(Fetcher.fetch(request))
      assert.strictEqual(error._tag === "StatusError" && error.body, "REDACTED REDACTED")
    }).pipe(Effect.provide(Loopback.overUndici()))
  )
})
