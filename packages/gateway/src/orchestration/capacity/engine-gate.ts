import { LogHistogram } from '@headrace/bytes'
import { gatewayError, type CapacityRule, type CounterSpec, type Exchange, type GatewayError, type Target } from '@headrace/contract'
import type { DeskOptions, LeaseDesk } from '../limits/lease-desk.ts'
import type { Lease } from '../limits/lease.ts'
import { FairLine } from './fair-line.ts'
import { StandingQueue } from './standing-queue.ts'
import { Turn, type TurnHolder, type TurnKeeper } from './turn.ts'

/** Why a request did not get its turn. `hopeless`: those before it would take longer than it may wait; `left`: its client did. */
export type ShedReason = 'full' | 'hopeless' | 'wait' | 'standing' | 'deadline' | 'left'

export interface GateOptions extends Pick<DeskOptions, 'now' | 'wall' | 'after'> {
  readonly desk: LeaseDesk
  readonly random: () => number
}

/** Milliseconds between two looks at who has waited too long. */
const LOOK_LEAST_MS = 5
const LOOK_MOST_MS = 100
/** Bounds of what a refused client is told to wait, ms; up to twice as much is added at random, so that they do not come back together. */
const RETRY_LEAST_MS = 1_000
const RETRY_MOST_MS = 15_000

/**
 * One engine's gate in one worker: as many requests at a time as its capacity allows over all workers, the rest in a bounded queue. Slots are leased from the
 * authority; workers with a queue get the next one in turn. Oldest first while the engine keeps up, newest first and with a short wait when the queue stands.
 */
export class EngineGate implements TurnKeeper {
  readonly #options: GateOptions
  readonly #line = new FairLine()
  readonly #standing: StandingQueue
  #rule: CapacityRule
  #version: number
  #lease: Lease
  #inUse = 0
  #asking = false
  #looking = false
  readonly #waits = new LogHistogram()
  readonly #shed = new Map<ShedReason, number>()

  constructor(rule: CapacityRule, version: number, options: GateOptions) {
    this.#options = options
    this.#rule = rule
    this.#version = version
    this.#standing = new StandingQueue(rule)
    this.#lease = this.#open()
  }

  adopt(rule: CapacityRule, version: number): void {
    this.#rule = this.#standing.rule = rule
    this.#version = version
    this.#lease = this.#open()
  }

  get name(): string { return this.#rule.name }
  get inUse(): number { return this.#inUse }
  get waiting(): number { return this.#line.size }
  get waits(): LogHistogram { return this.#waits }
  get shed(): ReadonlyMap<ShedReason, number> { return this.#shed }
  get stands(): boolean { return this.#standing.stands(this.#options.now()) }
  get idle(): boolean { return this.#inUse === 0 && this.#line.size === 0 && !this.#asking }

  /** A place at once (`held`), one in the queue, or a refusal (`refusal`). */
  enter(target: Target, x: Exchange, holder: TurnHolder): Turn {
    const now = this.#options.now()
    const turn = new Turn(this, holder, target, x, now)
    if (this.#lease.closed) this.#lease = this.#open()
    if (this.#line.size === 0 && this.#lease.has(1, this.#options.wall())) {
      this.#options.desk.take(this.#lease, 1)
      this.#standing.served()
      this.#hold(turn, now)
    } else this.#wait(turn, now)
    return turn
  }

  ended(turn: Turn): void {
    if (!turn.held) return this.#remove(turn, 'left')
    this.#inUse--
    this.#lease.busy--
    this.#standing.learn(this.#options.now() - turn.heldAt)
    // A place is free and nobody waits for it.
    if (this.#line.size === 0) this.#standing.served()
    this.#options.desk.putBack(this.#lease, 1, true)
  }

  #wait(turn: Turn, now: number): void {
    const stands = this.#standing.stands(now)
    if (!stands && this.#line.ahead(turn.tenant, turn.key) * this.#standing.turnoverMs > Math.min(this.#rule.waitMs, turn.deadline - now)) return this.#refuse(turn, 'hopeless')
    this.#line.add(turn)
    // Those whom the engine can take at once wait for a message only, and may be as many as it takes.
    if (this.#line.size > this.#rule.queue + Math.max(0, this.#rule.concurrency - this.#inUse)) {
      const surplus = this.#line.surplus(turn, stands)
      if (surplus === turn) {
        this.#line.remove(turn)
        return this.#refuse(turn, 'full')
      }
      this.#send(surplus, 'full')
    }
    this.#standing.began(now)
    this.#ask()
    this.#look()
  }

  /** Asks for one slot at a time: several workers that have a queue take turns. */
  #ask(): void {
    if (this.#asking || this.#line.size === 0) return
    this.#asking = true
    const lease = this.#lease
    lease.busy++
    void this.#options.desk.wait(lease, 1).then(shortage => {
      this.#asking = false
      lease.busy--
      if (shortage === null) this.#give(lease)
      this.#ask()
    })
  }

  #give(lease: Lease): void {
    const now = this.#options.now()
    const turn = this.#line.next(this.#standing.stands(now))
    // All have left meanwhile.
    if (turn === null) return this.#options.desk.putBack(lease, 1, false)
    if (this.#line.size === 0) this.#standing.served()
    this.#options.desk.commit(lease, 1)
    const waited = now - turn.since
    this.#waits.record(waited / 1_000)
    this.#hold(turn, now)
    turn.holder.onTurn(turn.target, waited)
  }

  #hold(turn: Turn, now: number): void {
    turn.held = true
    turn.heldAt = now
    this.#inUse++
    this.#lease.busy++
  }

  /** Sends those away who have waited too long, as long as anybody waits. */
  #look(): void {
    if (this.#looking || this.#line.size === 0) return
    this.#looking = true
    this.#options.after(Math.min(LOOK_MOST_MS, Math.max(LOOK_LEAST_MS, this.#rule.targetMs / 4)), () => {
      this.#looking = false
      const now = this.#options.now()
      const allowed = this.#standing.allowedMs(now)
      const reason = this.#standing.stands(now) ? 'standing' : 'wait'
      for (const turn of this.#line.all()) {
        if (now >= turn.deadline) this.#send(turn, 'deadline')
        else if (now - turn.since >= allowed) this.#send(turn, reason)
      }
      this.#look()
    })
  }

  #send(turn: Turn, reason: ShedReason): void {
    turn.over = true
    this.#remove(turn, reason)
    turn.holder.onShed(this.#error())
  }

  #refuse(turn: Turn, reason: ShedReason): void {
    turn.over = true
    this.#count(reason)
    turn.refusal = this.#error()
  }

  #remove(turn: Turn, reason: ShedReason): void {
    this.#line.remove(turn)
    this.#count(reason)
  }

  #count(reason: ShedReason): void {
    this.#shed.set(reason, (this.#shed.get(reason) ?? 0) + 1)
  }

  #error(): GatewayError {
    const wait = Math.min(RETRY_MOST_MS, Math.max(RETRY_LEAST_MS, this.#line.size * this.#standing.turnoverMs))
    return gatewayError('overloaded', `The model's engine takes ${this.#rule.concurrency} requests at a time, and more are waiting than it can answer soon. Try again later.`,
      { retryAfterMs: Math.ceil(wait * (1 + 2 * this.#options.random())) })
  }

  #open(): Lease {
    const spec: CounterSpec = { kind: 'slots', limit: this.#rule.concurrency, patient: true }
    const key = `engine ${this.#rule.name}`
    return this.#options.desk.open(key, key, spec, this.#version)
  }
}
