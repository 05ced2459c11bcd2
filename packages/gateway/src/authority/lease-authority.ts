import type { AuthorityState, BudgetsToAuthority, CounterSpec, CounterState, LeaseNews, LeaseOpen, LimitsToAuthority, LimitsToWorker } from '@headrace/contract'
import { Counter, type Attachment, type AuthorityOp, type CounterPorts } from './counter.ts'
import { CalendarMeter, type Moment } from './meter.ts'

export interface AuthorityOptions {
  /** Monotonic ms and Unix ms. */
  readonly now: () => number
  readonly wall: () => number
  /** Sends to one worker, in order. A worker that is gone is not an error. */
  readonly send: (worker: number, message: LimitsToWorker) => void
  /** Calls back once, after so many ms; must not keep the process alive. */
  readonly after: (ms: number, task: () => void) => void
}

/** How long a worker may take to answer a recall before requests elsewhere are refused without it, ms. */
const RECALL_MS = 250
/** Counters of one rule and tenant; further end users (or models) of it share one counter, so that made-up names cannot fill the memory. */
const MAX_PER_GROUP = 100_000
/** The same for all together: about 1 KB each. */
const MAX_COUNTERS = 400_000
/** Counters that are looked at per sweep. */
const SWEEP = 2_000

/** Counters of one rule and tenant; they share its name and amount, which would else be a copy per message. */
interface Group { readonly name: string, readonly spec: CounterSpec, members: number }

/**
 * The owner of every limit's counter (invariant 12). It lives in the supervisor: it does no I/O, keeps numbers only and answers in microseconds.
 * Workers hold leases of units; a worker that ends gives them back (`workerGone`).
 */
export class LeaseAuthority {
  readonly #options: AuthorityOptions
  readonly #counters = new Map<string, Counter>()
  readonly #groups = new Map<string, Group>()
  readonly #workers = new Map<number, Map<number, Attachment>>()
  /** Groups of budgets whose earlier use is known. */
  readonly #learned = new Set<string>()
  readonly #outbox = new Map<number, AuthorityOp[]>()
  readonly #ports: CounterPorts
  #moment: Moment
  #changes = 0
  #sweepFrom: IterableIterator<Counter> | null = null

