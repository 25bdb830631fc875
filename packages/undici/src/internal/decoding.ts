/**
 * Content codings (RFC 9110, 8.4; zlib, gzip and deflate; RFC 7932, br; RFC 8878, zstd).
 */
import type { Transform } from "node:stream"
import * as zlib from "node:zlib"

interface Coding {
  readonly sync: (bytes: Uint8Array, options: zlib.ZlibOptions) => Uint8Array
  readonly transform: () => Transform
}

/** `deflate` means zlib (RFC 9110, 8.4.1.2), but some servers send what is inside of it. */
const isZlib = (first: number | undefined): boolean => first !== undefined && (first & 0x0f) === 8

const gzip: Coding = { sync: zlib.gunzipSync, transform: () => zlib.createGunzip() }

const inflate: Coding = { sync: zlib.inflateSync, transform: () => zlib.createInflate() }

const inflateRaw: Coding = { sync: zlib.inflateRawSync, transform: () => zlib.createInflateRaw() }

const brotli: Coding = { sync: zlib.brotliDecompressSync, transform: () => zlib.createBrotliDecompress() }

/** From Node 22.15 on. */
interface WithZstd {
  readonly zstdDecompressSync: Coding["sync"]
  readonly createZstdDecompress: Coding["transform"]
}

const hasZstd = (module: object): module is WithZstd => "createZstdDecompress" in module

const zstdOf = (module: object): Coding | undefined =>
  hasZstd(module) ? { sync: module.zstdDecompressSync, transform: () => module.createZstdDecompress() } : undefined

const zstd = zstdOf(zlib)

/** What we say that we can read. */
export const acceptEncoding: string = zstd === undefined ? "gzip, deflate, br" : "gzip, deflate, br, zstd"

const codingOf = (name: string, first: number | undefined): Coding | undefined => {
  switch (name) {
    case "gzip":
    case "x-gzip":
      return gzip
    case "deflate":
      return isZlib(first) ? inflate : inflateRaw
    case "br":
      return brotli
    case "zstd":
      return zstd
    default:
      return undefined
  }
}

/** The codings of a body, in the order in which they were applied. */
export const parse = (contentEncoding: string): ReadonlyArray<string> =>
  contentEncoding
    .toLowerCase()
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "" && name !== "identity")

/** More than this is a way to keep a client busy; nobody means it. */
const maxCodings = 3

/** How to undo the codings, the last one first; nothing if one of them is not known. The first byte is the body's. */
export const decoders =
  (encodings: ReadonlyArray<string>) =>
  (first: number | undefined): ReadonlyArray<Coding> | undefined => {
    if (encodings.length > maxCodings) return undefined
    const codings: Array<Coding> = []
    for (let i = encodings.length - 1; i >= 0; i--) {
      // What is below the outermost coding has not been seen yet: it is taken to be as the RFC says.
      const coding = codingOf(encodings[i] ?? "", codings.length === 0 ? first : 8)
      if (coding === undefined) return undefined
      codings.push(coding)
    }
    return codings
  }
