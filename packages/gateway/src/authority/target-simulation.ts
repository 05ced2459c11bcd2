import { Exchange, type ErrorKind, type Plan, type Snapshot, type SubjectView, type Target } from '@headrace/contract'
import { Route } from '../orchestration/health/route.ts'
import { TargetBoard } from '../orchestration/health/target-board.ts'
import { TargetPicker } from '../orchestration/health/target-picker.ts'
import { TargetAuthority } from './target-authority.ts'

/** How an attempt went; `ms` to the first byte, where there was one. */
export interface Went { readonly error?: ErrorKind, readonly status?: number, readonly retryAfterMs?: number, readonly ms?: number, readonly stream?: boolean }

/** One worker's part in the simulation. */
export class SimulatedWorker {
  readonly board: TargetBoard
  readonly picker: TargetPicker
  readonly #world: TargetSimulation

  constructor(world: TargetSimulation, number: number) {
    this.#world = world
    this.board = new TargetBoard({ now: () => world.now, soon: task => world.soon(task), send: message => world.post(() => world.authority.receive(number, structuredClone(message))) })
    this.picker = new TargetPicker(this.board, () => world.now)
  }

  /** Index of the target that a new request goes to; -1 = none. */
  choose(plan: Plan): number {
    const index = this.picker.choose(plan, this.board.calm ? null : new Route(plan))
    this.#world.settle()
    return index
  }

  /** Begins an attempt; the returned function ends it, its first byte included. */
  begin(target: Target): (went?: Went) => void {
    const { speak, end } = this.start(target)
    return (went = {}) => {
      const { error, ms = error === undefined ? 50 : 0, stream = true } = went
      if (ms > 0) speak(ms, stream)
      end(went)
    }
  }

  /** Begins an attempt; `speak` is its first byte, `end` its end. */
  start(target: Target): { readonly speak: (ms: number, stream: boolean) => void, readonly end: (went: Went) => void } {
    const lane = this.board.lane(target)
    const ticket = this.board.begin(lane, this.#world.now)
    this.#world.settle()
    let spoke = false
    return {
      speak: (ms, stream) => {
        spoke = true
        this.board.firstByte(lane, ticket, stream, ms, this.#world.now)
      },
      end: ({ error, status = 0, retryAfterMs = 0 }) => {
        const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', 0, 0)
        x.error = error ?? null
        x.upstreamStatus = status
        if (spoke) x.firstByteAt = 1
        this.board.end(lane, ticket, x, retryAfterMs)
        this.#world.settle()
      },
    }
  }

  /** A whole attempt. */
  attempt(target: Target, went: Went = {}): void {
    this.begin(target)(went)
  }
}

/** Workers and their authority in virtual time; messages arrive in order, at once or when `settle` is called. For tests. */
export class TargetSimulation {
  now = 1_000
  readonly authority: TargetAuthority
  readonly workers: SimulatedWorker[] = []
  readonly #posted: (() => void)[] = []
  readonly #gone = new Set<number>()
  #sweepAt = 0

  constructor(workers: number, random: () => number = () => 0.5) {
    this.authority = new TargetAuthority({
      now: () => this.now, wall: () => this.now + 1_000_000, random,
      send: (worker, message) => { if (!this.#gone.has(worker)) this.post(() => this.workers[worker - 1]?.board.receive(structuredClone(message))) },
    })
    for (let number = 1; number <= workers; number++) this.workers.push(new SimulatedWorker(this, number))
    this.settle()
  }

  post(deliver: () => void): void {
    this.#posted.push(deliver)
  }

  soon(task: () => void): void {
    this.#posted.push(task)
  }

  /** Delivers everything, and what follows from it. */
  settle(): void {
    for (let count = 0; this.#posted.length > 0; count++) {
      if (count > 100_000) throw new Error('messages without end')
      this.#posted.shift()?.()
    }
  }

  /** Lets time pass, with the reports and sweeps that belong to it. */
  pass(ms: number): void {
    const end = this.now + ms
    while (this.now < end) {
      this.now = Math.min(end, this.now + 50)
      this.workers.forEach((worker, index) => { if (!this.#gone.has(index + 1)) worker.board.flush() })
      this.settle()
      if (this.now - this.#sweepAt >= 50) {
        this.#sweepAt = this.now
        this.authority.sweep()
      }
      this.settle()
    }
  }

  kill(number: number): void {
    this.#gone.add(number)
    this.authority.workerGone(number)
    this.settle()
  }

  target(name: string): SubjectView | undefined {
    return this.authority.view().find(view => view.kind === 'target' && view.target === name)
  }
}

/** A target as far as health looks at it. */
export const simulatedTarget = (name: string, credentialId: string | null = null): Target => ({ name, credentialId, provider: name.split('/')[0] }) as Target
export const simulatedPlan = (...targets: readonly Target[]): Plan => ({ model: 'm', targets, strict: false }) as unknown as Plan
