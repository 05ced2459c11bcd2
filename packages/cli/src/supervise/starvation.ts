import { readFileSync } from 'node:fs'

/** Waiting for a core for more than this part of the time between two looks is starvation. */
const STARVED_PART = 0.2

/** Tells a process that has too little of the machine from one that has enough of it and is silent all the same: by what the kernel says that its main thread waited for a core. */
export class Starvation {
  readonly #read: () => string
  #waitedNs: number | null
  #lookedAt: number

  /** `read` returns `/proc/PID/schedstat` or throws. `now`: monotonic ms. */
  constructor(read: () => string, now: number) {
    this.#read = read
    this.#waitedNs = this.#waited()
    this.#lookedAt = now
  }

  /** True = starved since the last look, or nobody can tell. */
  look(now: number): boolean {
    const before = this.#waitedNs
    const tookMs = now - this.#lookedAt
    this.#waitedNs = this.#waited()
    this.#lookedAt = now
    return before === null || this.#waitedNs === null || this.#waitedNs - before > tookMs * 1e6 * STARVED_PART
  }

  /** Nanoseconds since its start in which it could have run and had no core; null = the system does not tell. */
  #waited(): number | null {
    try {
      // `ran waited slices`, sched-stats.rst of the kernel's documentation.
      const [ran, waited] = this.#read().split(' ').map(Number)
      return waited === undefined || Number.isNaN(waited) || ran === 0 ? null : waited
    } catch {
      return null
    }
  }
}

/** Of a process of this machine. */
export function starvationOf(pid: number): Starvation {
  return new Starvation(() => readFileSync(`/proc/${pid}/schedstat`, 'latin1'), performance.now())
}
