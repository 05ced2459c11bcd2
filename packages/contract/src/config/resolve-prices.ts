import { createPrice, type Price, type PriceRule, type Rates } from '../money.ts'
import type { ProviderConfig } from '../resolved-config.ts'
import type { ConfigProblems } from './config-problems.ts'
import type { PriceFile } from './schema.ts'

/** The file's `prices`, whole nano-dollars per million tokens. */
export function resolvePrices(file: Readonly<Record<string, PriceFile>>, providers: readonly ProviderConfig[], problems: ConfigProblems): PriceRule[] {
  const ids = new Set(providers.map(provider => provider.id))
  return Object.entries(file).map(([name, price]) => {
    const slash = name.indexOf('/')
    if (slash <= 0 && name !== '*') problems.error(['prices', name], 'a price is for `provider/model`, for all models of a provider (`provider/*`), or for all (`*`)', 'key')
    else if (name !== '*' && !name.slice(0, slash).endsWith('*') && !ids.has(name.slice(0, slash))) problems.warn(['prices', name], `there is no provider \`${name.slice(0, slash)}\`: this price is used by nobody`)
    const tiers = price.tiers ?? []
    if (tiers.some((tier, index) => tier.above <= (tiers[index - 1]?.above ?? 0))) problems.error(['prices', name, 'tiers'], 'tiers stand in the order of `above`, the lowest first')
    return { name, price: resolvePrice(price) }
  })
}

function resolvePrice(file: PriceFile): Price {
  return createPrice(ratesOf(file), (file.tiers ?? []).map(tier => ({ above: tier.above, ...ratesOf(tier) })))
}

function ratesOf({ input, cached_input, cache_write, output, cache_write_1h, reasoning, audio_input, audio_output }: Omit<PriceFile, 'tiers'>): Rates {
  return {
    input, cachedInput: cached_input ?? input, cacheWrite: cache_write ?? input, output,
    ...cache_write_1h == null ? {} : { longCacheWrite: cache_write_1h }, ...reasoning == null ? {} : { reasoning },
    ...audio_input == null ? {} : { audioInput: audio_input }, ...audio_output == null ? {} : { audioOutput: audio_output },
  }
}
