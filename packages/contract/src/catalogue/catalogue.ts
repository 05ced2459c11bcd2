import type { ModelFacts } from '../model-facts.ts'

/** Where facts come from. */
export interface CatalogueSource {
  /** Short name, which stands in the versions of its prices. */
  readonly id: string
  readonly package: string
  readonly version: string
  /** When its data was gathered, `2026-11-10`. */
  readonly date: string
  readonly license: string
}

export interface CatalogueData {
  /** Of its newest source. */
  readonly date: string
  readonly sources: readonly CatalogueSource[]
  /** In the order of provider, then model. */
  readonly models: readonly ModelFacts[]
}

/** A date or a moving name behind a model's: the model without it is the same one, and costs the same. */
const DATED = /(?:[-@](?:20\d{6}|20\d{2}-\d{2}-\d{2})|-latest)$/

/** Models by provider and name. */
export class Catalogue {
  readonly date: string
  readonly sources: readonly CatalogueSource[]
  readonly models: readonly ModelFacts[]
  readonly #byProvider = new Map<string, Map<string, ModelFacts>>()

  constructor({ date, sources, models }: CatalogueData) {
    this.date = date
    this.sources = sources
    this.models = models
    for (const facts of models) {
      let names = this.#byProvider.get(facts.provider)
      if (names === undefined) this.#byProvider.set(facts.provider, names = new Map())
      names.set(facts.model, facts)
    }
    for (const facts of models) {
      const names = this.#byProvider.get(facts.provider)
      for (const alias of facts.aliases) if (names?.has(alias) === false) names.set(alias, facts)
    }
  }

  get providers(): readonly string[] {
    return [...this.#byProvider.keys()]
  }

  /** All that is known of a provider's models, by name and alias. */
  of(provider: string): ReadonlyMap<string, ModelFacts> {
    return this.#byProvider.get(provider) ?? new Map()
  }

  /** null = not known. */
  find(provider: string, model: string): ModelFacts | null {
    return findFacts(this.of(provider), model)
  }
}

/** By its name, an alias, or without the date behind its name. */
export function findFacts(models: ReadonlyMap<string, ModelFacts>, model: string): ModelFacts | null {
  return models.get(model) ?? models.get(model.replace(DATED, '')) ?? null
}
