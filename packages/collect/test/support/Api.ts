import { HttpClient, HttpClientResponse } from "@effect/platform"
import { Effect, Layer } from "effect"

/** An HTTP API in memory that remembers what it was asked for, in order. */
export const make = (
  answer: (url: URL, headers: Readonly<Record<string, string>>) => Response | Effect.Effect<Response>
) => {
  const asked: Array<string> = []
  const client = HttpClient.make((request, url) =>
    Effect.gen(function* () {
      asked.push(url.pathname + url.search)
      const answered = answer(url, request.headers)
      return HttpClientResponse.fromWeb(request, Effect.isEffect(answered) ? yield* answered : answered)
    })
  )
  return { asked, layer: Layer.succeed(HttpClient.HttpClient, client) }
}

/** With its length, as servers say it. */
export const text = (body: string): Response =>
  new Response(body, { headers: { "content-length": String(new TextEncoder().encode(body).length) } })

export const json = (body: unknown): Response => text(JSON.stringify(body))

export const status = (status: number): Response => new Response("no", { status })

/** With a link to the next page, if there is one. */
export const linked =
  (next: string | undefined) =>
  (response: Response): Response => {
    if (next !== undefined) response.headers.set("link", `<${next}>; rel="next"`)
    return response
  }
