import type { PartialRates } from './pi-models.ts'
import { isFree } from './pi-models.ts'
import { asLine, asList, asRate, asRecord, asTokens } from './source-values.ts'

/** One model as `@pydantic/genai-prices` has it. */
export interface GenaiModel {
  readonly provider: string
  readonly model: string
  readonly name: string
  /** Other names that are said to be equal. */
  readonly aliases: readonly string[]
  readonly contextWindow: number
  readonly rates: PartialRates | null
  readonly tiers: readonly (PartialRates & { readonly above: number })[]
  readonly matches: (model: string) => boolean
}

type Rule = (model: string) => boolean

/** Where the data begins in the package's bundle. */
export function findGenaiData(bundle: string): number {
  const found = /=\s*\[\s*\{\s*id:\s*["']/.exec(bundle)
  return found === null ? -1 : bundle.indexOf('[', found.index)
}

/** The models of all providers, with the prices that hold on `date` (`2026-11-10`). */
export function readGenaiModels(data: unknown, date: string): readonly GenaiModel[] {
  return asList(data).flatMap(entry => {
    const provider = asRecord(entry)
    const id = asLine(provider['id'])
    return id === '' ? [] : asList(provider['models']).flatMap(model => {
      const read = readModel(id, asRecord(model), date)
      return read === null ? [] : [read]
    })
  })
}

function readModel(provider: string, value: Readonly<Record<string, unknown>>, date: string): GenaiModel | null {
  const model = asLine(value['id'])
  if (model === '') return null
  const prices = pricesOn(value['prices'], date)
  const base = ratesAt(prices, 0, isFree(model))
  const starts = new Set(Object.values(prices).flatMap(price => asList(asRecord(price)['tiers']).map(tier => asTokens(asRecord(tier)['start']))))
  return {
    provider, model, name: asLine(value['name']) || model, aliases: equalNames(value['match']).filter(name => name !== model && name !== ''),
    contextWindow: asTokens(value['context_window']), rates: base,
    tiers: base === null ? [] : [...starts].filter(start => start > 0).toSorted((left, right) => left - right).flatMap(above => {
      const rates = ratesAt(prices, above, false)
      return rates === null ? [] : [{ above, ...rates }]
    }),
    matches: readRule(value['match']),
  }
}

/** Of several prices the last that has begun; of those for hours of the day the dearest, because the hour is not looked at. */
function pricesOn(value: unknown, date: string): Readonly<Record<string, unknown>> {
  if (!Array.isArray(value)) return asRecord(value)
  const entries = value.map(entry => ({ constraint: asRecord(asRecord(entry)['constraint']), prices: asRecord(asRecord(entry)['prices']) }))
  const begun = entries.filter(({ constraint }) => constraint['type'] === undefined || (constraint['type'] === 'start_date' && String(constraint['start_date']) <= date))
  const latest = begun.toSorted((left, right) => String(left.constraint['start_date'] ?? '').localeCompare(String(right.constraint['start_date'] ?? ''))).at(-1)
  const hourly = entries.filter(({ constraint }) => constraint['type'] === 'time_of_date')
  const outputOf = (entry: typeof entries[number]): number => ratesAt(entry.prices, 0, true)?.output ?? -1
  return [...latest === undefined ? [] : [latest], ...hourly].toSorted((left, right) => outputOf(right) - outputOf(left))[0]?.prices ?? {}
}

/** The rates of a call with more than `above` input tokens. Input without a price per token (by the hour, by the page) is not known; embeddings cost nothing to write. */
function ratesAt(prices: Readonly<Record<string, unknown>>, above: number, free: boolean): PartialRates | null {
  const rate = (name: string): number => {
    const price = prices[name]
    if (typeof price === 'number') return asRate(price)
    const tier = asList(asRecord(price)['tiers']).map(asRecord).filter(one => asTokens(one['start']) <= above).toSorted((left, right) => asTokens(left['start']) - asTokens(right['start'])).at(-1)
    return asRate(above === 0 || tier === undefined ? asRecord(price)['base'] : tier['price'])
  }
  const input = rate('input_mtok')
  if (input < 0) return null
  const output = Math.max(0, rate('output_mtok'))
  if (input === 0 && output === 0 && !free) return null
  const more = {
    cachedInput: rate('cache_read_mtok'), cacheWrite: rate('cache_write_mtok'), longCacheWrite: rate('cache_write_1h_mtok'), reasoning: rate('output_reasoning_mtok'),
    audioInput: rate('input_audio_mtok'), audioOutput: rate('output_audio_mtok'),
  }
  return { input, output, ...Object.fromEntries(Object.entries(more).filter(([, value]) => value >= 0)) }
}

/** Names that a rule says to be equal to the model's. */
function equalNames(value: unknown): readonly string[] {
  const rule = asRecord(value)
  if (rule['equals'] !== undefined) return [asLine(rule['equals'])]
  return asList(rule['or']).flatMap(equalNames)
}

/** Patterns (`regex`) are not run: they come from elsewhere, and the few models that have them are found by their names. */
function readRule(value: unknown): Rule {
  const rule = asRecord(value)
  const word = (name: string): string => String(rule[name]).toLowerCase()
  if (rule['or'] !== undefined) {
    const rules = asList(rule['or']).map(readRule)
    return model => rules.some(matches => matches(model))
  }
  if (rule['and'] !== undefined) {
    const rules = asList(rule['and']).map(readRule)
    return model => rules.every(matches => matches(model))
  }
  if (rule['equals'] !== undefined) return model => model.toLowerCase() === word('equals')
  if (rule['starts_with'] !== undefined) return model => model.toLowerCase().startsWith(word('starts_with'))
  if (rule['ends_with'] !== undefined) return model => model.toLowerCase().endsWith(word('ends_with'))
  if (rule['contains'] !== undefined) return model => model.toLowerCase().includes(word('contains'))
  return () => false
}
