/**
 * A YAML document as plain values that still know where they stand and how they were written.
 *
 * @since 0.1.0
 */
import { Either } from "effect"
import { isAlias, isMap, isSeq, type ParsedNode, type Scalar, type YAMLMap } from "yaml"
import { clip, escape, formatPath, type Mistake, type Path, printable, type Problem, quoted } from "./Problem.ts"
import * as Variables from "./Variables.ts"
import { maximumDepth, type Yaml } from "./Yaml.ts"

/**
 * A value of the file.
 *
 * @since 0.1.0
 * @category models
 */
export interface Tree {
  /** The value with its variables filled in. */
  readonly value: unknown
  /** The value as it may be shown: as written, with `${NAME}` where a variable's value stands. */
  readonly shown: string
  /** Whether a variable's value stands in it, however deep. */
  readonly filled: boolean
  /** Whether it could not be read, or something in it could not: nothing more can be said about it. */
  readonly broken: boolean
  /** Where the value stands in the text, and its key if it has one. */
  readonly offset: number
  readonly keyOffset?: number
  readonly children: ReadonlyMap<string | number, Tree>
}

/**
 * Reads syntax nodes, and tells every variable that is not set, key that stands twice, alias without an anchor, and number that would
 * change on the way.
 *
 * @since 0.1.0
 */
export const make =
  (variables: ReadonlyMap<string, string>) =>
  (root: ParsedNode | undefined): { readonly tree: Tree; readonly mistakes: ReadonlyArray<Mistake> } => {
    const fill = Variables.fill(variables)
    const mistakes: Array<Mistake> = []
    const anchors = new Map<string, ParsedNode>()
    let aliased = 0

    const read = (node: ParsedNode, path: Path, via: Alias | undefined): Tree => {
      if (via) aliased++
      const tree = isAlias(node)
        ? readAlias(node.source, { path, offset: node.range[0] }, via)
        : isMap(node)
          ? readObject(node, path, via)
          : isSeq(node)
            ? readList(node.items, node.range[0], path, via)
            : readScalar(node, path)
      // Set once it is read, so that no value can hold itself.
      if (via === undefined && !isAlias(node) && node.anchor !== undefined) anchors.set(node.anchor, node)
      return tree
    }

    const readAlias = (name: string, at: Alias, via = at): Tree => {
      const target = anchors.get(name)
      if (target === undefined) {
        mistakes.push({ ...at, expected: `an anchor &${printable(name)} further up`, got: `*${printable(name)}` })
        return unread(at.offset)
      }
      if (at.path.length > maximumDepth || aliased > maximumAliased) {
        if (aliased !== Infinity) {
          mistakes.push({ ...via, expected: `aliases that stand for ${maximumAliased} values at most`, got: "more" })
        }
        aliased = Infinity
        return unread(at.offset)
      }
      return read(target, at.path, via)
    }

    const readObject = (node: YAMLMap.Parsed, path: Path, via: Alias | undefined): Tree => {
      const children = new Map<string, Tree>()
      for (const pair of node.items) {
        const key = nameOf(pair.key)
        const keyOffset = pair.key.range[0]
        const at = [...path, key]
        if (key === "__proto__") {
          mistakes.push({ path: at, offset: keyOffset, expected: "another name", got: quoted(key) })
        } else if (children.has(key)) {
          mistakes.push({ path: at, offset: keyOffset, expected: "each key once", got: `${quoted(key)} again` })
        } else {
          const value = pair.value === null ? { ...nothing, offset: keyOffset } : read(pair.value, at, via)
          children.set(key, { ...value, keyOffset, offset: value.shown === nothing.shown ? keyOffset : value.offset })
        }
      }
      const value = Object.fromEntries([...children].map(([key, child]) => [key, child.value]))
      return collection(value, children, node.range[0], children.size === 0 ? "an empty object" : "an object")
    }

    const readList = (items: ReadonlyArray<ParsedNode>, offset: number, path: Path, via: Alias | undefined): Tree => {
      const children = new Map(items.map((item, index) => [index, read(item, [...path, index], via)]))
      const value = Array.from(children.values(), (child) => child.value)
      return collection(value, children, offset, value.length === 0 ? "an empty list" : "a list")
    }

    const readScalar = (node: Scalar.Parsed, path: Path): Tree => {
      const leaf = { ...nothing, offset: node.range[0] }
      if (typeof node.value === "string") return { ...leaf, ...readText(Variables.unmask(node.value), path) }
      if (node.value === null && node.source === "") return leaf
      const shown = printable(Variables.unmask(node.source))
      // 007, 1.10 and 12345678901234567890 are numbers to YAML, and would be asked for as 7, 1.1 and 12345678901234567000.
      if (typeof node.value === "number" && String(node.value) !== node.source) {
        mistakes.push({ path, expected: `${node.value}, or "${shown}" as text` })
        return { ...leaf, shown, broken: true }
      }
      return { ...leaf, value: node.value, shown }
    }

    const readText = (text: string, path: Path): Pick<Tree, "value" | "shown" | "filled" | "broken"> =>
      Either.match(fill(text), {
        onRight: ({ names, value }) => ({ value, shown: quoted(text), filled: names.length > 0, broken: false }),
        onLeft: (unfilled) => {
          if (unfilled._tag === "Malformed") {
            const expected = "a variable such as ${NAME}, or $${ to mean a plain ${"
            mistakes.push({ path, expected, got: quoted(unfilled.text) })
          } else {
            for (const name of unfilled.names) {
              const expected = `the environment variable ${printable(name)} to be set`
              mistakes.push({ path, expected, got: "nothing" })
            }
          }
          return { value: undefined, shown: quoted(text), filled: false, broken: true }
        }
      })

    const tree = root === undefined ? nothing : read(root, [], undefined)
    return { tree, mistakes }
  }

