import { LogHistogram } from '@headrace/bytes'
import type { CapacityRule, Exchange, GatewayError, Target } from '@headrace/contract'
import type { DeskOptions } from '../limits/lease-desk.ts'
import { FairLine, type Lane } from './fair-line.ts'
import { StandingQueue } from './standing-queue.ts'
import type { Supply } from './supply.ts'
import { Turn, type TurnHolder, type TurnKeeper } from './turn.ts'

/** Why a request did not get its turn. `hopeless`: those before it would take longer than it may wait; `left`: its client did. */
export type ShedReason = 'full' | 'hopeless' | 'wait' | 'standing' | 'deadline' | 'left'

export interface GateOptions extends Pick<DeskOptions, 'now' | 'after'> {
  readonly random: () => number
}

/** Who has a place at once hears nothing more. */
const NOBODY: TurnHolder = Object.freeze({ onTurn() {}, onShed() {} })
/** Milliseconds between two looks at who has waited too long. */
const LOOK_LEAST_MS = 5
const LOOK_MOST_MS = 100
/** Bounds of what a refused client is told to wait, ms; up to twice as much is added at random, so that they do not come back together. */
const RETRY_LEAST_MS = 1_000
const RETRY_MOST_MS = 15_000

/**
 * One engine's gate in one worker: as many requests as its supply allows over all workers, the rest in a bounded queue. Workers with a queue get the next
 * place in turn. Oldest first while the engine keeps up, newest first and with a short wait when the queue stands.
 */
export class EngineGate implements TurnKeeper {
  readonly #options: GateOptions
  readonly #line = new FairLine()
  readonly #standing: StandingQueue
  readonly #supply: Supply
  #rule: CapacityRule
  #inUse = 0
  #asking = false
  #looking = false
  readonly #waits = new LogHistogram()
  readonly #shed = new Map<ShedReason, number>()

  constructor(rule: CapacityRule, supply: Supply, options: GateOptions) {
    this.#options = options
    this.#rule = rule
    this.#supply = supply
    this.#standing = new StandingQueue(rule)
  }

  adopt(rule: CapacityRule, version: number): void {
    this.#rule = this.#standing.rule = rule
    this.#supply.adopt(rule, version)
  }

  get name(): string { return this.#rule.name }
  get inUse(): number { return this.#inUse }
  get waiting(): number { return this.#line.size }
  get waits(): LogHistogram { return this.#waits }
  get shed(): ReadonlyMap<ShedReason, number> { return this.#shed }
  get stands(): boolean { return this.#standing.stands(this.#options.now()) }
  get idle(): boolean { return this.#inUse === 0 && this.#line.size === 0 && !this.#asking }

  /** How long those who wait will take, about, ms. */
  get backlogMs(): number { return this.#line.size * this.#standing.turnoverMs }

  /** A place at once (`held`), one in the queue, or a refusal (`refusal`). `input`, `output`: tokens, where the supply counts them. */
  enter(target: Target, x: Exchange, holder: TurnHolder, input = 0, output = 0): Turn {
    const now = this.#options.now()
    const turn = new Turn(this, holder, target, x, now, input, output)
    if (this.#line.size === 0 && this.#supply.take(turn)) {
      this.#standing.served()
      this.#hold(turn, now)
    } else this.#wait(turn, now)
    return turn
  }

  /** A place at once, or null: nobody waits for it. */
  enterNow(target: Target, x: Exchange): Turn | null {
    const now = this.#options.now()
    const turn = new Turn(this, NOBODY, target, x, now, 0, 0)
    if (this.#line.size > 0 || !this.#supply.take(turn)) return null
    this.#standing.served()
    this.#hold(turn, now)
    return turn
  }

  ended(turn: Turn): void {
    if (!turn.held) return this.#remove(turn, 'left')
    this.#inUse--
    // A place is free and nobody waits for it.
    if (this.#line.size === 0) this.#standing.served()
    this.#standing.learn(this.#supply.end(turn, this.#options.now()))
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

  /** Asks for one place at a time: several workers that have a queue take turns. */
  #ask(): void {
    if (this.#asking) return
    const asked = this.#line.peek(this.#standing.stands(this.#options.now()))
    if (asked === null) return
    this.#asking = true
    void this.#supply.wait(asked).then(came => {
      this.#asking = false
      if (came) this.#give(asked)
      this.#ask()
    })
  }

  #give(asked: Turn): void {
    const now = this.#options.now()
    const next = this.#line.peek(this.#standing.stands(now))
    const turn = next === null || this.#supply.suits(next, asked) ? next : asked.lane === null ? null : asked
    // All have left meanwhile, or those who are there need more.
    if (turn === null) return this.#supply.putBack(asked)
    this.#line.serve(turn)
    if (this.#line.size === 0) this.#standing.served()
    this.#supply.use(turn)
    const waited = now - turn.since
    this.#waits.record(waited / 1_000)
    this.#hold(turn, now)
    turn.holder.onTurn(turn.target, waited)
  }

  #hold(turn: Turn, now: number): void {
    turn.held = true
    turn.heldAt = now
    this.#inUse++
  }

  /** Sends those away who have waited too long, as long as anybody waits. */
  #look(): void {
    if (this.#looking || this.#line.size === 0) return
    this.#looking = true
    this.#options.after(Math.min(LOOK_MOST_MS, Math.max(LOOK_LEAST_MS, this.#rule.targetMs / 4)), () => {
      this.#looking = false
      for (const lane of this.#line.lanes()) this.#thin(lane, this.#options.now())
      this.#look()
    })
  }

  /**
   * In a queue that stands the newest of each key stay, as many as its share of the places is: they are next, and a place never comes free with nobody there.
   * All others go when they have waited for the allowed time.
   */
  #thin(lane: Lane, now: number): void {
    const stands = this.#standing.stands(now)
    const allowed = this.#standing.allowedMs(now)
    const kept = stands ? this.#line.share(lane, this.#rule.concurrency) : 0
    let newer = lane.count
    for (let turn = lane.oldest, next: Turn | null = null; turn !== null; turn = next) {
      // Who is sent away may come back for another target of this engine, and push others out.
      if (turn.over) return
      next = turn.newer
      newer--
      const waited = now - turn.since
      if (now >= turn.deadline) this.#send(turn, 'deadline')
      else if (waited >= this.#rule.waitMs) this.#send(turn, 'wait')
      else if (waited >= allowed && newer >= kept) this.#send(turn, 'standing')
    }
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
    return this.#supply.refusal(Math.ceil(wait * (1 + 2 * this.#options.random())))
  }
}
