import { Effect } from "effect"
import type { Bench, Contender } from "../src/Bench.ts"

/** A contender that gives its figures one after the other, a run each. */
export const contender = ({
  runs = [],
  ...options
}: Partial<Contender> & {
  readonly name: string
  readonly runs?: ReadonlyArray<Readonly<Record<string, number>>>
}): Contender => {
  let next = 0
  return { package: "effect", quick: true, measure: Effect.sync(() => runs[next++] ?? {}), ...options }
}

export const bench = (options: Partial<Bench>): Bench => ({
  name: "walk",
  title: "A walk",
  metrics: { "steps/s": { unit: "1/s", better: "more", baseline: "snail" }, falls: { unit: "", better: "less" } },
  contenders: [],
  rounds: 3,
  quickRounds: 1,
  notes: ["On flat ground."],
  ...options
})
