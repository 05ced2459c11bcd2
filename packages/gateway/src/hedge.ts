import type { ErrorKind, GatewayError, HedgeRule, Outcome, Target } from '@headrace/contract'
import { besideRecord } from './attempt-record.ts'
import type { HedgeResult } from './orchestration/hedge-budget.ts'
import type { Lane } from './orchestration/health/lane.ts'
import type { PlanWalk } from './plan-walk.ts'
import type { AttemptLayers, PreparedCall } from './prepared-call.ts'
import { RaceSink } from './race-sink.ts'
import { SideAttempt, type SideHolder } from './side-attempt.ts'
import type { Translated } from './translation.ts'

/** The client of a probe waits for it so many times as long as usual, and so long at least, ms: as with a target that hangs. */
const PROBE_RATIO = 4
const PROBE_LEAST_MS = 1_000

/** The attempts that are hedged. */
export interface Hedged {
  startedWalk(): PlanWalk
  /** The request for a target, at once: null = as its client wrote it, undefined = it cannot be had at once. */
  requestFor(target: Target): Translated | null | undefined
  /** A second attempt runs now. */
  onHedge(side: SideAttempt): void
  /** It has the first bytes for the client, which go out as soon as this returns. */
  onHedgeWon(side: SideAttempt): void
  /** It came to nothing; the first one still runs. */
  onHedgeFailed(): void
}

/**
 * Watches one attempt for a slow first byte, and runs a second one beside it.
 *
 *   WAITING --longer than usual, budget left--> RUNNING --first bytes for the client--> WON
 *      +-- end --> OVER                            +-- end (the first one was faster) --> LOST
 *                                                  +-- fails --> FAILED
 *                                                  +-- release (the first one failed) --> the request's only attempt
 */
export class Hedge implements SideHolder {
  readonly #layers: AttemptLayers
  readonly #prepared: PreparedCall
  /** Null = a probe is stood in for: whether its target is well is asked for everybody, and one client is not to wait for it until a time-out. */
  readonly #rule: HedgeRule | null
  readonly #hedged: Hedged
  #timer: NodeJS.Timeout | null = null
  /** The time is up, and what has come is being read. */
  #reading: NodeJS.Immediate | null = null
  readonly #waitMs: number
  /** It has waited twice as long as usual, or longer. */
  #long = false
  #side: SideAttempt | null = null

  /**
   * Watches an attempt that has just been sent, as the model's rule says, or because it is a probe; null = its target is not known well enough, or what comes is
   * the rest of an answer.
   */
  static watch(layers: AttemptLayers, prepared: PreparedCall, rule: HedgeRule | null, hedged: Hedged, { endpoint }: Lane, ticket: number): Hedge | null {
    const x = prepared.exchange
    if (rule !== null && x.attempts === 1) layers.hedgeBudget.earn(rule)
    const usual = x.stream ? endpoint.streamP95 : endpoint.jsonP95
    if (usual === 0 || x.committedAt !== 0 || x.operation === 'count-tokens') return null
    const isProbe = ticket < 0
    if (rule === null && !isProbe) return null
    const waitMs = rule === null || isProbe ? Math.max(PROBE_LEAST_MS, PROBE_RATIO * usual) : Math.max(rule.leastMs, usual)
    const hedge = new Hedge(layers, prepared, isProbe ? null : rule, hedged, waitMs)
    hedge.#wait()
    return hedge
  }

  private constructor(layers: AttemptLayers, prepared: PreparedCall, rule: HedgeRule | null, hedged: Hedged, waitMs: number) {
    this.#waitMs = waitMs
    this.#layers = layers
    this.#prepared = prepared
    this.#rule = rule
    this.#hedged = hedged
  }

  /** Ends the wait, or the second attempt as the loser. Idempotent. */
  end(why: ErrorKind): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
    if (this.#reading !== null) clearImmediate(this.#reading)
    this.#reading = null
    this.#side?.cancel(why)
  }

  /** Hands the second attempt over: the first one is no more. */
  release(): SideAttempt | null {
    const side = this.#side
    this.#side = null
    if (side !== null) this.#count('took-over')
    return side
  }

  onSideOver(outcome: Outcome | null, error: GatewayError | ErrorKind | null): void {
    const side = this.#side
    if (side === null) return
    this.#side = null
    const { x } = side.parts
    const walk = this.#hedged.startedWalk()
    const lost = typeof error === 'string'
    this.#count(lost ? 'lost' : 'failed')
    walk.hedgeEnded(lost ? null : error)
    if (outcome !== null) {
      x.route = walk.text()
      if (x.costNano > 0) this.#prepared.exchange.spentNano += x.costNano
      this.#layers.journal.settle(x, outcome, false)
      this.#layers.metrics.observe(x, false)
    }
    if (!lost) this.#hedged.onHedgeFailed()
  }

  #wait(): void {
    this.#timer = setTimeout(() => this.#timeIsUp(), this.#waitMs)
  }

  /** Timers run before sockets are read: where it is the worker that is behind, the answer may lie in the socket already. */
  #timeIsUp(): void {
    this.#timer = null
    this.#reading = setImmediate(() => this.#due())
  }

  #due(): void {
    this.#reading = null
    const x = this.#prepared.exchange
    if (x.firstByteAt !== 0 || x.committedAt !== 0 || x.settledAt !== 0) return
    // Where the budget is spent for now, those who go on waiting have another chance.
    if (this.#rule !== null && !this.#layers.hedgeBudget.has(this.#rule, this.#long)) this.#wait()
    else if (!this.#start()) this.#count('denied')
    this.#long = true
  }

  /** False = there is nowhere to send it, or it may not be afforded. Nothing is waited for. */
  #start(): boolean {
    const { exchange: x, plan, sink, admission } = this.#prepared
    const walk = this.#hedged.startedWalk()
    const index = walk.mayTryAgain ? walk.beside() : -1
    const target = plan.targets[index]
    const { pacing, capacity, hedgeBudget, retryBudget, limiter } = this.#layers
    if (target === undefined || !pacing.calm && pacing.isPaced(target)) return false
    const translated = this.#hedged.requestFor(target)
    if (translated === undefined) return false
    const record = besideRecord(x, 'hedge', x.id, x.attempts + 1, performance.now())
    const turn = target.capacity == null ? null : capacity.takeNow(target.capacity, target, record)
    if (target.capacity != null && turn === null) return false
    const side: SideAttempt = new SideAttempt({
      layers: this.#layers, prepared: this.#prepared, x: record, target, translated, admission, turn, sink: new RaceSink(sink, () => this.#won(side)),
    }, this)
    if (!limiter.reserveBeside(admission, record) || !retryBudget.take()) {
      turn?.end()
      return false
    }
    if (this.#rule !== null) hedgeBudget.spend(this.#rule)
    walk.hedges(index, performance.now() - x.attemptAt)
    if (x.explain) record.explanation = x.explanation = `headrace-explain: ${walk.text()}\r\n`
    this.#side = side
    this.#hedged.onHedge(side)
    side.begin()
    return true
  }

  /** Not called as a hedge's win where the first attempt has failed: then there is no race. */
  #won(side: SideAttempt): void {
    if (this.#side !== side) return
    this.#side = null
    this.#count('won')
    this.#hedged.onHedgeWon(side)
  }

  #count(result: HedgeResult): void {
    if (this.#rule !== null) this.#layers.hedgeBudget.count(this.#rule, result)
  }
}
