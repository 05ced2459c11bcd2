import { isIPv6, type Socket } from 'node:net'

/**
 * Connections per client address, so that one address cannot take all that there is room for. Counted only while a bound is set:
 * behind a proxy, which has one address for everybody, there is none.
 */
export class AddressCap {
  readonly #counts = new Map<string, number>()

  /** Counts a connection until it closes. False = its address holds `limit` already; it is not counted then. */
  enter(socket: Socket, limit: number): boolean {
    const address = addressGroup(socket.remoteAddress ?? '')
    const held = this.#counts.get(address) ?? 0
    if (held >= limit) return false
    this.#counts.set(address, held + 1)
    socket.once('close', () => this.#leave(address))
    return true
  }

  /** Addresses that hold connections. */
  get size(): number {
    return this.#counts.size
  }

  #leave(address: string): void {
    const held = this.#counts.get(address) ?? 0
    if (held > 1) this.#counts.set(address, held - 1)
    else this.#counts.delete(address)
  }
}

/** What counts as one address: an IPv4 address, also where it is written as IPv6; of IPv6 the first 64 bits, which are what one network is given. */
export function addressGroup(address: string): string {
  if (!isIPv6(address)) return address
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1] ?? ''
  const [front = '', back] = (address.split('%')[0] ?? '').split('::')
  const groups = front === '' ? [] : front.split(':')
  if (back !== undefined) {
    const tail = back === '' ? 0 : back.split(':').length + (back.includes('.') ? 1 : 0)
    while (groups.length + tail < 8) groups.push('0')
    if (back !== '') groups.push(...back.split(':'))
  }
  return `${groups.slice(0, 4).map(group => Number.parseInt(group, 16).toString(16)).join(':')}::/64`
}
