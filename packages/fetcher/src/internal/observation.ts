import type { Observation } from "../RateLimitHeaders.ts"

type Facts = { readonly [Fact in Exclude<keyof Observation, "resource">]?: Observation[Fact] | undefined }

/** One, with what is known; none, where nothing is but a name. @internal */
export const observation =
  (resource: Observation["resource"]) =>
  ({ full, limit, name, remaining, reset, window }: Facts): ReadonlyArray<Observation> =>
    limit === undefined && remaining === undefined && reset === undefined && full === undefined
      ? []
      : [
          {
            resource,
            ...(name === undefined ? {} : { name }),
            ...(limit === undefined ? {} : { limit }),
            ...(window === undefined ? {} : { window }),
            ...(remaining === undefined ? {} : { remaining }),
            ...(reset === undefined ? {} : { reset }),
            ...(full === undefined ? {} : { full })
          }
        ]
