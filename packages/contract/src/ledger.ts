import type { CallKind } from './record.ts'

/**
 * How a call stands in the ledger:
 *
 *   reserved --settled--> settled    the provider's own count
 *      |    --partial--> partial     broken off: what was counted until then
 *      |    --released-> released    it came to nothing and costs nothing
 *      +----crash------> unknown     begun, and nobody lived to tell: it counts with what was reserved for it, until a late word
 */
export type LedgerState = 'reserved' | 'settled' | 'partial' | 'released' | 'unknown'

/** One call to a provider and its money. */
export interface LedgerEntry {
  readonly callId: string
  readonly kind: CallKind
  readonly state: LedgerState
  readonly tenant: string
  readonly team: string
  readonly app: string
  readonly keyId: string
  /** As the client named it, and what it was sent to. */
  readonly model: string
  readonly provider: string
  readonly targetModel: string
  /** Unix ms at which the exchange began: money counts in the window of this moment. */
  readonly startedAt: number
  /** As counted; -1 = nobody told. */
  readonly inputTokens: number
  readonly outputTokens: number
  /** Nano-dollars, whole, >= 0. */
  readonly costNano: number
  /** The price that it was made with (`Price.version`). */
  readonly priceVersion: string
}

/** What spend can be told apart by. `target` = `provider/model`. `hour`, `day`: Unix ms of its begin, UTC. */
export type SpendField = 'tenant' | 'team' | 'app' | 'keyId' | 'model' | 'target' | 'kind' | 'hour' | 'day'

export interface SpendQuery {
  /** Left out = all tenants: for the budgets only, never for answering people (invariant 8). */
  readonly tenant?: string
  /** Calls of this kind are left out: shadows are not their clients' to pay for. */
  readonly except?: CallKind
  /** Unix ms, inclusive / exclusive; counted in whole hours. */
  readonly since?: number
  readonly until?: number
  readonly by: readonly SpendField[]
  /** 1 .. 100,000 rows, the dearest first. Left out = all. */
  readonly limit?: number
}

export interface SpendRow {
  /** One value for each field of `by`, in its order. */
  readonly values: readonly (string | number)[]
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Nano-dollars. A bigint: the sum of everything may be larger than a double can hold. */
  readonly costNano: bigint
}
