import { assert, describe, it } from "@effect/vitest"
import * as Report from "../src/Report.ts"
import { bench } from "./benches.ts"

const report: Report.Report = {
  bench: bench({}),
  command: "pnpm bench walk",
  machine: { cpu: "Abacus", cores: 2, node: "v20.0.0", platform: "linux x64" },
  versions: ["snail 1.0.0", "hare 2.1.0"],
  rows: [
    { name: "snail", metric: "steps/s", value: 0.0123456, unit: "1/s", ratio: 1 },
    { name: "tributary", metric: "steps/s", value: 1_234_567, unit: "1/s", ratio: 100_000_053 },
    { name: "hare", metric: "steps/s", value: 20, unit: "1/s", ratio: null },
    { name: "hare", metric: "falls", value: 3, unit: "", ratio: null },
    { name: "tributary", metric: "falls", value: 0, unit: "", ratio: null }
  ]
}

describe("Report", () => {
  it("is one JSON object for a program, with nothing around it", () => {
    const out = Report.json(report)
    assert.deepStrictEqual(JSON.parse(out), { bench: "walk", machine: report.machine, rows: report.rows })
    assert.strictEqual(out.indexOf("{"), 0)
    assert.isTrue(out.endsWith("}\n"))
  })

  it("is a table a metric for a reader, the best first", () => {
    assert.strictEqual(
      Report.text(report),
      `walk: A walk

Abacus, 2 cores, Node v20.0.0, linux x64
snail 1.0.0, hare 2.1.0
medians of 3 rounds

steps/s           1/s       x snail
tributary   1,235,000   100,000,000
hare               20
snail         0.01235             1

falls       value
tributary       0
hare            3

- On flat ground.

`
    )
  })

  it("is a section of docs/benchmarks.md that names the command, the machine and the versions", () => {
    const text = Report.markdown("2025-01-03")([report])
    assert.isTrue(text.startsWith("# Benchmarks\n"))
    assert.strictEqual(
      text.slice(text.indexOf("## ")),
      `## walk: A walk

- Command: \`pnpm bench walk\`, medians of 3 rounds, on 2025-01-03
- Machine: Abacus, 2 cores, Node v20.0.0, linux x64
- Versions: snail 1.0.0, hare 2.1.0

| steps/s   |       1/s |     x snail |
| --------- | --------: | ----------: |
| tributary | 1,235,000 | 100,000,000 |
| hare      |        20 |             |
| snail     |   0.01235 |           1 |

| falls     | value |
| --------- | ----: |
| tributary |     0 |
| hare      |     3 |

On flat ground.
`
    )
  })
})