  constructor(options: AuthorityOptions) {
    this.#options = options
    this.#moment = this.#read()
    this.#ports = {
      moment: () => this.#moment,
      send: (attachment, op) => this.#post(attachment.worker, op),
      watch: giveUp => options.after(RECALL_MS, () => this.#turn(giveUp)),
      changed: () => { this.#changes++ },
    }
  }

  /** Counters alive. */
  get size(): number {
    return this.#counters.size
  }

  /** Takes in one message of a worker. Answers to all concerned leave before it returns. */
  receive(worker: number, message: LimitsToAuthority): void {
    this.#turn(() => {
      for (const op of message.ops) {
        if (op.op === 'open') this.#open(worker, op)
        else this.#hear(worker, op)
      }
    })
  }

  /** A worker has ended. Call it when its channel is closed, so that its last words have been heard: its units and slots return. */
  workerGone(worker: number): void {
    const attachments = this.#workers.get(worker)
    this.#workers.delete(worker)
    this.#outbox.delete(worker)
    if (attachments !== undefined) this.#turn(() => { for (const attachment of attachments.values()) attachment.counter.detach(attachment) })
  }

  /** Forgets some counters that nobody holds and that are full again. Call it about once per second. */
  sweep(): void {
    this.#moment = this.#read()
    this.#sweepFrom ??= this.#counters.values()
    for (let looked = 0; looked < SWEEP; looked++) {
      const next = this.#sweepFrom.next()
      if (next.done === true) {
        this.#sweepFrom = null
        return
      }
      if (next.value.idle(this.#moment)) this.#forget(next.value)
    }
  }

  /** Changes with everything that `state` would tell. */
  get changes(): number {
    return this.#changes
  }

  /** The use of calendar windows, read while the iteration goes on. Units out on lease count as used: after a crash of everything nobody can say. */
  *state(): IterableIterator<CounterState> {
    for (const { key, group, spec, meter } of this.#counters.values()) {
      if (!(meter instanceof CalendarMeter)) continue
      const used = meter.used()
      if (used.length > 0) yield { key, group, spec, used }
    }
  }

  /** Everything, for an authority in another process that takes over; this one is not to be used afterwards. */
  dump(): AuthorityState {
    this.#moment = this.#read()
    return { counters: Array.from(this.#counters.values(), counter => counter.dump()), learned: [...this.#learned] }
  }

  /** Takes over, before anything else was heard. Workers keep their numbers. */
  load({ counters, learned }: AuthorityState): void {
    this.#turn(() => {
      for (const group of learned) this.#learned.add(group)
      for (const state of counters) {
        const counter = this.#counter(state.key, state.group, state.spec, state.version)
        for (const attachment of counter.load(state)) {
          let attachments = this.#workers.get(attachment.worker)
          if (attachments === undefined) this.#workers.set(attachment.worker, attachments = new Map())
          attachments.set(attachment.id, attachment)
        }
      }
    })
    this.#changes++
  }

  /** What an earlier authority told. Before the first worker is heard. */
  restore({ key, group, spec, used }: CounterState): void {
    const { meter } = this.#counter(key, group, spec, 0)
    if (meter instanceof CalendarMeter) meter.restore(used)
  }

  /** What budgets have used, from the ledger. Counters that waited for it go on. */
  learn({ groups, counters }: BudgetsToAuthority): void {
    this.#turn(() => {
      for (const { key, group, spec, used } of counters) this.#counter(key, group, spec, 0).learn(used)
      for (const group of groups) this.#learned.add(group)
      for (const counter of this.#counters.values()) if (this.#learned.has(counter.group)) counter.learn([])
    })
  }

  #turn(work: () => void): void {
    this.#moment = this.#read()
    work()
    for (const [worker, ops] of this.#outbox) this.#options.send(worker, { type: 'limits', ops })
    this.#outbox.clear()
  }

  #read(): Moment {
    return { now: this.#options.now(), wall: this.#options.wall() }
  }

  #post(worker: number, op: AuthorityOp): void {
    const ops = this.#outbox.get(worker)
    if (ops === undefined) this.#outbox.set(worker, [op])
    else ops.push(op)
  }

  #open(worker: number, { id, key, group, spec, version }: LeaseOpen): void {
    let attachments = this.#workers.get(worker)
    if (attachments === undefined) this.#workers.set(worker, attachments = new Map())
    const known = attachments.get(id)
    if (known !== undefined) return known.counter.adopt(spec, version)
    attachments.set(id, this.#counter(key, group, spec, version).attach(worker, id, spec, version))
  }

  #hear(worker: number, news: LeaseNews): void {
    const attachments = this.#workers.get(worker)
    const attachment = attachments?.get(news.id)
    if (attachments === undefined || attachment === undefined) return
    if (news.op === 'close') attachments.delete(news.id)
    attachment.counter.hear(attachment, news)
  }

  #counter(key: string, group: string, spec: CounterSpec, version: number): Counter {
    const known = this.#counters.get(key)
    if (known !== undefined) return known
    let shared = this.#groups.get(group)
    if (shared === undefined) this.#groups.set(group, shared = { name: group, spec, members: 0 })
    const overflow = `${group} *`
    if ((shared.members >= MAX_PER_GROUP || this.#counters.size >= MAX_COUNTERS) && key !== overflow) return this.#counter(overflow, group, spec, version)
    const counter = new Counter(key, shared.name, sameSpec(shared.spec, spec) ? shared.spec : spec, version, this.#ports)
    this.#counters.set(key, counter)
    shared.members++
    if (this.#learned.has(group)) counter.learn([])
    return counter
  }

  #forget(counter: Counter): void {
    this.#counters.delete(counter.key)
    const group = this.#groups.get(counter.group)
    if (group !== undefined && --group.members === 0) this.#groups.delete(group.name)
  }
}

function sameSpec(left: CounterSpec, right: CounterSpec): boolean {
  return left.kind === right.kind && left.limit === right.limit && (left.kind !== 'rate' || right.kind !== 'rate' || left.windowMs === right.windowMs && left.burst === right.burst)
    && (left.kind !== 'calendar' || right.kind !== 'calendar' || left.period === right.period)
    && (left.kind !== 'budget' || right.kind !== 'budget' || left.window === right.window)
}
