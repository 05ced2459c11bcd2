/** How often a worker is asked for a sign of life, ms. */
const ASK_EVERY_MS = 500
/** A worker that is silent for this long hangs, ms. Longer than any pause of a healthy one on a starved machine. */
const HUNG_AFTER_MS = 3_000

export interface PulseOptions {
  readonly ask: () => void
  /** Called once, when the silence has lasted too long. */
  readonly onHung: () => void
  /** Monotonic milliseconds. */
  readonly now: () => number
}

/**
 * Tells a process that hangs (a loop, a stop signal, a dead disk) from one that is slow: it no longer answers on its channel.
 * Silence counts only while we ourselves were awake, so that a machine that slept or a supervisor that was stopped kills nobody.
 */
export class Pulse {
  readonly #options: PulseOptions
  readonly #timer: NodeJS.Timeout
  #silentMs = 0
  #lookedAt: number

  constructor(options: PulseOptions) {
    this.#options = options
    this.#lookedAt = options.now()
    this.#timer = setInterval(() => this.look(), ASK_EVERY_MS).unref()
  }

  beat(): void {
    this.#silentMs = 0
  }

  /** Runs by itself twice per second. */
  look(): void {
    const now = this.#options.now()
    this.#silentMs += Math.min(now - this.#lookedAt, 2 * ASK_EVERY_MS)
    this.#lookedAt = now
    if (this.#silentMs < HUNG_AFTER_MS) return this.#options.ask()
    this.stop()
    this.#options.onHung()
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
