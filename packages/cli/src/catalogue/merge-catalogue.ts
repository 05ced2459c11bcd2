import { createPrice, type CatalogueData, type CatalogueSource, type ModelFacts, type Modality, type Price, type PriceTier, type Rates } from '@headrace/contract'
import { originOf } from '@headrace/contract/catalogue'
import type { GenaiModel } from './genai-prices.ts'
import { capabilities, firstTokenOf, longWriteFactor, promptCacheOf, releasedOf, takesPrefill } from './own-facts.ts'
import type { PartialRates, PiModel } from './pi-models.ts'

/** The sources, and the names of providers there that are others here. */
export interface CatalogueSources {
  readonly pi: { readonly source: CatalogueSource, readonly models: readonly PiModel[] }
  readonly genai: { readonly source: CatalogueSource, readonly models: readonly GenaiModel[] }
  readonly providerNames: Readonly<Record<string, string>>
}

/** Two sources that say different things of one model. */
export interface Disagreement { readonly model: string, readonly what: string, readonly pi: number, readonly genai: number }

/** Services that one subscribes to, or reaches through a program of its own: no price per token, or no endpoint of ours. */
const LEFT_OUT = /^(?:radius|github-copilot|openai-codex|kimi-coding|opencode.*|.*-token-plan.*|.*-coding-cn|typesafe|cursor|quicksilverpro)$/
/** The same service by another name. */
const SAME_SERVICE: Readonly<Record<string, string>> = Object.freeze({ aws: 'amazon-bedrock', cloudflare: 'cloudflare-workers-ai' })
/** More than this apart is a disagreement. */
const TOLERANCE = 0.01
const MAX_ALIASES = 16
/** The router's models at one of its suppliers: `model:supplier`. */
const ROUTED = /^(huggingface)_(.+)$/

/** One catalogue of both. Where they disagree the newer one, pi-ai's, is right; the other adds what it alone knows. Pure, and in the order of names. */
export function mergeCatalogue({ pi, genai, providerNames }: CatalogueSources): { readonly data: CatalogueData, readonly disagreements: readonly Disagreement[] } {
  const disagreements: Disagreement[] = []
  const named = (id: string): string => providerNames[id] ?? SAME_SERVICE[id] ?? id
  const others = new Map<string, GenaiModel[]>()
  for (const model of genai.models) {
    if (LEFT_OUT.test(model.provider)) continue
    const [, router = model.provider, supplier] = ROUTED.exec(model.provider) ?? []
    const own = supplier === undefined ? model : { ...model, model: `${model.model}:${supplier}`, aliases: model.aliases.map(alias => `${alias}:${supplier}`), matches: (name: string) => name.endsWith(`:${supplier}`) && model.matches(name.slice(0, -supplier.length - 1)) }
    const provider = named(router)
    others.set(provider, [...others.get(provider) ?? [], own])
  }
  const models: ModelFacts[] = []
  const used = new Set<GenaiModel>()
  const names = new Set<string>()
  for (const model of pi.models) {
    const provider = named(model.provider)
    if (LEFT_OUT.test(model.provider) || names.has(`${provider}/${model.model}`)) continue
    names.add(`${provider}/${model.model}`)
    const other = findOther(others.get(provider) ?? [], model.model)
    if (other !== null) used.add(other)
    models.push(mergeModel(provider, model, other, { pi: pi.source, genai: genai.source }, disagreements))
  }
  for (const [provider, list] of others) {
    for (const model of list) {
      if (used.has(model) || names.has(`${provider}/${model.model}`)) continue
      names.add(`${provider}/${model.model}`)
      models.push(genaiAlone(provider, model, genai.source))
    }
  }
  const sorted = withOwnAliases(models).toSorted((left, right) => compare(left.provider, right.provider) || compare(left.model, right.model))
  const date = [pi.source.date, genai.source.date].toSorted().at(-1) ?? ''
  return { data: { date, sources: [pi.source, genai.source], models: sorted }, disagreements: disagreements.toSorted((left, right) => compare(left.model, right.model) || compare(left.what, right.what)) }
}

/** By code unit: the same on every machine. */
const compare = (left: string, right: string): number => left < right ? -1 : left > right ? 1 : 0

function findOther(others: readonly GenaiModel[], model: string): GenaiModel | null {
  return others.find(other => other.model === model) ?? others.find(other => other.aliases.includes(model)) ?? others.find(other => other.matches(model)) ?? null
}

