import type { CapacityRule } from '@headrace/contract'

/** Weight of the latest answer in the mean. */
const LATEST = 0.1
/** Turnovers of the engine that a request may always wait for: with less, a place could come free with everybody sent away. */
const TURNOVERS = 2

/**
 * Tells a queue that comes and goes from one that stands, after CoDel (RFC 8289) as it is used for servers: a queue that has not been served empty for an
 * interval is no burst, and waiting longer helps nobody. Then the allowed wait shrinks to the target and the newest goes first, since the oldest have the
 * least time left. A queue that empties because its requests are sent away or leave still stands. All times are monotonic ms.
 */
export class StandingQueue {
  rule: CapacityRule
  /** When the queue that there is began; 0 = there is none. */
  #since = 0
  /** Mean time that the engine takes for a request. */
  #serviceMs = 0

  constructor(rule: CapacityRule) {
    this.rule = rule
  }

  /** Somebody waits. */
  began(now: number): void {
    if (this.#since === 0) this.#since = now
  }

  /** Everybody who waited is served: the engine keeps up. */
  served(): void {
    this.#since = 0
  }

  /** The engine is done with a request. */
  learn(serviceMs: number): void {
    this.#serviceMs = this.#serviceMs === 0 ? serviceMs : this.#serviceMs + (serviceMs - this.#serviceMs) * LATEST
  }

  stands(now: number): boolean {
    return this.#since !== 0 && now - this.#since >= Math.max(this.rule.intervalMs, this.#serviceMs)
  }

  /** Mean time between two places that come free, as long as all are in use; 0 = not known yet. */
  get turnoverMs(): number {
    return this.#serviceMs / this.rule.concurrency
  }

  /** How long a request may wait at this moment. */
  allowedMs(now: number): number {
    if (!this.stands(now)) return this.rule.waitMs
    return Math.min(this.rule.waitMs, Math.max(this.rule.targetMs, TURNOVERS * this.turnoverMs))
  }
}
