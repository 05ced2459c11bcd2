import { type OutReason, type SubjectName, type SubjectNews, type SubjectState } from '@headrace/contract'

/** Times to the first byte told per message and kind: a sample that is large enough for quantiles. */
const SAMPLES = 32

/** A worker's view of one subject: what the authority has decided, and what it is to be told. */
export class Standing {
  readonly name: SubjectName
  turn = 0
  out: OutReason | null = null
  /** Monotonic ms at which it is tried again; 0 = a probe is due, or nothing is known. */
  until = 0
  hard = false
  /** This worker may send the one probe. */
  token = false
  /** An attempt of this worker is the probe. */
  probing = false
  /** Time to first byte over all workers, ms; 0 = not known. */
  p50 = 0
  p95 = 0
  /** Of streams, and of answers in one piece; 0 = not known. */
  streamP95 = 0
  jsonP95 = 0
  inFlight = 0
  /** Attempts without a first byte, when the first of them began, and when somebody was answered last. Monotonic ms. */
  waiting = 0
  waitingSince = 0
  answeredAt = 0
  /** Attempts of this worker at the same time that its latency allows; 0 = as many as come. */
  concurrency = 0
  /** Of a pair: who waits for the provider's limits; null = nobody ever did. */
  line: { readonly backlogMs: number } | null = null
  /** It has that many. */
  full = false
  /** It is in the list of those that have news. */
  queued = false
  #answered = 0
  #failed = 0
  #streak = 0
  #streamMs: number[] = []
  #jsonMs: number[] = []
  #leftStreamMs: number[] = []
  #leftJsonMs: number[] = []
  #samples = 0
  #rest: SubjectNews['rest'] = null
  #wish = false
  #wished = false
  #probe: SubjectNews['probe'] = null
  #toldInFlight = 0
  #hungTold = false

  constructor(name: SubjectName) {
    this.name = name
  }

  /** Takes in what the authority says. True = it took its token back unused. */
  adopt(state: SubjectState, now: number): boolean {
    const fresh = state.turn !== this.turn
    const recalled = this.token && !state.token && !fresh
    this.turn = state.turn
    this.out = state.out
    this.until = state.forMs > 0 ? now + state.forMs : 0
    this.hard = state.hard
    this.token = state.token
    this.p50 = state.p50
    this.p95 = state.p95
    this.streamP95 = state.streamP95
    this.jsonP95 = state.jsonP95
    this.concurrency = state.concurrency
    if (fresh || recalled || state.token) this.#wished = this.#wish = false
    if (fresh) {
      this.#forget()
      this.probing = false
    }
    if (recalled) this.#probe = 'returned'
    return recalled
  }

  /** Milliseconds until it is tried again; 0 = that is not known. */
  wait(now: number): number {
    return Math.max(0, this.until - now)
  }

  countAnswer(): void {
    this.#answered++
    this.#streak = 0
  }

  countFault(): void {
    this.#failed++
    this.#streak++
  }

  /** Keeps a sample: the first ones, then each at the place of an older one. */
  addTime(stream: boolean, ms: number): void {
    this.#keep(stream ? this.#streamMs : this.#jsonMs, ms)
  }

  /** Nobody waits any more, after so long without a byte. */
  addLeft(stream: boolean, ms: number): void {
    this.#keep(stream ? this.#leftStreamMs : this.#leftJsonMs, ms)
  }

  #keep(times: number[], ms: number): void {
    if (times.length < SAMPLES) times.push(ms)
    else times[this.#samples++ % SAMPLES] = ms
  }

  /** It rests at once here, and everywhere as soon as the authority has heard. `ms` = 0: for as long as is usual for the reason. */
  rest(reason: OutReason, ms: number, hard: boolean, now: number): void {
    this.#rest = { reason, ms, hard }
    this.out = reason
    this.hard = hard
    this.until = ms > 0 ? now + ms : 0
    this.token = false
  }

  /** A request would have gone there. True = that is news. */
  wish(): boolean {
    if (this.#wished) return false
    return this.#wished = this.#wish = true
  }

  /** Uses the token up: the attempt that begins is the probe. */
  beginProbe(): void {
    this.token = false
    this.probing = true
    this.#probe = 'began'
  }

  endProbe(probe: NonNullable<SubjectNews['probe']>): void {
    this.probing = false
    this.#probe = probe
  }

  /** What there is to tell; null = nothing. The next one begins anew. */
  news(now: number): SubjectNews | null {
    const hung = this.#isHung(now)
    const quiet = this.#answered + this.#failed + this.#streamMs.length + this.#jsonMs.length + this.#leftStreamMs.length + this.#leftJsonMs.length === 0 && this.#rest === null && !this.#wish && this.#probe === null
    if (quiet && hung === this.#hungTold && this.inFlight === this.#toldInFlight) return null
    const news: SubjectNews = {
      subject: this.name, turn: this.turn, answered: this.#answered, failed: this.#failed, streak: this.#streak, streamMs: this.#streamMs, jsonMs: this.#jsonMs,
      inFlight: this.inFlight, hung, rest: this.#rest, wish: this.#wish, probe: this.#probe, leftStreamMs: this.#leftStreamMs, leftJsonMs: this.#leftJsonMs,
    }
    this.#toldInFlight = this.inFlight
    this.#hungTold = hung
    this.#forget()
    this.#rest = null
    this.#wish = false
    this.#probe = null
    return news
  }

  /** Several wait far longer than usual, and nobody is answered. Known only where the usual is. */
  #isHung(now: number): boolean {
    if (this.waiting < HUNG_WAITING || this.p95 === 0) return false
    return now - Math.max(this.waitingSince, this.answeredAt) > Math.max(HUNG_MS, HUNG_RATIO * this.p95)
  }

  #forget(): void {
    this.#answered = this.#failed = this.#streak = 0
    if (this.#streamMs.length > 0) this.#streamMs = []
    if (this.#jsonMs.length > 0) this.#jsonMs = []
    if (this.#leftStreamMs.length > 0) this.#leftStreamMs = []
    if (this.#leftJsonMs.length > 0) this.#leftJsonMs = []
  }
}

const HUNG_WAITING = 3
const HUNG_MS = 1_000
const HUNG_RATIO = 4
