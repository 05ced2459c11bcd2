import { subjectKey, type ErrorKind, type Exchange, type SubjectKind, type Target, type TargetsToAuthority, type TargetsToWorker } from '@headrace/contract'
import { blameOf } from './blame.ts'
import type { Lane } from './lane.ts'
import { Standing } from './standing.ts'

export interface TargetBoardOptions {
  /** Monotonic ms. */
  readonly now: () => number
  readonly send: (message: TargetsToAuthority) => void
  /** Runs once after the present turn of the event loop. */
  readonly soon: (task: () => void) => void
}

/** A provider's `Retry-After` for overload is believed up to this, ms: a target that is well again is not left alone for long. */
const OVERLOADED_MOST_MS = 15_000
/** How an attempt ends of whose first byte nobody could wait. */
const GIVEN_UP: ReadonlySet<ErrorKind> = new Set(['client-closed', 'upstream-first-token-timeout', 'upstream-total-timeout'])
/** Subjects known at most; one that does not fit is not watched. */
const MAX_STANDINGS = 20_000

/**
 * What one worker knows of its targets: counts attempts as they begin and end, tells the authority, and keeps what it decides.
 * While nothing is out, full or paced, choosing a target asks `calm` and nothing else.
 */
export class TargetBoard {
  readonly #options: TargetBoardOptions
  readonly #lanes = new WeakMap<Target, Lane>()
  readonly #standings = new Map<string, Standing>()
  /** Those with something to tell, or with attempts under way. */
  #queue: Standing[] = []
  #flushSoon = false
  #outs = 0
  #fulls = 0
  /** Some pair's requests wait for their provider's limits. */
  paced = false
  /** Workers of the installation, this one included. */
  workers = 1

  constructor(options: TargetBoardOptions) {
    this.#options = options
    options.send({ type: 'targets', news: [] })
  }

  /** Nothing speaks against any target. */
  get calm(): boolean {
    return this.#outs === 0 && this.#fulls === 0 && !this.paced
  }

