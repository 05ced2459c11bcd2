import { BlockList, isIP } from 'node:net'

/**
 * Addresses that are not the public internet: IANA's special-purpose registries (https://www.iana.org/assignments/iana-ipv4-special-registry and
 * iana-ipv6-special-registry), the metadata services of clouds among them, and IPv6 forms that carry an IPv4 address (mapped, NAT64, 6to4, Teredo), whole.
 */
const SPECIAL: readonly (readonly [net: string, prefix: number, family: 'ipv4' | 'ipv6'])[] = [
  ['0.0.0.0', 8, 'ipv4'], ['10.0.0.0', 8, 'ipv4'], ['100.64.0.0', 10, 'ipv4'], ['127.0.0.0', 8, 'ipv4'], ['169.254.0.0', 16, 'ipv4'], ['172.16.0.0', 12, 'ipv4'],
  ['192.0.0.0', 24, 'ipv4'], ['192.0.2.0', 24, 'ipv4'], ['192.88.99.0', 24, 'ipv4'], ['192.168.0.0', 16, 'ipv4'], ['198.18.0.0', 15, 'ipv4'], ['198.51.100.0', 24, 'ipv4'],
  ['203.0.113.0', 24, 'ipv4'], ['224.0.0.0', 4, 'ipv4'], ['240.0.0.0', 4, 'ipv4'], ['168.63.129.16', 32, 'ipv4'],
  ['2001::', 23, 'ipv6'], ['2001:db8::', 32, 'ipv6'], ['2002::', 16, 'ipv6'], ['3fff::', 20, 'ipv6'],
]

const special = new BlockList()
for (const [net, prefix, family] of SPECIAL) special.addSubnet(net, prefix, family)
/** All of IPv6 that is given out to anybody; what lies outside is local, mapped, multicast or not there. */
const global6 = new BlockList()
global6.addSubnet('2000::', 3, 'ipv6')

/** Whether an IP address (no name, no brackets, no zone) is one of the public internet. Anything that is no address is not. */
export function isPublicAddress(address: string): boolean {
  const version = isIP(address)
  if (version === 4) return !special.check(address, 'ipv4')
  return version === 6 && !address.includes('%') && global6.check(address, 'ipv6') && !special.check(address, 'ipv6')
}
