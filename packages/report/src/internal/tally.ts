/** A source's numbers, in the order in which they are shown. @internal */
export const tally = ["planned", "done", "empty", "skipped", "failed", "pending", "records", "rejected"] as const

/** How serious it is that one of them is not zero. @internal */
export const gravity =
  (name: (typeof tally)[number]) =>
  (count: number): "none" | "mild" | "severe" => {
    if (count === 0) return "none"
    if (name === "failed") return "severe"
    return name === "skipped" || name === "pending" || name === "rejected" ? "mild" : "none"
  }
