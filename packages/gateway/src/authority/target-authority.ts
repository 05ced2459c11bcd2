import { subjectKey, type SubjectNews, type SubjectState, type SubjectView, type TargetsToAuthority, type TargetsToWorker } from '@headrace/contract'
import { Subject } from './subject.ts'

export interface TargetAuthorityOptions {
  /** Monotonic ms and Unix ms. */
  readonly now: () => number
  readonly wall: () => number
  /** 0 .. 1, for jitter. */
  readonly random: () => number
  /** Sends to one worker, in order. A worker that is gone is not an error. */
  readonly send: (worker: number, message: TargetsToWorker) => void
}

/** Failures in a row that put a target out (Envoy's figure). */
const STREAK = 5
/** Failures among the attempts of the last seconds that put it out, if there are so many of them and the others fail far less. */
const RATE = 0.2
const RATE_ATTEMPTS = 20
/** One that is just back shows sooner whether it is well: a probe that was answered says little of one that fails now and then. */
const TRIAL_ATTEMPTS = 5
const TRIAL_FAILURES = 2
/** The short time is for those with many requests, whose good past would speak for them for long. */
const RATE_SECONDS = [3, 10] as const
const RATE_OVER_OTHERS = 3
/** Subjects that are kept: names of models come from clients where a provider is addressed directly. */
const MAX_SUBJECTS = 20_000
/** One that is in, and of which nothing was heard for so long, is forgotten, ms. */
const IDLE_MS = 600_000
/** How often workers are told of times to first byte, ms. */
const ESTIMATES_MS = 1_000

/**
 * The owner of every target's and credential's standing. It lives in the supervisor beside the lease authority: no I/O, numbers only.
 * Workers tell what they saw; who is out, who is back and who may probe is decided here, once, for all of them.
 */
export class TargetAuthority {
  readonly #options: TargetAuthorityOptions
  readonly #workers = new Set<number>()
  readonly #subjects = new Map<string, Subject>()
  /** Those that time may change. */
  readonly #moving = new Set<Subject>()
  /** Those whose times to first byte have changed. */
  readonly #timed = new Map<Subject, readonly [stream: number, json: number]>()
  /** Those that may have only so many attempts at the same time. */
  readonly #limited = new Set<Subject>()
  readonly #changed = new Set<Subject>()
  #estimatesAt = 0

  constructor(options: TargetAuthorityOptions) {
    this.#options = options
  }

