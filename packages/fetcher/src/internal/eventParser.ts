import { createParser, type EventSourceParser } from "eventsource-parser"

/** @internal */
export type Parsed =
  | {
      readonly _tag: "Event"
      /** Where this event has one; empty takes the last one back. */
      readonly id: string | undefined
      readonly event: string
      readonly data: string
    }
  | { readonly _tag: "Retry"; readonly millis: number }
  | { readonly _tag: "TooLong"; readonly start: string }

/** The bytes of one connection to events. After `TooLong` nothing more comes. @internal */
export class Parser {
  readonly #decoder = new TextDecoder()
  readonly #parser: EventSourceParser
  #parsed: Array<Parsed> = []
  #isOver = false

  constructor(maxLength: number) {
    this.#parser = createParser({
      maxBufferSize: maxLength + fieldLength,
      onEvent: ({ data, event = "message", id }) => {
        if (data.length > maxLength) return this.#stop(data)
        if (this.#isOver) return
        this.#parsed.push({ _tag: "Event", id, event, data })
      },
      onRetry: (millis) => {
        this.#parsed.push({ _tag: "Retry", millis })
      },
      onError: ({ type }) => {
        if (type === "max-buffer-size-exceeded") this.#stop("")
      }
    })
  }

  push(bytes: Uint8Array): ReadonlyArray<Parsed> {
    if (!this.#isOver) this.#parser.feed(this.#decoder.decode(bytes, { stream: true }))
    const parsed = this.#parsed
    this.#parsed = []
    return parsed
  }

  #stop(start: string): void {
    if (!this.#isOver) this.#parsed.push({ _tag: "TooLong", start })
    this.#isOver = true
  }
}

/** `data: ` and a carriage return, which the parser counts to what it holds. */
const fieldLength = 7
