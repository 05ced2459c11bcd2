/** How often a worker is asked for a sign of life, ms. */
const ASK_EVERY_MS = 160
/** So many unanswered questions without an excuse are a silence. */
const SILENT_AFTER = 2
/** So many (3 s) are a hang, excuse or not: longer than any pause of a healthy worker on a starved machine. */
const HUNG_AFTER = 19

export interface PulseOptions {
  readonly ask: () => void
  /** True = since it was last asked for, the process had reason to be silent. Runs once with every question. */
  readonly excused: () => boolean
  /** Called once in each silence, while it may yet end. */
  readonly onSilent: () => void
  /** Called once, when the silence has lasted too long. */
  readonly onHung: () => void
}

/**
 * Tells a process that hangs (a loop, a stop signal, a dead disk) from one that is slow: it no longer answers on its channel. What counts is questions, not time, and
 * each is given its pause and whatever had come meanwhile: a machine that slept or a supervisor that was stopped or late takes nobody for dead.
 */
export class Pulse {
  readonly #options: PulseOptions
  readonly #timer: NodeJS.Timeout
  #unanswered = 0
  /** Of them, those without an excuse. */
  #inexcusable = 0
  #told = false
  #stopped = false

  constructor(options: PulseOptions) {
    this.#options = options
    // Answers that wait in the channel are read before the judgement.
    this.#timer = setInterval(() => setImmediate(() => this.look()), ASK_EVERY_MS).unref()
  }

  get silent(): boolean {
    return this.#inexcusable >= SILENT_AFTER
  }

  beat(): void {
    this.#unanswered = this.#inexcusable = 0
    this.#told = false
  }

  /** Runs by itself six times per second. */
  look(): void {
    if (this.#stopped) return
    if (this.#unanswered >= HUNG_AFTER) {
      this.stop()
      return this.#options.onHung()
    }
    const excused = this.#options.excused()
    if (this.#unanswered > 0 && !excused) this.#inexcusable++
    this.#unanswered++
    this.#options.ask()
    if (!this.silent || this.#told) return
    this.#told = true
    this.#options.onSilent()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
  }
}
