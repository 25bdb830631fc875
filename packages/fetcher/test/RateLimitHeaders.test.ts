import { Headers } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import * as RateLimitHeaders from "@tributary/fetcher/RateLimitHeaders"
import { RateLimitDialect } from "@tributary/testing"
import { DateTime, Duration, FastCheck, Option } from "effect"

const now = Date.UTC(2026, 0, 5, 12, 0, 0)

const millis = (headers: Record<string, string>, at = now): number | undefined =>
  RateLimitHeaders.retryAfter(at)(Headers.fromInput(headers)).pipe(Option.map(Duration.toMillis), Option.getOrUndefined)

const httpDate = (millis: number): string => DateTime.toDateUtc(DateTime.unsafeMake(millis)).toUTCString()

describe("retryAfter", () => {
  const date = "Mon, 05 Jan 2026 12:00:00 GMT"

  const cases: ReadonlyArray<readonly [what: string, headers: Record<string, string>, millis: number | undefined]> = [
    ["nothing", {}, undefined],
    ["seconds", { "retry-after": "120" }, 120_000],
    ["zero", { "retry-after": "0" }, 0],
    ["space around", { "retry-after": " 7 " }, 7_000],
    ["fractions of a second", { "retry-after": "1.5" }, 1_500],
    ["milliseconds", { "retry-after-ms": "250" }, 250],
    ["fractions of a millisecond", { "retry-after-ms": "0.5" }, 0.5],
    ["milliseconds before seconds", { "retry-after-ms": "250", "retry-after": "9" }, 250],
    ["seconds where the milliseconds are malformed", { "retry-after-ms": "soon", "retry-after": "9" }, 9_000],
    ["IMF-fixdate", { "retry-after": "Mon, 05 Jan 2026 12:01:00 GMT" }, 60_000],
    ["RFC 850", { "retry-after": "Monday, 05-Jan-26 12:01:00 GMT" }, 60_000],
    ["asctime", { "retry-after": "Mon Jan  5 12:01:00 2026" }, 60_000],
    ["a date in the past", { "retry-after": "Mon, 05 Jan 2026 11:59:59 GMT" }, 0],
    [
      "a server an hour ahead",
      { date: "Mon, 05 Jan 2026 13:00:00 GMT", "retry-after": "Mon, 05 Jan 2026 13:00:30 GMT" },
      30_000
    ],
    [
      "a server an hour behind",
      { date: "Mon, 05 Jan 2026 11:00:00 GMT", "retry-after": "Mon, 05 Jan 2026 11:00:30 GMT" },
      30_000
    ],
    ["past by the server's clock", { date, "retry-after": "Mon, 05 Jan 2026 11:00:00 GMT" }, 0],
    [
      "Date in another form",
      { date: "Mon Jan  5 12:00:10 2026", "retry-after": "Mon, 05 Jan 2026 12:00:30 GMT" },
      20_000
    ],
    ["a malformed Date", { date: "today", "retry-after": "Mon, 05 Jan 2026 12:00:30 GMT" }, 30_000],
    ["Date does not touch seconds", { date: "Mon, 05 Jan 2026 13:00:00 GMT", "retry-after": "5" }, 5_000],
    ["more than can be held counts as 2^31 seconds", { "retry-after": "9".repeat(400) }, 2 ** 31 * 1_000],
    ["that many milliseconds as well", { "retry-after-ms": "9".repeat(400) }, 2 ** 31 * 1_000],
    ...["", " ", "-1", "+1", "1e3", "0x10", "1,5", "5, 5", "5s", "1.", ".5", "NaN", "Infinity", "soon"].map(
      (text) => [`malformed: "${text}"`, { "retry-after": text }, undefined] as const
    ),
    ...[
      "2026-01-05T12:01:00Z",
      "Mon, 05 Jan 2026 12:01:00",
      "Mon, 05 Jan 2026 12:01:00 +0100",
      "Mon, 99 Jan 2026 12:01:00 GMT",
      "Mon, 05 Foo 2026 12:01:00 GMT",
      "Mon, 05 Jan 2026 25:01:00 GMT",
      "5 Jan 2026"
    ].map((text) => [`not an HTTP date: ${text}`, { "retry-after": text }, undefined] as const)
  ]

  for (const [what, headers, expected] of cases) {
    it(`reads ${what}`, () => assert.strictEqual(millis(headers), expected))
  }

  it("is total: any text gives nothing or a finite wait that is not negative", () => {
    const some = FastCheck.oneof(
      FastCheck.string(),
      FastCheck.stringMatching(/^[-+ ]?\d{0,25}(\.\d{0,3})?$/),
      FastCheck.stringMatching(/^(Mon|Sunday),? \d\d[ -](Jan|Feb|Foo)[ -]\d{2,4} \d\d:\d\d:\d\d( GMT)?$/)
    )
    const option = { nil: undefined }
    FastCheck.assert(
      FastCheck.property(
        FastCheck.option(some, option),
        FastCheck.option(some, option),
        FastCheck.option(some, option),
        FastCheck.integer({ min: 0, max: 8_640_000_000_000_000 }),
        (retryAfter, retryAfterMs, date, at) => {
          const headers = { "retry-after": retryAfter, "retry-after-ms": retryAfterMs, date }
          const wait = RateLimitHeaders.retryAfter(at)(Headers.fromInput(headers))
          if (Option.isNone(wait)) return
          assert.isTrue(Duration.isFinite(wait.value))
          assert.isAtLeast(Duration.toMillis(wait.value), 0)
        }
      )
    )
  })

  it("reads back what it was told, in seconds, milliseconds and as a date", () => {
    FastCheck.assert(
      FastCheck.property(FastCheck.integer({ min: 0, max: 2 ** 31 }), (seconds) => {
        assert.strictEqual(millis({ "retry-after": String(seconds) }), seconds * 1_000)
        assert.strictEqual(millis({ "retry-after-ms": String(seconds) }), seconds)
        const at = httpDate(now + seconds * 1_000)
        assert.strictEqual(millis({ "retry-after": at }), seconds * 1_000)
        assert.strictEqual(millis({ "retry-after": at, date: httpDate(now) }, 0), seconds * 1_000)
      })
    )
  })

  it("pins its type", () => {
    expectTypeOf(RateLimitHeaders.retryAfter).toEqualTypeOf<
      (now: number) => (headers: Headers.Headers) => Option.Option<Duration.Duration>
    >()
  })
})

