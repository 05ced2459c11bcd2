import type { GatewayError, QuotaUse, Target } from '@headrace/contract'
import type { Turn, TurnHolder } from './orchestration/capacity/turn.ts'
import type { AttemptLayers, PreparedCall } from './prepared-call.ts'

/** Who wants to begin an attempt. One of the two is called, once, perhaps before `enter` returns, and neither after `end`. */
export interface PlaceSeeker {
  onPlace(target: Target): void
  /** The engine, or its provider, is too busy: the next one may not be. */
  onNoPlace(error: GatewayError): void
}

/** An attempt's way to a target that does not take whatever comes: its turn at the provider's limits, then a place at the engine. Others have none of this. */
export class AttemptPlace implements TurnHolder {
  readonly #layers: AttemptLayers
  readonly #prepared: Pick<PreparedCall, 'exchange' | 'request'>
  readonly #target: Target
  readonly #seeker: PlaceSeeker
  #turn: Turn | null
  /** What the provider's limits had granted with the attempt's turn; null = it needed none. */
  mark: QuotaUse | null = null

  /** `turn`: a place that it has already. */
  constructor(layers: AttemptLayers, prepared: Pick<PreparedCall, 'exchange' | 'request'>, target: Target, seeker: PlaceSeeker, turn: Turn | null = null) {
    this.#layers = layers
    this.#prepared = prepared
    this.#target = target
    this.#seeker = seeker
    this.#turn = turn
  }

  /** `paced`: the provider's limits are asked first. */
  enter(paced: boolean): void {
    if (!paced) return this.#take()
    const turn = this.#turn = this.#layers.pacing.enter(this.#target, this.#prepared.exchange, this, this.#prepared.request)
    if (turn.refusal !== null) this.onShed(turn.refusal)
  }

  onTurn(target: Target, waitedMs: number): void {
    this.#prepared.exchange.queuedMs += waitedMs
    if (this.#turn === null || this.#turn.mark === null) return this.#seeker.onPlace(target)
    this.mark = this.#turn.mark
    this.#turn.end()
    this.#turn = null
    this.#take()
  }

  onShed(error: GatewayError): void {
    this.#turn = null
    this.#seeker.onNoPlace(error)
  }

  /** The attempt is over, or nobody waits any more. Idempotent. */
  end(): void {
    this.#turn?.end()
    this.#turn = null
    if (this.mark !== null) this.#layers.pacing.learn(this.#prepared.exchange, this.#target, this.#prepared.request)
    this.mark = null
  }

  #take(): void {
    const { capacity } = this.#target
    if (capacity == null) return this.#seeker.onPlace(this.#target)
    const turn = this.#turn = this.#layers.capacity.take(capacity, this.#target, this.#prepared.exchange, this)
    if (turn.held) this.#seeker.onPlace(this.#target)
    else if (turn.refusal !== null) this.onShed(turn.refusal)
  }
}
