import type { CoalescePolicy, ModelConfig, Plan, Target } from '@headrace/contract'
import { BoundedCache } from './bounded-cache.ts'
import { compileTargets, type CompiledProvider } from './compile-target.ts'
import { detached, isModelName } from './model-name.ts'

/** The plans of one model name, one per rotation of its providers' credentials, so that choosing costs an index. */
export interface CompiledModel { readonly rotations: readonly Plan[], next: number }

/** `provider/model` names and wildcard matches compiled on first use, at most. */
const DYNAMIC_MODELS = 4_096
/** More rotations than this would only cost memory. */
const MAX_ROTATIONS = 16

/**
 * Public name -> targets. In this order: an exact `models` entry; `provider/model` of a configured provider; a bare name
 * that exactly one provider lists; the wildcard with the longest prefix.
 */
export class ModelTable {
  readonly #providers: ReadonlyMap<string, CompiledProvider>
  readonly #rules: PlanRules
  readonly #exact = new Map<string, CompiledModel>()
  readonly #bare = new Map<string, CompiledProvider | null>()
  readonly #wildcards: readonly { readonly prefix: string, readonly config: ModelConfig }[]
  readonly #dynamic = new BoundedCache<CompiledModel>(DYNAMIC_MODELS)

  /** `coalesce`: where a model does not say. */
  constructor(models: readonly ModelConfig[], providers: ReadonlyMap<string, CompiledProvider>, coalesce: CoalescePolicy) {
    this.#providers = providers
    this.#rules = Object.freeze({ strict: false, rescue: 'error', hedge: null, shadow: null, coalesce })
    for (const model of models) if (!model.name.endsWith('*')) this.#exact.set(model.name, this.#compile(model.name, model, ''))
    for (const provider of providers.values()) {
      for (const name of provider.config.models) this.#bare.set(name, this.#bare.has(name) ? null : provider)
    }
    this.#wildcards = models.filter(model => model.name.endsWith('*')).map(config => ({ prefix: config.name.slice(0, -1), config }))
      .toSorted((left, right) => right.prefix.length - left.prefix.length)
  }

  find(name: string): CompiledModel | null {
    const known = this.#exact.get(name) ?? this.#dynamic.get(name)
    if (known !== undefined) return known
    if (!isModelName(name)) return null
    const own = detached(name)
    const compiled = this.#resolve(own)
    if (compiled !== null) this.#dynamic.set(own, compiled)
    return compiled
  }

  /** Providers that list this bare name, where there are several. */
  ambiguous(name: string): readonly string[] {
    return this.#bare.get(name) === null ? [...this.#providers.values()].filter(provider => provider.config.models.includes(name)).map(provider => provider.config.id) : []
  }

  #resolve(name: string): CompiledModel | null {
    const slash = name.indexOf('/')
    const direct = slash > 0 && slash < name.length - 1 ? this.#providers.get(name.slice(0, slash)) : undefined
    if (direct !== undefined) return rotate(name, [compileTargets(direct, name.slice(slash + 1))], this.#rules)
    const only = this.#bare.get(name)
    if (only != null) return rotate(name, [compileTargets(only, name)], this.#rules)
    const wildcard = this.#wildcards.find(({ prefix }) => name.startsWith(prefix))
    return wildcard === undefined ? null : this.#compile(name, wildcard.config, name.slice(wildcard.prefix.length))
  }

  #compile(name: string, model: ModelConfig, match: string): CompiledModel {
    const compile = (target: ModelConfig['targets'][number]): readonly Target[] => {
      const provider = this.#providers.get(target.provider)
      if (provider === undefined) throw new Error(`model ${JSON.stringify(name)} has a target at the unknown provider ${JSON.stringify(target.provider)}`)
      return compileTargets(provider, target.model.replace('*', () => match), model.timeouts)
    }
    const { shadow } = model
    return rotate(name, model.targets.map(compile), {
      shadow: shadow == null ? null : Object.freeze({
        name: model.name, share: shadow.share, concurrency: shadow.concurrency, plan: Object.freeze({ model: name, targets: Object.freeze(compile(shadow.target).slice(0, 1)) }),
      }),
      strict: model.strict === true, rescue: model.rescue ?? 'error', coalesce: model.coalesce ?? this.#rules.coalesce,
      hedge: model.hedge == null ? null : Object.freeze({ name: model.name, ...model.hedge }),
    })
  }
}

/** Where a model says nothing. */
type PlanRules = Required<Pick<Plan, 'strict' | 'rescue' | 'hedge' | 'shadow' | 'coalesce'>>

/** Rotation r begins each target's credentials at the r-th; the others follow as its fallbacks. */
function rotate(name: string, groups: readonly (readonly Target[])[], rules: PlanRules): CompiledModel {
  const count = Math.min(MAX_ROTATIONS, Math.max(1, ...groups.map(group => group.length)))
  const rotations = Array.from({ length: count }, (_, turn) => Object.freeze({
    model: name, ...rules,
    targets: Object.freeze(groups.flatMap(group => group.map((_target, index) => group[(index + turn) % group.length]).filter(target => target !== undefined))),
  }))
  return { rotations, next: 0 }
}
