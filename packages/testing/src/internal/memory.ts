import { Headers, HttpClient, HttpClientError, HttpClientRequest } from "@effect/platform"
import { Effect, Stream } from "effect"
import type { Fault } from "../Answer.ts"
import type { Reception } from "./reception.ts"
import { MemoryResponse } from "./MemoryResponse.ts"
import { socketError } from "./socketError.ts"

/** An `HttpClient` whose every request goes to the reception, whatever its host. @internal */
export const memoryClient = ({ pause, receive }: Reception): HttpClient.HttpClient => {
  const execute = (request: HttpClientRequest.HttpClientRequest) =>
    Effect.gen(function* () {
      const url = yield* Effect.mapError(
        HttpClientRequest.toUrl(request),
        () => new HttpClientError.RequestError({ request, reason: "InvalidUrl" })
      )
      const { body, headers } = yield* read(request)
      const { delay, outcome } = yield* receive({
        method: request.method,
        url: url.pathname + url.search,
        headers: Headers.set(headers, "host", url.host),
        body
      })
      yield* pause(delay)
      return yield* outcome._tag === "Sent"
        ? Effect.succeed(new MemoryResponse(request, outcome, pause))
        : fail(request, outcome.fault)
    })
  // Not `HttpClient.make`, which adds a span and an AbortController to each request: interruption is enough here.
  return HttpClient.makeWith<HttpClientError.HttpClientError, never, HttpClientError.HttpClientError, never>(
    Effect.flatMap(execute),
    Effect.succeed
  )
}

const fail = (
  request: HttpClientRequest.HttpClientRequest,
  fault: Fault["fault"]
): Effect.Effect<never, HttpClientError.RequestError> =>
  fault === "silence"
    ? Effect.never
    : Effect.failSync(
        () => new HttpClientError.RequestError({ request, reason: "Transport", cause: socketError(fault) })
      )

/** The body as a server gets it, and the headers with the type that the transport adds to a form's. */
const read = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<{ readonly body: string; readonly headers: Headers.Headers }, HttpClientError.RequestError> => {
  const { body, headers } = request
  switch (body._tag) {
    case "Empty":
      return Effect.succeed({ body: "", headers })
    case "Uint8Array":
      return Effect.succeed({ body: new TextDecoder().decode(body.body), headers })
    case "Stream":
      return body.stream.pipe(
        Stream.decodeText(),
        Stream.mkString,
        Effect.mapBoth({
          onFailure: (cause) => new HttpClientError.RequestError({ request, reason: "Encode", cause }),
          onSuccess: (body) => ({ body, headers })
        })
      )
    case "Raw":
      return typeof body.body === "string"
        ? Effect.succeed({ body: body.body, headers })
        : readWeb(request, body.body as BodyInit, headers)
    case "FormData": {
      const form = new Response(body.formData)
      const type = form.headers.get("content-type") ?? ""
      return readWeb(request, form.body, Headers.set(headers, "content-type", type))
    }
  }
}

const readWeb = (request: HttpClientRequest.HttpClientRequest, body: BodyInit | null, headers: Headers.Headers) =>
  Effect.tryPromise({
    try: () => new Response(body).text(),
    catch: (cause) => new HttpClientError.RequestError({ request, reason: "Encode", cause })
  }).pipe(Effect.map((body) => ({ body, headers })))
