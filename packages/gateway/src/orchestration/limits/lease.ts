import type { CounterSpec } from '@headrace/contract'

/** Why a lease does not give: nothing is left anywhere, or the authority does not answer. */
export type Shortage = 'exhausted' | 'unreachable'

export interface Waiter { readonly units: number, readonly done: (shortage: Shortage | null) => void }

/**
 * A worker's share of one counter: plain numbers, so that taking units costs a few comparisons. Only `LeaseDesk` and `Limiter` write to it.
 *
 * Units are `balance` (unused) or used. `headroom` is how much of the balance may be used before the authority must be told again: what a crash
 * leaves in doubt is bounded by it. Slots need none: they return with the process.
 */
export class Lease {
  readonly id: number
  readonly key: string
  readonly group: string
  spec: CounterSpec
  /** The most that can be there at once. */
  capacity: number
  version: number
  balance = 0
  headroom: number
  used = 0
  /** Unix ms within which the balance may be used. */
  from = 0
  until = Infinity
  /** Below this the lease is refilled ahead of need; 0 = not until a request had to wait. */
  low = 0
  /** Units to ask for ahead of need. */
  want = 8
  askedAt = 0
  refilling = false
  /** A request's ask is on its way; counts up with each. */
  asking = false
  asks = 0
  /** Recalled: what comes back is given back at once. */
  tight = false
  /** Requests for at least this many are refused until then (monotonic ms) without asking. */
  deniedNeed = Infinity
  deniedUntil = 0
  /** When the refused need will be there (monotonic ms); 0 = unknown. */
  freeAt = 0
  /** Units that come back per ms by themselves. */
  perMs: number
  /** Units elsewhere, about, and when that was said (monotonic ms). */
  left = 0
  leftAt = 0
  /** Exchanges that will come back to it. */
  busy = 0
  /** Told numbers are out of date. */
  dirty = false
  charge = 0
  touched = false
  idleRounds = 0
  closed = false
  readonly waiters: Waiter[] = []

  constructor(id: number, key: string, group: string, spec: CounterSpec, version: number) {
    this.id = id
    this.key = key
    this.group = group
    this.spec = spec
    this.version = version
    this.capacity = capacityOf(spec)
    this.headroom = spec.kind === 'slots' ? Infinity : 0
    this.perMs = perMsOf(spec)
  }

  /** The balance is there and may be used now. */
  has(units: number, wall: number): boolean {
    return this.balance >= units && wall < this.until && wall >= this.from && this.waiters.length === 0
  }

  refuses(units: number, now: number): boolean {
    return units >= this.deniedNeed && now < this.deniedUntil
  }
}

export function capacityOf(spec: CounterSpec): number {
  return spec.kind === 'rate' ? spec.burst : spec.limit
}

export function perMsOf(spec: CounterSpec): number {
  return spec.kind === 'rate' ? spec.limit / spec.windowMs : 0
}
