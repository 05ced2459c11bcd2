import type { Exchange, GatewayError, QuotaUse, Target } from '@headrace/contract'
import { timeoutsFor } from '../timeouts.ts'
import type { Lane } from './fair-line.ts'

/** Who waits for an engine. Exactly one of the two is called, once, and neither after `Turn.end`. */
export interface TurnHolder {
  /** The engine has a place: the request may be sent. `waitedMs`: how long that took. */
  onTurn(target: Target, waitedMs: number): void
  /** It will not come to it in time (`overloaded`). */
  onShed(error: GatewayError): void
}

/** Where a turn stands with: kept by the gate that made it. */
export interface TurnKeeper {
  /** The request is over, or its client has left. */
  ended(turn: Turn): void
}

/**
 * One attempt's place at an engine, or in the queue before it.
 *
 *   WAITING --slot--> HELD --end--> OVER
 *      +-- shed, or end (the client left) --> OVER
 */
export class Turn {
  readonly keeper: TurnKeeper
  readonly holder: TurnHolder
  readonly target: Target
  readonly tenant: string
  readonly key: string
  /** Monotonic ms: when it began to wait, when it must have begun to be answered, and when it got its place. */
  readonly since: number
  readonly deadline: number
  /** Tokens that it is expected to use; 0 where its gate does not count them. */
  readonly input: number
  readonly output: number
  /** What its pair had been granted when it was; null = its gate gives out places. And how long it keeps others from their turn, ms. */
  mark: QuotaUse | null = null
  gapMs = 0
  heldAt = 0
  held = false
  over = false
  /** Refused at once: nobody is called. */
  refusal: GatewayError | null = null
  /** Its place in the line. */
  lane: Lane | null = null
  older: Turn | null = null
  newer: Turn | null = null

  constructor(keeper: TurnKeeper, holder: TurnHolder, target: Target, x: Exchange, since: number, input: number, output: number) {
    this.keeper = keeper
    this.holder = holder
    this.target = target
    this.tenant = x.principal?.tenant ?? ''
    this.key = x.principal?.keyId ?? ''
    this.since = since
    this.input = input
    this.output = output
    const { firstToken, total } = timeoutsFor(x, target)
    this.deadline = x.startedAt + Math.min(firstToken, total)
  }

  /** Gives the place up, at the engine or in the queue. Idempotent. */
  end(): void {
    if (this.over) return
    this.over = true
    this.keeper.ended(this)
  }
}
