import type { ChildProcess, Serializable } from 'node:child_process'
import type { BudgetsToAuthority, LimitsToAuthority, SubjectView, TargetsToAuthority } from '@headrace/contract'
import { LeaseAuthority } from './lease-authority.ts'
import { readState, writeState } from './state-file.ts'
import { TargetAuthority } from './target-authority.ts'

export interface AuthorityHostOptions {
  /** Where the use of calendar windows is kept over restarts; null = nowhere. */
  readonly stateFile: string | null
  /** Told, in words, of what goes wrong. Limits go on working. */
  readonly onProblem: (problem: string) => void
  /** Told every second how targets and credentials stand, while workers tell. Left out = nobody wants to know. */
  readonly onTargets?: (subjects: readonly SubjectView[]) => void
}

const SWEEP_MS = 1_000
/** How often the state file is written while something changes, ms: so much of calendar windows' use a crash of the supervisor may forget. */
const SAVE_MS = 1_000
/** How often cooldowns and tokens of targets are looked at, and told of, ms. */
const TARGETS_MS = 50
const TARGETS_TELL_MS = 1_000

/** The lease authority and the target authority at home in the supervisor: on the workers' IPC channels, with a clock, and with a file for what outlives a restart. */
export class AuthorityHost {
  readonly #options: AuthorityHostOptions
  readonly #children = new Map<number, ChildProcess>()
  readonly #authority: LeaseAuthority
  readonly #targets: TargetAuthority
  readonly #timers: readonly NodeJS.Timeout[]
  #nextWorker = 1
  #saved = 0
  #saving: Promise<void> = Promise.resolve()
  #failing = false

  constructor(options: AuthorityHostOptions) {
    this.#options = options
    const send = (worker: number, message: Serializable): void => {
      const child = this.#children.get(worker)
      // A channel that breaks meanwhile is reported by `disconnect`.
      if (child?.connected === true) child.send(message, () => {})
    }
    this.#authority = new LeaseAuthority({
      now: () => performance.now(), wall: Date.now,
      after: (ms, task) => { setTimeout(task, ms).unref() },
      send,
    })
    this.#targets = new TargetAuthority({ now: () => performance.now(), wall: Date.now, random: Math.random, send })
    this.#restore()
    this.#timers = [
      setInterval(() => this.#authority.sweep(), SWEEP_MS).unref(),
      setInterval(() => { void this.save() }, SAVE_MS).unref(),
      setInterval(() => this.#targets.sweep(), TARGETS_MS).unref(),
      setInterval(() => options.onTargets?.(this.#targets.view()), TARGETS_TELL_MS).unref(),
    ]
  }

  /** Serves a worker on its IPC channel from now until the channel closes. Call it for each process that is started. */
  attach<Child extends ChildProcess>(child: Child): Child {
    const worker = this.#nextWorker++
    this.#children.set(worker, child)
    child.on('message', message => {
      if (isLimits(message)) this.#authority.receive(worker, message)
      else if (isTargets(message)) this.#targets.receive(worker, message)
    })
    // Not `exit`: what the worker said last may still be in the channel then, and says what it has used.
    child.once('disconnect', () => this.#gone(worker))
    child.once('error', () => { if (!child.connected) this.#gone(worker) })
    return child
  }

  /** What budgets have used so far, from the ledger: until it has come for a budget, calls that it concerns wait. */
  learn(budgets: BudgetsToAuthority): void {
    this.#authority.learn(budgets)
  }

  /** Writes the state file where something has changed. Resolves when it is written. */
  save(): Promise<void> {
    const path = this.#options.stateFile
    if (path === null || this.#saved === this.#authority.changes) return this.#saving
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
    this.#authority.workerGone(worker)
    this.#targets.workerGone(worker)
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
const isLimits = (message: unknown): message is LimitsToAuthority =>
  typeof message === 'object' && message !== null && (message as { type?: unknown }).type === 'limits'
const reason = (error: unknown): string => error instanceof Error ? error.message : String(error)