type Plain = Readonly<Record<string, string | number>>

/** With durations in milliseconds. */
const plain = (observation: RateLimitHeaders.Observation): Plain =>
  Object.fromEntries(
    Object.entries(observation).map(([key, value]) => [
      key,
      Duration.isDuration(value) ? Duration.toMillis(value) : value
    ])
  )

const observed = (headers: Record<string, string>, at = now): ReadonlyArray<Plain> =>
  RateLimitHeaders.observations(at)(Headers.fromInput(headers)).map(plain)

const second = 1_000
const minute = 60_000
const hour = 3_600_000
const day = 86_400_000

describe("observations", () => {
  const epoch = now / 1_000
  const requests = (facts: Plain): ReadonlyArray<Plain> => [{ resource: "requests", ...facts }]
  const cases: ReadonlyArray<readonly [what: string, headers: Record<string, string>, found: ReadonlyArray<Plain>]> = [
    ["nothing", { "content-type": "text/html" }, []],

    // draft-ietf-httpapi-ratelimit-headers-10
    [
      "RateLimit with its policy (draft 10)",
      { "ratelimit-policy": `"default";q=100;w=10`, ratelimit: `"default";r=50;t=30` },
      requests({ name: "default", limit: 100, window: 10 * second, remaining: 50, reset: 30 * second })
    ],
    [
      "several policies, one of them with its state (draft 10)",
      { "ratelimit-policy": `"permin";q=50;w=60,"perhr";q=1000;w=3600`, ratelimit: `"perhr";r=999` },
      [
        ...requests({ name: "perhr", limit: 1_000, window: hour, remaining: 999 }),
        ...requests({ name: "permin", limit: 50, window: minute })
      ]
    ],
    [
      "a partition key (draft 10)",
      { ratelimit: `"default";r=999;pk=:dHJpYWwxMjEzMjM=:` },
      requests({ name: "default", remaining: 999 })
    ],
    [
      "units that are no requests (monday.com, API reference, Rate limits)",
      {
        "ratelimit-policy": `"minuteRate";q=100;w=60, "concurrency";q=40;qu="concurrent-requests", "complexityMinute";q=1000000;w=60;qu="content-bytes"`,
        ratelimit: `"minuteRate";r=90, "concurrency";r=35, "complexityMinute";r=800000;t=45`
      },
      requests({ name: "minuteRate", limit: 100, window: minute, remaining: 90 })
    ],
    [
      "the default unit by its name",
      { "ratelimit-policy": `"a";q=1;qu="requests"` },
      requests({ name: "a", limit: 1 })
    ],
    [
      "a token for a name",
      { ratelimit: `default;r=5;t=1` },
      requests({ name: "default", remaining: 5, reset: second })
    ],
    [
      "the good items beside bad ones",
      { ratelimit: `"a";r=-1;t=1, "b";t=4, "c";r=1.5, 7;r=1, ("d");r=1, "e";r=3;t=-2, "f";r="4"` },
      requests({ name: "e", remaining: 3 })
    ],
    [
      "a policy without quota, and one without width",
      { "ratelimit-policy": `"a";w=60, "b";q=5;w=0` },
      requests({ name: "b", limit: 5 })
    ],
    ["nothing in a field that is malformed as a whole", { ratelimit: `"a";r=1;t=2,` }, []],
    [
      "a state longer than 2^31 seconds",
      { ratelimit: `"a";r=1;t=999999999999999` },
      [{ resource: "requests", name: "a", remaining: 1, reset: 2 ** 31 * second }]
    ],

    // Older drafts
    [
      "RateLimit as a dictionary (draft 07; express-rate-limit, standardHeaders: draft-7)",
      { "ratelimit-policy": "100;w=900", ratelimit: "limit=100, remaining=98, reset=880" },
      requests({ limit: 100, window: 900 * second, remaining: 98, reset: 880 * second })
    ],
    [
      "three fields with a policy (draft 06; express-rate-limit, standardHeaders: draft-6)",
      {
        "ratelimit-policy": "100;w=60, 10000;w=86400",
        "ratelimit-limit": "100",
        "ratelimit-remaining": "50",
        "ratelimit-reset": "30"
      },
      [
        ...requests({ limit: 100, window: minute, remaining: 50, reset: 30 * second }),
        ...requests({ limit: 10_000, window: day })
      ]
    ],
    [
      "two windows of the same limit, the first of which is the one in force (draft 06)",
      { "ratelimit-policy": "100;w=60, 100;w=86400", "ratelimit-limit": "100" },
      [...requests({ limit: 100, window: minute }), ...requests({ limit: 100, window: day })]
    ],
    [
      "windows in RateLimit-Limit (draft 02)",
      {
        "ratelimit-limit": `10, 10;w=1;window=1, 50;w=60;comment="a"`,
        "ratelimit-remaining": "9",
        "ratelimit-reset": "1"
      },
      [
        ...requests({ limit: 10, window: second, remaining: 9, reset: second }),
        ...requests({ limit: 50, window: minute })
      ]
    ],
    [
      "a window on each (Docker Hub, Pull usage and limits)",
      { "ratelimit-limit": "100;w=21600", "ratelimit-remaining": "20;w=21600" },
      requests({ limit: 100, window: 6 * hour, remaining: 20 })
    ],
    [
      "RateLimit-Reset since the epoch (GitLab, Rate limits, Response headers)",
      { "ratelimit-limit": "60", "ratelimit-remaining": "57", "ratelimit-reset": String(epoch + 42) },
      requests({ limit: 60, remaining: 57, reset: 42 * second })
    ],

    // Anthropic
    [
      "all four of Anthropic's (API reference, Rate limits, Response headers)",
      {
        "anthropic-ratelimit-requests-limit": "1000",
        "anthropic-ratelimit-requests-remaining": "999",
        "anthropic-ratelimit-requests-reset": "2026-01-05T12:00:01Z",
        "anthropic-ratelimit-tokens-limit": "100000",
        "anthropic-ratelimit-tokens-remaining": "99000",
        "anthropic-ratelimit-tokens-reset": "2026-01-05T12:00:00Z",
        "anthropic-ratelimit-input-tokens-limit": "80000",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-input-tokens-reset": "2026-01-05T13:01:00+01:00",
        "anthropic-ratelimit-output-tokens-limit": "20000",
        "anthropic-ratelimit-output-tokens-remaining": "10000",
        "anthropic-ratelimit-output-tokens-reset": "2026-01-05T12:00:30.500Z"
      },
      [
        { resource: "requests", limit: 1_000, window: minute, remaining: 999, full: second },
        { resource: "tokens", limit: 100_000, window: minute, remaining: 99_000, full: 0 },
        { resource: "input-tokens", limit: 80_000, window: minute, remaining: 0, full: minute },
        { resource: "output-tokens", limit: 20_000, window: minute, remaining: 10_000, full: 30_500 }
      ]
    ],

    // OpenAI and alike
    [
      "OpenAI's example, whose tokens fit no window (Guides, Rate limits, Rate limits in headers)",
      {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-requests": "1s",
        "x-ratelimit-reset-tokens": "6m0s"
      },
      [
        { resource: "requests", limit: 60, window: minute, remaining: 59, full: second },
        { resource: "tokens", limit: 150_000, remaining: 149_984, full: 6 * minute }
      ]
    ],
    [
      "a response of OpenAI's (its community forum, topic 1268905)",
      {
        "x-ratelimit-limit-requests": "5000",
        "x-ratelimit-limit-tokens": "160000",
        "x-ratelimit-remaining-requests": "4999",
        "x-ratelimit-remaining-tokens": "159976",
        "x-ratelimit-reset-requests": "12ms",
        "x-ratelimit-reset-tokens": "9ms"
      },
      [
        { resource: "requests", limit: 5_000, window: minute, remaining: 4_999, full: 12 },
        { resource: "tokens", limit: 160_000, window: minute, remaining: 159_976, full: 9 }
      ]
    ],
    [
      "Groq's requests per day, and tokens that fit no window (Rate limits, Rate limit headers)",
      {
        "retry-after": "2",
        "x-ratelimit-limit-requests": "14400",
        "x-ratelimit-limit-tokens": "18000",
        "x-ratelimit-remaining-requests": "14370",
        "x-ratelimit-remaining-tokens": "17997",
        "x-ratelimit-reset-requests": "2m59.56s",
        "x-ratelimit-reset-tokens": "7.66s"
      },
      [
        { resource: "requests", limit: 14_400, window: day, remaining: 14_370, full: 179_560 },
        { resource: "tokens", limit: 18_000, remaining: 17_997, full: 7_660 }
      ]
    ],
    [
      "a full bucket, which tells no window",
      {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "60",
        "x-ratelimit-reset-requests": "0s"
      },
      requests({ limit: 60, remaining: 60, full: 0 })
    ],
    [
      "nothing in Azure's -1, which stands for unknown",
      { "x-ratelimit-limit-tokens": "-1", "x-ratelimit-remaining-tokens": "-1" },
      []
    ],

    // x-ratelimit
    [
      "GitHub's (REST API, Rate limits, Checking the status of your rate limit)",
      {
        "x-ratelimit-limit": "5000",
        "x-ratelimit-remaining": "4987",
        "x-ratelimit-used": "13",
        "x-ratelimit-reset": String(epoch + 1_800),
        "x-ratelimit-resource": "core"
      },
      requests({ name: "core", limit: 5_000, remaining: 4_987, reset: 1_800 * second })
    ],
    [
      "GitHub's since the epoch, relative to its Date",
      {
        date: "Tue, 20 Aug 2013 14:50:41 GMT",
        "x-github-request-id": "A:B",
        "x-ratelimit-limit": "60",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1377013266"
      },
      requests({ limit: 60, remaining: 0, reset: 3_025 * second })
    ],
    [
      "Discord's (Topics, Rate limits, Header examples)",
      {
        "x-ratelimit-limit": "5",
        "x-ratelimit-remaining": "0",
        "x-ratelimit-reset": "1470173023",
        "x-ratelimit-reset-after": "64.57",
        "x-ratelimit-bucket": "abcd1234"
      },
      requests({ name: "abcd1234", limit: 5, remaining: 0, reset: 64_570 })
    ],
    [
      "Reddit's, with a point (Data API wiki, Monitoring)",
      { "x-ratelimit-used": "1", "x-ratelimit-remaining": "599.0", "x-ratelimit-reset": "543" },
      requests({ remaining: 599, reset: 543 * second })
    ],
    [
      "X's, with a dash more (X API, Rate limits, HTTP headers)",
      { "x-rate-limit-limit": "900", "x-rate-limit-remaining": "899", "x-rate-limit-reset": String(epoch + 900) },
      requests({ limit: 900, remaining: 899, reset: 900 * second })
    ],
    ...(
      [
        ["30", 30 * second],
        ["0.25", 250],
        [" 7 ", 7 * second],
        [String(epoch + 5), 5 * second],
        [String(epoch - 5), 0],
        [String(now + 1_234), 1_234],
        ["2026-01-05T12:00:09Z", 9 * second],
        ["2026-01-05t12:00:09.5z", 9_500],
        ["2026-01-05 13:00:09+01:00", 9 * second],
        ["2026-01-05T11:00:00Z", 0],
        ["6m0s", 6 * minute],
        ["1h2m3.5s", hour + 2 * minute + 3_500],
        ["750ms", 750],
        ["1µs", 1e-3],
        ["10000h", 10_000 * hour],
        ["99999999999999h", 2 ** 31 * second],
        ["9".repeat(400), 2 ** 31 * second]
      ] as const
    ).map(
      ([text, reset]) => [`reset ${text.slice(0, 30)}`, { "x-ratelimit-reset": text }, requests({ reset })] as const
    ),
    ...[
      "",
      "-1",
      "+1",
      "1e3",
      "0x10",
      "NaN",
      "Infinity",
      "soon",
      "1d",
      "5 s",
      "m",
      "2026-01-05",
      "2026-01-05T12:00:09",
      "2026-13-05T12:00:09Z"
    ].map((text) => [`malformed reset "${text}"`, { "x-ratelimit-reset": text }, []] as const),
    ...["", "-1", "many", "1e3", "9007199254740993", "9".repeat(400)].map(
      (text) => [`malformed limit "${text.slice(0, 30)}"`, { "x-ratelimit-limit": text }, []] as const
    ),
    ["nothing in a mere name", { "x-ratelimit-resource": "core", "x-ratelimit-bucket": "a" }, []],
    ["the first of two fields", { "x-ratelimit-remaining": "3, 5" }, requests({ remaining: 3 })],

    // Precedence
    [
      "RateLimit before all others, resource by resource",
      {
        ratelimit: `"a";r=1`,
        "ratelimit-remaining": "2",
        "anthropic-ratelimit-requests-remaining": "3",
        "anthropic-ratelimit-tokens-remaining": "30",
        "x-ratelimit-remaining-requests": "4",
        "x-ratelimit-remaining-tokens": "40",
        "x-ratelimit-remaining": "5"
      },
      [
        { resource: "requests", name: "a", remaining: 1 },
        { resource: "tokens", remaining: 30 }
      ]
    ],
    [
      "the older fields before x-ratelimit",
      { "ratelimit-remaining": "2", "x-ratelimit-remaining": "5" },
      requests({ remaining: 2 })
    ],
    [
      "what can be read where the better is malformed",
      { ratelimit: `"a";r=x y`, "x-ratelimit-remaining": "5" },
      requests({ remaining: 5 })
    ]
  ]

  for (const [what, headers, found] of cases) {
    it(`reads ${what}`, () => assert.deepStrictEqual(observed(headers), found))
  }

  // What a server of the dialect may say. A reset in whole seconds is up to a second late.
  const quota = FastCheck.record({
    limit: FastCheck.integer({ min: 1, max: 1_000_000 }),
    window: FastCheck.integer({ min: 1, max: 86_400 }).map((seconds) => seconds * second),
    remaining: FastCheck.nat({ max: 1_000_000 }),
    wait: FastCheck.nat({ max: day }),
    reset: FastCheck.nat({ max: 30 * day }),
    now: FastCheck.integer({ min: now, max: now + 365 * day })
  })
  const up = (millis: number) => Math.ceil(millis / second) * second
  const upFrom = ({ now, reset }: RateLimitDialect.Quota) => up(now + reset) - now
  const expected: Readonly<Record<RateLimitDialect.Name, (quota: RateLimitDialect.Quota) => Plain>> = {
    ietf: ({ limit, remaining, reset, window }) => ({ name: "default", limit, window, remaining, reset: up(reset) }),
    "x-ratelimit": ({ limit, remaining, reset }) => ({ limit, remaining, reset: up(reset) }),
    github: (quota) => ({ name: "core", limit: quota.limit, remaining: quota.remaining, reset: upFrom(quota) }),
    openai: ({ limit, remaining, reset }) => ({ limit, remaining, full: reset }),
    anthropic: (quota) => ({ limit: quota.limit, window: minute, remaining: quota.remaining, full: upFrom(quota) })
  }
  for (const name of ["ietf", "x-ratelimit", "github", "openai", "anthropic"] as const) {
    it(`reads back what a server of the dialect ${name} prints`, () => {
      FastCheck.assert(
        FastCheck.property(quota, (quota) => {
          const [found, ...others] = observed({ ...RateLimitDialect.headers(name)(quota) }, quota.now)
          assert.deepStrictEqual(others, [])
          // OpenAI's window is inferred, and has a test of its own.
          const { window, ...facts } = found ?? {}
          const said = name === "openai" || window === undefined ? facts : { ...facts, window }
          assert.deepStrictEqual(said, { resource: "requests", ...expected[name](quota) })
        }),
        { numRuns: 1_000 }
      )
    })
  }

  it("infers the window of a bucket from how fast it fills", () => {
    FastCheck.assert(
      FastCheck.property(
        FastCheck.constantFrom(minute, day),
        FastCheck.integer({ min: 12, max: 10_000 }),
        FastCheck.double({ min: 0, max: 1, noNaN: true }),
        (window, limit, share) => {
          const missing = Math.max(1, share * limit)
          const headers = RateLimitDialect.headers("openai")({
            limit,
            window,
            remaining: Math.floor(limit - missing),
            wait: 0,
            reset: (missing * window) / limit,
            now
          })
          const inferred = observed({ ...headers })[0]?.["window"]
          if (missing >= 11) assert.strictEqual(inferred, window)
          else assert.include([window, undefined], inferred)
        }
      ),
      { numRuns: 1_000 }
    )
  })

  it("is total: no text throws, and what comes out is plausible", () => {
    const number = FastCheck.oneof(
      FastCheck.stringMatching(/^[-+ ]?\d{0,25}(\.\d{0,4})?$/),
      FastCheck.constantFrom("NaN", "Infinity", "1e999", "9".repeat(400))
    )
    const duration = FastCheck.stringMatching(/^(\d{0,20}\.?\d{0,3}(h|m|s|ms|µs|ns|d|)){1,4}$/)
    const instant = FastCheck.stringMatching(/^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)?$/)
    const bare = FastCheck.oneof(
      number,
      FastCheck.constantFrom(
        `"a"`,
        `"b"`,
        "a",
        ":YQ==:",
        ":&:",
        "?1",
        "@1",
        `%"f%c3%bc"`,
        "(",
        ")",
        `"`,
        "(1 2)",
        "=",
        ""
      )
    )
    const parameter = FastCheck.tuple(FastCheck.constantFrom("q", "qu", "w", "r", "t", "pk", "1", ""), bare)
    const item = FastCheck.tuple(bare, FastCheck.array(parameter, { maxLength: 4 })).map(
      ([value, parameters]) => value + parameters.map(([key, value]) => `;${key}=${value}`).join("")
    )
    const dictionary = FastCheck.array(
      FastCheck.tuple(FastCheck.constantFrom("limit", "remaining", "reset", "%"), bare)
    )
    const value = FastCheck.oneof(
      number,
      duration,
      instant,
      FastCheck.array(item, { maxLength: 4 }).map((items) => items.join(", ")),
      dictionary.map((members) => members.map(([key, value]) => `${key}=${value}`).join(", ")),
      FastCheck.string(),
      FastCheck.string({ unit: "binary" })
    )
    const resources = ["requests", "tokens", "input-tokens", "output-tokens"]
    const fields = ["limit", "remaining", "reset", "reset-after", "resource", "bucket"]
    const names = [
      "ratelimit",
      "ratelimit-policy",
      "retry-after",
      "retry-after-ms",
      "date",
      "x-github-request-id",
      ...["ratelimit", "x-ratelimit", "x-rate-limit"].flatMap((prefix) => fields.map((field) => `${prefix}-${field}`)),
      ...fields
        .slice(0, 3)
        .flatMap((field) => [
          ...resources.map((resource) => `x-ratelimit-${field}-${resource}`),
          ...resources.map((resource) => `anthropic-ratelimit-${resource}-${field}`)
        ])
    ]
    const headers = FastCheck.array(FastCheck.tuple(FastCheck.constantFrom(...names), value), { maxLength: 8 })
    const isWait = (wait: Duration.Duration) => Duration.between(wait, { minimum: 0, maximum: 2 ** 31 * second })
    let read = 0
    FastCheck.assert(
      FastCheck.property(
        headers,
        FastCheck.integer({ min: 0, max: 8_640_000_000_000_000 }),
        FastCheck.constantFrom(200, 403, 429, 503),
        (fields, at, status) => {
          const headers = Headers.fromInput(fields)
          const found = RateLimitHeaders.observations(at)(headers)
          if (found.length > 0) read++
          for (const { full, limit, remaining, reset, resource, window } of found) {
            assert.include(resources, resource)
            for (const count of [limit, remaining]) {
              assert.isTrue(count === undefined || (Number.isSafeInteger(count) && count >= 0))
            }
            for (const wait of [window, reset, full]) assert.isTrue(wait === undefined || isWait(wait))
            assert.isTrue(window === undefined || Duration.toMillis(window) > 0)
          }
          const { retryAfter } = Option.getOrElse(RateLimitHeaders.throttle(at)({ status, headers }), () => ({
            retryAfter: undefined
          }))
          assert.isTrue(retryAfter === undefined || isWait(retryAfter))
        }
      ),
      { numRuns: 10_000 }
    )
    // Else nothing but malformed fields was tried.
    assert.isAbove(read, 1_000)
  })

  it("pins its types", () => {
    expectTypeOf(RateLimitHeaders.observations).toEqualTypeOf<
      (now: number) => (headers: Headers.Headers) => ReadonlyArray<RateLimitHeaders.Observation>
    >()
    expectTypeOf(RateLimitHeaders.throttle).toEqualTypeOf<
      (
        now: number
      ) => (response: {
        readonly status: number
        readonly headers: Headers.Headers
      }) => Option.Option<RateLimitHeaders.Throttle>
    >()
  })
})

