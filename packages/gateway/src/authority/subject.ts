import type { OutReason, SubjectKind, SubjectName, SubjectNews } from '@headrace/contract'
import { GradientLimit } from './gradient-limit.ts'
import { Latency } from './latency.ts'
import { OutcomeWindow } from './outcome-window.ts'

/** How one reason ends: the first cooldown and the longest, ms, and whether a probe decides on the return. */
interface Cooldown { readonly firstMs: number, readonly mostMs: number, readonly probe: boolean }

const FAULT: Cooldown = { firstMs: 1_000, mostMs: 16_000, probe: true }
const REFUSED: Cooldown = { firstMs: 60_000, mostMs: 600_000, probe: true }
const LIMITED: Cooldown = { firstMs: 1_000, mostMs: 16_000, probe: false }
const COOLDOWNS = Object.freeze({
  failing: FAULT, 'error-rate': FAULT, hung: FAULT, slow: FAULT, unauthorized: REFUSED, forbidden: REFUSED,
  quota: { firstMs: 60_000, mostMs: 600_000, probe: true }, 'rate-limited': LIMITED, overloaded: LIMITED,
} as const satisfies Record<OutReason, Cooldown>)

/** After so long without trouble the next cooldown is a first one again, ms. */
const FORGIVEN_MS = 60_000
/** Cooldowns are up to this much longer, at random: targets that failed together do not come back together. */
const JITTER = 0.25
/** A token that a worker has no request for goes to another one, ms. */
const TOKEN_MS = 1_000

/** Where a subject is on its way; `offered`: a worker holds the token; `recalled`: it is asked to give it back. */
export type Phase = 'in' | 'out' | 'due' | 'offered' | 'recalled' | 'probing'

/** The standing of one target, credential or pair, over all workers. Times are monotonic ms. */
export class Subject {
  readonly name: SubjectName
  readonly kind: SubjectKind
  readonly window = new OutcomeWindow()
  readonly stream = new Latency()
  readonly json = new Latency()
  readonly inFlight = new Map<number, number>()
  readonly limit = new GradientLimit()
  /** Workers that have had requests for it while it was out. */
  readonly wishes = new Set<number>()
  turn = 0
  phase: Phase = 'in'
  reason: OutReason | null = null
  hard = false
  streak = 0
  /** Of the present phase; when it went out. */
  since: number
  until = 0
  /** Who holds the token. */
  holder = 0
  /** When something was last heard of it. */
  heardAt: number
  /** While it is out: the time to the last first byte that was heard of. It is often told before the attempt's end. */
  pace: 'unknown' | 'slow' | 'usual' = 'unknown'
  #outs = 0
  #backAt = Number.NEGATIVE_INFINITY

  constructor(name: SubjectName, now: number) {
    this.name = name
    this.kind = name.kind
    this.since = this.heardAt = now
  }

  /** Goes out, or stays out for longer. `ms`: as the provider said; 0 = by the rule of the reason. */
  leave(reason: OutReason, ms: number, hard: boolean, now: number, random: () => number): void {
    const { firstMs, mostMs } = COOLDOWNS[reason]
    if (this.phase === 'in' && now - this.#backAt > FORGIVEN_MS) this.#outs = 0
    const cooldown = ms > 0 ? ms : Math.min(mostMs, firstMs * 2 ** Math.min(this.#outs, 20)) * (1 + random() * JITTER)
    this.#outs++
    if (this.phase === 'in') this.since = now
    this.phase = 'out'
    this.reason = reason
    this.hard = hard
    this.until = now + cooldown
    this.holder = 0
    this.pace = 'unknown'
    this.turn++
    this.wishes.clear()
  }

  /** Takes in what was heard of first bytes while it is out, and learns from what is slow. */
  judgePace({ streamMs, jsonMs }: Pick<SubjectNews, 'streamMs' | 'jsonMs'>): void {
    for (const ms of streamMs) this.pace = this.stream.probeIsSlow(ms) ? 'slow' : 'usual'
    for (const ms of jsonMs) this.pace = this.json.probeIsSlow(ms) ? 'slow' : 'usual'
  }

  /** It has come back lately. */
  isOnTrial(now: number): boolean {
    return now - this.#backAt <= FORGIVEN_MS
  }

  /** Comes back. */
  enter(now: number): void {
    this.phase = 'in'
    this.reason = null
    this.hard = false
    this.until = 0
    this.streak = 0
    this.holder = 0
    this.since = this.#backAt = now
    this.turn++
    this.window.clear()
    this.stream.renew()
    this.json.renew()
  }

  /** What time alone brings about. True = workers must be told. */
  advance(now: number): boolean {
    if (this.phase === 'out' && now >= this.until && this.reason !== null) {
      if (COOLDOWNS[this.reason].probe) {
        this.phase = 'due'
        this.hard = false
        this.until = 0
      } else this.enter(now)
      return true
    }
    if (this.phase === 'due' && this.wishes.size > 0) {
      const [holder] = this.wishes
      this.wishes.delete(holder ?? 0)
      this.phase = 'offered'
      this.holder = holder ?? 0
      this.until = now + TOKEN_MS
      return true
    }
    if (this.phase !== 'offered' || now < this.until) return false
    // Nobody else gets it before the holder has given it back: it may have been used this moment.
    this.phase = 'recalled'
    return true
  }

  /** The token is free again, nothing having come of it. */
  giveBack(): void {
    this.phase = 'due'
    this.holder = 0
    this.until = 0
  }

  /** Streams where there are enough of them: an answer in one piece takes as long as it is. */
  quantile(q: number): number {
    return this.stream.known ? this.stream.quantile(q) : this.json.quantile(q)
  }
}
