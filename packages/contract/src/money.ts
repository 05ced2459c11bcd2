import type { LimitRule } from './limits.ts'
import type { BudgetWindow } from './budget-window.ts'

/**
 * Money is whole nano-dollars (10^-9 US dollars) everywhere: in records, in the ledger, in budgets. Prices are whole nano-dollars per million tokens, so
 * that a cost is one multiplication and one rounding, and sums of costs are exact.
 */
export const NANO_PER_DOLLAR = 1_000_000_000

/** What a model costs, nano-dollars per million tokens; whole, 0 .. 10^13. */
export interface Price {
  readonly input: number
  /** Of the input, what the provider read from its cache, and what it wrote to it. */
  readonly cachedInput: number
  readonly cacheWrite: number
  readonly output: number
  /** Stands on every record that was priced with it: `usd/M:INPUT/CACHED/WRITE/OUTPUT`, dollars per million tokens, so that a cost can be checked from its row alone. */
  readonly version: string
}

/** One entry of `prices`: `provider/model`, exact or with a trailing `*`. The exact name wins, then the longest prefix. */
export interface PriceRule { readonly name: string, readonly price: Price }

/** Whose money is counted together. */
export type BudgetScope = 'tenant' | 'team' | 'app' | 'key'

/** One entry of `budgets`. */
export interface BudgetRule {
  /** Unique among limits and budgets. */
  readonly name: string
  readonly per: readonly BudgetScope[]
  readonly match: Readonly<Partial<Record<BudgetScope, readonly string[]>>>
  /** Nano-dollars; 1 .. 2^52. */
  readonly amount: number
  readonly window: BudgetWindow
  /** `hard`: a call that may not fit is refused. `alert`: people are told. */
  readonly mode: 'hard' | 'alert'
}

/** A hard budget as one more limit. */
export function budgetLimit({ name, per, match, amount, window }: BudgetRule): LimitRule {
  return { name, per, match, amounts: [{ resource: 'cost', spec: { kind: 'budget', limit: amount, window } }] }
}

/** `1.5` dollars as `$1.50`; at least two digits after the point, at most nine, exact. */
export function dollars(nano: number | bigint): string {
  const value = BigInt(nano)
  const digits = (value < 0n ? -value : value).toString().padStart(10, '0')
  const fraction = digits.slice(-9).replace(/0{1,7}$/, '')
  return `${value < 0n ? '-' : ''}$${digits.slice(0, -9)}.${fraction}`
}
