/** As slow as this many times the usual, and so many ms more, is slow. */
const SLOW_RATIO = 2
const SLOW_MS = 250
/** A window is judged when it is so old (ms) and has so many samples; of a target that is limited there are fewer. One that never gets them is forgotten. */
const WINDOW_MS = 500
const WINDOW_SAMPLES = 20
const LIMITED_WINDOW_MS = 1_000
const LIMITED_SAMPLES = 4
const WINDOW_MOST_MS = 5_000
/** Samples before there is a usual. */
const SETTLED = 20
/** How far the usual follows a healthy window: fast to what is better, slowly to what is worse, so that it does not creep after a queue that grows. */
const BETTER_WEIGHT = 0.1
const WORSE_WEIGHT = 0.005
/** Slow windows in a row before anything is limited. */
const STRIKES = 2
/** The limit never falls below this: a target that is slow for other reasons goes on being used. */
const LEAST = 4
/** Windows in a row at half of what was under way, and as slow as before: it is not for the number that it is slow. */
const INNOCENT_WINDOWS = 3
const SAME_SLOWNESS = 0.8
/** What is not limited for so long after that, ms. */
const PARDON_MS = 60_000
/** Healthy windows in which the limit was not reached, until it is taken away. */
const IDLE_WINDOWS = 20

type Kind = 'stream' | 'json'
/** `answered`: false = its client left after so long without a byte. */
interface Sample { readonly kind: Kind, readonly ms: number, readonly answered: boolean }

/** The usual time to a first byte of one kind of answer, ms; 0 = not known yet. */
class Usual {
  ms = 0
  #first: number[] = []

  add(ms: number): void {
    if (this.#first.length === SETTLED) return
    this.#first.push(ms)
    if (this.#first.length === SETTLED) this.ms = median(this.#first)
  }

  follow(ms: number): void {
    this.ms += (ms - this.ms) * (ms < this.ms ? BETTER_WEIGHT : WORSE_WEIGHT)
  }
}

/**
 * How many attempts at the same time one target answers in time, found by its own times to the first byte (after the gradient limits of TCP Vegas and of
 * Netflix's concurrency-limits): where they are a multiple of the usual, fewer are let through; where they are usual and the limit is reached, more. A target
 * that is as slow with half as many is slow for another reason, and is left alone. Times are monotonic ms.
 */
export class GradientLimit {
  /** Attempts at the same time, over all workers; 0 = as many as come. */
  limit = 0
  readonly #usual = { stream: new Usual(), json: new Usual() } as const satisfies Record<Kind, Usual>
  #samples: Sample[] = []
  #since = 0
  /** The most that were under way in this window. */
  #peak = 0
  #strikes = 0
  /** When it began to be limited: attempts under way, and how many times as slow as usual it was. */
  #before = { inFlight: 0, ratio: 0 }
  #innocent = 0
  #idle = 0
  #pardonedUntil = 0

  /** `answered`: false = a client left after so long without a byte. */
  add(kind: Kind, ms: number, answered: boolean, now: number): void {
    const usual = this.#usual[kind]
    if (usual.ms === 0) return answered ? usual.add(ms) : undefined
    if (this.#samples.length === 0) this.#since = now
    this.#samples.push({ kind, ms, answered })
  }

  /** Judges a window that is over. `inFlight`: attempts under way. True = the limit is another one. */
  step(now: number, inFlight: number): boolean {
    const age = now - this.#since
    this.#peak = Math.max(this.#peak, inFlight)
    if (this.#samples.length === 0 || age < WINDOW_MS) return false
    const before = this.limit
    if (this.#samples.length >= WINDOW_SAMPLES || this.limit > 0 && age >= LIMITED_WINDOW_MS && this.#samples.length >= LIMITED_SAMPLES) this.#judge(now, inFlight)
    else if (age < WINDOW_MOST_MS) return false
    else if (this.#peak < this.limit / 2) this.limit = 0
    this.#samples = []
    this.#peak = inFlight
    return this.limit !== before
  }

  #judge(now: number, inFlight: number): void {
    const ratio = this.#ratioOf(this.#samples)
    if (ratio <= SLOW_RATIO) this.#healthy()
    else if (this.limit > 0) this.#slow(ratio, now, inFlight)
    else if (++this.#strikes >= STRIKES && inFlight >= 2 * LEAST && now >= this.#pardonedUntil) {
      this.#before = { inFlight, ratio }
      this.#innocent = this.#idle = 0
      this.limit = lower(inFlight, ratio)
    }
  }

  /** Times the usual, in the middle. */
  #ratioOf(samples: readonly Sample[]): number {
    return median(samples.map(({ kind, ms }) => {
      const usual = this.#usual[kind].ms
      return ms > usual + SLOW_MS ? ms / usual : Math.min(SLOW_RATIO, ms / usual)
    }))
  }

  #healthy(): void {
    this.#strikes = this.#innocent = 0
    for (const kind of ['stream', 'json'] as const) {
      const times = this.#samples.filter(sample => sample.kind === kind).map(({ ms }) => ms)
      if (times.length > 0) this.#usual[kind].follow(median(times))
    }
    if (this.limit === 0) return
    this.#idle = this.#peak >= this.limit * 0.8 ? 0 : this.#idle + 1
    if (this.#idle === 0) this.limit += Math.max(1, Math.floor(Math.sqrt(this.limit) / 2))
    else if (this.#idle >= IDLE_WINDOWS) this.limit = 0
  }

  #slow(ratio: number, now: number, inFlight: number): void {
    // What is heard of was begun a while ago: it gets slower for a time after there are fewer.
    if (inFlight > this.#before.inFlight / 2) {
      this.#before.ratio = Math.max(this.#before.ratio, ratio)
      return
    }
    const answered = this.#samples.filter(sample => sample.answered)
    const isSame = answered.length >= LIMITED_SAMPLES && this.#ratioOf(answered) > this.#before.ratio * SAME_SLOWNESS
    this.#innocent = isSame ? this.#innocent + 1 : 0
    if (this.#innocent >= INNOCENT_WINDOWS) {
      for (const usual of Object.values(this.#usual)) usual.ms *= ratio
      this.limit = this.#strikes = 0
      this.#pardonedUntil = now + PARDON_MS
    } else if (!isSame && inFlight <= this.limit * 1.2) this.limit = lower(this.limit, ratio)
  }
}

/** What is under way already goes on: the next step comes when there is no more of it than is allowed. */
const lower = (from: number, ratio: number): number => Math.max(LEAST, Math.ceil(from * Math.max(0.5, SLOW_RATIO / ratio)))

function median(values: readonly number[]): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length / 2)] ?? 0
}
