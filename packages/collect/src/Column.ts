/**
 * The SQL side of a Schema: one column a field.
 *
 * @since 0.1.0
 */
import { DateTime, Option, Predicate, Schema, SchemaAST } from "effect"

/**
 * How values are kept. Dates and times are `text` (ISO 8601, UTC), booleans `integer` (0 or 1), and what is no primitive is
 * `json` text.
 *
 * @since 0.1.0
 * @category models
 */
export type Type = "text" | "real" | "integer" | "json"

/**
 * @since 0.1.0
 * @category models
 */
export interface Column {
  readonly name: string
  readonly type: Type
}

/**
 * What the database binds.
 *
 * @since 0.1.0
 * @category models
 */
export type Value = string | number | bigint | null

/**
 * The columns of a struct, in its order, by the types that decoding gives (a `NumberFromString` is a number). None if the
 * Schema is not a struct.
 *
 * @since 0.1.0
 * @category conversions
 */
export const fromSchema = (schema: Schema.Schema.AnyNoContext): ReadonlyArray<Column> =>
  SchemaAST.getPropertySignatures(SchemaAST.typeAST(schema.ast)).map(({ name, type }) => ({
    name: String(name),
    type: typeOf(type)
  }))

/**
 * A decoded value as the database binds it. What is absent, `None` or not a finite number is NULL.
 *
 * @since 0.1.0
 * @category conversions
 */
export const toSql =
  (type: Type) =>
  (value: unknown): Value => {
    if (value === undefined || value === null) return null
    if (Option.isOption(value)) return toSql(type)(Option.getOrNull(value))
    if (type === "json") return JSON.stringify(value) ?? null
    if (typeof value === "string" || typeof value === "bigint") return value
    // SQLite would make the text "1.0" of the number 1.
    if (typeof value === "number") return !Number.isFinite(value) ? null : type === "text" ? String(value) : value
    if (typeof value === "boolean") return value ? 1 : 0
    if (DateTime.isDateTime(value)) return DateTime.formatIso(value)
    if (Predicate.isDate(value)) return Number.isNaN(value.getTime()) ? null : value.toISOString()
    return JSON.stringify(value) ?? null
  }

const typeOf = (ast: SchemaAST.AST): Type => {
  switch (ast._tag) {
    case "Refinement":
      return isInt(ast) ? "integer" : typeOf(ast.from)
    case "StringKeyword":
    case "TemplateLiteral":
      return "text"
    case "NumberKeyword":
      return "real"
    case "BooleanKeyword":
    case "BigIntKeyword":
      return "integer"
    case "Literal":
      return typeof ast.literal === "string" ? "text" : typeof ast.literal === "number" ? "real" : "integer"
    case "Enums":
      return ast.enums.every(([, value]) => typeof value === "string") ? "text" : "real"
    case "Declaration": {
      const [inner] = ast.typeParameters
      return isDateLike(ast) ? "text" : isOption(ast) && inner !== undefined ? typeOf(inner) : "json"
    }
    case "Union": {
      const types = new Set(ast.types.filter((member) => !isNothing(member)).map(typeOf))
      const [only] = types
      return types.size === 1 && only !== undefined ? only : "json"
    }
    case "Suspend":
      return typeOf(ast.f())
    default:
      return "json"
  }
}

const isInt = (ast: SchemaAST.AST): boolean =>
  Option.exists(SchemaAST.getSchemaIdAnnotation(ast), (id) => id === Schema.IntSchemaId)

const isDateLike = (ast: SchemaAST.AST): boolean => {
  const is = Option.getOrElse(SchemaAST.getIdentifierAnnotation(ast), () => "")
  return /^(Date|DateFromSelf|DateTimeUtcFromSelf|DateTimeZonedFromSelf)$/.test(is)
}

const isOption = (ast: SchemaAST.AST): boolean =>
  Option.exists(SchemaAST.getTypeConstructorAnnotation(ast), ({ _tag }) => _tag === "effect/Option")

const isNothing = (ast: SchemaAST.AST): boolean =>
  ast._tag === "UndefinedKeyword" || (ast._tag === "Literal" && ast.literal === null)
