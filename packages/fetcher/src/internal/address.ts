import { Option } from "effect"
import ipaddr from "ipaddr.js"

/** @internal */
export type Address = ipaddr.IPv4 | ipaddr.IPv6

/** What an address is for that is not public. @internal */
export type Range =
  | "loopback"
  | "private"
  | "link-local"
  | "metadata"
  | "multicast"
  | "unspecified"
  | "tunnel"
  | "reserved"

/** The URL of a text, where it has one. @internal */
export const urlOf = Option.liftThrowable((text: string) => new URL(text))

/** A host as every URL parser spells it: in small letters and ASCII, IPv4 in four decimal parts. @internal */
export const canonicalHost = (host: string): string | undefined =>
  urlOf(`http://${host}`).pipe(
    Option.map(({ hostname }) => hostname),
    Option.getOrUndefined
  )

/**
 * Of a resolver's or a socket's spelling, or a URL's (in brackets). IPv4 only as four decimal parts: `010.0.0.1` is 8.0.0.1 to
 * some and 10.0.0.1 to others. An IPv4-mapped IPv6 address is the IPv4 address, as it is to the socket; a zone is left away.
 *
 * @internal
 */
export const addressOf = (text: string): Address | undefined => {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  const [, digits] = /^([0-9a-f:.]+)(?:%.+)?$/i.exec(/^\[(.*)\]$/.exec(text)?.[1] ?? text) ?? []
  const host = digits === undefined ? undefined : canonicalHost(`[${digits}]`)
  if (host === undefined) return undefined
  const address = ipaddr.IPv6.parse(host.slice(1, -1))
  return address.isIPv4MappedAddress() ? address.toIPv4Address() : address
}

/** Of a range such as `10.0.0.0/8` or `fd00::/8`. @internal */
export const cidrOf = (text: string): readonly [Address, number] | undefined =>
  ipaddr.IPv4.isValidCIDRFourPartDecimal(text) || ipaddr.IPv6.isValidCIDR(text) ? ipaddr.parseCIDR(text) : undefined

/** @internal */
export const isWithin =
  ([base, bits]: readonly [Address, number]) =>
  (address: Address): boolean =>
    address.kind() === base.kind() && address.match(base, bits)

/**
 * Nothing for an address that is public, else what it is for, by the IANA registries of special-purpose addresses
 * (RFC 6890).
 *
 * @internal
 */
export const rangeOf = (address: Address): Range | undefined => {
  if (metadata.has(address.toString())) return "metadata"
  // DNS64 gives these to clients without IPv4 (RFC 6052): what counts is where they lead.
  if (isNat64(address)) return rangeOf(new ipaddr.IPv4(address.toByteArray().slice(12)))
  const range = address.range()
  // The library takes for unicast what belongs to nobody yet, and the IPv4-compatible ::127.0.0.1 (RFC 4291, 2.4, 2.5.5).
  if (range === "unicast") return address.kind() === "ipv4" || isGlobalUnicast(address) ? undefined : "reserved"
  return ranges[range] ?? "reserved"
}

/** Where clouds tell a machine its own secrets: AWS and most others, in both families; Azure, Alibaba, Oracle. */
const metadata = new Set(["169.254.169.254", "fd00:ec2::254", "168.63.129.16", "100.100.100.200", "192.0.0.192"])

const isNat64 = isWithin(ipaddr.parseCIDR("64:ff9b::/96"))
const isGlobalUnicast = isWithin(ipaddr.parseCIDR("2000::/3"))

/** By the library's names. */
const ranges: Readonly<Record<string, Range>> = {
  loopback: "loopback",
  private: "private",
  uniqueLocal: "private",
  deprecatedSiteLocal: "private",
  carrierGradeNat: "private",
  linkLocal: "link-local",
  multicast: "multicast",
  broadcast: "multicast",
  unspecified: "unspecified",
  "6to4": "tunnel",
  teredo: "tunnel",
  rfc6052: "tunnel",
  rfc6145: "tunnel"
}