/**
 * The value at a path, or the innermost one on the way that the file has; `found` says which.
 *
 * @since 0.1.0
 */
export const find =
  (path: Path) =>
  (tree: Tree): { readonly tree: Tree; readonly found: boolean } => {
    let current = tree
    for (const segment of path) {
      const child = current.children.get(segment)
      if (child === undefined) return { tree: current, found: false }
      current = child
    }
    return { tree: current, found: true }
  }

/**
 * Gives a mistake its line. Where something is missing, that is the line of the object that lacks it.
 *
 * @since 0.1.0
 */
export const problem =
  (file: { readonly tree: Tree; readonly locate: Yaml["locate"] }) =>
  (mistake: Mistake): Problem => {
    const { found, tree } = find(mistake.path)(file.tree)
    const ofValue = found && mistake.at !== "key"
    // Whatever was found out about a variable's value, even a name that is near to it, would tell the value.
    const secret = ofValue && tree.filled
    const came = found ? (isHeader(mistake.path) ? withheld(tree) : tree.shown) : nothing.shown
    return {
      ...file.locate(mistake.offset ?? (ofValue ? tree.offset : (tree.keyOffset ?? tree.offset))),
      path: formatPath(mistake.path),
      // Other modules' words may hold a piece of the file as it is.
      expected: escape(mistake.expected),
      got: clip(200)(secret ? came : (mistake.got ?? came)),
      ...(mistake.meant === undefined || secret ? {} : { hint: `did you mean ${quoted(mistake.meant)}?` })
    }
  }

/** Whoever writes a header's value into the file may have written a secret. */
const isHeader = ([top, , part, name]: Path): boolean => top === "sources" && part === "headers" && name !== undefined

const withheld = ({ filled, shown, value }: Tree): string =>
  filled || (typeof value !== "string" && typeof value !== "number") ? shown : `a ${typeof value} (not shown)`

/** Where an alias stands in the text: what is wrong in what it stands for may come of this use of it. */
type Alias = Required<Pick<Mistake, "path" | "offset">>

/** No file needs more, and it keeps ten lines of aliases upon aliases from standing for a thousand million values. */
const maximumAliased = 10_000

/**
 * The value of an empty file.
 *
 * @since 0.1.0
 */
export const nothing: Tree = {
  value: null,
  shown: "nothing",
  filled: false,
  broken: false,
  offset: 0,
  children: new Map()
}

const unread = (offset: number): Tree => ({ ...nothing, offset, broken: true })

const collection = (
  value: unknown,
  children: ReadonlyMap<string | number, Tree>,
  offset: number,
  shown: string
): Tree => {
  const all = [...children.values()]
  return {
    value,
    shown,
    filled: all.some((child) => child.filled),
    broken: all.some((child) => child.broken),
    offset,
    children
  }
}

/** `stringKeys` makes every key a text; one that stays empty, as in `: 1`, is the text without letters. */
const nameOf = (key: ParsedNode): string =>
  "value" in key && typeof key.value === "string" ? Variables.unmask(key.value) : ""
