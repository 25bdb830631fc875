import type { HttpClientError } from "@effect/platform"
import { UndiciClient, UndiciError } from "@tributary/undici"
import { Effect, Option } from "effect"

/** Why, as the client says; anything else is a failure of the test. */
export const causeOf = (error: HttpClientError.HttpClientError): UndiciError.UndiciError =>
  Option.getOrThrowWith(UndiciError.fromHttpClientError(error), () => error)

/** What became of a GET and of its text: the error's tag, and the facts of its cause. */
export const outcome = ({ url, ...options }: UndiciClient.Options & { readonly url: string }) =>
  Effect.gen(function* () {
    const client = yield* UndiciClient.make(options)
    return yield* client.get(url).pipe(
      Effect.flatMap((response) => response.text),
      Effect.match({
        onFailure: (error) => ({ error: error._tag, reason: error.reason, cause: causeOf(error) }),
        onSuccess: (text) => ({ text })
      })
    )
  })

export const facts = (result: Effect.Effect.Success<ReturnType<typeof outcome>>): ReadonlyArray<unknown> => {
  if (!("cause" in result)) return ["no failure", result.text.length]
  const { cause, error, reason } = result
  const phase = cause._tag === "ConnectionLost" ? [cause.phase] : []
  const kind = cause._tag === "BodyTooLarge" ? [cause.kind, cause.limit] : []
  return [error, reason, cause._tag, ...phase, ...kind]
}
