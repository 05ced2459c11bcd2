import { ERROR_POLICY, type ErrorKind, type GatewayError, type Outcome, type ShadowRule } from '@headrace/contract'
import { besideRecord } from './attempt-record.ts'
import { compareAnswers } from './compare-answers.ts'
import { BlindSink, type MirrorSink } from './mirror-sink.ts'
import { isFree } from './orchestration/health/lane.ts'
import { UNLIMITED } from './orchestration/limits/limiter.ts'
import type { AttemptLayers, PreparedCall } from './prepared-call.ts'
import { SideAttempt, type SideHolder } from './side-attempt.ts'
import { requestAtOnce, Translator } from './translation.ts'

/**
 * A copy of one request at another target, whose answer nobody gets. It begins after the request's own attempt, in a turn of its own, is tried once and
 * waits for nothing; its row is written when both have ended, with what the two answers came to. No limit and no budget of the client counts it.
 *
 *   SAMPLED --request started, target free, room--> RUNNING --both ended--> RECORDED
 *      +-- else SKIPPED                                +-- the client left: cancelled, nothing is compared
 */
export class Shadow implements SideHolder {
  readonly #layers: AttemptLayers
  readonly #prepared: PreparedCall
  readonly #rule: ShadowRule
  readonly #mirror: MirrorSink
  readonly #sink = new BlindSink()
  #side: SideAttempt | null = null
  /** Set when the shadow has ended, and still waits for the request. */
  #outcome: Outcome | null = null
  #settled = false

  constructor(layers: AttemptLayers, prepared: PreparedCall, rule: ShadowRule, mirror: MirrorSink) {
    this.#layers = layers
    this.#prepared = prepared
    this.#rule = rule
    this.#mirror = mirror
    mirror.onStart = () => {
      mirror.onStart = null
      setImmediate(() => this.#start())
    }
    mirror.onSettled = () => this.#onSettled()
  }

  onSideOver(outcome: Outcome | null, error: GatewayError | ErrorKind | null): void {
    const x = this.#side?.parts.x
    this.#layers.shadows.end(this.#rule)
    if (x === undefined) return
    const kind = typeof error === 'string' ? error : error?.kind ?? null
    if (kind !== null) x.status = ERROR_POLICY[kind].status
    this.#layers.shadows.count(this.#rule, kind ?? 'ok', x.costNano)
    this.#outcome = outcome
    if (this.#settled) this.#record()
  }

  #start(): void {
    if (this.#prepared.exchange.error === 'client-closed') return
    const { shadows } = this.#layers
    if (!shadows.begin(this.#rule)) return shadows.count(this.#rule, 'skipped', -1)
    const side = this.#prepare()
    if (side === null) {
      shadows.end(this.#rule)
      return shadows.count(this.#rule, 'skipped', -1)
    }
    this.#side = side
    side.begin()
  }

  /** Null = the target is not well or busy, or cannot take the request. */
  #prepare(): SideAttempt | null {
    const { exchange, request, path } = this.#prepared
    const { targetBoard, pacing, capacity, dialects } = this.#layers
    const [target] = this.#rule.plan.targets
    if (target === undefined || exchange.operation === 'count-tokens' || !isFree(targetBoard.lane(target)) || !pacing.calm && pacing.isPaced(target)) return null
    const x = besideRecord(exchange, 'shadow', `${exchange.id}-shadow`, 1, performance.now())
    x.plan = this.#rule.plan
    x.committedAt = x.status = 0
    x.route = x.responseBody = x.explanation = ''
    let translator: Translator | null = null
    const translated = requestAtOnce(x, target, () => translator ??= new Translator(dialects, x, request.body, path))
    if (translated === undefined) return null
    const turn = target.capacity == null ? null : capacity.takeNow(target.capacity, target, x)
    if (target.capacity != null && turn === null) return null
    return new SideAttempt({ layers: this.#layers, prepared: this.#prepared, x, target, translated, sink: this.#sink, admission: UNLIMITED, turn }, this)
  }

  #onSettled(): void {
    this.#settled = true
    // The one who would be compared with is gone.
    if (this.#prepared.exchange.error === 'client-closed') this.#side?.cancel('client-closed')
    if (this.#outcome !== null) this.#record()
  }

  #record(): void {
    const outcome = this.#outcome
    this.#outcome = null
    const { exchange } = this.#prepared
    const x = this.#side?.parts.x
    if (outcome === null || x === undefined) return
    if (x.error !== 'client-closed') x.compared = compareAnswers(this.#layers.dialects.translating[exchange.dialect], exchange, this.#mirror.seen, x, this.#sink.seen)
    this.#layers.journal.settle(x, outcome, true)
  }
}
