/**
 * What there is to collect: every slice of a source, one by one.
 *
 * @since 0.1.0
 */
import { Stream } from "effect"
import type { Value } from "./Parameter.ts"
import * as Slice from "./Slice.ts"
import type { Source } from "./Source.ts"

/**
 * How many slices a source has: the product of its parameters' sizes.
 *
 * @since 0.1.0
 * @category getters
 */
export const size = (source: Source): number =>
  Object.values(source.parameters).reduce((product, parameter) => product * parameter.size, 1)

/**
 * The slices, computed one by one as they are pulled: a million of them cost no memory. The last parameter changes
 * fastest.
 *
 * @since 0.1.0
 * @category streams
 */
export const slices = (source: Source): Stream.Stream<Slice.Slice> =>
  Stream.suspend(() => Stream.fromIteratorSucceed(iterate(source), 256))

/**
 * How a slice of an earlier run stands to the plan: part of it (`same`), part of it but with another window (`moved`, such as
 * the last month of a range that went on), or `outside`.
 *
 * @since 0.1.0
 * @category getters
 */
export const compare = (source: Source): ((slice: Slice.Stored) => "same" | "moved" | "outside") => {
  const parameters = Object.entries(source.parameters).map(([name, parameter]) => ({
    name,
    ends: new Map(Array.from(parameter, (value, index) => [value, parameter.lastDayAt?.(index)] as const))
  }))
  return (stored) => {
    if (!parameters.every(({ ends, name }) => ends.has(stored[name] ?? ""))) return "outside"
    return parameters.every(({ ends, name }) => ends.get(stored[name] ?? "") === stored[Slice.windowEnd(name)])
      ? "same"
      : "moved"
  }
}

function* iterate(source: Source): Generator<Slice.Slice> {
  const entries = Object.entries(source.parameters)
  const total = size(source)
  for (let number = 0; number < total; number++) {
    // The number of a slice in a mixed radix: its digits are the indices into the parameters.
    let stride = total
    const parameters: Record<string, Value> = {}
    const windowEnds: Record<string, string> = {}
    for (const [name, parameter] of entries) {
      stride /= parameter.size
      const index = Math.floor(number / stride) % parameter.size
      parameters[name] = parameter.at(index)
      if (parameter.lastDayAt !== undefined) windowEnds[Slice.windowEnd(name)] = parameter.lastDayAt(index)
    }
    yield Slice.make({ source: source.name, parameters, windowEnds })
  }
}
