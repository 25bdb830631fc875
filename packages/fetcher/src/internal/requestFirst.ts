import { HttpClientRequest } from "@effect/platform"
import { Predicate } from "effect"

/** Tells the two ways to call a `dual` whose last argument may be left away. @internal */
export const isRequestFirst = (args: IArguments): boolean => Predicate.hasProperty(args[0], HttpClientRequest.TypeId)
