import type { ChildProcess, Serializable } from 'node:child_process'
import type { AuthorityState, BudgetsToAuthority, CoalesceToAuthority, LimitsToAuthority, LimitsToWorker, PaceToAuthority, SubjectView, TargetsToAuthority } from '@headrace/contract'
import { CoalesceAuthority } from './coalesce-authority.ts'
import { LeaseAuthority } from './lease-authority.ts'
import { PaceAuthority } from './pace-authority.ts'
import { readState, writeState } from './state-file.ts'
import { TargetAuthority } from './target-authority.ts'

export interface AuthorityHostOptions {
  /** Where the use of calendar windows is kept over restarts; null = nowhere. */
  readonly stateFile: string | null
  /** Told, in words, of what goes wrong. Limits go on working. */
  readonly onProblem: (problem: string) => void
  /** Told every second how targets and credentials stand, while workers tell. Left out = nobody wants to know. */
  readonly onTargets?: (subjects: readonly SubjectView[]) => void
  /** The host in the process that this one succeeds; left out = there is none, and the counters live here from the start. */
  readonly predecessor?: { readonly link: AuthorityLink, /** What the first worker here is counted from: its `successorsFirst`. */ readonly firstWorker: number }
}

/** To the host in another process, in order. */
export type AuthorityLink = (message: AuthorityTalk) => void

/** What two hosts say to each other while one hands its counters to the other. */
export type AuthorityTalk =
  /** Of a worker, to where its counters are, and to a worker from there. */
  | { readonly type: 'up', readonly worker: number, readonly message: LimitsToAuthority }
  | { readonly type: 'down', readonly worker: number, readonly message: LimitsToWorker }
  | { readonly type: 'gone', readonly worker: number }
  | { readonly type: 'learn', readonly budgets: BudgetsToAuthority }
  /** The successor wants the counters: nothing of its workers comes any more before it has them. */
  | { readonly type: 'take' }
  | { readonly type: 'state', readonly state: AuthorityState }

const SUCCESSORS_FROM = 1_000_000
const SWEEP_MS = 1_000
/** How often the state file is written while something changes, ms: so much of calendar windows' use a crash of the supervisor may forget. */
const SAVE_MS = 1_000
/** How often cooldowns and tokens of targets are looked at, and told of, ms. */
const TARGETS_MS = 50
const TARGETS_TELL_MS = 1_000

/**
 * The lease authority, the target authority, the pace authority and the coalesce authority at home in the supervisor: on the workers' IPC channels, with a clock, and with a file for what outlives a restart.
 *
 * When a supervisor succeeds another, counters move with all who hold of them, so that no limit is exceeded and none refuses in vain:
 *
 *   successor    guest --take--> waiting --state--> home      a guest's workers are served by the predecessor
 *   predecessor  home  --state--> away                        then its own, while they finish, by the successor
 *
 * A successor may be succeeded while its predecessor's workers still finish: what they say, and what they are told, goes through each host in between.
 *
 * How targets stand, and what is left of providers' limits, is not handed over: the successor finds out within seconds. Who runs which request is not either:
 * workers of two supervisors make calls of their own.
 */
export class AuthorityHost {
  readonly #options: AuthorityHostOptions
  readonly #children = new Map<number, ChildProcess>()
  readonly #authority: LeaseAuthority
  readonly #targets: TargetAuthority
  readonly #pace: PaceAuthority
  readonly #coalesce: CoalesceAuthority
  readonly #timers: readonly NodeJS.Timeout[]
  #place: 'home' | 'guest' | 'waiting' | 'away'
  #predecessor: AuthorityLink | null
  #successor: AuthorityLink | null = null
  /** Workers of other hosts that are served from here on, and where they are reached. */
  readonly #guests = new Map<number, 'predecessor' | 'successor'>()
  /** What happened while waiting for the counters. */
  readonly #later: (() => void)[] = []
  #onHome: ((taken: boolean) => void) | null = null
  #nextWorker: number
  #saved = 0
  #saving: Promise<void> = Promise.resolve()
  #failing = false

