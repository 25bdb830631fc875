/**
 * Safe to show: what would steer a terminal or turn the text round (C0, C1 and bidi controls) is escaped.
 *
 * @internal
 */
export const printable = (text: string): string =>
  text.replaceAll(
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`
  )

/** At most `most` characters, the last one telling that more was there. @internal */
export const cut =
  (most: number) =>
  (text: string): string =>
    // Not through the middle of a surrogate pair.
    text.length > most ? `${text.slice(0, most - 1).replace(/[\ud800-\udbff]$/, "")}…` : text
