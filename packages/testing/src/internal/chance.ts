const mix = (h: number): number => {
  let x = h
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
  return (x ^ (x >>> 16)) >>> 0
}

/**
 * A number from 0 to below 1 that depends on the text alone: FNV-1a, whose bits MurmurHash3's finalizer then mixes, as
 * texts that differ only in their last character are near each other without.
 *
 * Not from `Random`: what is drawn must not depend on who draws before.
 *
 * @internal
 */
export const chance = (text: string): number => {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return mix(hash) / 2 ** 32
}
