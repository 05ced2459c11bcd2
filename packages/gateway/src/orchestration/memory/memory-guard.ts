import { gatewayError, type GatewayError, type MetricsState } from '@headrace/contract'
import type { MemoryUse } from './memory-sources.ts'

export interface MemoryGuardOptions {
  /** What is bounded, now. Costs some file reads. */
  readonly use: () => readonly MemoryUse[]
  /** How many workers share what is shared. */
  readonly workers: () => number
  /** Collects garbage: what has been let go is counted as used until then. */
  readonly collect: () => void
  readonly now: () => number
  readonly random: () => number
}

/** What is kept free for what cannot be foreseen: this part of a limit, but not more than so many bytes. */
const SPARE = 0.2
const SPARE_MOST = 2 ** 30
/** Of that, what small requests may still use, and the bytes of the largest such: bodies alone never close the door to them. */
const SMALL_SHARE = 0.5
const SMALL = 2 ** 16
/** Of what is free, what one body may come to: the largest are refused first, and small ones go on. */
const BODY_SHARE = 0.5
/** Bytes that a byte of a body comes to: as it is read, as it is rewritten for the provider, and what reading it leaves behind; and when all of it is here, those that may be yet to come. */
const ARRIVING = 3
const ARRIVED = 1
/** Bytes that a byte of a body comes to in another dialect, at most for a moment: as text, as values, as text again, and as bytes. */
const TRANSLATED = 5
/** From how many bytes on a decision wants to know what is used now, and how old that may be, ms. */
const LARGE = 2 ** 20
const FRESH_MS = 10
/** Of a limit: with less left, garbage is collected without being asked for, at most so often (ms). */
const PRESSED = 0.1
const COLLECT_EVERY_MS = 2_000
/** A collection that makes room for a body: once there may be so much garbage, and for so much of the time at most. */
const WORTH_COLLECTING = 2 ** 24
const COLLECT_SHARE = 0.2
const RETRY_LEAST_MS = 1_000

/**
 * Keeps a worker away from its memory's end: knows what is used, sets memory aside for what a large body is about to come to, from its announcement to the end
 * of its exchange, and refuses new work - the largest bodies first, before they are read - long before the kernel would end everything. Before it refuses it makes
 * room: what earlier bodies left behind is collected. Work in progress is never touched.
 */
export class MemoryGuard {
  readonly #options: MemoryGuardOptions
  /** Bytes left at the last look. */
  #left = Infinity
  #lookedAt = -Infinity
  /** Bytes set aside for what is yet to come; and those of them that are due to be given back at the next look, which sees what they became. */
  #held = 0
  #shown = 0
  /** What bodies may have left behind since the last collection, bytes. */
  #garbage = 0
  #collectedAt = -Infinity
  /** When the next collection that makes room may begin. */
  #collectFrom = -Infinity
  #refused = 0
  /** Nothing new is taken in: what is used says so, whatever bodies hold. */
  full = false

  constructor(options: MemoryGuardOptions) {
    this.#options = options
  }

  /** Looks at what is used, and collects garbage where little is left. Call it four times per second. */
  look(): void {
    if (!this.#read() || this.#options.now() - this.#collectedAt < COLLECT_EVERY_MS) return
    this.#collect()
  }

  /** Sets memory aside for a body of so many bytes. An error = there is none for it. */
  setAside(bytes: number): BodyShare | GatewayError {
    const share = new BodyShare(this)
    return share.grow(bytes) ?? share
  }

  /** A request of so many bytes is to be said in another dialect. An error = there is no memory for that. */
  admitTranslation(bytes: number): GatewayError | null {
    if (!this.#isSmall(bytes) && !this.#hasRoom(bytes * TRANSLATED - this.#held / 2, 1)) return this.refuse()
    this.#garbage += bytes * TRANSLATED
    return null
  }

  /** What a request is told that is not taken in, and counts it. */
  refuse(): GatewayError {
    this.#refused++
    return gatewayError('overloaded', `The gateway is short of memory and takes no ${this.full ? 'new' : 'large'} requests for the moment. Try again shortly.`,
      { retryAfterMs: Math.ceil(RETRY_LEAST_MS * (1 + 2 * this.#options.random())) })
  }

  /** Adds its series to a worker's metrics. */
  addTo(metrics: MetricsState): MetricsState {
    if (this.#refused === 0) return metrics
    return { ...metrics, counters: { ...metrics.counters, headrace_memory_refused_total: this.#refused } }
  }

  /** For `BodyShare`: so many bytes more of a body are announced. */
  hold(bytes: number): GatewayError | null {
    if (!this.#isSmall(bytes) && !this.#hasRoom(bytes * ARRIVING, BODY_SHARE)) return this.refuse()
    this.#held += bytes * ARRIVING
    return null
  }

  /** For `BodyShare`: all of a body is here. */
  show(bytes: number): void {
    this.#shown += bytes * (ARRIVING - ARRIVED)
  }

  /** For `BodyShare`: the exchange of a body is over, in whatever way. */
  giveBack(bytes: number, arrived: boolean): void {
    this.#shown += bytes * (arrived ? ARRIVED : ARRIVING)
    this.#garbage += bytes * ARRIVING
  }

  /** True = taken in for as long as anything is. */
  #isSmall(bytes: number): boolean {
    return bytes <= SMALL && !this.full
  }

  /** `part`: of what is free, what may be taken at once. */
  #hasRoom(weight: number, part: number): boolean {
    const { now } = this.#options
    const fits = (): boolean => weight <= (this.#left - this.#held) * part
    const stale = now() - this.#lookedAt >= FRESH_MS
    if (fits() && (weight < LARGE || !stale)) return true
    if (stale) this.#read()
    if (fits()) return true
    if (this.#garbage < WORTH_COLLECTING || now() < this.#collectFrom) return false
    this.#collect()
    return fits()
  }

  /** True = little is left. */
  #read(): boolean {
    const { use, workers, now } = this.#options
    let pressed = false
    this.#left = Infinity
    this.full = false
    for (const { limit, used, shared } of use()) {
      const spare = Math.min(limit * SPARE, SPARE_MOST)
      const left = limit - spare - used
      this.full ||= left + spare * SMALL_SHARE <= 0
      this.#left = Math.min(this.#left, shared ? left / workers() : left)
      pressed ||= left < Math.min(limit * PRESSED, SPARE_MOST)
    }
    this.#lookedAt = now()
    this.#held -= this.#shown
    this.#shown = 0
    return pressed
  }

  #collect(): void {
    const { now, collect } = this.#options
    const begun = now()
    collect()
    this.#collectedAt = now()
    this.#collectFrom = this.#collectedAt + (this.#collectedAt - begun) / COLLECT_SHARE
    this.#garbage = 0
    this.#read()
  }
}

/** The memory that is set aside for one body. */
export class BodyShare {
  readonly #guard: MemoryGuard
  #bytes = 0
  #arrived = false

  constructor(guard: MemoryGuard) {
    this.#guard = guard
  }

  /** The body is larger by so many bytes than was known. An error = there is no memory for them: it must not be read further. */
  grow(bytes: number): GatewayError | null {
    const denied = this.#guard.hold(bytes)
    if (denied === null) this.#bytes += bytes
    return denied
  }

  /** All of it is here, and what is used shows it. */
  arrived(): void {
    if (this.#arrived) return
    this.#arrived = true
    this.#guard.show(this.#bytes)
  }

  /** The exchange is over. */
  end(): void {
    this.#guard.giveBack(this.#bytes, this.#arrived)
    this.#bytes = 0
  }
}
