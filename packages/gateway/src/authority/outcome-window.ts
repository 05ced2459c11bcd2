const SLOT_MS = 1_000
const SLOTS = 30

/** Answers and failures of the last 30 s, by the second. Time is monotonic ms. */
export class OutcomeWindow {
  readonly #answered = new Uint32Array(SLOTS)
  readonly #failed = new Uint32Array(SLOTS)
  /** The newest slot. */
  #at = 0

  add(now: number, answered: number, failed: number): void {
    const slot = this.#advance(now)
    this.#answered[slot] = (this.#answered[slot] ?? 0) + answered
    this.#failed[slot] = (this.#failed[slot] ?? 0) + failed
  }

  /** Of the last `seconds` (1 .. 30). */
  sum(now: number, seconds: number): { readonly answered: number, readonly failed: number } {
    this.#advance(now)
    let answered = 0, failed = 0
    for (let back = 0; back < seconds && back <= this.#at; back++) {
      const slot = (this.#at - back) % SLOTS
      answered += this.#answered[slot] ?? 0
      failed += this.#failed[slot] ?? 0
    }
    return { answered, failed }
  }

  clear(): void {
    this.#answered.fill(0)
    this.#failed.fill(0)
  }

  /** Clears the slots that time has passed over; returns the present one. */
  #advance(now: number): number {
    const at = Math.floor(now / SLOT_MS)
    if (at - this.#at >= SLOTS) this.clear()
    else for (let index = this.#at + 1; index <= at; index++) this.#answered[index % SLOTS] = this.#failed[index % SLOTS] = 0
    this.#at = Math.max(this.#at, at)
    return this.#at % SLOTS
  }
}
