import { Exchange, type CounterSpec, type GatewayError, type LimitResource, type LimitRule, type LimitsToAuthority, type LimitsToWorker, type Principal, type Snapshot } from '@headrace/contract'
import { Admission, Limiter } from '../orchestration/limits/limiter.ts'
import { LeaseAuthority } from './lease-authority.ts'

interface Event { readonly at: number, readonly order: number, readonly run: () => void }

export interface SimulatedWorker {
  readonly id: number
  readonly limiter: Limiter
  alive: boolean
  /** Exchanges admitted and not settled. */
  readonly running: Map<Admission, Exchange>
  lastUp: number
  lastDown: number
}

/** What happened to one request, and when (virtual ms). */
export interface Outcome { readonly at: number, readonly began: number, readonly worker: number, readonly admitted: boolean, readonly error: GatewayError | null, readonly wall: number }

export const principal = (facts: Partial<Principal> = {}): Principal =>
  ({ tenant: 'default', team: null, app: null, keyId: 'k', endUser: null, scopes: new Set(['inference']), source: 'virtual-key', ...facts })

export const rule = (name: string, resource: LimitResource, spec: CounterSpec, facts: Partial<LimitRule> = {}): LimitRule =>
  ({ name, per: ['key'], match: {}, amounts: [{ resource, spec }], ...facts })

/**
 * One authority and some workers in virtual time: messages take as long as `delay` says, in order per channel; workers can crash. Deterministic.
 */
export class LeaseSimulation {
  now = 1_000_000
  /** Unix ms minus virtual ms. */
  wallOffset = Date.UTC(2026, 10, 25, 12) - 1_000_000
  authority: LeaseAuthority
  readonly workers: SimulatedWorker[] = []
  readonly outcomes: Outcome[] = []
  messages = 0
  readonly #rules: readonly LimitRule[]
  readonly #delay: () => number
  readonly #principal = principal()
  #events: Event[] = []
  #order = 0

  constructor(rules: readonly LimitRule[], workers: number, delay: () => number) {
    this.#rules = rules
    this.#delay = delay
    this.authority = this.#createAuthority(0)
    for (let count = 0; count < workers; count++) this.start()
  }

  /** Another authority takes over, in a process whose clock began elsewhere. Messages under way reach it. */
  handOver(): void {
    const state = structuredClone(this.authority.dump())
    this.authority = this.#createAuthority(-123_456)
    this.authority.load(state)
  }

  #createAuthority(clock: number): LeaseAuthority {
    const authority: LeaseAuthority = new LeaseAuthority({
      now: () => this.now + clock, wall: () => this.wall(), after: (ms, task) => this.at(ms, () => { if (this.authority === authority) task() }),
      send: (id, message) => this.#deliverDown(id, message),
    })
    return authority
  }

  wall(): number {
    return Math.floor(this.now + this.wallOffset)
  }

  /** Runs a task so many ms from now. */
  at(ms: number, run: () => void): void {
    this.#events.push({ at: this.now + ms, order: this.#order++, run })
  }

  start(): SimulatedWorker {
    const id = this.workers.length
    const limiter = new Limiter({
      now: () => this.now, wall: () => this.wall(),
      send: message => this.#deliverUp(id, message),
      soon: task => this.at(0, () => { if (worker.alive) task() }),
      after: (ms, task) => this.at(ms, () => { if (worker.alive) task() }),
    })
    limiter.adopt(this.#rules, 1)
    const worker: SimulatedWorker = { id, limiter, alive: true, running: new Map(), lastUp: 0, lastDown: 0 }
    this.workers.push(worker)
    return worker
  }

  /** kill -9: what it had sent arrives, then its channel closes. */
  crash(worker: SimulatedWorker): void {
    worker.alive = false
    worker.running.clear()
    worker.lastUp = Math.max(worker.lastUp, this.now + this.#delay())
    this.at(worker.lastUp - this.now, () => this.authority.workerGone(worker.id))
  }

  /** One request; holds its slot for `holdMs` when it is admitted. */
  request(worker: SimulatedWorker, holdMs = 0, who = this.#principal): void {
    if (!worker.alive) return
    const began = this.now
    const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', this.wall(), this.now)
    x.principal = who
    x.model = 'm'
    const decided = worker.limiter.admit(x, { body: Buffer.from('{}') }, -1)
    if (!(decided instanceof Promise)) return this.#decided(worker, x, began, holdMs, decided)
    void decided.then(late => {
      if (worker.alive) this.#decided(worker, x, began, holdMs, late)
    })
  }

  running(): number {
    return this.workers.reduce((sum, worker) => sum + worker.running.size, 0)
  }

  get admitted(): number {
    return this.outcomes.filter(outcome => outcome.admitted).length
  }

  /** Runs all events up to `until` (virtual ms), and what they cause. */
  async run(until: number): Promise<void> {
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
      // Promises of waiting requests go on before time does.
      for (let turn = 0; turn < 8; turn++) await null
    }
    this.now = Math.max(this.now, until)
  }

  #decided(worker: SimulatedWorker, x: Exchange, began: number, holdMs: number, decided: Admission | GatewayError): void {
    const admitted = decided instanceof Admission
    this.outcomes.push({ at: this.now, began, worker: worker.id, admitted, error: admitted ? null : decided, wall: this.wall() })
    if (!admitted) return
    worker.running.set(decided, x)
    this.at(holdMs, () => {
      if (!worker.running.delete(decided)) return
      worker.limiter.settle(decided, x)
    })
  }

  #deliverUp(id: number, message: LimitsToAuthority): void {
    const worker = this.workers[id]
    if (worker === undefined) return
    this.messages++
    const copy = structuredClone(message)
    worker.lastUp = Math.max(worker.lastUp, this.now + this.#delay())
    this.at(worker.lastUp - this.now, () => this.authority.receive(id, copy))
  }

  #deliverDown(id: number, message: LimitsToWorker): void {
    const worker = this.workers[id]
    if (worker === undefined) return
    this.messages++
    const copy = structuredClone(message)
    worker.lastDown = Math.max(worker.lastDown, this.now + this.#delay())
    this.at(worker.lastDown - this.now, () => { if (worker.alive) worker.limiter.receive(copy) })
  }
}
