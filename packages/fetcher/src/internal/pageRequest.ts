import { HttpClientRequest } from "@effect/platform"
import { Option } from "effect"

/** @internal */
export const urlOf = (request: HttpClientRequest.HttpClientRequest): URL | undefined =>
  Option.getOrUndefined(HttpClientRequest.toUrl(request))

/**
 * Sets a query parameter, also where an address that is a string has it already: the platform would append a second one.
 *
 * @internal
 */
export const setParam =
  ({ name, value }: { readonly name: string; readonly value: string | number }) =>
  (request: HttpClientRequest.HttpClientRequest): HttpClientRequest.HttpClientRequest =>
    request.pipe(
      HttpClientRequest.setUrl(withoutParam(request.url, name)),
      HttpClientRequest.setUrlParam(name, String(value))
    )

/** The rest of the query stays as it was written. */
const withoutParam = (url: string, name: string): string =>
  url.replace(/^([^?#]*)\?([^#]*)/, (_, path: string, query: string) => {
    const others = query.split("&").filter((pair) => pair !== "" && !new URLSearchParams(pair).has(name))
    return others.length === 0 ? path : `${path}?${others.join("&")}`
  })
