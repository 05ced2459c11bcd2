import type { QuotaResource, QuotaSighting, QuotaUse } from '@headrace/contract'

/** Limits are per minute, unless their reset says otherwise. */
const MINUTE_MS = 60_000
/** A reset within this of what a bucket that refills continuously would need is taken for one, ms: headers are rounded to seconds. */
const RESET_SLACK_MS = 1_500
const RESET_SLACK = 0.1
/** Kept back, of the limit: what estimates may be off by. A bucket gives the same per minute with it as without. */
const RESERVE_LEAST = 0.02
/** The same where refusals go on coming, and where what is kept back of a window is lost with it. */
const RESERVE_MOST = 0.1
const RESERVE_MOST_OF_WINDOW = 0.03
/** A reserve that was raised falls by half in this time, ms. */
const RESERVE_HALF_MS = 300_000
/** Most of the limit that one request may need: a larger one goes when the bucket is nearly full. */
const MOST_NEED = 0.9
/** What was last heard so long ago says nothing any more, ms. */
const STALE_MS = 60_000
/** How what the provider counts compares to what we expect is judged by at least this part of the limit. */
const JUDGED = 0.05
const WEIGHT = 0.25
const FACTOR_LEAST = 0.25
const FACTOR_MOST = 4

/**
 * One limit of a provider, as far as its headers tell: what is left of it now. The provider's word is the truth, brought up to the present by what
 * was granted since the request that it answers, and by what refilled since. Times are monotonic ms.
 */
export class Quota {
  readonly resource: QuotaResource
  #limit = 0
  #level = 0
  #at = 0
  #seenAt = 0
  /** 0 = it refills continuously; else everything is back then. */
  #resetAt = 0
  #reserve = RESERVE_LEAST
  /** What the provider counts per unit that we expect. */
  #factor = 1
  /** The last sighting that the factor was judged from. */
  #judged: { readonly sentAt: number, readonly remaining: number, readonly units: number } | null = null
  #sentAt = Number.NEGATIVE_INFINITY

  constructor(resource: QuotaResource) {
    this.resource = resource
  }

  /** Units that a use means for this limit. */
  unitsOf({ requests, input, output }: QuotaUse): number {
    switch (this.resource) {
      case 'requests': return requests
      case 'tokens': return input + output
      case 'input-tokens': return input
      case 'output-tokens': return output
    }
  }

  /** `use`: everything granted so far. */
  see({ limit, remaining, resetMs }: QuotaSighting, ageMs: number, mark: QuotaUse | null, use: QuotaUse, now: number): void {
    const sentAt = now - ageMs
    // An older request's answer came late: what it says is known better by now.
    if (sentAt < this.#sentAt) return
    this.#sentAt = sentAt
    this.#seenAt = now
    this.#limit = limit
    const full = (limit - remaining) / limit * MINUTE_MS
    const refills = resetMs < 0 || Math.abs(resetMs - full) <= Math.max(RESET_SLACK_MS, full * RESET_SLACK)
    this.#resetAt = refills ? 0 : now + resetMs
    if (mark !== null) this.#judge(sentAt, remaining, this.unitsOf(mark))
    const since = mark === null ? 0 : this.unitsOf(use) - this.unitsOf(mark)
    this.#level = Math.min(limit, remaining + (refills ? ageMs * this.#perMs : 0)) - since * this.#factor
    this.#at = now
  }

  /** Nothing is left, says the provider. */
  exhaust(now: number): void {
    this.#advance(now)
    this.#level = Math.min(this.#level, 0)
    this.#reserve = Math.min(RESERVE_MOST, this.#reserve * 2)
  }

  take(units: number): void {
    this.#level -= units * this.#factor
  }

  /** Part of the limit that is there, 0 .. 1; 1 = nothing is known. */
  share(now: number): number {
    this.#advance(now)
    return this.#isKnown(now) ? this.#level / this.#limit : 1
  }

  /** Until so many units may be used, ms; 0 = now. */
  waitFor(units: number, now: number): number {
    this.#advance(now)
    if (!this.#isKnown(now) || units === 0) return 0
    const lacking = Math.min(units * this.#factor, this.#limit * MOST_NEED) + this.#kept - this.#level
    if (lacking <= 0) return 0
    return this.#resetAt === 0 ? lacking / this.#perMs : Math.max(1, this.#resetAt - now)
  }

  /** As long as it takes to give so many units, on average, ms. */
  gap(units: number): number {
    return this.#limit === 0 ? 0 : units * this.#factor / this.#perMs
  }

  get #perMs(): number {
    return this.#limit / MINUTE_MS
  }

  get #kept(): number {
    const kept = this.#limit * (this.#resetAt === 0 ? this.#reserve : Math.min(RESERVE_MOST_OF_WINDOW, this.#reserve))
    return this.resource === 'requests' ? Math.max(0, kept - 1) : kept
  }

  #isKnown(now: number): boolean {
    return this.#limit > 0 && now - this.#seenAt < STALE_MS
  }

  #advance(now: number): void {
    this.#reserve = RESERVE_LEAST + (this.#reserve - RESERVE_LEAST) * 0.5 ** ((now - this.#at) / RESERVE_HALF_MS)
    if (this.#resetAt === 0) this.#level = Math.min(this.#limit, this.#level + (now - this.#at) * this.#perMs)
    else if (now >= this.#resetAt) {
      this.#level = this.#limit
      this.#resetAt += Math.ceil((now - this.#resetAt + 1) / MINUTE_MS) * MINUTE_MS
    }
    this.#at = now
  }

  /** Providers count in their own way (some reserve `max_tokens`, none our estimate): what went from one sighting to a later one says how. */
  #judge(sentAt: number, remaining: number, units: number): void {
    const last = this.#judged
    // A full bucket hides what refilled.
    if (last === null || units < last.units || remaining > this.#limit * (1 - JUDGED) || last.remaining > this.#limit * (1 - JUDGED)) {
      this.#judged = { sentAt, remaining, units }
      return
    }
    const expected = units - last.units
    if (expected < this.#limit * JUDGED) return
    this.#judged = { sentAt, remaining, units }
    if (this.#resetAt !== 0 && remaining > last.remaining) return
    const refilled = this.#resetAt === 0 ? (sentAt - last.sentAt) * this.#perMs : 0
    const ratio = (last.remaining + refilled - remaining) / expected
    this.#factor = Math.min(FACTOR_MOST, Math.max(FACTOR_LEAST, this.#factor + (ratio - this.#factor) * WEIGHT))
  }
}
