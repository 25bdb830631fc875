/**
 * The name that was probably meant.
 *
 * @since 0.1.0
 */
import { AutoCorrect, CliConfig } from "@effect/cli"
import { Array, Number, Option, Order, pipe } from "effect"

/**
 * Finds the one of `names` that is nearest to `name`, to be spread into a mistake. Near means that at most a third of its letters, and three at
 * most, must be changed, added or left out, case aside; or that two neighbours changed places, which counts as two.
 *
 * @since 0.1.0
 */
export const meant =
  (names: Iterable<string>) =>
  (name: string): { readonly meant?: string } =>
    pipe(
      // The distance takes time and memory by the product of the lengths.
      name.length > 64 ? [] : Array.fromIterable(names),
      Array.filter((candidate) => Math.abs(candidate.length - name.length) <= 3),
      Array.map((meant) => ({
        meant,
        distance: AutoCorrect.levensteinDistance(name, meant, CliConfig.defaultConfig)
      })),
      Array.filter(
        ({ distance, meant }) =>
          distance <= (letters(meant) === letters(name) ? 2 : Math.min(3, Math.ceil(meant.length / 3)))
      ),
      Array.sortWith(({ distance }) => distance, Number.Order),
      Array.head,
      Option.match({ onNone: () => ({}), onSome: ({ meant }) => ({ meant }) })
    )

const letters = (name: string): string => Array.sort(name.toLowerCase(), Order.string).join("")
