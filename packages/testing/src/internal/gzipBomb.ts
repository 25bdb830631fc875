import { constants, crc32, deflateRawSync } from "node:zlib"

const block = 1024 * 1024

/**
 * A gzip file (RFC 1952) of so many MiB of zeros. A full flush ends a piece of deflate at a byte and forgets what came
 * before, so one piece can be repeated: neither the zeros nor the time to pack them are needed.
 *
 * @internal
 */
export const gzipBomb = (mebibytes: number): Uint8Array => {
  const zeros = new Uint8Array(block)
  const piece = deflateRawSync(zeros, { level: 9, finishFlush: constants.Z_FULL_FLUSH })
  const header = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 255])
  const lastBlock = Buffer.from([3, 0])
  const trailer = Buffer.alloc(8)
  let checksum = 0
  for (let i = 0; i < mebibytes; i++) checksum = crc32(zeros, checksum)
  trailer.writeUInt32LE(checksum, 0)
  trailer.writeUInt32LE((mebibytes * block) % 2 ** 32, 4)
  return new Uint8Array(Buffer.concat([header, ...Array.from({ length: mebibytes }, () => piece), lastBlock, trailer]))
}
