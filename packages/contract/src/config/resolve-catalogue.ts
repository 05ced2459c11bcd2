import { Catalogue } from '../catalogue/catalogue.ts'
import type { KnownProvider } from '../known-provider.ts'
import type { ModelFacts } from '../model-facts.ts'
import type { ProviderConfig } from '../resolved-config.ts'
import type { ConfigProblems } from './config-problems.ts'
import { MAX_CATALOGUE_MODELS, type CatalogueFile, type ModelFactsFile } from './schema.ts'

export interface CatalogueOptions {
  readonly known: readonly KnownProvider[]
  /** Reads the catalogue's models of these providers. Left out = there is no catalogue. */
  readonly catalogue?: (only: ReadonlySet<string>) => { readonly catalogue: Catalogue, readonly warning: string }
}

const NOTHING_KNOWN = Object.freeze({
  aliases: Object.freeze([]), contextWindow: -1, maxOutput: -1, input: Object.freeze(['text'] as const), output: Object.freeze(['text'] as const), capabilities: Object.freeze({}), cache: null,
  firstToken: 'normal', released: 0, price: null,
} as const satisfies Omit<ModelFacts, 'provider' | 'model' | 'name'>)

/** What is known of the models of the configured providers: the catalogue's facts, and over them the file's. A provider without an entry in it costs nothing: the catalogue is then not read. */
export function resolveCatalogue(file: CatalogueFile, providers: readonly ProviderConfig[], options: CatalogueOptions, problems: ConfigProblems): ModelFacts[] {
  const names = new Map(providers.flatMap(provider => {
    const name = catalogueName(provider, options.known)
    return name === null ? [] : [[provider.id, name] as const]
  }))
  const facts = new Map<string, ModelFacts>()
  const read = names.size === 0 || options.catalogue === undefined ? null : options.catalogue(new Set(names.values()))
  if (read !== null && read.warning !== '') problems.warn(['catalogue'], read.warning)
  for (const [provider, name] of names) {
    for (const one of new Set(read?.catalogue.of(name).values() ?? [])) facts.set(`${provider}/${one.model}`, { ...one, provider, price: file.prices ? one.price : null })
  }
  const entries = Object.entries(file.models ?? {})
  if (entries.length > MAX_CATALOGUE_MODELS) problems.error(['catalogue', 'models'], `too many models: at most ${MAX_CATALOGUE_MODELS}`, 'key')
  const known = new Catalogue({ date: '', sources: [], models: [...facts.values()] })
  for (const [name, own] of entries) {
    const slash = name.indexOf('/')
    const provider = name.slice(0, slash)
    const model = name.slice(slash + 1)
    if (!providers.some(({ id }) => id === provider)) problems.warn(['catalogue', 'models', name], `there is no provider \`${provider}\`: this entry is used by nobody`)
    const before = known.find(provider, model)
    facts.set(name, override(before === null ? { ...NOTHING_KNOWN, provider, model, name: model } : { ...before, model, aliases: before.model === model ? before.aliases : [] }, own))
  }
  return [...facts.values()]
}

/** Under which name the catalogue has a provider: its own, or that of the vendor whose address it has. The sandbox and local servers are nobody's. */
function catalogueName({ id, baseUrl }: ProviderConfig, known: readonly KnownProvider[]): string | null {
  const origin = URL.parse(baseUrl)?.origin
  const vendor = known.find(provider => provider.id === id) ?? known.find(provider => URL.parse(provider.baseUrl)?.origin === origin)
  return vendor === undefined || vendor.auth === 'none' ? null : vendor.id
}

function override(facts: ModelFacts, own: ModelFactsFile): ModelFacts {
  const told = Object.fromEntries(Object.entries(own.capabilities ?? {}).filter((entry): entry is [string, boolean] => typeof entry[1] === 'boolean'))
  return {
    ...facts, contextWindow: own.context_window ?? facts.contextWindow, maxOutput: own.max_output ?? facts.maxOutput,
    input: own.input ?? facts.input, output: own.output ?? facts.output, firstToken: own.first_token ?? facts.firstToken, capabilities: { ...facts.capabilities, ...told },
  }
}
