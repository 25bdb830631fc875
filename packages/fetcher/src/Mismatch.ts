/**
 * Where data does not fit a Schema, in three words: path, expected, got.
 *
 * @since 0.1.0
 */
import { identity, Option, type ParseResult } from "effect"
import { cut, printable } from "./internal/text.ts"

/**
 * @since 0.1.0
 * @category models
 */
export interface Mismatch {
  /** Such as `days[3].temp_max`; empty for the value as a whole. */
  readonly path: string
  readonly expected: string
  /** What came, as JSON, cut at 100 characters; `nothing` where it is missing. */
  readonly got: string
}

/**
 * The first place where the data does not fit.
 *
 * @example
 * ```ts
 * import { Mismatch } from "@tributary/fetcher"
 * import { Either, ParseResult, Schema } from "effect"
 *
 * const Day = Schema.Struct({ high: Schema.Number })
 *
 * export const problem = ParseResult.decodeUnknownEither(Day)({ high: "warm" }).pipe(Either.mapLeft(Mismatch.fromIssue))
 * // Left({ path: "high", expected: "number", got: "\"warm\"" })
 * ```
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromIssue = (issue: ParseResult.ParseIssue): Mismatch => fromIssueWith(identity)(issue)

/**
 * The same for data that may repeat a secret: `redact` sees what came before it is cut.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromIssueWith =
  (redact: (text: string) => string) =>
  (issue: ParseResult.ParseIssue): Mismatch =>
    find(issue, [], redact)

/**
 * A value as an error shows it: JSON, control characters escaped, cut at 100 characters.
 *
 * @since 0.1.0
 * @category conversions
 */
export const show = (value: unknown): string => showWith(identity)(value)

/**
 * The same for a value that may repeat a secret: `redact` sees it before it is cut.
 *
 * @since 0.1.0
 * @category conversions
 */
export const showWith =
  (redact: (text: string) => string) =>
  (value: unknown): string =>
    cut(100)(printable(redact(stringify(value))))

// A bigint, a cycle and what is nested beyond the stack are no JSON; of undefined and the like nothing would be left.
const stringify = (value: unknown): string =>
  Option.liftThrowable((): string | undefined => JSON.stringify(value))().pipe(
    Option.flatMapNullable((text) => text),
    Option.getOrElse(() => (typeof value === "object" ? Object.prototype.toString.call(value) : String(value)))
  )

const find = (
  issue: ParseResult.ParseIssue,
  path: ReadonlyArray<PropertyKey>,
  redact: (text: string) => string
): Mismatch => {
  switch (issue._tag) {
    case "Pointer":
      return find(issue.issue, path.concat(issue.path), redact)
    case "Composite":
      // A union lists what each member says; none of them need be the one that was meant.
      if (issue.ast._tag === "Union") break
      return find("_tag" in issue.issues ? issue.issues : issue.issues[0], path, redact)
    case "Refinement":
      if (issue.kind === "Predicate") break
      return find(issue.issue, path, redact)
    case "Transformation":
      if (issue.kind === "Transformation") break
      return find(issue.issue, path, redact)
    case "Missing":
      return { path: format(path), expected: String(issue.ast.type), got: "nothing" }
    case "Unexpected":
      return { path: format(path), expected: "no such field", got: showWith(redact)(issue.actual) }
    default:
  }
  return { path: format(path), expected: String(issue.ast), got: showWith(redact)(issue.actual) }
}

// `days[3].temp_max`, and `["the name"]` where a name would not be told from the path around it.
const format = (path: ReadonlyArray<PropertyKey>): string =>
  path
    .map((part) => {
      if (typeof part !== "string") return `[${String(part)}]`
      return /^[\p{L}\p{N}_$-]+$/u.test(part) ? `.${part}` : `[${show(part)}]`
    })
    .join("")
    .replace(/^\./, "")
