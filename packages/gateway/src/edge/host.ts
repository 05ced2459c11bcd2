/** RFC 9110 7.2 Host: a name, an IPv4 address or a bracketed IPv6 address, and a port. No userinfo, no path, no escapes. */
const HOST = /^(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(?::[0-9]{1,5})?$/

/** True if a Host header or an authority is one that a client may name us by. */
export function isHost(value: string): boolean {
  return value.length <= 261 && HOST.test(value)
}