  constructor(options: AuthorityHostOptions) {
    this.#options = options
    this.#predecessor = options.predecessor?.link ?? null
    this.#place = this.#predecessor === null ? 'home' : 'guest'
    this.#nextWorker = options.predecessor?.firstWorker ?? 1
    const send = (worker: number, message: Serializable): void => {
      const child = this.#children.get(worker)
      // A channel that breaks meanwhile is reported by `disconnect`.
      if (child?.connected === true) child.send(message, () => {})
    }
    const sendLimits = (worker: number, message: LimitsToWorker): void => {
      // A recall's time may run out when the counters are with the successor already.
      if (this.#place === 'away') return
      if (!this.#pass(worker, message)) send(worker, message)
    }
    this.#authority = new LeaseAuthority({
      now: () => performance.now(), wall: Date.now,
      after: (ms, task) => { setTimeout(task, ms).unref() },
      send: sendLimits,
    })
    this.#targets = new TargetAuthority({ now: () => performance.now(), wall: Date.now, random: Math.random, send })
    this.#pace = new PaceAuthority({ now: () => performance.now(), after: (ms, task) => { setTimeout(task, ms).unref() }, send })
    this.#coalesce = new CoalesceAuthority(send)
    if (this.#place === 'home') this.#restore()
    this.#timers = [
      setInterval(() => this.#authority.sweep(), SWEEP_MS).unref(),
      setInterval(() => { void this.save() }, SAVE_MS).unref(),
      setInterval(() => this.#targets.sweep(), TARGETS_MS).unref(),
      setInterval(() => this.#pace.sweep(), SWEEP_MS).unref(),
      setInterval(() => options.onTargets?.(this.#targets.view()), TARGETS_TELL_MS).unref(),
    ]
  }

  /** Serves a worker on its IPC channel from now until the channel closes. Call it for each process that is started. */
  attach<Child extends ChildProcess>(child: Child): Child {
    const worker = this.#nextWorker++
    this.#children.set(worker, child)
    this.#coalesce.workerCame(worker)
    child.on('message', message => {
      if (isLimits(message)) this.#receive(worker, message)
      else if (isTargets(message)) this.#targets.receive(worker, message)
      else if (isPace(message)) this.#pace.receive(worker, message)
      else if (isCoalesce(message)) this.#coalesce.receive(worker, message)
    })
    // Not `exit`: what the worker said last may still be in the channel then, and says what it has used.
    child.once('disconnect', () => this.#gone(worker))
    child.once('error', () => { if (!child.connected) this.#gone(worker) })
    return child
  }

  /** What budgets have used so far, from the ledger: until it has come for a budget, calls that it concerns wait. */
  learn(budgets: BudgetsToAuthority): void {
    if (this.#place === 'home') this.#authority.learn(budgets)
    else if (this.#place === 'waiting') this.#later.push(() => this.#authority.learn(budgets))
    else this.#owner?.({ type: 'learn', budgets })
  }

  /** A successor begins: from now on what it says comes to `hear`. */
  lead(link: AuthorityLink): void {
    this.#successor = link
  }

  /** The counters are a predecessor's still. */
  get isGuest(): boolean {
    return this.#place === 'guest' || this.#place === 'waiting'
  }

  /** Where a successor's workers are to be counted from: beyond all that may still be started here meanwhile. */
  get successorsFirst(): number {
    return this.#nextWorker + SUCCESSORS_FROM
  }

  /** What another host says. */
  hear(talk: AuthorityTalk, from: 'predecessor' | 'successor'): void {
    switch (talk.type) {
      case 'up':
        this.#guests.set(talk.worker, from)
        this.#receive(talk.worker, talk.message)
        return
      case 'down': {
        const child = this.#children.get(talk.worker)
        if (child?.connected === true) child.send(talk.message, () => {})
        else this.#pass(talk.worker, talk.message)
        return
      }
      case 'gone':
        if (this.#guests.delete(talk.worker)) this.#withdraw(talk.worker)
        return
      case 'learn': this.learn(talk.budgets); return
      case 'take': void this.#handOver(); return
      case 'state': this.#arrive(talk.state)
    }
  }

  /** A successor takes the counters over. Resolves when it has them; false = the predecessor ended before. */
  take(): Promise<boolean> {
    return new Promise(resolve => {
      this.#onHome = resolve
      this.#place = 'waiting'
      this.#predecessor?.({ type: 'take' })
    })
  }

  /** Another host is gone, and its workers with it. */
  unlink(host: 'predecessor' | 'successor'): void {
    if (host === 'successor') this.#successor = null
    else this.#predecessor = null
    // One that died with the counters: what we knew is better than refusing everything.
    if (host === 'successor' || this.isGuest) this.#place = 'home'
    for (const [worker, where] of this.#guests) {
      if (where !== host) continue
      this.#guests.delete(worker)
      this.#withdraw(worker)
    }
    if (host === 'predecessor') this.#onHome?.(false)
  }

  /** Writes the state file where something has changed. Resolves when it is written. */
  save(): Promise<void> {
    const path = this.#options.stateFile
    if (path === null || this.#place !== 'home' || this.#saved === this.#authority.changes) return this.#saving
    this.#saved = this.#authority.changes
    this.#saving = this.#saving.then(() => writeState(path, this.#authority.state())).then(
      () => { this.#failing = false },
      (error: unknown) => {
        this.#saved = -1
        if (!this.#failing) this.#options.onProblem(`The use of limits cannot be saved to ${path} (${reason(error)}): after a restart, limits per day, week and month would begin anew.`)
        this.#failing = true
      },
    )
    return this.#saving
  }

  async stop(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await this.save()
  }

  #gone(worker: number): void {
    if (!this.#children.delete(worker)) return
    this.#targets.workerGone(worker)
    this.#pace.workerGone(worker)
    this.#coalesce.workerGone(worker)
    this.#withdraw(worker)
  }

  /** A worker, ours or another host's, holds nothing any more. */
  #withdraw(worker: number): void {
    if (this.#place === 'home') this.#authority.workerGone(worker)
    else if (this.#place === 'waiting') this.#later.push(() => this.#authority.workerGone(worker))
    else this.#owner?.({ type: 'gone', worker })
  }

  /** Where the counters are, when they are not here. */
  get #owner(): AuthorityLink | null {
    return this.#place === 'away' ? this.#successor : this.#predecessor
  }

  /** Sends on to a worker of another host; false = it is none. */
  #pass(worker: number, message: LimitsToWorker): boolean {
    const where = this.#guests.get(worker)
    if (where === undefined) return false
    const link = where === 'predecessor' ? this.#predecessor : this.#successor
    link?.({ type: 'down', worker, message })
    return true
  }

  #receive(worker: number, message: LimitsToAuthority): void {
    if (this.#place === 'home') this.#authority.receive(worker, message)
    else if (this.#place === 'waiting') this.#later.push(() => this.#authority.receive(worker, message))
    else this.#owner?.({ type: 'up', worker, message })
  }

  async #handOver(): Promise<void> {
    // The file has one writer: ours has ended before the successor has anything to write.
    await this.save()
    const state = this.#authority.dump()
    this.#place = 'away'
    for (const [worker, where] of this.#guests) if (where === 'successor') this.#guests.delete(worker)
    this.#successor?.({ type: 'state', state })
  }

  #arrive(state: AuthorityState): void {
    // Whoever holds of them and is not ours is served for the predecessor.
    for (const { attachments } of state.counters) for (const { worker } of attachments) if (!this.#children.has(worker)) this.#guests.set(worker, 'predecessor')
    this.#authority.load(state)
    this.#place = 'home'
    for (const happen of this.#later.splice(0)) happen()
    this.#onHome?.(true)
  }

  #restore(): void {
    const path = this.#options.stateFile
    if (path === null) return
    try {
      for (const counter of readState(path)) this.#authority.restore(counter)
    } catch (error) {
      this.#options.onProblem(`The use of limits cannot be read from ${path} (${reason(error)}): limits per day, week and month begin anew.`)
    }
  }
}

const isTargets = (message: unknown): message is TargetsToAuthority =>
  typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'targets'
const isPace = (message: unknown): message is PaceToAuthority => typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'pace'
const isCoalesce = (message: unknown): message is CoalesceToAuthority => typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'coalesce'
const isLimits = (message: unknown): message is LimitsToAuthority =>
  typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'limits'
const reason = (error: unknown): string => error instanceof Error ? error.message : String(error)
