import type { Price, Usage } from '@headrace/contract'

const PER_MILLION = 1_000_000
/** Tokens of one kind that a call can be charged for at most; what a provider says beyond it is taken for an error, not for a bill. */
export const MOST_CHARGED_TOKENS = 1e8
/** A call never costs more, nano-dollars (about 1.1 million dollars): sums of such stay whole numbers. */
export const MOST_COST = 2 ** 50

/**
 * What a call costs, whole nano-dollars, rounded up once. Total: never negative, never NaN, whatever the usage says. Counts that are unknown,
 * negative or no numbers count as none, cached and cache-write tokens as part of the input that they must be part of.
 */
export function callCost(price: Price, usage: Usage): number {
  const input = tokens(usage.inputTokens)
  const cached = Math.min(input, tokens(usage.cachedInputTokens))
  const written = Math.min(input - cached, tokens(usage.cacheWriteTokens))
  const output = tokens(usage.outputTokens)
  const plain = input - cached - written
  const sum = plain * price.input + cached * price.cachedInput + written * price.cacheWrite + output * price.output
  // Exact in a double, as for every call that is not absurd; else exact with bigints.
  if (sum < Number.MAX_SAFE_INTEGER) return Math.min(MOST_COST, Math.floor(sum / PER_MILLION) + (sum % PER_MILLION === 0 ? 0 : 1))
  const exact = BigInt(plain) * BigInt(price.input) + BigInt(cached) * BigInt(price.cachedInput) + BigInt(written) * BigInt(price.cacheWrite) + BigInt(output) * BigInt(price.output)
  const nano = (exact + 999_999n) / 1_000_000n
  return nano > BigInt(MOST_COST) ? MOST_COST : Number(nano)
}

/** The most that so many tokens can cost: the input may have to be written to the provider's cache, which can be dearer. */
export function mostCost(price: Price, inputTokens: number, outputTokens: number): number {
  return callCost(price, { inputTokens, outputTokens, cachedInputTokens: -1, cacheWriteTokens: price.cacheWrite > price.input ? inputTokens : -1, reasoningTokens: -1 })
}

function tokens(count: number): number {
  return count > 0 ? Math.min(MOST_CHARGED_TOKENS, Math.floor(count)) : 0
}
