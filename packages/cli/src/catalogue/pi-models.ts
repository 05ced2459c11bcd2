import type { PriceTier, Rates } from '@headrace/contract'
import { asLine, asList, asRate, asRecord, asTokens } from './source-values.ts'

/** One model as `@earendil-works/pi-ai` has it. */
export interface PiModel {
  readonly provider: string
  readonly model: string
  readonly name: string
  readonly images: boolean
  /** It draws, and takes no tools. */
  readonly draws: boolean
  readonly contextWindow: number
  readonly maxOutput: number
  readonly reasoning: boolean
  /** Thinking cannot be switched off. */
  readonly alwaysThinks: boolean
  readonly schema: boolean
  /** Seconds; 0, 0 = not said. */
  readonly cacheSeconds: number
  readonly longCacheSeconds: number
  /** Cache prices of 0 are left out: there they mean "no such price". null = no price. */
  readonly rates: PartialRates | null
  readonly tiers: readonly (PartialRates & { readonly above: number })[]
}

/** Rates of which only input and output are certain. */
export type PartialRates = Pick<Rates, 'input' | 'output'> & Partial<Omit<Rates, 'input' | 'output'>>

/** The models of one of the package's data files: `{api: {"kind:model": facts}}`. Classifiers, which no dialect of ours can call, are left out. */
export function readPiModels(provider: string, file: unknown): readonly PiModel[] {
  const found = new Map<string, PiModel>()
  for (const models of Object.values(asRecord(file))) {
    for (const [key, value] of Object.entries(asRecord(models))) {
      const kind = key.slice(0, key.indexOf(':'))
      const model = readModel(provider, kind, asRecord(value))
      // One name may be there for chat and again for drawing: it is then the same model.
      if (model !== null && (kind === 'chat' || !found.has(model.model))) found.set(model.model, model)
    }
  }
  return [...found.values()]
}

function readModel(provider: string, kind: string, value: Readonly<Record<string, unknown>>): PiModel | null {
  const model = asLine(value['id'])
  if (model === '' || (kind !== 'chat' && kind !== 'image')) return null
  const levels = asRecord(value['thinkingLevelMap'])
  const compat = asRecord(value['compat'])
  const cache = asRecord(value['promptCache'])
  const cost = asRecord(value['cost'])
  const rates = readRates(cost, isFree(model))
  return {
    provider, model, name: asLine(value['name']) || model,
    images: asList(value['input']).includes('image'), draws: kind === 'image',
    contextWindow: asTokens(value['contextWindow']), maxOutput: asTokens(value['maxTokens']),
    reasoning: value['reasoning'] === true, alwaysThinks: value['reasoning'] === true && levels['off'] === null,
    schema: compat['supportsStrictMode'] === true || compat['supportsStrictTools'] === true,
    cacheSeconds: Math.max(0, asTokens(cache['short'])), longCacheSeconds: Math.max(0, asTokens(cache['long'])),
    rates,
    tiers: rates === null ? [] : asList(cost['tiers']).flatMap((entry): readonly (PartialRates & Pick<PriceTier, 'above'>)[] => {
      const tier = asRecord(entry)
      const above = asTokens(tier['inputTokensAbove'])
      const tierRates = readRates(tier, false)
      return tierRates === null || above < 0 ? [] : [{ above, ...tierRates }]
    }).toSorted((left, right) => left.above - right.above),
  }
}

/** Nothing for everything is how the data says "not known", unless the name says that it is free. */
function readRates(cost: Readonly<Record<string, unknown>>, free: boolean): PartialRates | null {
  const input = asRate(cost['input'])
  const output = asRate(cost['output'])
  if (input < 0 || output < 0 || (input === 0 && output === 0 && !free)) return null
  const cachedInput = asRate(cost['cacheRead'])
  const cacheWrite = asRate(cost['cacheWrite'])
  return { input, output, ...cachedInput > 0 ? { cachedInput } : {}, ...cacheWrite > 0 ? { cacheWrite } : {} }
}

/** As OpenRouter names what costs nothing. */
export const isFree = (model: string): boolean => model.endsWith(':free')
