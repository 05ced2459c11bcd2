/** Deaths within the window that are answered at once: a burst of bad luck costs nothing. */
const FREE = 5
const WINDOW_MS = 60_000
const FIRST_MS = 200
const MOST_MS = 10_000

/** How long to wait before something that died is started again: at once, but ever longer when it keeps dying. */
export class BackOff {
  readonly #clock: () => number
  #deaths: number[] = []

  /** `clock` counts monotonic milliseconds. */
  constructor(clock: () => number) {
    this.#clock = clock
  }

  /** Notes a death. Returns the milliseconds to wait: 0 for the first five in a minute, then 200 doubling up to 10,000. */
  next(): number {
    const now = this.#clock()
    this.#deaths = [...this.#deaths.filter(at => now - at < WINDOW_MS), now].slice(-20)
    const excess = this.#deaths.length - FREE
    return excess <= 0 ? 0 : Math.min(MOST_MS, FIRST_MS * 2 ** (excess - 1))
  }
}
