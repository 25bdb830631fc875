import { escape } from "./text.ts"

/** HTML that may stand as it is. @internal */
export interface Markup {
  readonly _tag: "Markup"
  readonly text: string
}

/** What a `markup` template may hold: anything but `Markup` is escaped. @internal */
export type Content = string | number | Markup | ReadonlyArray<Content>

/** @internal */
export const raw = (text: string): Markup => ({ _tag: "Markup", text })

/** @internal */
export const markup = (strings: TemplateStringsArray, ...contents: ReadonlyArray<Content>): Markup =>
  raw(strings.map((text, index) => text + textOf(contents[index] ?? "")).join(""))

const textOf = (content: Content): string => {
  if (typeof content === "string") return escape(content)
  if (typeof content === "number") return String(content)
  return "text" in content ? content.text : content.map(textOf).join("")
}
