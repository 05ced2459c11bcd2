/** Samples that stand for the present. */
const RECENT = 64
/** The slowness of the present is judged by so many. */
const JUDGED = 24
/** Samples before there is a usual. */
const SETTLED = 20
/** Weight of one sample in the usual: it follows over some hundred, not over a disturbance. */
const WEIGHT = 0.005
/** What a probe of a slow target teaches: a target that stays slow for minutes is what it is now. */
const PROBE_WEIGHT = 0.05
/** As slow as this many times the usual is another condition, if it is at least so many ms more. */
const SLOW_RATIO = 4
const SLOW_MS = 50

/** Times to the first byte of one kind of answer at one target, ms: the present by its last samples, the usual by a slow mean. */
export class Latency {
  readonly #recent = new Float64Array(RECENT)
  #count = 0
  #usual = 0

  add(ms: number): void {
    this.#recent[this.#count % RECENT] = ms
    this.#count++
    // The first ones are averaged; later ones move it slowly, and outliers no more than four times as much as it is.
    if (this.#count <= SETTLED) this.#usual += (ms - this.#usual) / this.#count
    else this.#usual += (Math.min(ms, this.#usual * SLOW_RATIO) - this.#usual) * WEIGHT
  }

  get known(): boolean {
    return this.#count >= SETTLED
  }

  /** The share `q` of the present samples took no longer; 0 = too few to say. */
  quantile(q: number): number {
    return this.known ? pick(this.#recent.slice(0, Math.min(this.#count, RECENT)), q) : 0
  }

  /** The present is far slower than the usual. */
  get slow(): boolean {
    if (this.#count < SETTLED + JUDGED) return false
    const last = new Float64Array(JUDGED)
    for (let index = 0; index < JUDGED; index++) last[index] = this.#recent[(this.#count - 1 - index) % RECENT] ?? 0
    return this.#isSlow(pick(last, 0.5))
  }

  /** Judges the answer to a probe of a slow target, and learns from it. */
  probeIsSlow(ms: number): boolean {
    const slow = this.known && ms > this.#usual * (SLOW_RATIO / 2) && ms > this.#usual + SLOW_MS
    if (slow) this.#usual += (ms - this.#usual) * PROBE_WEIGHT
    return slow
  }

  /** Forgets the present, not the usual. */
  renew(): void {
    if (!this.known) return
    this.#recent.fill(this.#usual)
    this.#count = SETTLED
  }

  #isSlow(ms: number): boolean {
    return ms > this.#usual * SLOW_RATIO && ms > this.#usual + SLOW_MS
  }
}

function pick(values: Float64Array, q: number): number {
  return values.sort()[Math.min(values.length - 1, Math.floor(values.length * q))] ?? 0
}
