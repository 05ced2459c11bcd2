import type { PaceAsk, PaceGrant, PaceRefused, PaceSeen, PaceSwitch, PaceToAuthority, PaceToWorker, QuotaResource, QuotaUse } from '@headrace/contract'
import { Quota } from './quota.ts'

export interface PaceAuthorityOptions {
  /** Monotonic ms. */
  readonly now: () => number
  /** Calls back once, after so many ms; must not keep the process alive. */
  readonly after: (ms: number, task: () => void) => void
  /** Sends to one worker, in order. A worker that is gone is not an error. */
  readonly send: (worker: number, message: PaceToWorker) => void
}

/** Shares of the tightest limit below which requests must ask, and above which they need not. */
const PACED_BELOW = 0.5
const FREE_ABOVE = 0.8
/** A 429 that does not say until when, ms; and what is believed at most. */
const REFUSED_MS = 1_000
const REFUSED_MOST_MS = 60_000
/** Nobody waits longer for another look, ms. */
const LOOK_MOST_MS = 1_000
/** Pairs kept; one more is not paced. Pairs of which nothing was heard for so long are forgotten, ms. */
const MAX_PAIRS = 10_000
const IDLE_MS = 600_000

interface Waiting { readonly worker: number, readonly ask: PaceAsk }

/** One credential at one model. */
interface Pair {
  readonly target: string
  readonly credential: string
  readonly quotas: Map<QuotaResource, Quota>
  use: QuotaUse
  queue: Waiting[]
  paced: boolean
  /** The provider wants nothing before. */
  notBefore: number
  heardAt: number
  /** When it is looked at again; Infinity = nobody waits. */
  lookAt: number
}

/**
 * The owner of what is left of providers' limits. It lives in the supervisor beside the other authorities: no I/O, numbers only. Workers tell what answers'
 * heads say; while a limit is less than half used nobody asks it anything, after that every attempt does, and gets its turn when the limit has room for it.
 */
export class PaceAuthority {
  readonly #options: PaceAuthorityOptions
  readonly #pairs = new Map<string, Pair>()
  readonly #workers = new Set<number>()
  readonly #outbox = new Map<number, (PaceSwitch | PaceGrant)[]>()

  constructor(options: PaceAuthorityOptions) {
    this.#options = options
  }

  receive(worker: number, { ops }: PaceToAuthority): void {
    const now = this.#options.now()
    if (!this.#workers.has(worker)) this.#welcome(worker)
    for (const op of ops) {
      const pair = this.#pair(op.target, op.credential, now)
      // There are too many: it goes on as if there were no limit.
      if (pair === null) {
        if (op.op === 'ask') this.#post(worker, { op: 'grant', id: op.id, mark: NOTHING, gapMs: 0 })
        continue
      }
      pair.heardAt = now
      switch (op.op) {
        case 'seen':
          this.#see(pair, op, now)
          break
        case 'refused':
          this.#refuse(pair, op, now)
          break
        case 'ask':
          pair.queue.push({ worker, ask: op })
          break
        case 'return':
          this.#charge(pair, -1, -op.input, -op.output)
          break
      }
      this.#serve(pair, now)
    }
    this.#tell()
  }

  /** A worker has ended: nobody there waits any more. */
  workerGone(worker: number): void {
    if (!this.#workers.delete(worker)) return
    const now = this.#options.now()
    for (const pair of this.#pairs.values()) {
      pair.queue = pair.queue.filter(waiting => waiting.worker !== worker)
      this.#serve(pair, now)
    }
    this.#tell()
  }

  /** Forgets what was not heard of for long, and lets go whom nothing holds any more. Call it about once per second. */
  sweep(): void {
    const now = this.#options.now()
    for (const [key, pair] of this.#pairs) {
      if (pair.paced) this.#judge(pair, now)
      if (pair.queue.length === 0 && !pair.paced && now - pair.heardAt > IDLE_MS) this.#pairs.delete(key)
    }
    this.#tell()
  }

  #welcome(worker: number): void {
    this.#workers.add(worker)
    for (const { target, credential, paced } of this.#pairs.values()) if (paced) this.#post(worker, { op: 'pace', target, credential, paced })
  }

  #see(pair: Pair, { sightings, ageMs, mark }: PaceSeen, now: number): void {
    for (const sighting of sightings) {
      let quota = pair.quotas.get(sighting.resource)
      if (quota === undefined) pair.quotas.set(sighting.resource, quota = new Quota(sighting.resource))
      quota.see(sighting, ageMs, mark, pair.use, now)
    }
    this.#judge(pair, now)
  }

  #refuse(pair: Pair, { waitMs }: PaceRefused, now: number): void {
    pair.notBefore = Math.max(pair.notBefore, now + Math.min(REFUSED_MOST_MS, waitMs > 0 ? waitMs : REFUSED_MS))
    // The limit that was hit is the one that has least.
    let tightest: Quota | null = null
    for (const quota of pair.quotas.values()) if (tightest === null || quota.share(now) < tightest.share(now)) tightest = quota
    tightest?.exhaust(now)
  }

