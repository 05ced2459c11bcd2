import type { BodyHolder, CapacityRule, Exchange, PaceToWorker, QuotaUse, ResponseHead, Target } from '@headrace/contract'
import { EngineGate, type GateOptions } from '../capacity/engine-gate.ts'
import type { Turn, TurnHolder } from '../capacity/turn.ts'
import { TokenForecast } from '../limits/token-forecast.ts'
import { PaceDesk, type PaceDeskOptions } from './pace-desk.ts'
import { PaceSupply } from './pace-supply.ts'

export interface PacingOptions extends PaceDeskOptions, GateOptions {
  /** Told of the queue of a target's credential, once. */
  readonly onLine: (target: Target, line: { readonly backlogMs: number }) => void
}

/** How requests wait for a provider's limit: as long as a client is held for any target, and shorter once more come than the limit will ever take. */
const RULE: CapacityRule = Object.freeze({ name: '', concurrency: 1, queue: 1_000, waitMs: 10_000, targetMs: 5_000, intervalMs: 60_000 })
/** Beyond so many gates those that nobody waits at are forgotten. */
const MANY_GATES = 1_000

/**
 * Keeps every credential just under what its provider allows. What answers' heads say is passed on to the authority; where less than half of a limit is left,
 * attempts wait for their turn in a queue (that of the engines) instead of being refused. Where nothing is short it costs a look at a head.
 */
export class Pacing {
  readonly #options: PacingOptions
  readonly #desk: PaceDesk
  readonly #forecast = new TokenForecast()
  readonly #gates = new Map<string, EngineGate>()

  constructor(options: PacingOptions) {
    this.#options = options
    this.#desk = new PaceDesk(options)
  }

  receive(message: PaceToWorker): void {
    this.#desk.receive(message)
  }

  /** No target is short of anything. */
  get calm(): boolean {
    return this.#desk.calm
  }

  isPaced(target: Target): boolean {
    return this.#desk.isPaced(target)
  }

  /** A turn at a target that is paced: it comes later (`holder` hears of it), or never (`refusal`). `request`: the client's. */
  enter(target: Target, x: Exchange, holder: TurnHolder, request: BodyHolder): Turn {
    const input = this.#forecast.input(target.name, TokenForecast.estimate(request.body))
    // Providers of OpenAI's kind count what a request allows, others what it writes.
    const output = x.maxOutput >= 0 && target.dialect !== 'anthropic-messages' ? x.maxOutput : this.#forecast.output(target.name, x.maxOutput)
    return this.#gate(target).enter(target, x, holder, input, output)
  }

  /** An answer's head has come. `mark`: of its turn; null = it had none. */
  hear(x: Exchange, target: Target, head: ResponseHead, mark: QuotaUse | null): void {
    if (head.tellsQuota === false && target.quirks?.quota === undefined) return
    this.#desk.hear(target, head, x.headAt - (x.sentAt === 0 ? x.attemptAt : x.sentAt), mark)
  }

  /** The provider refused an attempt for its rate; `waitMs` 0 = it did not say for how long. */
  hearRefusal(target: Target, waitMs: number): void {
    this.#desk.hearRefusal(target, waitMs)
  }

  /** An attempt that had a turn is over, as the exchange says. */
  learn(x: Exchange, target: Target, request: BodyHolder): void {
    this.#forecast.learn(x, target.name, TokenForecast.estimate(request.body))
  }

  #gate(target: Target): EngineGate {
    const name = gateName(target)
    let gate = this.#gates.get(name)
    if (gate === undefined) {
      if (this.#gates.size >= MANY_GATES) for (const [key, other] of this.#gates) if (other.idle) this.#gates.delete(key)
      this.#gates.set(name, gate = new EngineGate({ ...RULE, name }, new PaceSupply(this.#desk, target), this.#options))
      this.#options.onLine(target, gate)
    }
    return gate
  }
}

const gateName = (target: Target): string => target.credentialId === null ? target.name : `${target.name} ${target.credentialId}`
