import { Headers } from "@effect/platform"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
import { RateLimitHeaders } from "@tributary/fetcher"
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
