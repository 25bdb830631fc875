import { Array, identity, Option, Order, Predicate } from "effect"
import type { Match } from "../Cassette.ts"
import { bytesOf, contentOf } from "./cassetteContent.ts"
import type { Content, Interaction, RequestDocument } from "./cassetteDocument.ts"
import type { Difference } from "./cassetteErrors.ts"
import { hidden } from "./cassetteFields.ts"
import { cut, printable } from "./text.ts"

/** What a request is known by: the names of its parts, as errors show them, with their values. @internal */
export interface Signature {
  readonly key: string
  readonly parts: ReadonlyMap<string, string>
  readonly body: Content | undefined
}

/** Takes a request as it is written down: what is hidden there plays no part. @internal */
export const signatureOf =
  ({ body = true, headers = [], query = true }: Match) =>
  (request: RequestDocument): Signature => {
    const url = new URL(request.url)
    const parts = new Map([
      ["method", request.method],
      ["origin", url.origin],
      ["path", url.pathname]
    ])
    if (query) {
      // The order of names is of no matter, but that of the values of one name is.
      for (const name of Array.sort(new Set(url.searchParams.keys()), Order.string)) {
        const values = url.searchParams.getAll(name)
        if (!values.includes(hidden)) parts.set(`query ${name}`, values.map((value) => JSON.stringify(value)).join(","))
      }
    }
    for (const name of headers) {
      const value = Object.entries(request.headers).find(([other]) => other.toLowerCase() === name.toLowerCase())?.[1]
      if (value !== undefined && value !== hidden) parts.set(`header ${name.toLowerCase()}`, value)
    }
    const content = body ? normal(request.body) : undefined
    if (content !== undefined) parts.set("body", canonical(content))
    return { key: JSON.stringify([...parts]), parts, body: content }
  }

/** As it would be recorded: somebody may have written the JSON as text. */
const normal = (content: Content | undefined): Content | undefined =>
  content === undefined || content.form !== undefined ? content : contentOf(identity)(bytesOf(content))

/** In JSON, the order of names is of no matter; but in what is nested too deeply to be sorted. */
const canonical = (content: Content): string => Option.getOrElse(stringify(content), () => JSON.stringify(content))

const stringify = Option.liftThrowable((content: Content) => JSON.stringify(content, sorted))

const sorted = (_: string, value: unknown): unknown =>
  Predicate.isRecord(value)
    ? Object.fromEntries(Array.sortWith(Object.entries(value), ([name]) => name, Order.string))
    : value

/** @internal */
export interface Nearest {
  readonly document: number
  readonly differences: ReadonlyArray<typeof Difference.Type>
}

/** The recording that has most in common with what was asked. @internal */
export const nearestTo =
  (asked: Signature) =>
  (recorded: ReadonlyArray<Signature>): Nearest | undefined => {
    let best: { readonly index: number; readonly distance: number } | undefined
    for (const [index, { parts }] of recorded.entries()) {
      const distance = differing(parts, asked.parts).reduce((sum, part) => sum + (weights[part] ?? 1), 0)
      if (best === undefined || distance < best.distance) best = { index, distance }
    }
    const found = best === undefined ? undefined : recorded[best.index]
    if (best === undefined || found === undefined) return undefined
    const differences = differing(found.parts, asked.parts).flatMap((part) =>
      part === "body"
        ? bodyDifferences(found.body, asked.body)
        : [{ what: part, recorded: found.parts.get(part) ?? absent, asked: asked.parts.get(part) ?? absent }]
    )
    return {
      document: best.index + 1,
      differences: Array.take(differences, mostDifferences).map(({ asked, recorded, what }) => ({
        what: show(what),
        recorded: show(recorded),
        asked: show(asked)
      }))
    }
  }

/** Another path is further away than other parameters. */
const weights: Readonly<Record<string, number>> = { origin: 16, path: 8, method: 4, body: 2 }

const mostDifferences = 5

const absent = "(none)"

const show = (text: string): string => printable(cut(80)(text))

const differing = (one: Signature["parts"], other: Signature["parts"]): ReadonlyArray<string> =>
  [...new Set([...one.keys(), ...other.keys()])].filter((part) => one.get(part) !== other.get(part))

const bodyDifferences = (recorded: Content | undefined, asked: Content | undefined) =>
  valueDifferences("body", shown(recorded), shown(asked), 0)

const shown = (content: Content | undefined): unknown => {
  if (content === undefined) return undefined
  return "json" in content ? content.json : (content.form ?? content.text ?? content.base64)
}

type Differences = ReadonlyArray<{ readonly what: string; readonly recorded: string; readonly asked: string }>

/** Where two values part; no deeper than a reader would follow. */
const valueDifferences = (what: string, recorded: unknown, asked: unknown, depth: number): Differences => {
  const lists = globalThis.Array.isArray(recorded) && globalThis.Array.isArray(asked)
  const records = Predicate.isRecord(recorded) && Predicate.isRecord(asked)
  if (depth < 8 && (lists || records)) {
    const [one, other] = [entriesOf(recorded), entriesOf(asked)]
    const found: globalThis.Array<Differences[number]> = []
    for (const name of new Set([...one.keys(), ...other.keys()])) {
      const at = lists ? `${what}[${name}]` : `${what}.${name}`
      found.push(...valueDifferences(at, one.get(name), other.get(name), depth + 1))
      if (found.length >= mostDifferences) break
    }
    return found
  }
  const [one, other] = [textOf(recorded), textOf(asked)]
  return one === other ? [] : [{ what, ...fromWhereTheyPart(one, other) }]
}

const entriesOf = (value: object): ReadonlyMap<string, unknown> => new Map(Object.entries(value))

const textOf = (value: unknown): string => (value === undefined ? absent : canonicalText(value))

const canonicalText = (value: unknown): string => canonical({ json: value }).slice('{"json":'.length, -1)

/** Long texts often begin alike. */
const fromWhereTheyPart = (recorded: string, asked: string) => {
  let same = 0
  while (same < recorded.length && recorded[same] === asked[same]) same++
  const from = same > 40 ? same - 20 : 0
  const tail = (text: string) => (from === 0 ? text : `…${text.slice(from)}`)
  return { recorded: tail(recorded), asked: tail(asked) }
}

/** Interactions by what they answer. Taking is one step, whoever else takes. @internal */
export class Reel {
  readonly #waiting = new Map<string, { readonly all: Array.NonEmptyArray<Interaction>; next: number }>()

  constructor(interactions: ReadonlyArray<readonly [Signature, Interaction]>) {
    for (const [{ key }, interaction] of interactions) {
      const same = this.#waiting.get(key)
      if (same === undefined) this.#waiting.set(key, { all: [interaction], next: 0 })
      else same.all.push(interaction)
    }
  }

  /** In the order of the file; the last one again and again. */
  take({ key }: Signature): Option.Option<Interaction> {
    const found = this.#waiting.get(key)
    if (found === undefined) return Option.none()
    const interaction = found.all[found.next]
    found.next = Math.min(found.next + 1, found.all.length - 1)
    return Option.fromNullable(interaction)
  }
}
