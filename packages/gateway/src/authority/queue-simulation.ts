import { Exchange, type CapacityRule, type GatewayError, type Principal, type Snapshot, type Target } from '@headrace/contract'
import { Capacity } from '../orchestration/capacity/capacity.ts'
import type { Turn } from '../orchestration/capacity/turn.ts'
import { LeaseDesk } from '../orchestration/limits/lease-desk.ts'
import { LeaseAuthority } from './lease-authority.ts'

interface Event { readonly at: number, readonly order: number, readonly run: () => void }

export interface QueueWorker { readonly id: number, readonly capacity: Capacity, readonly desk: LeaseDesk, alive: boolean, lastUp: number, lastDown: number }

/** One request's story, virtual ms; -1 = did not happen. */
export interface Story {
  readonly name: string
  readonly worker: QueueWorker
  readonly since: number
  servedAt: number
  shedAt: number
  leftAt: number
  doneAt: number
  error: GatewayError | null
  turn: Turn | null
}

export interface Asking { readonly tenant?: string, readonly key?: string, readonly serviceMs?: number, readonly leaveAfterMs?: number, readonly firstToken?: number }

export const engine = (facts: Partial<CapacityRule> = {}): CapacityRule =>
  ({ name: 'up/m', concurrency: 2, queue: 1_000, waitMs: 10_000, targetMs: 100, intervalMs: 1_000, ...facts })

/** One engine, its authority and some workers with their queues, in virtual time. Deterministic. */
export class QueueSimulation {
  now = 1_000_000
  wallOffset = Date.UTC(2026, 10, 25, 12) - 1_000_000
  readonly authority: LeaseAuthority
  readonly workers: QueueWorker[] = []
  readonly stories: Story[] = []
  /** The most requests that the engine had at a time. */
  peak = 0
  #running = 0
  #rule: CapacityRule
  #version = 1
  readonly #delay: () => number
  #events: Event[] = []
  #order = 0

  constructor(rule: CapacityRule, workers = 1, delay: () => number = () => 0) {
    this.#rule = rule
    this.#delay = delay
    this.authority = new LeaseAuthority({
      now: () => this.now, wall: () => this.now + this.wallOffset, after: (ms, task) => this.at(ms, task),
      send: (id, message) => {
        const worker = this.workers[id]
        if (worker === undefined) return
        const copy = structuredClone(message)
        worker.lastDown = Math.max(worker.lastDown, this.now + this.#delay())
        this.at(worker.lastDown - this.now, () => { if (worker.alive) worker.desk.receive(copy) })
      },
    })
    for (let count = 0; count < workers; count++) this.start()
  }

  at(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, order: this.#order++, run })
  }

  start(): QueueWorker {
    const id = this.workers.length
    const clock = {
      now: () => this.now, wall: () => this.now + this.wallOffset,
      after: (ms: number, task: () => void) => this.at(ms, () => { if (worker.alive) task() }),
    }
    const desk = new LeaseDesk({
      ...clock, soon: task => this.at(0, () => { if (worker.alive) task() }),
      send: message => {
        const copy = structuredClone(message)
        worker.lastUp = Math.max(worker.lastUp, this.now + this.#delay())
        this.at(worker.lastUp - this.now, () => this.authority.receive(id, copy))
      },
    })
    const capacity = new Capacity({ ...clock, desk, random: () => 0 })
    capacity.adopt([this.#rule], this.#version)
    const worker: QueueWorker = { id, capacity, desk, alive: true, lastUp: 0, lastDown: 0 }
    this.workers.push(worker)
    return worker
  }

  reload(rule: CapacityRule): void {
    this.#rule = rule
    this.#version++
    for (const worker of this.workers) if (worker.alive) worker.capacity.adopt([rule], this.#version)
  }

  /** kill -9: its requests die with it, what it had sent arrives. */
  crash(worker: QueueWorker): void {
    worker.alive = false
    for (const story of this.stories) {
      if (story.worker !== worker || ended(story)) continue
      if (story.servedAt >= 0) this.#running--
      story.leftAt = this.now
    }
    worker.lastUp = Math.max(worker.lastUp, this.now + this.#delay())
    this.at(worker.lastUp - this.now, () => this.authority.workerGone(worker.id))
  }

  request(name: string, worker: QueueWorker, asking: Asking = {}): void {
    if (!worker.alive) return
    const x = new Exchange(name, {} as Snapshot, 'openai-chat', 'chat', 0, this.now)
    x.principal = { tenant: asking.tenant ?? 't', team: null, app: null, keyId: asking.key ?? 'k', endUser: null, scopes: new Set(), source: 'virtual-key' } satisfies Principal
    const target = { timeouts: { connect: 1, idle: 1, firstToken: asking.firstToken ?? 60_000, total: 600_000 } } as Target
    const story: Story = { name, worker, since: this.now, servedAt: -1, shedAt: -1, leftAt: -1, doneAt: -1, error: null, turn: null }
    this.stories.push(story)
    const serve = (): void => {
      if (ended(story) || story.servedAt >= 0) throw new Error(`${name} was called although it was over`)
      story.servedAt = this.now
      this.peak = Math.max(this.peak, ++this.#running)
      this.at(asking.serviceMs ?? 100, () => {
        if (ended(story)) return
        story.doneAt = this.now
        this.#running--
        story.turn?.end()
      })
    }
    const shed = (error: GatewayError): void => {
      if (ended(story) || story.servedAt >= 0) throw new Error(`${name} was shed although it was over`)
      story.shedAt = this.now
      story.error = error
    }
    const turn = story.turn = worker.capacity.take(this.#rule, target, x, { onTurn: serve, onShed: shed })
    if (turn.held) serve()
    if (turn.refusal !== null) shed(turn.refusal)
    if (asking.leaveAfterMs === undefined) return
    this.at(asking.leaveAfterMs, () => {
      if (ended(story) || !worker.alive) return
      story.leftAt = this.now
      if (story.servedAt >= 0) this.#running--
      turn.end()
    })
  }

  /** Names in the order in which they were served. */
  served(): string[] {
    return this.stories.filter(({ servedAt }) => servedAt >= 0).toSorted((left, right) => left.servedAt - right.servedAt).map(({ name }) => name)
  }

  /** Runs all events of the next `ms`, and what they cause. */
  async run(ms: number): Promise<void> {
    const until = this.now + ms
    for (;;) {
      let next = -1
      for (let index = 0; index < this.#events.length; index++) {
        const event = this.#events[index] as Event
        const best = this.#events[next]
        if (event.at <= until && (best === undefined || event.at < best.at || event.at === best.at && event.order < best.order)) next = index
      }
      if (next < 0) break
      const [event] = this.#events.splice(next, 1) as [Event]
      this.now = Math.max(this.now, event.at)
      event.run()
      // Promises of those who wait go on before time does.
      for (let turn = 0; turn < 8; turn++) await null
    }
    this.now = until
  }
}

export const ended = (story: Story): boolean => story.shedAt >= 0 || story.leftAt >= 0 || story.doneAt >= 0