function mergeModel(provider: string, model: PiModel, other: GenaiModel | null, sources: { readonly pi: CatalogueSource, readonly genai: CatalogueSource }, disagreements: Disagreement[]): ModelFacts {
  const note = (what: string, mine: number | undefined, its: number | undefined): void => {
    if (mine !== undefined && its !== undefined && mine >= 0 && its >= 0 && Math.abs(mine - its) > Math.max(mine, its) * TOLERANCE) disagreements.push({ model: `${provider}/${model.model}`, what, pi: mine, genai: its })
  }
  note('context window', model.contextWindow, other?.contextWindow)
  for (const kind of ['input', 'cachedInput', 'cacheWrite', 'output'] as const) note(kind, model.rates?.[kind], other?.rates?.[kind])
  const cache = cacheOf(model)
  const price = mergePrice(model, other, sources)
  return {
    provider, model: model.model, aliases: other?.model === model.model ? other.aliases : [], name: model.name,
    // The larger: pi-ai stops some windows where a dearer tier begins.
    contextWindow: Math.max(model.contextWindow, other?.contextWindow ?? -1), maxOutput: model.maxOutput,
    input: ['text', ...model.images ? ['image' as const] : [], ...soundOf(price)], output: model.draws ? ['image'] : ['text'],
    capabilities: capabilities({
      // The chat models of this source are those that take tools.
      tools: !model.draws, schema: model.schema ? true : null, prefill: model.draws ? false : takesPrefill(model.model), reasoning: model.reasoning,
      caching: cache !== null || (price !== null && price.cachedInput < price.input) ? true : null,
    }),
    cache, firstToken: firstTokenOf(model.model, model.alwaysThinks), released: releasedOf([model.model, ...other?.model === model.model ? other.aliases : []]), price,
  }
}

const soundOf = (price: Price | null): readonly Modality[] => price?.audioInput === undefined ? [] : ['audio']

function cacheOf(model: PiModel): ModelFacts['cache'] {
  const known = promptCacheOf(model.model)
  if (known === null) return model.cacheSeconds === 0 ? null : { minTokens: 0, ttlSeconds: model.cacheSeconds, longTtlSeconds: model.longCacheSeconds }
  return model.cacheSeconds === 0 ? known : { ...known, ttlSeconds: model.cacheSeconds, longTtlSeconds: model.longCacheSeconds }
}

function genaiAlone(provider: string, model: GenaiModel, source: CatalogueSource): ModelFacts {
  const cache = promptCacheOf(model.model)
  const price = model.rates === null ? null : finish(model.model, model.rates, model.tiers, source)
  return {
    provider, model: model.model, aliases: model.aliases, name: model.name, contextWindow: model.contextWindow, maxOutput: -1,
    input: ['text', ...soundOf(price)], output: ['text'],
    capabilities: capabilities({ prefill: takesPrefill(model.model), caching: cache !== null || (price !== null && price.cachedInput < price.input) ? true : null }),
    cache, firstToken: firstTokenOf(model.model, false), released: releasedOf([model.model, ...model.aliases]), price,
  }
}

function mergePrice(model: PiModel, other: GenaiModel | null, sources: { readonly pi: CatalogueSource, readonly genai: CatalogueSource }): Price | null {
  const { rates } = model
  if (rates === null) return other === null || other.rates === null ? null : finish(model.model, other.rates, other.tiers, sources.genai)
  // What only the other one knows belongs to its own prices: it counts where they are the same.
  const same = other?.rates != null && isNear(rates.input, other.rates.input) && isNear(rates.output, other.rates.output)
  if (!same || other?.rates == null) return finish(model.model, rates, model.tiers, sources.pi)
  const tiers = model.tiers.length === 0 ? other.tiers : model.tiers.map(tier => {
    // "Above 272,000" and "from 272,000" differ by one token: the dearer reading.
    const its = other.tiers.find(one => Math.abs(one.above - tier.above) <= 1)
    return its === undefined ? tier : { ...its, ...tier, above: Math.min(its.above, tier.above) }
  })
  return finish(model.model, { ...other.rates, ...rates }, tiers, sources.pi)
}

const isNear = (left: number, right: number): boolean => Math.abs(left - right) <= Math.max(left, right) * TOLERANCE

/** What is not said costs what the input costs. */
function finish(model: string, rates: PartialRates, tiers: readonly (PartialRates & { readonly above: number })[], source: CatalogueSource): Price {
  const factor = longWriteFactor(model)
  const whole = (part: PartialRates): Rates => {
    const { input, output, cachedInput = input, cacheWrite = input, longCacheWrite = factor === null ? undefined : input * factor, reasoning, audioInput, audioOutput } = part
    return {
      input, cachedInput, cacheWrite, output, ...longCacheWrite === undefined ? {} : { longCacheWrite }, ...reasoning === undefined ? {} : { reasoning },
      ...audioInput === undefined ? {} : { audioInput }, ...audioOutput === undefined ? {} : { audioOutput },
    }
  }
  return createPrice(whole(rates), tiers.map((tier): PriceTier => ({ above: tier.above, ...whole(tier) })), originOf(source))
}

/** An alias names one model only, and none that has that name itself. */
function withOwnAliases(models: readonly ModelFacts[]): readonly ModelFacts[] {
  const taken = new Set(models.map(({ provider, model }) => `${provider}/${model}`))
  return models.map(facts => {
    const aliases = facts.aliases.filter(alias => {
      const name = `${facts.provider}/${alias}`
      return !taken.has(name) && taken.add(name)
    })
    return { ...facts, aliases: aliases.slice(0, MAX_ALIASES) }
  })
}
