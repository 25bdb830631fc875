import type { Aggregate, Report } from "@tributary/report"
import { DateTime } from "effect"

/** Two cities by week: Seattle has no row for the second of three weeks, and New York's last value is NULL. */
export const weekly: Aggregate.Table = {
  name: "Weekly weather",
  from: "weather",
  columns: [
    { name: "city", role: "field" },
    { name: "week", role: "window", unit: "week" },
    { name: "high", role: "measure" },
    { name: "days", role: "measure" }
  ],
  rows: [
    ["New York", "2014-12-29", 4.75, 7],
    ["New York", "2015-01-05", -1.5, 7],
    ["New York", "2015-01-12", null, 6],
    ["Seattle", "2014-12-29", 6.333333, 7],
    ["Seattle", "2015-01-12", 8, 7]
  ]
}

/** Days of each kind of weather in two cities; New York has no fog. */
export const kinds: Aggregate.Table = {
  name: "Kinds of weather",
  from: "weather",
  columns: [
    { name: "weather", role: "field" },
    { name: "city", role: "field" },
    { name: "days", role: "measure" }
  ],
  rows: [
    ["fog", "Seattle", 97],
    ["rain", "New York", 446],
    ["rain", "Seattle", 603]
  ]
}

const source: Report.Report["sources"][number] = {
  source: "weather",
  planned: 56,
  done: 56,
  failed: 0,
  skipped: 0,
  pending: 0,
  empty: 1,
  records: 1234,
  rejected: 0
}

export const complete: Report.Report = {
  title: "Weather",
  generatedAt: DateTime.unsafeMake("2025-01-05T10:00:00Z"),
  tables: [weekly, kinds],
  sources: [source],
  missing: [],
  rejects: []
}

const missing = (slice: string, outcome: "failed" | "skipped", error: string, message: string) => ({
  source: "weather",
  slice,
  outcome,
  error,
  message,
  attempts: 4,
  finishedAt: "2025-01-05T09:00:00.000Z"
})

export const incomplete: Report.Report = {
  ...complete,
  sources: [{ ...source, done: 40, failed: 13, skipped: 1, pending: 2, rejected: 1 }],
  missing: [
    ...Array.from({ length: 13 }, (_, day) =>
      missing(
        `city=Seattle,date=2015-01-${10 + day}`,
        "failed",
        "StatusError",
        `GET http://localhost/Seattle?date=2015-01-${10 + day}: status 503: try later (4 attempts in ${day}s)`
      )
    ),
    missing("city=Seattle,date=2015-01-03", "skipped", "StatusError", "GET http://localhost/Seattle: status 404")
  ],
  rejects: [
    {
      source: "weather",
      slice: "city=Seattle,date=2015-01-20",
      position: 3,
      reason: `expected a number at high, got "n/a"`,
      raw: `{"high":"n/a"}`
    }
  ]
}

const evil = `<script>alert("1" & '2')</script>\u001b[31m\u0007\u009b1m\u202e\r\n</svg>`

/** What nobody wants to have in a page or in a terminal, in every text that comes from outside. */
export const hostile: Report.Report = {
  ...incomplete,
  title: evil,
  tables: [
    { ...weekly, name: evil, rows: weekly.rows.map(([, week, ...measures]) => [evil, week ?? null, ...measures]) },
    {
      name: evil,
      from: evil,
      columns: [
        { name: evil, role: "field" },
        { name: evil, role: "measure" }
      ],
      rows: [
        [evil, 1],
        ["__proto__", 2]
      ]
    },
    { ...kinds, from: evil, rows: [] }
  ],
  sources: incomplete.sources.map((source) => ({ ...source, source: evil })),
  missing: incomplete.missing.map((slice) => ({ ...slice, source: evil, slice: evil, error: evil, message: evil })),
  rejects: incomplete.rejects.map((reject) => ({ ...reject, source: evil, slice: evil, reason: evil, raw: evil }))
}
