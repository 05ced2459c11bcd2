import { describe, expect, it } from 'vitest'
import fc from 'fast-check'
import { createPrice, UNKNOWN_USAGE, type Price, type PriceTier, type Rates, type Usage } from '@headrace/contract'
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

  const LONG: Price = createPrice({ input: 2e9, cachedInput: 2e8, cacheWrite: 2.5e9, output: 1e10, longCacheWrite: 4e9, reasoning: 1.2e10, audioInput: 3e9, audioOutput: 2e10 }, [
    { above: 200_000, input: 4e9, cachedInput: 4e8, cacheWrite: 5e9, output: 1.5e10 }, { above: 500_000, input: 8e9, cachedInput: 8e8, cacheWrite: 1e10, output: 3e10, longCacheWrite: 1.6e10 },
  ])
  it.each<[string, Partial<Usage>, number]>([
    ['at the edge of a tier it is below it', { inputTokens: 200_000, outputTokens: 0 }, 400_000_000],
    ['one token over the edge has all of them at the tier', { inputTokens: 200_001, outputTokens: 0 }, 800_004_000],
    ['the output too', { inputTokens: 200_001, outputTokens: 1_000 }, 815_004_000],
    ['what is cached counts for the tier', { inputTokens: 300_000, cachedInputTokens: 300_000, outputTokens: 0 }, 120_000_000],
    ['the highest tier reached', { inputTokens: 600_000, outputTokens: 0 }, 4_800_000_000],
    ['an hour in the cache', { inputTokens: 1_000, cacheWriteTokens: 1_000, longCacheWriteTokens: 400, outputTokens: 0 }, 3_100_000],
    ['an hour in the cache where the tier has no such rate', { inputTokens: 300_000, cacheWriteTokens: 300_000, longCacheWriteTokens: 300_000, outputTokens: 0 }, 1_500_000_000],
    ['more hours than were written', { inputTokens: 1_000, cacheWriteTokens: 100, longCacheWriteTokens: 5_000, outputTokens: 0 }, 2_200_000],
    ['thoughts', { inputTokens: 0, outputTokens: 1_000, reasoningTokens: 600 }, 11_200_000],
    ['more thoughts than output', { inputTokens: 0, outputTokens: 1_000, reasoningTokens: 9_000 }, 12_000_000],
    ['sound, in and out', { inputTokens: 1_000, audioInputTokens: 400, outputTokens: 100, audioOutputTokens: 100 }, 4_400_000],
    ['sound behind what is cached', { inputTokens: 1_000, cachedInputTokens: 900, audioInputTokens: 400, outputTokens: 0 }, 480_000],
    ['thoughts and sound do not overlap', { inputTokens: 0, outputTokens: 100, reasoningTokens: 80, audioOutputTokens: 80 }, 1_360_000],
  ])('with every kind of rate: %s', (_, facts, cost) => expect(callCost(LONG, usage(facts))).toBe(cost))

  it('tiers, hours, thoughts and sound stand in the version', () => expect(LONG.version).toBe('usd/M:2/0.2/2.5/10 1h:4 reasoning:12 audio:3/20 >200000:4/0.4/5/15 >500000:8/0.8/10/30 1h:16'))

  const rate = fc.integer({ min: 0, max: 1e12 })
  const rates = fc.record<Rates>({ input: rate, cachedInput: rate, cacheWrite: rate, output: rate, longCacheWrite: rate, reasoning: rate, audioInput: rate, audioOutput: rate }, { requiredKeys: ['input', 'cachedInput', 'cacheWrite', 'output'] })
  const counts = fc.record<Usage>({ inputTokens: fc.nat(1e6), outputTokens: fc.nat(1e6), cachedInputTokens: fc.nat(1e6), cacheWriteTokens: fc.nat(1e6), reasoningTokens: fc.nat(1e6), longCacheWriteTokens: fc.nat(1e6), audioInputTokens: fc.nat(1e6), audioOutputTokens: fc.nat(1e6) })
  const tiered = fc.tuple(rates, fc.uniqueArray(fc.nat(1e6), { maxLength: 3 }), rates, rates, rates).map(([base, edges, ...tiers]) =>
    createPrice(base, edges.map(edge => edge + 1).toSorted((left, right) => left - right).map((above, index): PriceTier => ({ above, ...tiers[index] ?? base }))))

  it('no price and no usage makes it negative, broken, or more than what was reserved for as many tokens or more', () => {
    fc.assert(fc.property(tiered, counts, fc.nat(1e6), fc.nat(1e6), (price, used, moreInput, moreOutput) => {
      const cost = callCost(price, used)
      expect(Number.isSafeInteger(cost) && cost >= 0).toBe(true)
      expect(cost).toBeLessThanOrEqual(mostCost(price, used.inputTokens + moreInput, used.outputTokens + moreOutput))
    }), { numRuns: 2_000 })
  })

  it('more tokens never cost less, where tiers rise as those of the catalogue do', () => {
    fc.assert(fc.property(rates, counts, fc.nat(1e6), fc.nat(1e6), fc.nat(1e6), (base, used, above, input, output) => {
      const dearer = Object.fromEntries(Object.entries(base).map(([kind, value]) => [kind, value * 2])) as unknown as Rates
      const price = createPrice(base, [{ above: above + 1, ...dearer }])
      expect(callCost(price, { ...used, inputTokens: used.inputTokens + input, outputTokens: used.outputTokens + output, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1, audioInputTokens: -1, audioOutputTokens: -1 }))
        .toBeGreaterThanOrEqual(callCost(price, { ...used, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1, audioInputTokens: -1, audioOutputTokens: -1 }))
    }), { numRuns: 1_000 })
  })

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
