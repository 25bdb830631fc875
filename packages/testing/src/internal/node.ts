import { Pipeable } from "effect"

/** A plain value that can be piped. @internal */
export const node = <A extends object>(fields: A): A & Pipeable.Pipeable =>
  Object.assign(Object.create(Pipeable.Prototype), fields)
