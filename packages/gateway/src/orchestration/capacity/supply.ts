import { gatewayError, type CapacityRule, type CounterSpec, type GatewayError } from '@headrace/contract'
import type { LeaseDesk } from '../limits/lease-desk.ts'
import type { Lease } from '../limits/lease.ts'
import type { Turn } from './turn.ts'

/** What a gate gives out: places at an engine, or room in a provider's limits. */
export interface Supply {
  /** For a turn, at once. False = it must be waited for. Asked only while nobody waits. */
  take(turn: Turn): boolean
  /** Comes back, perhaps much later, with what `turn` needs; `use` or `putBack` is to follow. False = it did not come: to be asked again. */
  wait(turn: Turn): Promise<boolean>
  /** Whether what has come does for `turn` as well as for the one that it was asked for. */
  suits(turn: Turn, asked: Turn): boolean
  use(turn: Turn): void
  putBack(asked: Turn): void
  /** A turn that held is over. Returns how long one keeps others from theirs, ms. */
  end(turn: Turn, now: number): number
  /** Takes over another configuration. */
  adopt(rule: CapacityRule, version: number): void
  /** What those who are sent away are told. */
  refusal(retryAfterMs: number): GatewayError
}

/** The places at one engine, exact over all workers: slots of a lease. */
export class SlotSupply implements Supply {
  readonly #desk: LeaseDesk
  readonly #wall: () => number
  #rule: CapacityRule
  #version: number
  #lease: Lease
  /** The lease that a slot is being waited for on. */
  #asked: Lease

  constructor(desk: LeaseDesk, wall: () => number, rule: CapacityRule, version: number) {
    this.#desk = desk
    this.#wall = wall
    this.#rule = rule
    this.#version = version
    this.#asked = this.#lease = this.#open()
  }

  take(): boolean {
    if (this.#lease.closed) this.#lease = this.#open()
    if (!this.#lease.has(1, this.#wall())) return false
    this.#desk.take(this.#lease, 1)
    this.#lease.busy++
    return true
  }

  async wait(): Promise<boolean> {
    const lease = this.#asked = this.#lease
    lease.busy++
    const shortage = await this.#desk.wait(lease, 1)
    lease.busy--
    return shortage === null
  }

  suits(): boolean {
    return true
  }

  use(): void {
    this.#desk.commit(this.#asked, 1)
    this.#lease.busy++
  }

  putBack(): void {
    this.#desk.putBack(this.#asked, 1, false)
  }

  end(turn: Turn, now: number): number {
    this.#lease.busy--
    this.#desk.putBack(this.#lease, 1, true)
    return now - turn.heldAt
  }

  adopt(rule: CapacityRule, version: number): void {
    this.#rule = rule
    this.#version = version
    this.#lease = this.#open()
  }

  refusal(retryAfterMs: number): GatewayError {
    return gatewayError('overloaded', `The model's engine takes ${this.#rule.concurrency} requests at a time, and more are waiting than it can answer soon. Try again later.`, { retryAfterMs })
  }

  #open(): Lease {
    const spec: CounterSpec = { kind: 'slots', limit: this.#rule.concurrency, patient: true }
    const key = `engine ${this.#rule.name}`
    return this.#desk.open(key, key, spec, this.#version)
  }
}
