import { Chunk, Stream } from "effect"

/** A line without its end; of one that is too long the beginning. @internal */
export interface Line {
  readonly text: string
  readonly isWhole: boolean
}

const lineFeed = 0x0a
const carriageReturn = 0x0d

/**
 * Lines of UTF-8. They are cut as bytes, of which none but the line feed is 0x0A, and only then decoded: so no character is
 * ever torn apart. Of a line above `most` bytes the rest is skipped, without being held.
 */
class Splitter {
  readonly #most: number
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true })
  #pieces: Array<Uint8Array> = []
  #size = 0
  #isFirst = true

  constructor(most: number) {
    this.#most = most
  }

  push(bytes: Uint8Array): Chunk.Chunk<Line> {
    const lines: Array<Line> = []
    let start = 0
    for (let end = bytes.indexOf(lineFeed); end !== -1; end = bytes.indexOf(lineFeed, start)) {
      this.#hold(bytes.subarray(start, end))
      lines.push(this.#take())
      start = end + 1
    }
    this.#hold(bytes.subarray(start))
    return Chunk.unsafeFromArray(lines)
  }

  /** What stands behind the last line feed. */
  end(): Chunk.Chunk<Line> {
    return this.#size === 0 ? Chunk.empty() : Chunk.of(this.#take())
  }

  #hold(bytes: Uint8Array): void {
    // One byte more, which may be the carriage return of the line's end.
    const room = this.#most + 1 - this.#size
    if (bytes.length > 0 && room > 0) this.#pieces.push(bytes.length > room ? bytes.subarray(0, room) : bytes)
    this.#size += bytes.length
  }

  #take(): Line {
    const last = this.#pieces.at(-1)?.at(-1)
    const isWhole = this.#size <= this.#most || (this.#size === this.#most + 1 && last === carriageReturn)
    const text =
      this.#pieces.map((piece) => this.#decoder.decode(piece, { stream: true })).join("") + this.#decoder.decode()
    const line = { text: (this.#isFirst ? text.replace(/^\ufeff/, "") : text).replace(/\r$/, ""), isWhole }
    this.#pieces = []
    this.#size = 0
    this.#isFirst = false
    return line
  }
}

/** @internal */
export const lines =
  (maxLineBytes: number) =>
  <E, R>(bytes: Stream.Stream<Uint8Array, E, R>): Stream.Stream<Line, E, R> =>
    Stream.suspend(() => {
      const splitter = new Splitter(maxLineBytes)
      return Stream.concat(
        Stream.mapConcatChunk(bytes, (piece) => splitter.push(piece)),
        Stream.suspend(() => Stream.fromChunk(splitter.end()))
      )
    })
