import { failure, success, type Result } from '../errors.ts'
import { CAPABILITIES, FIRST_TOKEN_CLASSES, MODALITIES, type Capability, type ModelFacts } from '../model-facts.ts'
import { createPrice, MAX_RATE, type Price, type PriceTier, type Rates } from '../money.ts'
import type { CatalogueData, CatalogueSource } from './catalogue.ts'

/** Goes up when a reader of before would misread what is written now. */
export const CATALOGUE_FORMAT = 1
export const MAX_CATALOGUE_BYTES = 16 * 2 ** 20
const MAX_ENTRIES = 50_000
const MAX_TEXT = 320
const MAX_LIST = 64
const MAX_COUNT = 1e9

/** Prices in the order in which they stand in the file; the last four only where they are known. */
const RATE_NAMES = Object.freeze(['input', 'cachedInput', 'cacheWrite', 'output', 'longCacheWrite', 'reasoning', 'audioInput', 'audioOutput'] as const satisfies readonly (keyof Rates)[])
const DATE = /^20\d{2}-\d{2}-\d{2}$/

/**
 * A catalogue as text: JSON, one model a line, what is not known left out. The same data gives the same text.
 * A line: `[provider, model, {name?, aliases?, context?, output?, in?, out?, can?, cannot?, cache?, first?, released?, price?, tiers?, from?}]`.
 */
export function renderCatalogue({ date, sources, models }: CatalogueData): string {
  const head = JSON.stringify({ format: CATALOGUE_FORMAT, date, sources }).slice(0, -1)
  return `${head},"models":[\n${models.map(facts => JSON.stringify(line(facts, sources))).join(',\n')}\n]}\n`
}

function line(facts: ModelFacts, sources: readonly CatalogueSource[]): readonly unknown[] {
  const { provider, model, name, aliases, contextWindow, maxOutput, input, output, capabilities, cache, firstToken, released, price } = facts
  const told = (value: boolean): Capability[] => CAPABILITIES.filter(capability => capabilities[capability] === value)
  const some = <T>(list: readonly T[]): readonly T[] | undefined => list.length === 0 ? undefined : list
  const plain = (list: readonly string[]): boolean => list.length === 1 && list[0] === 'text'
  return [provider, model, {
    name: name === model ? undefined : name, aliases: some(aliases),
    context: contextWindow < 0 ? undefined : contextWindow, output: maxOutput < 0 ? undefined : maxOutput,
    in: plain(input) ? undefined : input, out: plain(output) ? undefined : output, can: some(told(true)), cannot: some(told(false)),
    cache: cache === null ? undefined : [cache.minTokens, cache.ttlSeconds, cache.longTtlSeconds],
    first: firstToken === 'normal' ? undefined : firstToken, released: released === 0 ? undefined : released,
    price: price === null ? undefined : rateList(price), tiers: price?.tiers?.map(tier => [tier.above, ...rateList(tier)]),
    from: price === null ? undefined : sources.findIndex(source => price.version.endsWith(originOf(source))),
  }]
}

function rateList(rates: Rates): readonly (number | null)[] {
  const list = RATE_NAMES.map(name => rates[name] ?? null)
  while (list.at(-1) === null) list.pop()
  return list
}

/** The words at the end of a price's version that say where it comes from. */
export const originOf = (source: CatalogueSource): string => `${source.id}@${source.date}`

/**
 * Reads a catalogue, trusting nothing in it: every field is checked and bounded. The failure says what is wrong, and with which model. With `only`, the models of
 * other providers are passed over, which is most of the work.
 */
export function parseCatalogue(text: string, only: ReadonlySet<string> | null = null): Result<CatalogueData, string> {
  if (text.length > MAX_CATALOGUE_BYTES) return failure(`it is larger than ${MAX_CATALOGUE_BYTES / 2 ** 20} MiB`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return failure('it is not JSON')
  }
  try {
    return success(readCatalogue(value, only))
  } catch (error) {
    if (error instanceof Malformed) return failure(error.message)
    throw error
  }
}

/** Ends the reading. Never leaves this file. */
class Malformed extends Error {}

function readCatalogue(value: unknown, only: ReadonlySet<string> | null): CatalogueData {
  const file = record(value, 'the file')
  if (file['format'] !== CATALOGUE_FORMAT) throw new Malformed(`its format is ${JSON.stringify(file['format']) ?? 'not said'}, and this Headrace reads format ${CATALOGUE_FORMAT}`)
  const sources = list(file['sources'], 'sources', MAX_LIST).map(readSource)
  const entries = list(file['models'], 'models', MAX_ENTRIES)
  const wanted = only === null ? entries : entries.filter(entry => Array.isArray(entry) && only.has(String(entry[0])))
  const models = wanted.map((entry, index) => readModel(entry, index, sources))
  const seen = new Set<string>()
  for (const { provider, model } of models) {
    const id = `${provider}/${model}`
    if (seen.has(id)) throw new Malformed(`${id} stands there twice`)
    seen.add(id)
  }
  return { date: text(file['date'], 'date', DATE), sources, models }
}

