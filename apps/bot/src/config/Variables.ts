/**
 * `${NAME}` in the texts of a config file. `$${` stands for a plain `${`; any other `$` is itself, so that JSONPaths need no care.
 *
 * @since 0.1.0
 */
import { Array, Either, Option } from "effect"

/**
 * What a text became: `value` with the variables filled in, and the `names` of those.
 *
 * @since 0.1.0
 * @category models
 */
export interface Filled {
  readonly value: string
  readonly names: ReadonlyArray<string>
}

/**
 * Why a text cannot be filled in.
 *
 * @since 0.1.0
 * @category models
 */
export type Unfilled =
  | { readonly _tag: "Missing"; readonly names: ReadonlyArray<string> }
  | { readonly _tag: "Malformed"; readonly text: string }

/**
 * Every variable that a text may ask for, each once.
 *
 * @since 0.1.0
 */
export const names = (text: string): ReadonlyArray<string> =>
  Array.dedupe(Array.filterMap(references(text), (reference) => Option.fromNullable(reference.name)))

/**
 * Fills in the variables. What is filled in is not looked at again: a value that holds `${NAME}` stays as it is.
 *
 * @since 0.1.0
 */
export const fill =
  (variables: ReadonlyMap<string, string>) =>
  (text: string): Either.Either<Filled, Unfilled> => {
    const found = references(text)
    const malformed = found.find((reference) => reference.name === undefined)
    if (malformed !== undefined) return Either.left({ _tag: "Malformed", text: malformed.text })
    const asked = names(text)
    const missing = asked.filter((name) => !variables.has(name))
    if (missing.length > 0) return Either.left({ _tag: "Missing", names: missing })
    const value = text.replace(pattern, (whole, name: string | undefined) =>
      name === undefined ? "${" : (variables.get(name) ?? whole)
    )
    return Either.right({ value, names: asked })
  }

/**
 * The text with the braces of each `${NAME}` as letters, every offset kept: inside of `{ }` and `[ ]` YAML would take the braces for its
 * own, and `{ authorization: Bearer ${TOKEN} }` would be no YAML. `unmask` gives them back.
 *
 * @since 0.1.0
 */
export const mask = (text: string): string =>
  text.replace(pattern, (whole, name: string | undefined) => (name === undefined ? whole : `\uE000\uE001${name}\uE002`))

/**
 * @since 0.1.0
 */
export const unmask = (text: string): string =>
  text.replaceAll(/\uE000\uE001([A-Za-z0-9_]+)\uE002/g, (_, name: string) => `\${${name}}`)

const pattern = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)\}|\$\{[^}]*\}?/g

interface Reference {
  readonly text: string
  readonly name: string | undefined
}

const references = (text: string): ReadonlyArray<Reference> =>
  Array.filterMap([...text.matchAll(pattern)], ([text, name]) =>
    text === "$${" ? Option.none() : Option.some({ text, name })
  )
