import { existsSync } from 'node:fs'
import { CAPABILITIES, perMillion, type ModelFacts, type Price, type Rates } from '@headrace/contract'
import { readCatalogue } from '@headrace/contract/catalogue'
import { loadFile } from './load-file.ts'
import type { ModelsFlags } from './program.ts'
import { tableLines, type Column } from './table.ts'

const COLUMNS: readonly Column[] = Object.freeze([
  { title: 'MODEL', width: 32 }, { title: 'CONTEXT', width: 9, right: true }, { title: 'OUTPUT', width: 8, right: true }, { title: 'IN', width: 8, right: true }, { title: 'CACHED', width: 8, right: true },
  { title: 'OUT', width: 8, right: true }, { title: 'CAN', width: 0 },
])

/** Prints what is known of models: of those of the configured providers, or with `--all` of every one in the catalogue. Returns 1 where nothing fits. */
export async function models(pattern: string | null, { all, provider, data, json, ...flags }: ModelsFlags): Promise<number> {
  const known = all ? wholeCatalogue(data) : configured(flags.config ?? (existsSync('headrace.yaml') ? 'headrace.yaml' : null), data)
  if (typeof known === 'string') return complain(known)
  const words = pattern?.toLowerCase() ?? ''
  const found = known.filter(facts => (provider === undefined || facts.provider === provider) && [facts.model, ...facts.aliases].some(name => `${facts.provider}/${name}`.toLowerCase().includes(words)))
  if (found.length === 0) return complain(`Nothing is known of such a model${all ? '' : ' at the configured providers: `--all` searches the whole catalogue'}.`)
  const lines = json ? found.map(facts => JSON.stringify(facts)) : [...tableLines(COLUMNS, found.map(cells), true), '', `${found.length} of ${known.length} models. Prices in dollars per million tokens; - = not known, * = more for long inputs.`]
  process.stdout.write(`${lines.join('\n')}\n`)
  return 0
}

function wholeCatalogue(data: string): readonly ModelFacts[] {
  const { catalogue, warning } = readCatalogue(data)
  if (warning !== '') process.stderr.write(`Warning: ${warning}\n`)
  return catalogue.models
}

/** With the file's own facts and prices over the catalogue's; a string = what is wrong with the file. */
function configured(path: string | null, data: string): readonly ModelFacts[] | string {
  const loaded = loadFile(path, data)
  if (!loaded.ok) return loaded.error
  const { catalogue = [], prices = [] } = loaded.value.config
  return catalogue.map(facts => ({ ...facts, price: priceOf(prices, `${facts.provider}/${facts.model}`) ?? facts.price }))
}

/** As targets are priced: the exact name wins, then the longest prefix. */
function priceOf(prices: readonly { readonly name: string, readonly price: Price }[], target: string): Price | null {
  const fitting = prices.filter(({ name }) => name === target || (name.endsWith('*') && target.startsWith(name.slice(0, -1))))
  return fitting.find(({ name }) => name === target)?.price ?? fitting.toSorted((a, b) => b.name.length - a.name.length)[0]?.price ?? null
}

function cells({ provider, model, contextWindow, maxOutput, price, capabilities, input }: ModelFacts): string[] {
  const count = (value: number): string => value < 0 ? '-' : String(value)
  const rate = (kind: keyof Rates): string => price?.[kind] === undefined ? '-' : `${perMillion(price[kind])}${price.tiers === undefined ? '' : '*'}`
  return [
    `${provider}/${model}`, count(contextWindow), count(maxOutput), rate('input'), rate('cachedInput'), rate('output'),
    [...CAPABILITIES.filter(capability => capabilities[capability] === true), ...input.filter(modality => modality !== 'text')].join(' '),
  ]
}

function complain(reason: string): number {
  process.stderr.write(`headrace: ${reason}\n`)
  return 1
}
