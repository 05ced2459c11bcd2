import type { ErrorKind, Timeouts } from '@headrace/contract'

/** How often deadlines are looked at, ms. Every deadline fires at most two sweeps late and never early. */
const SWEEP_MS = 50
/** A sweep later than this means that the process stood still (a stop signal, a long pause), ms. */
const STALL_MS = 500

/** Something that wants to be looked at with each sweep. `slot` belongs to `Deadlines`. */
export interface Timed {
  slot: number
  sweep(now: number): void
}

/**
 * One timer for all calls and pools: a `setTimeout` per request would cost more than the accuracy is worth.
 * Runs only while something is registered and never keeps the process alive.
 */
export class Deadlines {
  /** `performance.now()` of the last sweep: a clock that is free to read and at most one sweep slow. */
  now = 0
  readonly #timed: Timed[] = []
  #timer: NodeJS.Timeout | null = null

  add(timed: Timed): void {
    timed.slot = this.#timed.push(timed) - 1
    if (this.#timer === null) this.#start()
  }

  remove(timed: Timed): void {
    const slot = timed.slot
    if (slot < 0) return
    timed.slot = -1
    const last = this.#timed.pop()
    if (last === undefined || last === timed) return
    this.#timed[slot] = last
    last.slot = slot
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  #start(): void {
    this.now = performance.now()
    this.#timer = setInterval(() => this.#sweep(), SWEEP_MS).unref()
  }

  #sweep(): void {
    const now = performance.now()
    const stalled = now - this.now > STALL_MS
    this.now = now
    // After a standstill the answers that are late may already lie in the kernel: read them before judging.
    if (stalled) return
    // Downwards, because `remove` moves the last one (already seen) into the gap.
    for (let index = this.#timed.length - 1; index >= 0; index -= 1) this.#timed[index]?.sweep(now)
    if (this.#timed.length === 0) this.stop()
  }
}

/** What a call is waiting for. `paused`: for us; only the total deadline runs. */
export type Phase = 'connect' | 'first-token' | 'idle' | 'paused'

/** The deadlines of one call. Entering a phase and `touch()` read no clock: the next sweep dates them, so limits fire late, never early. */
export class CallTimer {
  readonly #timeouts: Timeouts
  readonly #deadline: number
  #phase: Phase = 'connect'
  #touched = true
  #since = 0

  constructor(timeouts: Timeouts, deadline: number) {
    this.#timeouts = timeouts
    this.#deadline = deadline
  }

  enter(phase: Phase): void {
    this.#phase = phase
    this.#touched = true
  }

  /** Bytes came: the idle limit starts anew. */
  touch(): void {
    this.#touched = true
  }

  /** The deadline that has passed at `now` (`performance.now()`), or null. */
  overdue(now: number): ErrorKind | null {
    if (now >= this.#deadline) return 'upstream-total-timeout'
    if (this.#touched) {
      this.#touched = false
      this.#since = now
      return null
    }
    const waited = now - this.#since
    switch (this.#phase) {
      case 'connect': return waited >= this.#timeouts.connect ? 'upstream-connect-timeout' : null
      case 'first-token': return waited >= this.#timeouts.firstToken ? 'upstream-first-token-timeout' : null
      case 'idle': return waited >= this.#timeouts.idle ? 'upstream-idle-timeout' : null
      case 'paused': return null
    }
  }
}
