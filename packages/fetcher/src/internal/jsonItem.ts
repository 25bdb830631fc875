import { Effect, Either, ParseResult, type Schema } from "effect"
import * as FetchError from "../FetchError.ts"
import * as Mismatch from "../Mismatch.ts"
import type { Origin } from "./origin.ts"
import { redactText } from "./redact.ts"

/** What is wrong with the n-th item, counted from 0; `got` is shown without the request's own secrets. @internal */
export const itemError =
  ({ exchange, request }: Origin) =>
  (index: number, expected: string, got: unknown): Effect.Effect<never, FetchError.DecodeError> =>
    Effect.flatMap(
      exchange,
      (facts) =>
        new FetchError.DecodeError({
          ...facts,
          path: `[${index}]`,
          expected,
          got: Mismatch.showWith(redactText(request))(got)
        })
    )

/** The JSON of the n-th item of a stream, decoded; paths are those of one array of all items. @internal */
export const decodeItem =
  <A, I, R>(schema: Schema.Schema<A, I, R>) =>
  (origin: Origin) => {
    const decode = ParseResult.decodeUnknown(schema)
    const redact = redactText(origin.request)
    return (index: number, text: string): Effect.Effect<A, FetchError.DecodeError, R> =>
      Either.match(
        Either.try((): unknown => JSON.parse(text)),
        {
          onLeft: () => itemError(origin)(index, "JSON", text),
          onRight: (json) =>
            Effect.catchAll(decode(json), (issue) =>
              Effect.flatMap(origin.exchange, (facts) => {
                const { path, ...mismatch } = Mismatch.fromIssueWith(redact)(issue)
                const inner = path === "" || path.startsWith("[") ? path : `.${path}`
                return new FetchError.DecodeError({ ...facts, ...mismatch, path: `[${index}]${inner}` })
              })
            )
        }
      )
  }
