/**
 * Where the bot writes: answers to standard output, progress and remarks to standard error.
 *
 * @since 0.1.0
 */
import { Config, Context, Effect, Layer, Option } from "effect"

/**
 * @since 0.1.0
 * @category models
 */
export interface Output {
  /** Somebody is looking: lines may be drawn over. */
  readonly isTerminal: boolean
  readonly columns: Effect.Effect<number>
  readonly write: (text: string) => Effect.Effect<void>
}

/**
 * @since 0.1.0
 * @category services
 */
export class Screen extends Context.Tag("@tributary/bot/Screen")<
  Screen,
  { readonly answers: Output; readonly remarks: Output; readonly color: boolean }
>() {}

const output = (stream: NodeJS.WriteStream): Output => ({
  isTerminal: stream.isTTY === true,
  columns: Effect.sync(() => stream.columns ?? 100),
  write: (text) => Effect.sync(() => void stream.write(text))
})

/**
 * The process's own streams; colour on a terminal, unless `NO_COLOR` is set (no-color.org).
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<Screen> = Layer.effect(
  Screen,
  Effect.map(Effect.option(Config.nonEmptyString("NO_COLOR")), (noColor) => ({
    answers: output(process.stdout),
    remarks: output(process.stderr),
    color: process.stdout.isTTY === true && Option.isNone(noColor)
  }))
)
