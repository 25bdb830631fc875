import type { Headers, HttpClientResponse } from "@effect/platform"
import { DateTime, Duration, Effect, Option, Predicate } from "effect"
import * as FetchError from "../FetchError.ts"
import * as RateLimitHeaders from "../RateLimitHeaders.ts"
import { mostDrainMillis, mostErrorBytes, readStart } from "./exchange.ts"
import { redactText } from "./redact.ts"
import type { Origin } from "./origin.ts"
import { cut, printable } from "./text.ts"

/** What asks for a longer wait is no throttle any more. */
const anHour = Duration.hours(1)

/** Of an error's body so much is shown. */
const mostErrorCharacters = 200

/** What an answer without success means. Reads the beginning of its body. @internal */
export const statusFailure =
  ({ exchange, request }: Origin) =>
  (
    response: HttpClientResponse.HttpClientResponse
  ): Effect.Effect<never, FetchError.StatusError | FetchError.QuotaError | FetchError.RateLimitedError> =>
    Effect.gen(function* () {
      const start = yield* readStart({ limit: mostErrorBytes, millis: mostDrainMillis })(response)
      const facts = yield* exchange
      const { status } = response
      const said = new TextDecoder().decode(start)
      const text = redactText(request)(explanation(response.headers, said))
      const body = cut(mostErrorCharacters)(printable(text.replaceAll(/\s+/g, " ").trim()))
      const now = yield* DateTime.now
      const throttle = RateLimitHeaders.throttle(DateTime.toEpochMillis(now))(response)
      if (status !== 402 && status !== 429) {
        return yield* new FetchError.StatusError({ ...facts, status, body })
      }
      const retryAfter = Option.getOrUndefined(throttle)?.retryAfter
      const when = retryAfter === undefined ? {} : { retryAfter, retryAt: DateTime.addDuration(now, retryAfter) }
      // A throttle passes soon; a quota is bought, or granted by the day.
      const isQuota =
        status === 402 ||
        /\bquota|_quota/i.test(said) ||
        (retryAfter && Duration.greaterThanOrEqualTo(retryAfter, anHour))
      return isQuota === true
        ? yield* new FetchError.QuotaError({ ...facts, ...when, status, body })
        : yield* new FetchError.RateLimitedError({ ...facts, ...when, scope: "server" })
    })

/** Of problem details (RFC 9457) title and detail, which are for people; of any other body the text. */
const explanation = (headers: Headers.Headers, text: string): string => {
  if (!/^application\/problem\+json\b/i.test(headers["content-type"] ?? "")) return text
  return Option.liftThrowable((): unknown => JSON.parse(text))().pipe(
    Option.map((problem) =>
      ["title", "detail"].flatMap((name) =>
        Predicate.hasProperty(problem, name) && Predicate.isString(problem[name]) ? [problem[name]] : []
      )
    ),
    Option.filter((parts) => parts.length > 0),
    Option.match({ onNone: () => text, onSome: (parts) => parts.join(": ") })
  )
}
