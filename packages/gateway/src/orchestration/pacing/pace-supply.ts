import { gatewayError, type GatewayError, type PaceGrant, type Target } from '@headrace/contract'
import type { Supply } from '../capacity/supply.ts'
import type { Turn } from '../capacity/turn.ts'
import type { PaceDesk } from './pace-desk.ts'

/** Room in a provider's limits for one credential at one model: requests and tokens, as they become free. */
export class PaceSupply implements Supply {
  readonly #desk: PaceDesk
  readonly #target: Target
  #grant: PaceGrant | null = null

  constructor(desk: PaceDesk, target: Target) {
    this.#desk = desk
    this.#target = target
  }

  take(): boolean {
    return false
  }

  async wait(turn: Turn): Promise<boolean> {
    this.#grant = await this.#desk.wait(this.#target, turn.input, turn.output)
    return true
  }

  suits(turn: Turn, asked: Turn): boolean {
    return turn.input <= asked.input && turn.output <= asked.output
  }

  use(turn: Turn): void {
    if (this.#grant === null) return
    turn.mark = this.#grant.mark
    turn.gapMs = this.#grant.gapMs
  }

  putBack(asked: Turn): void {
    this.#desk.giveBack(this.#target, asked.input, asked.output)
  }

  end(turn: Turn): number {
    return turn.gapMs
  }

  /** The limits are the provider's, not the configuration's. */
  adopt(): void {}

  refusal(retryAfterMs: number): GatewayError {
    return gatewayError('upstream-rate-limited', 'The provider\'s rate limit is used up, and more requests are waiting for it than it will take soon. Try again later.', { retryAfterMs })
  }
}
