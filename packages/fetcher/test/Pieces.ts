/** A client in memory whose bodies come in the pieces they are given in. */
import { HttpClient, HttpClientResponse } from "@effect/platform"
import { Effect } from "effect"

export const inPieces =
  (headers: Readonly<Record<string, string>>) =>
  (pieces: ReadonlyArray<Uint8Array>): HttpClient.HttpClient =>
    HttpClient.make((request) => {
      let next = 0
      const body = new ReadableStream<Uint8Array>({
        pull: (controller) => {
          const piece = pieces[next++]
          if (piece === undefined) return controller.close()
          controller.enqueue(piece)
        }
      })
      return Effect.succeed(HttpClientResponse.fromWeb(request, new Response(body, { headers })))
    })

/** The same bytes in pieces of these sizes, the last one being what is left. */
export const cut =
  (sizes: ReadonlyArray<number>) =>
  (bytes: Uint8Array): ReadonlyArray<Uint8Array> => {
    const pieces: Array<Uint8Array> = []
    let start = 0
    for (const size of sizes) {
      pieces.push(bytes.subarray(start, start + size))
      start += size
    }
    return [...pieces, bytes.subarray(start)]
  }