  /** Takes in one message of a worker. What follows from it is told to all workers before it returns. */
  receive(worker: number, { news }: TargetsToAuthority): void {
    const now = this.#options.now()
    if (!this.#workers.has(worker)) this.#welcome(worker)
    for (const item of news) {
      const subject = this.#subject(item, now)
      if (subject !== null) this.#hear(worker, subject, item, now)
    }
    this.#tell()
  }

  /** A worker has ended: the token that it held is free. */
  workerGone(worker: number): void {
    if (!this.#workers.delete(worker)) return
    for (const subject of this.#subjects.values()) {
      subject.inFlight.delete(worker)
      subject.wishes.delete(worker)
      if (subject.holder !== worker) continue
      subject.giveBack()
      this.#changed.add(subject)
    }
    // The share of each has changed.
    for (const subject of this.#limited) this.#changed.add(subject)
    for (const other of this.#workers) this.#options.send(other, { type: 'targets', workers: this.#workers.size, states: [] })
    this.#tell()
  }

  /** Ends cooldowns and hands out tokens. Call it several times per second. */
  sweep(): void {
    const now = this.#options.now()
    for (const subject of this.#moving) this.#advance(subject, now)
    for (const subject of this.#limited) this.#hold(subject, now)
    if (now - this.#estimatesAt >= ESTIMATES_MS) this.#refresh(now)
    this.#tell()
  }

  /** Everything that is known, for people. */
  view(): readonly SubjectView[] {
    const now = this.#options.now()
    const wall = this.#options.wall() - now
    return [...this.#subjects.values()].map(subject => {
      const { kind, target, credential } = subject.name
      const { answered, failed } = subject.window.sum(now, 30)
      const state = subject.phase === 'in' || subject.phase === 'probing' ? subject.phase : 'out'
      return {
        kind, target, credential, state, reason: subject.reason, since: Math.round(wall + subject.since), until: subject.phase === 'out' ? Math.round(wall + subject.until) : 0,
        answered, failed, p50: Math.round(subject.quantile(0.5)), p95: Math.round(subject.quantile(0.95)),
        inFlight: sum(subject.inFlight), concurrency: subject.limit.limit,
      }
    })
  }

  #welcome(worker: number): void {
    this.#workers.add(worker)
    for (const subject of this.#limited) this.#changed.add(subject)
    const now = this.#options.now()
    const states = [...this.#subjects.values()].filter(subject => subject.phase !== 'in' || subject.stream.known || subject.json.known || subject.limit.limit > 0)
    for (const other of this.#workers) {
      this.#options.send(other, { type: 'targets', workers: this.#workers.size, states: other === worker ? states.map(subject => this.#state(subject, other, now)) : [] })
    }
  }

  #hear(worker: number, subject: Subject, news: SubjectNews, now: number): void {
    subject.heardAt = now
    set(subject.inFlight, worker, news.inFlight)
    subject.window.add(now, news.answered, news.failed)
    if (subject.kind === 'target') {
      this.#learn(subject, news, now)
      this.#hold(subject, now)
    }
    if (news.probe !== null) this.#probe(worker, subject, news, now)
    else if (news.turn === subject.turn) this.#judge(subject, news, now)
    if (news.rest !== null && news.probe === null && (subject.phase === 'in' || subject.phase === 'out' && now + news.rest.ms > subject.until)) {
      this.#leave(subject, news.rest.reason, news.rest.ms, news.rest.hard, now)
    }
    if (news.wish && subject.phase !== 'in') {
      subject.wishes.add(worker)
      this.#advance(subject, now)
    }
  }

  #learn({ limit }: Subject, { streamMs, jsonMs, leftStreamMs, leftJsonMs }: SubjectNews, now: number): void {
    for (const ms of streamMs) limit.add('stream', ms, true, now)
    for (const ms of jsonMs) limit.add('json', ms, true, now)
    for (const ms of leftStreamMs) limit.add('stream', ms, false, now)
    for (const ms of leftJsonMs) limit.add('json', ms, false, now)
  }

  /** Finds out how many attempts at the same time it may have. */
  #hold(subject: Subject, now: number): void {
    if (!subject.limit.step(now, sum(subject.inFlight))) return
    this.#changed.add(subject)
    if (subject.limit.limit > 0) this.#limited.add(subject)
    else this.#limited.delete(subject)
  }

  /** What was seen in the present state. */
  #judge(subject: Subject, news: SubjectNews, now: number): void {
    if (subject.phase !== 'in') {
      subject.judgePace(news)
      // Everything was out, so it was tried without a probe, and it answered.
      const well = news.answered > 0 && news.failed === 0 && !subject.hard
      if (well && (subject.reason !== 'slow' || subject.pace === 'usual')) this.#return(subject, now)
      return
    }
    for (const ms of news.streamMs) subject.stream.add(ms)
    for (const ms of news.jsonMs) subject.json.add(ms)
    if (news.streamMs.length + news.jsonMs.length > 0) this.#timed.set(subject, this.#timed.get(subject) ?? [0, 0])
    subject.streak = news.answered > 0 ? news.streak : subject.streak + news.failed
    if (subject.kind !== 'target') return
    if (subject.streak >= STREAK) return this.#leave(subject, 'failing', 0, false, now)
    if (news.hung) return this.#leave(subject, 'hung', 0, false, now)
    if (news.failed > 0 && RATE_SECONDS.some(seconds => this.#failsMoreThanOthers(subject, seconds, now))) return this.#leave(subject, 'error-rate', 0, false, now)
    if (subject.stream.slow || subject.json.slow) this.#leave(subject, 'slow', 0, false, now)
  }

  #probe(worker: number, subject: Subject, news: SubjectNews, now: number): void {
    if (subject.holder !== worker || news.turn !== subject.turn) return
    switch (news.probe) {
      case 'began':
        subject.phase = 'probing'
        break
      case 'returned':
        subject.giveBack()
        break
      case 'failed': return this.#leave(subject, news.rest?.reason ?? subject.reason ?? 'failing', news.rest?.ms ?? 0, news.rest?.hard ?? false, now)
      case 'answered': {
        subject.judgePace(news)
        return this.#return(subject, now)
      }
    }
    this.#changed.add(subject)
  }

  /** Where everything fails - no network, a request that no engine survives - putting targets out helps nobody. */
  #failsMoreThanOthers(subject: Subject, seconds: number, now: number): boolean {
    const own = subject.window.sum(now, seconds)
    const attempts = own.answered + own.failed
    const onTrial = subject.isOnTrial(now) && own.failed >= TRIAL_FAILURES
    if (attempts < (onTrial ? TRIAL_ATTEMPTS : RATE_ATTEMPTS) || own.failed < RATE * attempts) return false
    let answered = 0, failed = 0
    for (const other of this.#subjects.values()) {
      if (other === subject || other.kind !== 'target' || other.phase !== 'in') continue
      const seen = other.window.sum(now, seconds)
      answered += seen.answered
      failed += seen.failed
    }
    return answered + failed === 0 || own.failed / attempts > RATE_OVER_OTHERS * failed / (answered + failed)
  }

  #leave(subject: Subject, reason: NonNullable<Subject['reason']>, ms: number, hard: boolean, now: number): void {
    subject.leave(reason, ms, hard, now, this.#options.random)
    this.#moving.add(subject)
    this.#changed.add(subject)
  }

  /** It was answered while it was out. One that did not answer in time, and does now, but late, is slow. */
  #return(subject: Subject, now: number): void {
    if (subject.pace === 'slow' && (subject.reason === 'slow' || subject.reason === 'hung')) this.#leave(subject, 'slow', 0, false, now)
    else this.#enter(subject, now)
  }

  #enter(subject: Subject, now: number): void {
    subject.enter(now)
    this.#moving.delete(subject)
    this.#changed.add(subject)
  }

  #advance(subject: Subject, now: number): void {
    // At most twice at once: a cooldown ends, and a wish is there.
    while (subject.advance(now)) this.#changed.add(subject)
    if (subject.phase === 'in') this.#moving.delete(subject)
  }

