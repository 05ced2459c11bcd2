import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { UNKNOWN_USAGE, type Price, type Usage } from '@headrace/contract'
import { callCost, MOST_COST, mostCost } from './call-cost.ts'

const PRICE: Price = { input: 400_000_000, cachedInput: 100_000_000, cacheWrite: 500_000_000, output: 1_600_000_000, version: 'v' }
const FREE: Price = { input: 0, cachedInput: 0, cacheWrite: 0, output: 0, version: 'v' }
const usage = (facts: Partial<Usage>): Usage => ({ ...UNKNOWN_USAGE, ...facts })

describe('what a call costs', () => {
  it.each<[string, Partial<Usage>, number]>([
    ['plain', { inputTokens: 1_000, outputTokens: 100 }, 560_000],
    ['cached input at its price', { inputTokens: 1_000, cachedInputTokens: 600, outputTokens: 0 }, 220_000],
    ['input that was written to the cache at its price', { inputTokens: 1_000, cacheWriteTokens: 1_000, outputTokens: 0 }, 500_000],
    ['all kinds together', { inputTokens: 1_000, cachedInputTokens: 500, cacheWriteTokens: 300, outputTokens: 10 }, 296_000],
    ['more cached than there was: cut to the input', { inputTokens: 10, cachedInputTokens: 1_000, cacheWriteTokens: 1_000, outputTokens: 0 }, 1_000],
    ['output alone', { outputTokens: 3 }, 4_800],
    ['nothing is known', {}, 0],
  ])('%s', (_, facts, cost) => expect(callCost(PRICE, usage(facts))).toBe(cost))

  it('is rounded up once', () => {
    const odd: Price = { ...FREE, input: 1, output: 1 }
    expect(callCost(odd, usage({ inputTokens: 1, outputTokens: 1 }))).toBe(1)
    expect(callCost(odd, usage({ inputTokens: 1_000_000, outputTokens: 0 }))).toBe(1)
    expect(callCost(odd, usage({ inputTokens: 1_000_000, outputTokens: 1 }))).toBe(2)
  })

  it.each([-1, -1e18, Number.NaN, Infinity, -Infinity, 1e18, 2 ** 53, 1e308, 0.5])('is whole, bounded and never negative with %d tokens of any kind (check D7)', count => {
    for (const price of [PRICE, FREE, { ...PRICE, input: 1e13, cachedInput: 1e13, cacheWrite: 1e13, output: 1e13 }]) {
      for (const facts of [{ inputTokens: count }, { outputTokens: count }, { inputTokens: 10, cachedInputTokens: count }, { inputTokens: count, outputTokens: count, cacheWriteTokens: count }]) {
        const cost = callCost(price, usage(facts))
        expect(Number.isSafeInteger(cost) && cost >= 0 && cost <= MOST_COST).toBe(true)
        if (price === FREE) expect(cost).toBe(0)
      }
    }
  })

  it('is what exact arithmetic says, whatever the numbers', () => {
    const count = fc.integer({ min: 0, max: 1e8 })
    const perMillion = fc.integer({ min: 0, max: 1e13 })
    fc.assert(fc.property(count, count, count, count, perMillion, perMillion, perMillion, perMillion, (input, cached, write, output, a, b, c, d) => {
      const inCache = Math.min(cached, input)
      const written = Math.min(write, input - inCache)
      const exact = (BigInt(input - inCache - written) * BigInt(a) + BigInt(inCache) * BigInt(b) + BigInt(written) * BigInt(c) + BigInt(output) * BigInt(d) + 999_999n) / 1_000_000n
      const cost = callCost({ input: a, cachedInput: b, cacheWrite: c, output: d, version: '' }, { inputTokens: input, cachedInputTokens: cached, cacheWriteTokens: write, outputTokens: output, reasoningTokens: -1 })
      expect(BigInt(cost)).toBe(exact < BigInt(MOST_COST) ? exact : BigInt(MOST_COST))
    }), { numRuns: 2_000 })
  })

  it('is never more than what is reserved for as many tokens', () => {
    fc.assert(fc.property(fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (input, cached, write, output) => {
      expect(callCost(PRICE, { inputTokens: input, cachedInputTokens: cached, cacheWriteTokens: write, outputTokens: output, reasoningTokens: -1 })).toBeLessThanOrEqual(mostCost(PRICE, input, output))
    }), { numRuns: 500 })
  })
})