describe("throttle", () => {
  const github = {
    "x-github-request-id": "A:B",
    "x-ratelimit-limit": "60",
    "x-ratelimit-reset": String(now / 1_000 + 90)
  }
  /** The wait in milliseconds; `none` if the server does not say, `false` if the response asks for nothing. */
  const wait = (status: number, headers: Record<string, string>): number | "none" | false =>
    Option.match(RateLimitHeaders.throttle(now)({ status, headers: Headers.fromInput(headers) }), {
      onNone: () => false,
      onSome: ({ retryAfter }) => (retryAfter === undefined ? "none" : Duration.toMillis(retryAfter))
    })

  const cases: ReadonlyArray<
    readonly [what: string, status: number, headers: Record<string, string>, wait: number | "none" | false]
  > = [
    ["a 429", 429, {}, "none"],
    ["a 429 with Retry-After", 429, { "retry-after": "7" }, 7 * second],
    ["a 429 with milliseconds", 429, { "retry-after-ms": "70", "retry-after": "1" }, 70],
    ["a 429 with days", 429, { "retry-after": "345600" }, 4 * day],
    [
      "Retry-After before a reset",
      429,
      { "retry-after": "7", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" },
      7_000
    ],
    ["a 429 with nothing left", 429, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" }, 9_000],
    [
      "a 429 with some left: its reset is another matter",
      429,
      { "x-ratelimit-remaining": "3", "x-ratelimit-reset": "9" },
      "none"
    ],
    ["a 429 with two limits used up", 429, { ratelimit: `"a";r=0;t=5, "b";r=0;t=50, "c";r=1;t=500` }, 50 * second],
    [
      "a 429 of a bucket: full is later than needed",
      429,
      {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m0s"
      },
      "none"
    ],
    ["a 503", 503, {}, false],
    ["a 503 with Retry-After", 503, { "retry-after": "7" }, 7 * second],
    ["a 503 with nothing left", 503, { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" }, false],
    ["a 403", 403, {}, false],
    ["a 403 with Retry-After", 403, { "retry-after": "60" }, minute],
    [
      "a 403 with nothing left, not from GitHub",
      403,
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" },
      false
    ],
    ["GitHub's 403 with nothing left", 403, { ...github, "x-ratelimit-remaining": "0" }, 90 * second],
    [
      "GitHub's 403 with some left: no permission, for all the headers say",
      403,
      { ...github, "x-ratelimit-remaining": "9" },
      false
    ],
    ["GitHub's 429 with nothing left", 429, { ...github, "x-ratelimit-remaining": "0" }, 90 * second],
    ["GitHub's 429 with some left: at least a minute", 429, { ...github, "x-ratelimit-remaining": "9" }, minute],
    [
      "a 200 with nothing left",
      200,
      { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "9", "retry-after": "9" },
      false
    ],
    ["a 301 with Retry-After", 301, { "retry-after": "9" }, false],
    ["a 500 with Retry-After", 500, { "retry-after": "9" }, false]
  ]
  for (const [what, status, headers, expected] of cases) {
    it(`judges ${what}`, () => assert.strictEqual(wait(status, headers), expected))
  }
})
