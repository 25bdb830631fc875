/**
 * The figures of a bench as they are printed, and as docs/benchmarks.md has them.
 */
import type { Bench, Row } from "./Bench.ts"
import * as Machine from "./Machine.ts"
import * as Table from "./Table.ts"

export interface Report {
  readonly bench: Bench
  readonly rows: ReadonlyArray<Row>
  readonly machine: Machine.Machine
  readonly versions: ReadonlyArray<string>
  readonly command: string
}

/**
 * For a terminal.
 */
export const text = ({ bench, machine, rows, versions }: Report): string =>
  [
    `${bench.name}: ${bench.title}`,
    `${Machine.format(machine)}\n${versions.join(", ")}\n${rounds(bench)}`,
    ...Table.make(bench.metrics)(rows).map(Table.text),
    bench.notes.map((note) => `- ${note}`).join("\n"),
    ""
  ].join("\n\n")

/**
 * For another program: one object, and nothing else.
 */
export const json = ({ bench, machine, rows }: Report): string =>
  `${JSON.stringify({ bench: bench.name, machine, rows })}\n`

/**
 * All of docs/benchmarks.md; `date` is the day of the measurement.
 */
export const markdown =
  (date: string) =>
  (reports: ReadonlyArray<Report>): string =>
    [
      "# Benchmarks",
      "Written by `pnpm bench --all --write`, which renews it. All contenders of a bench run in turn on one machine, ours first, " +
        "then each peer, then ours again; the figures are the medians. Ours begin with `tributary`; the best stands first.",
      `${reports.map(section(date)).join("\n\n")}\n`
    ].join("\n\n")

const section =
  (date: string) =>
  ({ bench, command, machine, rows, versions }: Report): string =>
    [
      `## ${bench.name}: ${bench.title}`,
      [
        `- Command: \`${command}\`, ${rounds(bench)}, on ${date}`,
        `- Machine: ${Machine.format(machine)}`,
        `- Versions: ${versions.join(", ")}`
      ].join("\n"),
      ...Table.make(bench.metrics)(rows).map(Table.markdown),
      bench.notes.join("\n\n")
    ].join("\n\n")

const rounds = ({ rounds }: Bench): string => (rounds === 1 ? "one round" : `medians of ${rounds} rounds`)