  #judge(pair: Pair, now: number): void {
    let share = 1
    for (const quota of pair.quotas.values()) share = Math.min(share, quota.share(now))
    if (pair.paced ? share < FREE_ABOVE || pair.queue.length > 0 : share >= PACED_BELOW) return
    pair.paced = !pair.paced
    const { target, credential, paced } = pair
    for (const worker of this.#workers) this.#post(worker, { op: 'pace', target, credential, paced })
  }

  /** Grants in the order of asking, as far as the limits go. */
  #serve(pair: Pair, now: number): void {
    for (let head = pair.queue[0]; head !== undefined; head = pair.queue[0]) {
      const { input, output, id } = head.ask
      const cost: QuotaUse = { requests: 1, input, output }
      let wait = pair.notBefore - now
      for (const quota of pair.quotas.values()) wait = Math.max(wait, quota.waitFor(quota.unitsOf(cost), now))
      if (wait > 0) return this.#lookAgain(pair, now, wait)
      this.#charge(pair, 1, input, output)
      let gapMs = 0
      for (const quota of pair.quotas.values()) gapMs = Math.max(gapMs, quota.gap(quota.unitsOf(cost)))
      this.#post(head.worker, { op: 'grant', id, mark: pair.use, gapMs })
      pair.queue.shift()
    }
  }

  #charge(pair: Pair, requests: number, input: number, output: number): void {
    const { use } = pair
    pair.use = { requests: use.requests + requests, input: use.input + input, output: use.output + output }
    const cost: QuotaUse = { requests, input, output }
    for (const quota of pair.quotas.values()) quota.take(quota.unitsOf(cost))
  }

  #lookAgain(pair: Pair, now: number, wait: number): void {
    const ms = Math.min(LOOK_MOST_MS, Math.max(1, Math.ceil(wait)))
    if (now + ms >= pair.lookAt) return
    const at = pair.lookAt = now + ms
    this.#options.after(ms, () => {
      // An earlier look has been arranged meanwhile, and this one is not the one that counts.
      if (pair.lookAt !== at) return
      pair.lookAt = Number.POSITIVE_INFINITY
      this.#serve(pair, this.#options.now())
      this.#tell()
    })
  }

  #pair(target: string, credential: string, now: number): Pair | null {
    const key = `${target}\n${credential}`
    let pair = this.#pairs.get(key)
    if (pair === undefined) {
      if (this.#pairs.size >= MAX_PAIRS) return null
      this.#pairs.set(key, pair = { target, credential, quotas: new Map(), use: NOTHING, queue: [], paced: false, notBefore: 0, heardAt: now, lookAt: Number.POSITIVE_INFINITY })
    }
    return pair
  }

  #post(worker: number, op: PaceSwitch | PaceGrant): void {
    const ops = this.#outbox.get(worker)
    if (ops === undefined) this.#outbox.set(worker, [op])
    else ops.push(op)
  }

  #tell(): void {
    for (const [worker, ops] of this.#outbox) this.#options.send(worker, { type: 'pace', ops })
    this.#outbox.clear()
  }
}

const NOTHING: QuotaUse = Object.freeze({ requests: 0, input: 0, output: 0 })
