import { HttpClient, type HttpClientError, HttpClientRequest } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { Fetcher, RateLimitedClient } from "@tributary/fetcher"
import * as UrlGuard from "@tributary/fetcher/UrlGuard"
import { FakeServer } from "@tributary/testing"
import { UndiciClient } from "@tributary/undici"
import { Effect, Either, FastCheck, Layer, Schema } from "effect"
import * as net from "node:net"

const guard = UrlGuard.make()

/** What became of it: the URL as it is let through, or why it is not. */
const verdict = (url: string | URL, { check } = guard): string =>
  Either.match(check(url), {
    onLeft: ({ blocked, range, reason }) => [reason, blocked, range].filter((fact) => fact !== undefined).join(" "),
    onRight: ({ href }) => href
  })

describe("check", () => {
  const loopback = "address 127.0.0.1 loopback"
  const metadata = "address 169.254.169.254 metadata"
  const cases: ReadonlyArray<readonly [url: string, verdict: string]> = [
    // Public
    ["https://example.com/a?b=c#d", "https://example.com/a?b=c#d"],
    ["http://example.com", "http://example.com/"],
    ["https://example.com:443/", "https://example.com/"],
    ["http://example.com:443/", "http://example.com:443/"],
    ["HTTPS://EXAMPLE.COM./", "https://example.com./"],
    ["https://münchen.example/", "https://xn--mnchen-3ya.example/"],
    ["https://8.8.8.8/", "https://8.8.8.8/"],
    ["https://134744072/", "https://8.8.8.8/"],
    ["https://[2606:4700:4700::1111]/", "https://[2606:4700:4700::1111]/"],
    ["https://[::ffff:8.8.8.8]/", "https://[::ffff:808:808]/"],
    ["https://[64:ff9b::8.8.8.8]/", "https://[64:ff9b::808:808]/"],
    ["https://172.15.255.255/", "https://172.15.255.255/"],
    ["https://172.32.0.0/", "https://172.32.0.0/"],
    ["https://100.128.0.0/", "https://100.128.0.0/"],
    ["https://localhost.example.com/", "https://localhost.example.com/"],
    ["https://notlocalhost.com/", "https://notlocalhost.com/"],
    ["https://example.com/?next=http://127.0.0.1/", "https://example.com/?next=http://127.0.0.1/"],
    // Only the second look can tell: DNS says 127.0.0.1.
    ["http://127.0.0.1.nip.io/", "http://127.0.0.1.nip.io/"],

    // Loopback, in every spelling
    ["http://127.0.0.1/", loopback],
    ["http://127.0.0.1:80/", loopback],
    ["http://127.0.0.1./", loopback],
    ["http://127.0.0.1../", loopback],
    ["http://127.1/", loopback],
    ["http://127.0.1/", loopback],
    ["http://2130706433/", loopback],
    ["http://0x7f000001/", loopback],
    ["http://0x7f.0.0.1/", loopback],
    ["http://0X7F.0x0.0x0.0x1/", loopback],
    ["http://0x7f.1../", loopback],
    ["http://0177.0.0.1/", loopback],
    ["http://0177.1/", loopback],
    ["http://017700000001/", loopback],
    ["http://00000177.0.0.01/", loopback],
    ["http://%31%32%37.0.0.1/", loopback],
    ["http://127%2e0%2e0%2e1/", loopback],
    ["http://１２７.0.0.1/", loopback],
    ["http://127。0。0。1/", loopback],
    ["http://①②⑦.0.0.1/", loopback],
    ["http:127.0.0.1/", loopback],
    ["http:\\\\127.0.0.1\\", loopback],
    [" \thttp://127.0.\n0.1/ ", loopback],
    ["http://example.com\\@127.0.0.1/", "http://example.com/@127.0.0.1/"],
    ["http://127.0.0.1\\@example.com/", loopback],
    ["http://127.0.0.1#@example.com/", loopback],
    ["http://127.0.0.1?@example.com/", loopback],
    ["http://127.255.255.254/", "address 127.255.255.254 loopback"],
    ["http://[::1]/", "address ::1 loopback"],
    ["http://[0:0:0:0:0:0:0:1]/", "address ::1 loopback"],
    ["http://[::ffff:127.0.0.1]/", loopback],
    ["http://[::ffff:7f00:1]/", loopback],
    ["http://[0:0:0:0:0:FFFF:7F00:0001]/", loopback],
    ["http://[::127.0.0.1]/", "address ::7f00:1 reserved"],
    ["http://[::ffff:0:127.0.0.1]/", "address ::ffff:0:7f00:1 tunnel"],
    ["http://[64:ff9b::127.0.0.1]/", "address 64:ff9b::7f00:1 loopback"],
    ["http://[64:ff9b:1::127.0.0.1]/", "address 64:ff9b:1::7f00:1 tunnel"],
    ["http://[2002:7f00:1::]/", "address 2002:7f00:1:: tunnel"],
    ["http://[2001:0:7f00:1::80ff:fffe]/", "address 2001:0:7f00:1::80ff:fffe tunnel"],

    // Metadata
    ["http://169.254.169.254/latest/meta-data/", metadata],
    ["http://2852039166/", metadata],
    ["http://0xa9fea9fe/", metadata],
    ["http://0251.0376.0251.0376/", metadata],
    ["http://169.254.43518/", metadata],
    ["http://[::ffff:a9fe:a9fe]/", metadata],
    ["http://[64:ff9b::a9fe:a9fe]/", "address 64:ff9b::a9fe:a9fe metadata"],
    ["http://[fd00:ec2::254]/", "address fd00:ec2::254 metadata"],
    ["http://168.63.129.16/", "address 168.63.129.16 metadata"],
    ["http://100.100.100.200/", "address 100.100.100.200 metadata"],
    ["http://192.0.0.192/", "address 192.0.0.192 metadata"],
    ["http://metadata.google.internal/", "name metadata.google.internal"],
    ["http://metadata/", "name metadata"],
    ["http://instance-data/", "name instance-data"],

    // Other addresses
    ["http://0/", "address 0.0.0.0 unspecified"],
    ["http://0.0.0.0/", "address 0.0.0.0 unspecified"],
    ["http://0.1.2.3/", "address 0.1.2.3 unspecified"],
    ["http://[::]/", "address :: unspecified"],
    ["http://10.0.0.1/", "address 10.0.0.1 private"],
    ["http://172.16.0.1/", "address 172.16.0.1 private"],
    ["http://172.31.255.255/", "address 172.31.255.255 private"],
    ["http://192.168.1.1/", "address 192.168.1.1 private"],
    ["http://100.64.0.1/", "address 100.64.0.1 private"],
    ["http://100.127.255.255/", "address 100.127.255.255 private"],
    ["http://[fd12:3456::1]/", "address fd12:3456::1 private"],
    ["http://[fec0::1]/", "address fec0::1 private"],
    ["http://169.254.1.1/", "address 169.254.1.1 link-local"],
    ["http://[fe80::1]/", "address fe80::1 link-local"],
    ["http://[febf::1]/", "address febf::1 link-local"],
    ["http://[fe80::1%25eth0]/", "invalid"],
    ["http://224.0.0.1/", "address 224.0.0.1 multicast"],
    ["http://255.255.255.255/", "address 255.255.255.255 multicast"],
    ["http://[ff02::1]/", "address ff02::1 multicast"],
    ["http://192.0.2.1/", "address 192.0.2.1 reserved"],
    ["http://198.18.0.1/", "address 198.18.0.1 reserved"],
    ["http://198.19.255.255/", "address 198.19.255.255 reserved"],
    ["http://198.51.100.1/", "address 198.51.100.1 reserved"],
    ["http://203.0.113.1/", "address 203.0.113.1 reserved"],
    ["http://240.0.0.1/", "address 240.0.0.1 reserved"],
    ["http://[2001:db8::1]/", "address 2001:db8::1 reserved"],
    ["http://[100::1]/", "address 100::1 reserved"],
    ["http://[3fff::1]/", "address 3fff::1 reserved"],
    ["http://[4000::1]/", "address 4000::1 reserved"],

    // Names
    ["http://localhost/", "name localhost"],
    ["http://LOCALHOST/", "name localhost"],
    ["http://localhost./", "name localhost"],
    ["http://ⓛocalhost/", "name localhost"],
    ["http://%6cocalhost/", "name localhost"],
    ["http://app.localhost/", "name app.localhost"],
    ["http://localhost.localdomain/", "name localhost.localdomain"],
    ["http://printer.local/", "name printer.local"],
    ["http://kubernetes.default.svc.cluster.local/", "name kubernetes.default.svc.cluster.local"],
    ["http://router.home.arpa/", "name router.home.arpa"],
    ["http://wiki.corp/", "name wiki.corp"],
    ["http://redis/", "name redis"],
    ["http://./", "name ."],

    // The rest of the URL
    ["ftp://example.com/", "scheme ftp:"],
    ["file:///etc/passwd", "scheme file:"],
    ["gopher://127.0.0.1:6379/_INFO", "scheme gopher:"],
    ["data:text/plain,hello", "scheme data:"],
    ["javascript:alert(1)", "scheme javascript:"],
    ["wss://example.com/", "scheme wss:"],
    ["https://user@example.com/", "credentials"],
    ["https://:secret@example.com/", "credentials"],
    ["https://example.com@127.0.0.1/", "credentials"],
    ["http://example.com:22/", "port 22"],
    ["http://example.com:8080/", "port 8080"],
    ["http://example.com:0/", "port 0"],
    ["http://example.com:65536/", "invalid"],
    ["http://256.1.1.1/", "invalid"],
    ["http://127.0.0.1%00.example.com/", "invalid"],
    ["http:///", "invalid"],
    ["//127.0.0.1/", "invalid"],
    ["/admin", "invalid"],
    ["", "invalid"]
  ]

  for (const [url, expected] of cases) {
    it(`judges ${JSON.stringify(url)}`, () => assert.strictEqual(verdict(url), expected))
  }

  it("has more than 60 that are refused", () => {
    assert.isAbove(cases.filter(([, verdict]) => !/^https?:/.test(verdict)).length, 60)
  })

  it("judges every spelling of an IPv4 address as that address", () => {
    const part = FastCheck.constantFrom(
      (n: number) => String(n),
      (n: number) => `0${n.toString(8)}`,
      (n: number) => `0x${n.toString(16)}`,
      (n: number) => `0X000${n.toString(16).toUpperCase()}`,
      (n: number) => String(n).replaceAll(/\d/g, (digit) => String.fromCodePoint(0xff10 + Number(digit)))
    )
    FastCheck.assert(
      FastCheck.property(
        FastCheck.tuple(octet, octet, octet, octet),
        FastCheck.integer({ min: 1, max: 4 }),
        FastCheck.tuple(part, part, part, part),
        FastCheck.constantFrom("", "."),
        (octets, parts, [a, b, c, d], end) => {
          const tail = octets.slice(parts - 1).reduce((sum, octet) => sum * 256 + octet, 0)
          const spelled = [...octets.slice(0, parts - 1), tail].map((n, i) => ([a, b, c, d][i] ?? String)(n)).join(".")
          assert.strictEqual(verdict(`http://${spelled}${end}/`), verdict(`http://${octets.join(".")}/`))
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it("takes a URL, and does not touch it", () => {
    const url = new URL("https://example.com/")
    const checked = Either.getOrThrow(guard.check(url))
    checked.hostname = "other.example"
    assert.strictEqual(url.href, "https://example.com/")
    assert.strictEqual(verdict(new URL("http://10.0.0.1/")), "address 10.0.0.1 private")
  })

  it("never throws, and lets through only http, on the ports, without credentials", () => {
    const text = FastCheck.oneof(
      FastCheck.string({ unit: "binary" }),
      FastCheck.webUrl({ withFragments: true, withQueryParameters: true }),
      FastCheck.array(
        FastCheck.constantFrom(
          "http:",
          "//",
          "/",
          "\\",
          "@",
          ":",
          "[",
          "]",
          "%",
          "127.",
          "0x7f",
          "::1",
          "a.b",
          ".",
          "#",
          "?",
          "80",
          "\u0000"
        ),
        { maxLength: 12 }
      ).map((parts) => parts.join(""))
    )
    FastCheck.assert(
      FastCheck.property(text, (text) => {
        const checked = guard.check(text)
        guard.allowAddress(text)
        if (Either.isLeft(checked)) return
        const { password, port, protocol, username } = checked.right
        assert.include(["http:", "https:"], protocol)
        assert.include(["", "80", "443"], port)
        assert.strictEqual(username + password, "")
      }),
      { numRuns: 10_000 }
    )
  })
})

const octet = FastCheck.oneof(
  FastCheck.nat({ max: 255 }),
  FastCheck.constantFrom(0, 10, 100, 127, 169, 172, 192, 198, 203, 224, 254, 255)
)

describe("allowAddress", () => {
  it("lets public addresses through", () => {
    for (const address of [
      "8.8.8.8",
      "93.184.216.34",
      "2606:4700:4700::1111",
      "2606:4700:4700:0:0:0:0:1111",
      "2606:4700:4700::1111%eth0",
      "[2606:4700:4700::1111]",
      "::ffff:8.8.8.8",
      "::FFFF:808:808",
      "64:ff9b::808:808"
    ]) {
      assert.isTrue(guard.allowAddress(address), address)
    }
  })

  it("refuses the others, and what is none or is not spelled as a resolver does", () => {
    for (const address of [
      "127.0.0.1",
      "::1",
      "[::1]",
      "::ffff:127.0.0.1",
      "::FFFF:7F00:1",
      "0:0:0:0:0:ffff:127.0.0.1",
      "::127.0.0.1",
      "fe80::1%eth0",
      "fe80::1%25",
      "10.0.0.1",
      "169.254.169.254",
      "64:ff9b::10.0.0.1",
      "fd00::1",
      "2002:808:808::",
      "0177.0.0.1",
      "010.0.0.1",
      "0x8.8.8.8",
      "134744072",
      "8.8.8",
      "8.8.8.8.",
      " 8.8.8.8",
      "8.8.8.8\n",
      "8.8.8.8/32",
      "::ffff:010.0.0.1",
      "2606:4700:4700::1111]/[",
      "2606:4700:4700:1111",
      "1::2::3",
      ":",
      "::ffff:8.8.8",
      "",
      "example.com",
      "localhost",
      "[8.8.8.8]",
      "٨.8.8.8",
      "８.8.8.8"
    ]) {
      assert.isFalse(guard.allowAddress(address), address)
    }
  })

  // The registries again, in other words: https://www.iana.org/assignments/iana-ipv4-special-registry
  const special = new net.BlockList()
  for (const range of [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.31.196.0/24",
    "192.52.193.0/24",
    "192.88.99.0/24",
    "192.168.0.0/16",
    "192.175.48.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "168.63.129.16/32"
  ]) {
    const [base = "", bits] = range.split("/")
    special.addSubnet(base, Number(bits), "ipv4")
  }

  it("agrees with the registry of special IPv4 addresses, plain, mapped and behind NAT64", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.tuple(octet, octet, octet, octet), (octets) => {
        const address = octets.join(".")
        const expected = !special.check(address, "ipv4")
        assert.strictEqual(guard.allowAddress(address), expected)
        assert.strictEqual(guard.allowAddress(`::ffff:${address}`), expected)
        assert.strictEqual(guard.allowAddress(`64:ff9b::${address}`), expected)
        assert.isFalse(guard.allowAddress(`::${address}`))
        assert.strictEqual(verdict(`http://${address}/`).startsWith("http:"), expected)
      }),
      { numRuns: 10_000 }
    )
  })

  it.scoped("refuses at the second look a name whose address has changed since the first", () =>
    Effect.gen(function* () {
      const answers = ["93.184.216.34", "127.0.0.1"]
      const resolve = () => answers.shift() ?? ""
      assert.strictEqual(verdict("http://rebind.example/"), "http://rebind.example/")
      assert.isTrue(guard.allowAddress(resolve()))
      let connections = 0
      const server = yield* Effect.acquireRelease(
        Effect.async<net.Server>((resume) => {
          const server = net.createServer((socket) => {
            connections++
            socket.destroy()
          })
          server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
        }),
        (server) => Effect.async<void>((resume) => void server.close(() => resume(Effect.void)))
      )
      const { port } = server.address() as net.AddressInfo
      const outcome = yield* Effect.async<string>((resume) => {
        const lookup: net.LookupFunction = (_, __, answer) => {
          const address = resolve()
          answer(guard.allowAddress(address) ? null : new Error(`${address} is refused`), address, 4)
        }
        const socket = net.connect({ host: "rebind.example", port, lookup, autoSelectFamily: false })
        socket.on("connect", () => resume(Effect.succeed("connected")))
        socket.on("error", ({ message }) => resume(Effect.succeed(message)))
      })
      assert.strictEqual(outcome, "127.0.0.1 is refused")
      assert.strictEqual(connections, 0)
    })
  )
})

describe("options", () => {
  it("lets through the schemes and ports it is told to, and no others", () => {
    const guard = UrlGuard.make({ schemes: ["wss:"], ports: [8443] })
    assert.strictEqual(verdict("wss://example.com:8443/", guard), "wss://example.com:8443/")
    assert.strictEqual(verdict("wss://example.com/", guard), "port 443")
    assert.strictEqual(verdict("https://example.com:8443/", guard), "scheme https:")
  })

  const allowing = UrlGuard.make({
    allow: ["localhost", "*.Corp.INTERNAL", "127.0.0.1", "10.1.0.0/16", "::1", "fd12::/16", "münchen.local."]
  })
  const cases: ReadonlyArray<readonly [url: string, verdict: string]> = [
    ["http://localhost/", "http://localhost/"],
    ["http://localhost./", "http://localhost./"],
    ["http://a.localhost/", "name a.localhost"],
    ["http://wiki.corp.internal/", "http://wiki.corp.internal/"],
    ["http://a.b.corp.internal/", "http://a.b.corp.internal/"],
    ["http://corp.internal/", "name corp.internal"],
    ["http://evilcorp.internal/", "name evilcorp.internal"],
    ["http://MÜNCHEN.local/", "http://xn--mnchen-3ya.local/"],
    ["http://0x7f.1/", "http://127.0.0.1/"],
    ["http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/"],
    ["http://127.0.0.2/", "address 127.0.0.2 loopback"],
    ["http://10.1.255.255/", "http://10.1.255.255/"],
    ["http://10.2.0.0/", "address 10.2.0.0 private"],
    ["http://[64:ff9b::10.1.0.1]/", "address 64:ff9b::a01:1 private"],
    ["http://[::1]/", "http://[::1]/"],
    ["http://[fd12::1]/", "http://[fd12::1]/"],
    ["http://[fd13::1]/", "address fd13::1 private"],
    // Nothing else is forgiven.
    ["http://localhost:3000/", "port 3000"],
    ["http://user@localhost/", "credentials"]
  ]
  for (const [url, expected] of cases) {
    it(`with an allow list judges ${url}`, () => assert.strictEqual(verdict(url, allowing), expected))
  }

  it("allows addresses at connect time too, but not what an allowed name leads to", () => {
    for (const address of ["127.0.0.1", "::ffff:127.0.0.1", "::1", "10.1.2.3", "fd12::9"]) {
      assert.isTrue(allowing.allowAddress(address), address)
    }
    for (const address of ["127.0.0.2", "10.2.0.0", "fd13::1", "localhost", "wiki.corp.internal"]) {
      assert.isFalse(allowing.allowAddress(address), address)
    }
  })

  it("does not take what it cannot understand", () => {
    for (const entry of [
      "",
      "*",
      "*.",
      "a.*",
      "*.10.0.0.1",
      "localhost:3000",
      "http://localhost",
      "user@a",
      "a/b",
      "a b",
      "10.0.0.0/33",
      "10.0.0.0/",
      "10/8",
      "fd00::/129",
      "0x7f.1",
      "127.1",
      "[::1",
      "::1]",
      "256.1.1.1"
    ]) {
      assert.throws(() => UrlGuard.make({ allow: [entry] }), RangeError, `allow: "${entry}" is neither`)
    }
  })
})

describe("BlockedUrlError", () => {
  const message = (url: string): string =>
    Either.match(guard.check(url), { onLeft: (error) => error.message, onRight: String })

  it("says what is not let through, and what to do", () => {
    assert.strictEqual(
      message("http://0x7f.1/a"),
      "http://127.0.0.1/a: blocked, 127.0.0.1 is not a public address (loopback); add it to allow if it may be asked"
    )
    assert.strictEqual(
      message("http://redis/"),
      "http://redis/: blocked, redis is a name of the local network; add it to allow if it may be asked"
    )
    assert.strictEqual(
      message("http://example.com:22/"),
      "http://example.com:22/: blocked, the port 22 is not let through; add it to ports if it may be asked"
    )
    assert.strictEqual(
      message("ftp://example.com/"),
      "ftp://example.com/: blocked, the scheme ftp: is not among schemes"
    )
    assert.strictEqual(message("nowhere"), "nowhere: blocked, not a URL")
  })

  it("holds no secret, no control characters, and not all of a long URL", () => {
    for (const url of [
      "https://user:secret@example.com/",
      "http://user:secret@[nowhere/",
      "http://10.0.0.1/?api_key=secret",
      "ftp://user:secret@example.com/?x=secret",
      "http://10.0.0.1/#access_token=secret",
      "secret@nowhere"
    ]) {
      const error = Either.getOrThrow(Either.flip(guard.check(url)))
      assert.notInclude(JSON.stringify(error) + error.message, "secret", url)
    }
    // oxlint-disable-next-line no-control-regex
    assert.notMatch(message("no\u001b[31mwhere\u202e"), /[\u001b\u202e]/)
    assert.isBelow(message(`data:text/plain,${"a".repeat(10_000)}`).length, 300)
  })

  it("is not transient, and can be stored", () => {
    const error = Either.getOrThrow(Either.flip(guard.check("http://10.0.0.1/")))
    assert.isFalse(error.isTransient)
    const encoded = Schema.encodeSync(UrlGuard.BlockedUrlError)(error)
    assert.deepStrictEqual(encoded, {
      _tag: "BlockedUrlError",
      url: "http://10.0.0.1/",
      reason: "address",
      blocked: "10.0.0.1",
      range: "private"
    })
    assert.strictEqual(Schema.decodeSync(UrlGuard.BlockedUrlError)(encoded).message, error.message)
  })
})

describe("guard", () => {
  const server = FakeServer.routes({
    "/in": FakeServer.redirect("http://169.254.169.254/latest/"),
    "/twice": FakeServer.redirect("/in"),
    "/ok": FakeServer.redirect("http://other.example/end"),
    "/relative": FakeServer.redirect("//LOCALHOST/end"),
    "*": FakeServer.text("end")
  })

  /** What came, or which URL was refused and why; and what was sent. */
  const run = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.gen(function* () {
      const { client, log } = yield* FakeServer.client(server)
      const guarded = client.pipe(UrlGuard.guard(guard), HttpClient.followRedirects(5))
      const outcome = yield* guarded.execute(request).pipe(
        Effect.flatMap((response) => response.text),
        Effect.catchTag("RequestError", ({ cause, reason }) =>
          Effect.succeed(cause instanceof UrlGuard.BlockedUrlError ? `${reason} ${cause.url} ${cause.reason}` : reason)
        )
      )
      return { outcome, sent: (yield* log).map(({ url }) => url) }
    })

  const cases: ReadonlyArray<readonly [url: string, outcome: string, sent: ReadonlyArray<string>]> = [
    ["http://example.com/", "end", ["/"]],
    ["http://example.com/ok", "end", ["/ok", "/end"]],
    ["http://10.0.0.1/", "InvalidUrl http://10.0.0.1/ address", []],
    ["http://example.com/in", "InvalidUrl http://169.254.169.254/latest/ address", ["/in"]],
    ["http://example.com/twice", "InvalidUrl http://169.254.169.254/latest/ address", ["/twice", "/in"]],
    ["http://example.com/relative", "InvalidUrl http://localhost/end name", ["/relative"]],
    ["nowhere", "InvalidUrl nowhere invalid", []]
  ]
  for (const [url, outcome, sent] of cases) {
    it.effect(`of ${url}`, () =>
      Effect.gen(function* () {
        assert.deepStrictEqual(yield* run(HttpClientRequest.get(url)), { outcome, sent })
      })
    )
  }

  it.effect("sees the URL that mapRequest makes", () =>
    Effect.gen(function* () {
      const { client, log } = yield* FakeServer.client(server)
      const mapped = HttpClient.mapRequest(HttpClientRequest.prependUrl("http://127.0.0.1"))
      for (const guarded of [mapped(UrlGuard.guard(client, guard)), UrlGuard.guard(mapped(client), guard)]) {
        const error = yield* Effect.flip(guarded.get("/"))
        assert.strictEqual(
          error.message.split(" (")[0],
          "InvalidUrl: http://127.0.0.1/: blocked, 127.0.0.1 is not a public address"
        )
      }
      assert.deepStrictEqual(yield* log, [])
    })
  )

  it.scopedLive("and allowAddress of the undici client, at connect time: a name that stands for what is private", () =>
    Effect.gen(function* () {
      const { log, url } = yield* FakeServer.serve(FakeServer.text("secret"))
      const { port } = new URL(url)
      const ask = (allow: ReadonlyArray<string>) => {
        const only = UrlGuard.make({ allow, ports: [Number(port)] })
        const layer = RateLimitedClient.layer().pipe(
          Layer.provide(UndiciClient.layer({ allowAddress: only.allowAddress }))
        )
        return Fetcher.fetch(HttpClientRequest.get(`http://localhost:${port}/`)).pipe(Effect.provide(layer))
      }
      const error = yield* Effect.flip(ask(["localhost"]))
      assert.strictEqual(error._tag, "BlockedAddressError")
      if (error._tag === "BlockedAddressError") {
        assert.deepStrictEqual([error.reason, error.attempts, error.isTransient], ["guard", 0, false])
        assert.match(error.address, /^(127\.0\.0\.1|::1)$/)
      }
      assert.deepStrictEqual(yield* log, [])
      assert.strictEqual((yield* ask(["localhost", "127.0.0.1", "::1"])).status, 200)
    })
  )

  it("pins its types", () => {
    expectTypeOf(UrlGuard.guard(guard)<HttpClientError.ResponseError, "r">).returns.toEqualTypeOf<
      HttpClient.HttpClient.With<HttpClientError.ResponseError | HttpClientError.RequestError, "r">
    >()
    expectTypeOf(guard.check).returns.toEqualTypeOf<Either.Either<URL, UrlGuard.BlockedUrlError>>()
    expectTypeOf(UrlGuard.make).returns.toEqualTypeOf<UrlGuard.UrlGuard>()
  })
})