function readSource(value: unknown): CatalogueSource {
  const source = record(value, 'a source')
  return {
    id: text(source['id'], 'a source\'s id', /^[a-z0-9-]{1,64}$/), package: text(source['package'], 'a source\'s package'), version: text(source['version'], 'a source\'s version'),
    date: text(source['date'], 'a source\'s date', DATE), license: text(source['license'], 'a source\'s license'),
  }
}

function readModel(entry: unknown, index: number, sources: readonly CatalogueSource[]): ModelFacts {
  const [provider, model, rest] = list(entry, `model ${index}`, 3)
  const id = `${text(provider, `the provider of model ${index}`, /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/)}/${text(model, `the name of model ${index}`)}`
  const facts = record(rest, id)
  const count = (name: string, least: number): number => facts[name] === undefined ? least - 1 : whole(facts[name], `${name} of ${id}`, least, MAX_COUNT)
  const words = <const Word extends string>(name: string, known: readonly Word[], initial: readonly Word[]): readonly Word[] => facts[name] === undefined ? initial
    : list(facts[name], `${name} of ${id}`, MAX_LIST).map(word => known.find(one => one === word) ?? wrong(`${name} of ${id} holds ${JSON.stringify(word)}`))
  const cache = facts['cache'] === undefined ? null : list(facts['cache'], `cache of ${id}`, 3).map(number => whole(number, `cache of ${id}`, 0, MAX_COUNT))
  return {
    provider: String(provider), model: String(model), name: facts['name'] === undefined ? String(model) : text(facts['name'], `name of ${id}`),
    aliases: facts['aliases'] === undefined ? [] : list(facts['aliases'], `aliases of ${id}`, MAX_LIST).map(alias => text(alias, `an alias of ${id}`)),
    contextWindow: count('context', 0), maxOutput: count('output', 0),
    input: words('in', MODALITIES, ['text']), output: words('out', MODALITIES, ['text']),
    capabilities: Object.fromEntries([...words('can', CAPABILITIES, []).map(word => [word, true]), ...words('cannot', CAPABILITIES, []).map(word => [word, false])]),
    cache: cache === null ? null : { minTokens: cache[0] ?? 0, ttlSeconds: cache[1] ?? 0, longTtlSeconds: cache[2] ?? 0 },
    firstToken: facts['first'] === undefined ? 'normal' : FIRST_TOKEN_CLASSES.find(one => one === facts['first']) ?? wrong(`first of ${id} is unknown`),
    released: facts['released'] === undefined ? 0 : whole(facts['released'], `released of ${id}`, 0, 1e11),
    price: facts['price'] === undefined ? null : readPrice(facts, id, sources),
  }
}

function readPrice(facts: Readonly<Record<string, unknown>>, id: string, sources: readonly CatalogueSource[]): Price {
  const source = sources[whole(facts['from'], `from of ${id}`, 0, sources.length - 1)] ?? wrong(`the price of ${id} has no source`)
  const tiers = facts['tiers'] === undefined ? [] : list(facts['tiers'], `tiers of ${id}`, 8).map((tier): PriceTier => {
    const [above, ...rates] = list(tier, `a tier of ${id}`, 9)
    return { above: whole(above, `a tier of ${id}`, 1, MAX_COUNT), ...readRates(rates, `a tier of ${id}`) }
  })
  if (tiers.some((tier, index) => tier.above <= (tiers[index - 1]?.above ?? 0))) throw new Malformed(`the tiers of ${id} do not rise`)
  return createPrice(readRates(list(facts['price'], `price of ${id}`, 8), `price of ${id}`), tiers, originOf(source))
}

function readRates(values: readonly unknown[], what: string): Rates {
  const [input, cachedInput, cacheWrite, output, ...others] = values.map((value, index) => value === null && index >= 4 ? null : whole(value, what, 0, MAX_RATE))
  if (input == null || cachedInput == null || cacheWrite == null || output == null) throw new Malformed(`${what}: four numbers at least`)
  const known = others.flatMap((rate, index) => rate == null ? [] : [[RATE_NAMES[index + 4] ?? wrong(what), rate] as const])
  return { input, cachedInput, cacheWrite, output, ...Object.fromEntries(known) }
}

function wrong(message: string): never {
  throw new Malformed(message)
}

function record(value: unknown, what: string): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? value as Record<string, unknown> : wrong(`${what} is no object`)
}

function list(value: unknown, what: string, most: number): readonly unknown[] {
  return Array.isArray(value) && value.length <= most ? value : wrong(`${what} is no list of at most ${most}`)
}

/** One line of printable text. */
function text(value: unknown, what: string, form = /^[^\p{Cc}\p{Cs}]+$/u): string {
  return typeof value === 'string' && value.length <= MAX_TEXT && form.test(value) ? value : wrong(`${what} is not as it must be`)
}

function whole(value: unknown, what: string, least: number, most: number): number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most ? value : wrong(`${what} is no whole number from ${least} to ${most}`)
}
