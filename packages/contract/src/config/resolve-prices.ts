import { NANO_PER_DOLLAR, type Price, type PriceRule } from '../money.ts'
import type { ProviderConfig } from '../resolved-config.ts'
import type { ConfigProblems } from './config-problems.ts'
import type { PriceFile } from './schema.ts'

/** The file's `prices`, whole nano-dollars per million tokens. */
export function resolvePrices(file: Readonly<Record<string, PriceFile>>, providers: readonly ProviderConfig[], problems: ConfigProblems): PriceRule[] {
  const ids = new Set(providers.map(provider => provider.id))
  return Object.entries(file).map(([name, { input, output, cached_input, cache_write }]) => {
    const slash = name.indexOf('/')
    if (slash <= 0 && name !== '*') problems.error(['prices', name], 'a price is for `provider/model`, for all models of a provider (`provider/*`), or for all (`*`)', 'key')
    else if (name !== '*' && !name.slice(0, slash).endsWith('*') && !ids.has(name.slice(0, slash))) problems.warn(['prices', name], `there is no provider \`${name.slice(0, slash)}\`: this price is used by nobody`)
    return { name, price: createPrice(input, cached_input ?? input, cache_write ?? input, output) }
  })
}

/** A price from nano-dollars per million tokens. */
export function createPrice(input: number, cachedInput: number, cacheWrite: number, output: number): Price {
  return { input, cachedInput, cacheWrite, output, version: `usd/M:${[input, cachedInput, cacheWrite, output].map(decimal).join('/')}` }
}

function decimal(nano: number): string {
  const fraction = String(nano % NANO_PER_DOLLAR).padStart(9, '0').replace(/0+$/, '')
  return `${Math.floor(nano / NANO_PER_DOLLAR)}${fraction === '' ? '' : `.${fraction}`}`
}
