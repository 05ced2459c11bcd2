import type { Price, Rates, Usage } from '@headrace/contract'

const PER_MILLION = 1_000_000
/** Tokens of one kind that a call can be charged for at most; what a provider says beyond it is taken for an error, not for a bill. */
export const MOST_CHARGED_TOKENS = 1e8
/** A call never costs more, nano-dollars (about 1.1 million dollars): sums of such stay whole numbers. */
export const MOST_COST = 2 ** 50

/**
 * What a call costs, whole nano-dollars, rounded up once. Total: never negative, never NaN, whatever the usage says. Counts that are unknown,
 * negative or no numbers count as none, parts (cached, thoughts, sound) as part of what they must be part of. A long input has all tokens of
 * the call at its tier's rates.
 */
export function callCost(price: Price, usage: Usage): number {
  const input = tokens(usage.inputTokens)
  const output = tokens(usage.outputTokens)
  const rates = ratesFor(price, input)
  const cached = Math.min(input, tokens(usage.cachedInputTokens))
  const written = Math.min(input - cached, tokens(usage.cacheWriteTokens))
  const plain = input - cached - written
  // Most models have one rate for all input that is not cached, and one for all output.
  const long = rates.longCacheWrite === undefined ? 0 : Math.min(written, tokens(usage.longCacheWriteTokens ?? 0))
  const heard = rates.audioInput === undefined ? 0 : Math.min(plain, tokens(usage.audioInputTokens ?? 0))
  const thought = rates.reasoning === undefined ? 0 : Math.min(output, tokens(usage.reasoningTokens))
  const spoken = rates.audioOutput === undefined ? 0 : Math.min(output - thought, tokens(usage.audioOutputTokens ?? 0))
  const sum = (plain - heard) * rates.input + cached * rates.cachedInput + (written - long) * rates.cacheWrite + (output - thought - spoken) * rates.output
    + long * (rates.longCacheWrite ?? 0) + heard * (rates.audioInput ?? 0) + thought * (rates.reasoning ?? 0) + spoken * (rates.audioOutput ?? 0)
  // Exact in a double, as for every call that is not absurd; else exact with bigints.
  if (sum < Number.MAX_SAFE_INTEGER) return Math.min(MOST_COST, Math.floor(sum / PER_MILLION) + (sum % PER_MILLION === 0 ? 0 : 1))
  const exact = product(plain - heard, rates.input) + product(cached, rates.cachedInput) + product(written - long, rates.cacheWrite) + product(output - thought - spoken, rates.output)
    + product(long, rates.longCacheWrite ?? 0) + product(heard, rates.audioInput ?? 0) + product(thought, rates.reasoning ?? 0) + product(spoken, rates.audioOutput ?? 0)
  const nano = (exact + 999_999n) / 1_000_000n
  return nano > BigInt(MOST_COST) ? MOST_COST : Number(nano)
}

/** The most that up to so many tokens can cost: in whatever tier they may end, and of whatever kind they may turn out to be. */
export function mostCost(price: Price, inputTokens: number, outputTokens: number): number {
  let most = costAtMost(price, inputTokens, outputTokens)
  for (const tier of price.tiers ?? []) if (inputTokens > tier.above) most = Math.max(most, costAtMost(tier, inputTokens, outputTokens))
  return most
}

function costAtMost(rates: Rates, inputTokens: number, outputTokens: number): number {
  const input = Math.max(rates.input, rates.cachedInput, rates.cacheWrite, rates.longCacheWrite ?? 0, rates.audioInput ?? 0)
  const output = Math.max(rates.output, rates.reasoning ?? 0, rates.audioOutput ?? 0)
  return callCost({ input, cachedInput: input, cacheWrite: input, output, version: '' }, { inputTokens, outputTokens, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 })
}

function ratesFor(price: Price, input: number): Rates {
  if (price.tiers === undefined) return price
  return price.tiers.findLast(tier => input > tier.above) ?? price
}

const product = (count: number, rate: number): bigint => BigInt(count) * BigInt(rate)

function tokens(count: number): number {
  return count > 0 ? Math.min(MOST_CHARGED_TOKENS, Math.floor(count)) : 0
}