  /** Times to first byte that moved by a tenth are told; what was not heard of for long is forgotten. */
  #refresh(now: number): void {
    this.#estimatesAt = now
    for (const [subject, told] of this.#timed) {
      const times = [subject.stream.quantile(0.95), subject.json.quantile(0.95)] as const
      if (!hasMoved(told[0], times[0]) && !hasMoved(told[1], times[1])) continue
      this.#timed.set(subject, times)
      this.#changed.add(subject)
    }
    for (const [key, subject] of this.#subjects) {
      if (subject.phase !== 'in' || now - subject.heardAt < IDLE_MS) continue
      this.#subjects.delete(key)
      this.#timed.delete(subject)
      this.#limited.delete(subject)
    }
  }

  #tell(): void {
    if (this.#changed.size === 0) return
    const now = this.#options.now()
    for (const worker of this.#workers) {
      this.#options.send(worker, { type: 'targets', workers: this.#workers.size, states: [...this.#changed].map(subject => this.#state(subject, worker, now)) })
    }
    this.#changed.clear()
  }

  #state(subject: Subject, worker: number, now: number): SubjectState {
    return {
      subject: subject.name, turn: subject.turn, out: subject.reason, forMs: subject.phase === 'out' ? Math.max(1, Math.round(subject.until - now)) : 0, hard: subject.hard,
      token: subject.phase === 'offered' && subject.holder === worker, p50: subject.quantile(0.5), p95: subject.quantile(0.95),
      streamP95: subject.stream.quantile(0.95), jsonP95: subject.json.quantile(0.95), concurrency: Math.ceil(subject.limit.limit / Math.max(1, this.#workers.size)),
    }
  }

  /** Null = there are too many: this one goes on without. */
  #subject({ subject: name, turn }: SubjectNews, now: number): Subject | null {
    const key = subjectKey(name)
    let subject = this.#subjects.get(key)
    if (subject === undefined) {
      if (this.#subjects.size >= MAX_SUBJECTS) return null
      this.#subjects.set(key, subject = new Subject(Object.freeze({ ...name }), now))
      // What was forgotten goes on counting where the workers do.
      subject.turn = turn
    }
    return subject
  }
}

const hasMoved = (told: number, now: number): boolean => Math.abs(now - told) > told * 0.1
const sum = (counts: ReadonlyMap<number, number>): number => [...counts.values()].reduce((total, count) => total + count, 0)

function set(counts: Map<number, number>, worker: number, count: number): void {
  if (count === 0) counts.delete(worker)
  else counts.set(worker, count)
}