  lane(target: Target): Lane {
    let lane = this.#lanes.get(target)
    if (lane === undefined) {
      const credential = target.credentialId ?? ''
      this.#lanes.set(target, lane = {
        target, endpoint: this.#standing('target', target.name, ''), credential: this.#standing('credential', '', credential || target.provider), pair: this.#standing('pair', target.name, credential),
      })
    }
    return lane
  }

  /** An attempt begins. Returns its ticket: the turn it belongs to, negative for a probe. */
  begin(lane: Lane, now: number): number {
    const { endpoint } = lane
    endpoint.inFlight++
    if (endpoint.waiting++ === 0) endpoint.waitingSince = now
    if (endpoint.concurrency > 0) this.#recount(endpoint)
    if (!endpoint.queued) this.#enqueue(endpoint)
    return this.#outs > 0 && this.#beginProbes(lane) ? -endpoint.turn - 1 : endpoint.turn
  }

  /** Its answer's first byte is there, so many ms after it began. */
  firstByte({ endpoint }: Lane, ticket: number, stream: boolean, ms: number, now: number): void {
    endpoint.waiting--
    endpoint.answeredAt = now
    if (turnOf(ticket) === endpoint.turn) endpoint.addTime(stream, ms)
  }

  /** Another attempt answered first, so many ms after this one began: it takes longer than that. A probe that is so late has failed. */
  outrun({ endpoint }: Lane, ticket: number, stream: boolean, ms: number): void {
    if (turnOf(ticket) === endpoint.turn) endpoint.addTime(stream, ms)
    if (ticket >= 0 || !endpoint.probing) return
    endpoint.endProbe('failed')
    this.#enqueue(endpoint)
    this.#urge()
  }

  /** It ended, as the exchange says; `retryAfterMs`: what its provider asked for. */
  end(lane: Lane, ticket: number, x: Exchange, retryAfterMs: number): void {
    const { endpoint } = lane
    const spoke = x.firstByteAt !== 0
    endpoint.inFlight--
    if (endpoint.full) this.#recount(endpoint)
    if (!spoke) {
      endpoint.waiting--
      if (x.error !== null && GIVEN_UP.has(x.error)) endpoint.addLeft(x.stream, this.#options.now() - x.attemptAt)
    }
    const blame = blameOf(x, retryAfterMs)
    const present = turnOf(ticket) === endpoint.turn
    if (present && blame.verdict === 'fault') {
      endpoint.countFault()
      this.#urge()
    } else if (present && blame.verdict !== 'nothing') {
      endpoint.countAnswer()
      // It was out, was tried for want of another, and answers: good news for all.
      if (endpoint.out !== null) this.#urge()
    }
    if (blame.verdict === 'rest') {
      const whom = blame.whom === 'target' ? endpoint : lane[blame.whom]
      this.#rest(whom, blame.reason, blame.reason === 'overloaded' ? Math.min(retryAfterMs, OVERLOADED_MOST_MS) : retryAfterMs)
    } else if (blame.verdict === 'answer' && this.#outs > 0) this.#relieve(lane)
    if (ticket < 0) this.#endProbes(lane, blame.verdict, blame.verdict === 'rest' ? blame.whom : null)
  }

  /** A request passes over it, and would be its probe. */
  wish(standing: Standing): void {
    if (standing.wish()) {
      this.#enqueue(standing)
      this.#urge()
    }
  }

  receive({ workers, states }: TargetsToWorker): void {
    this.workers = workers
    const now = this.#options.now()
    for (const state of states) {
      const { kind, target, credential } = state.subject
      const standing = this.#standing(kind, target, credential)
      const wasOut = standing.out !== null
      if (standing.adopt(state, now)) {
        this.#enqueue(standing)
        this.#urge()
      }
      this.#outs += Number(standing.out !== null) - Number(wasOut)
      this.#recount(standing)
    }
  }

  /** Tells the authority what there is to tell. Call it ten times per second; trouble does not wait for it. */
  flush(): void {
    const now = this.#options.now()
    const queue = this.#queue
    this.#queue = []
    const news = []
    for (const standing of queue) {
      standing.queued = false
      const item = standing.news(now)
      if (item !== null) news.push(item)
      // What is under way may come to hang.
      if (standing.inFlight > 0) this.#enqueue(standing)
    }
    if (news.length > 0) this.#options.send({ type: 'targets', news })
  }

  #recount(standing: Standing): void {
    const full = standing.concurrency > 0 && standing.inFlight >= standing.concurrency
    if (full === standing.full) return
    standing.full = full
    this.#fulls += full ? 1 : -1
  }

  #beginProbes({ endpoint, credential, pair }: Lane): boolean {
    let probes = false
    for (const standing of [endpoint, credential, pair]) {
      if (!standing.token) continue
      standing.beginProbe()
      this.#enqueue(standing)
      probes = true
    }
    if (probes) this.#urge()
    return probes
  }

  /** What the probe's end says of each subject that it was the probe of. */
  #endProbes(lane: Lane, verdict: 'fault' | 'answer' | 'nothing' | 'rest', whom: 'credential' | 'pair' | 'target' | null): void {
    for (const standing of [lane.endpoint, lane.credential, lane.pair]) {
      if (!standing.probing) continue
      const isTarget = standing === lane.endpoint
      const blamed = verdict === 'rest' ? whom === standing.name.kind : verdict === 'fault' && isTarget
      // A target that refuses a credential is alive; a target that fails says nothing of the credential.
      const cleared = verdict === 'answer' || verdict === 'rest' && isTarget
      standing.endProbe(blamed ? 'failed' : cleared ? 'answered' : 'returned')
      this.#enqueue(standing)
    }
    this.#urge()
  }

  /** A credential or pair that rested on a guess has just been answered. */
  #relieve({ credential, pair }: Lane): void {
    for (const standing of [credential, pair]) {
      if (standing.out === null || standing.hard || standing.probing) continue
      standing.countAnswer()
      this.#enqueue(standing)
      this.#urge()
    }
  }

  #rest(standing: Standing, reason: NonNullable<Standing['out']>, ms: number): void {
    if (standing.out === null) this.#outs++
    standing.rest(reason, ms, ms > 0, this.#options.now())
    this.#enqueue(standing)
    this.#urge()
  }

  #standing(kind: SubjectKind, target: string, credential: string): Standing {
    const name = { kind, target, credential }
    const key = subjectKey(name)
    let standing = this.#standings.get(key)
    if (standing === undefined) {
      standing = new Standing(Object.freeze(name))
      if (this.#standings.size < MAX_STANDINGS) this.#standings.set(key, standing)
    }
    return standing
  }

  #enqueue(standing: Standing): void {
    if (standing.queued) return
    standing.queued = true
    this.#queue.push(standing)
  }

  /** Trouble is told in this turn of the event loop. */
  #urge(): void {
    if (this.#flushSoon) return
    this.#flushSoon = true
    this.#options.soon(() => {
      this.#flushSoon = false
      this.flush()
    })
  }
}

const turnOf = (ticket: number): number => ticket < 0 ? -ticket - 1 : ticket
