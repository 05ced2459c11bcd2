import type { LimitRule } from './limits.ts'
import type { BudgetWindow } from './budget-window.ts'

/**
 * Money is whole nano-dollars (10^-9 US dollars) everywhere: in records, in the ledger, in budgets. Prices are whole nano-dollars per million tokens, so
 * that a cost is one multiplication and one rounding, and sums of costs are exact.
 */
export const NANO_PER_DOLLAR = 1_000_000_000
/** The dearest that a token may be: 10,000 dollars per million. */
export const MAX_RATE = 1e13

/** What tokens cost, nano-dollars per million of them; whole, 0 .. `MAX_RATE`. What is left out costs what its kind costs otherwise. */
export interface Rates {
  readonly input: number
  /** Of the input, what the provider read from its cache, and what it wrote to it. */
  readonly cachedInput: number
  readonly cacheWrite: number
  readonly output: number
  /** Of what was written to the cache, what is kept for longer (Anthropic's hour). */
  readonly longCacheWrite?: number
  /** Of the output, thoughts. */
  readonly reasoning?: number
  /** Of input (what was not in the cache) and output, sound. */
  readonly audioInput?: number
  readonly audioOutput?: number
}

/** What all tokens of a call cost that has more than `above` input tokens. */
export interface PriceTier extends Rates { readonly above: number }

/** What a model costs. */
export interface Price extends Rates {
  /** For long inputs, `above` rising. */
  readonly tiers?: readonly PriceTier[]
  /**
   * Stands on every record that was priced with it: `usd/M:INPUT/CACHED/WRITE/OUTPUT`, dollars per million tokens, so that a cost can be checked from its row. After it, as
   * far as there are such: ` 1h:`, ` reasoning:`, ` audio:INPUT/OUTPUT`, ` >TOKENS:` and the tier's, and where it comes from, ` catalogue:DATE`.
   */
  readonly version: string
}

/** A price with its version. `origin`: words that the version ends with; '' = none. */
export function createPrice(rates: Rates, tiers: readonly PriceTier[] = [], origin = ''): Price {
  const parts = [`usd/M:${showRates(rates)}`, ...tiers.map(tier => `>${tier.above}:${showRates(tier)}`), ...origin === '' ? [] : [origin]]
  return { ...rates, ...tiers.length === 0 ? {} : { tiers }, version: parts.join(' ') }
}

function showRates({ input, cachedInput, cacheWrite, output, longCacheWrite, reasoning, audioInput, audioOutput }: Rates): string {
  const parts = [[input, cachedInput, cacheWrite, output].map(perMillion).join('/')]
  if (longCacheWrite !== undefined) parts.push(`1h:${perMillion(longCacheWrite)}`)
  if (reasoning !== undefined) parts.push(`reasoning:${perMillion(reasoning)}`)
  if (audioInput !== undefined || audioOutput !== undefined) parts.push(`audio:${perMillion(audioInput ?? input)}/${perMillion(audioOutput ?? output)}`)
  return parts.join(' ')
}

/** Dollars per million tokens, exact and as short as may be: `2.5`. */
export function perMillion(nano: number): string {
  const fraction = String(nano % NANO_PER_DOLLAR).padStart(9, '0').replace(/0+$/, '')
  return `${Math.floor(nano / NANO_PER_DOLLAR)}${fraction === '' ? '' : `.${fraction}`}`
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
