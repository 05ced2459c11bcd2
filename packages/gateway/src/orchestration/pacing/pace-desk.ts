import type { PaceGrant, PaceSeen, PaceToAuthority, PaceToWorker, QuotaSighting, QuotaUse, ResponseHead, Target } from '@headrace/contract'
import { readQuota } from './read-quota.ts'

export interface PaceDeskOptions {
  /** Monotonic and Unix ms. */
  readonly now: () => number
  readonly wall: () => number
  readonly send: (message: PaceToAuthority) => void
  /** Runs once after the present turn of the event loop. */
  readonly soon: (task: () => void) => void
}

/** While less than this part of every limit is used, the authority hears of it once in this many ms only. */
const AMPLE = 0.7
const AMPLE_EVERY_MS = 1_000
/** Pairs whose last word is remembered. */
const MAX_PAIRS = 10_000

type Op = PaceToAuthority['ops'][number]

/** The worker's side of the pacing: passes on what heads say, knows which pairs must ask, and asks for them. */
export class PaceDesk {
  readonly #options: PaceDeskOptions
  readonly #paced = new Set<string>()
  readonly #waiting = new Map<number, (grant: PaceGrant) => void>()
  /** When a pair with ample limits was told of last. */
  readonly #told = new Map<string, number>()
  #nextId = 1
  #ops: Op[] = []
  #flushing = false

  constructor(options: PaceDeskOptions) {
    this.#options = options
    options.send({ type: 'pace', ops: [] })
  }

  /** Nobody has to ask for anything. */
  get calm(): boolean {
    return this.#paced.size === 0
  }

  /** Whether requests for the target must ask. */
  isPaced(target: Target): boolean {
    return this.#paced.has(pairKey(target))
  }

  /** Comes back when the limits have room for so many tokens and one request; it never refuses. */
  wait(target: Target, input: number, output: number): Promise<PaceGrant> {
    const id = this.#nextId++
    return new Promise(granted => {
      this.#waiting.set(id, granted)
      this.#post({ op: 'ask', ...pairOf(target), id, input, output })
    })
  }

  /** What was granted is not needed. */
  giveBack(target: Target, input: number, output: number): void {
    this.#post({ op: 'return', ...pairOf(target), input, output })
  }

  /** An answer's head has come, `ageMs` after its request was sent. `mark`: what the request was granted with; null = it did not ask. */
  hear(target: Target, head: ResponseHead, ageMs: number, mark: QuotaUse | null): void {
    const sightings = readQuota(head, this.#options.wall(), target.quirks?.quota)
    if (sightings.length === 0 || mark === null && !this.#isNews(target, sightings)) return
    this.#post({ op: 'seen', ...pairOf(target), sightings, ageMs: Math.round(ageMs), mark } satisfies PaceSeen)
  }

  /** The provider refused an attempt for its rate. */
  hearRefusal(target: Target, waitMs: number): void {
    this.#post({ op: 'refused', ...pairOf(target), waitMs })
  }

  receive({ ops }: PaceToWorker): void {
    for (const op of ops) {
      if (op.op === 'grant') {
        const granted = this.#waiting.get(op.id)
        this.#waiting.delete(op.id)
        granted?.(op)
      } else if (op.paced) this.#paced.add(`${op.target}\n${op.credential}`)
      else this.#paced.delete(`${op.target}\n${op.credential}`)
    }
  }

  #isNews(target: Target, sightings: readonly QuotaSighting[]): boolean {
    const key = pairKey(target)
    if (this.#paced.has(key) || sightings.some(({ limit, remaining }) => remaining < limit * AMPLE)) return true
    const now = this.#options.now()
    if (now - (this.#told.get(key) ?? Number.NEGATIVE_INFINITY) < AMPLE_EVERY_MS) return false
    if (this.#told.size >= MAX_PAIRS) this.#told.clear()
    this.#told.set(key, now)
    return true
  }

  #post(op: Op): void {
    this.#ops.push(op)
    if (this.#flushing) return
    this.#flushing = true
    this.#options.soon(() => {
      this.#flushing = false
      const ops = this.#ops
      this.#ops = []
      this.#options.send({ type: 'pace', ops })
    })
  }
}

const pairKey = (target: Target): string => `${target.name}\n${target.credentialId ?? ''}`
const pairOf = (target: Target): { readonly target: string, readonly credential: string } => ({ target: target.name, credential: target.credentialId ?? '' })
