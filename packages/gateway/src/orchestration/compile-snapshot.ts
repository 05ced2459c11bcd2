import {
  Catalogue, closestName, failure, gatewayError, NO_HOOKS, success,
  type GatewayError, type Hooks, type ModelEntry, type Origin, type Plan, type Principal, type ResolvedConfig, type Result, type Snapshot, type TokenGrant,
} from '@headrace/contract'
import { AllowList } from './allow-list.ts'
import { createAuthenticator } from './authenticate.ts'
import { compileProvider, headerLine, type CompiledProvider } from './compile-target.ts'
import { isModelName } from './model-name.ts'
import { ModelTable } from './model-table.ts'
import { NamedRules } from './named-rules.ts'
import { createPassage } from './passed-provider.ts'

export interface CompiledConfig {
  readonly snapshot: Snapshot
  /** For the upstream layer's vault: each credential with the one origin that it may be sent to (invariant 9). */
  readonly credentials: ReadonlyMap<string, { readonly origin: Origin, readonly headerLine: string, readonly grant?: TokenGrant }>
}

/** Names compared when a model is not found; the cost of a typing error stays bounded. */
const SUGGESTION_CANDIDATES = 200
const UNFIT_NAME = Object.freeze(gatewayError('model-not-found', 'The model name is empty, longer than 256 characters or holds control characters.', { param: 'model' }))

/** Compiles a checked configuration into frozen lookups. Throws on what `loadConfig` would have refused; does no I/O. */
export function compileSnapshot(config: ResolvedConfig, hooks: Hooks = NO_HOOKS): CompiledConfig {
  const catalogue = new Catalogue({ date: '', sources: [], models: deepFreeze([...config.catalogue ?? []]) })
  const rules = deepFreeze(structuredClone({ prices: config.prices ?? [], capacity: config.capacity ?? [], timeouts: config.timeouts ?? [] }))
  const tables = { prices: new NamedRules(rules.prices), capacity: new NamedRules(rules.capacity), timeouts: new NamedRules(rules.timeouts), catalogue }
  const providers = new Map(config.providers.map(provider => [provider.id, compileProvider(deepFreeze(structuredClone(provider)), tables)]))
  const table = new ModelTable(config.models, providers, config.policy.coalesce ?? 'never')
  const entries = modelEntries(config, catalogue)
  // By key id: null = all models. A principal whose key is not here comes from elsewhere and may call nothing.
  const allowLists = new Map(config.keys.map(key => [key.keyId, key.models === null ? null : new AllowList(key.models)]))

  const snapshot: Snapshot = Object.freeze({
    version: config.version,
    authenticate: createAuthenticator(config.keys),
    plan: (model: string, principal: Principal): Result<Plan> => {
      if (!principal.scopes.has('inference')) return failure(gatewayError('forbidden', 'This key may not call models: it lacks the scope `inference`.'))
      const allowed = allowLists.get(principal.keyId)
      if (allowed === undefined || allowed !== null && !allowed.allows(model)) return failure(gatewayError('forbidden', 'This key may not call the model that was asked for.', { param: 'model' }))
      const compiled = table.find(model)
      if (compiled === null) return failure(isModelName(model) ? notFound(model, table, visible(entries, allowed)) : UNFIT_NAME)
      const { rotations } = compiled
      const turn = compiled.next
      compiled.next = turn + 1 < rotations.length ? turn + 1 : 0
      const plan = rotations[turn]
      return plan === undefined ? failure(gatewayError('internal', 'The model has no plan.')) : success(plan)
    },
    models: (principal: Principal) => {
      const allowed = allowLists.get(principal.keyId)
      return allowed === undefined || !principal.scopes.has('inference') ? [] : visible(entries, allowed)
    },
    passed: createPassage(providers, allowLists),
    hooks: Object.freeze({ ...hooks }),
    policy: Object.freeze({ ...config.policy }),
    contexts: config.contexts == null ? null : Object.freeze({ ...config.contexts }),
    idempotency: config.idempotency == null ? null : Object.freeze({ ...config.idempotency }),
  })
  return { snapshot, credentials: vault(providers) }
}

function vault(providers: ReadonlyMap<string, CompiledProvider>): CompiledConfig['credentials'] {
  return new Map([...providers.values()].flatMap(({ config, origin }) => config.credentials.map(({ id, header, value, token }) =>
    [id, Object.freeze(token !== undefined ? { origin, headerLine: '', grant: token } : { origin, headerLine: headerLine(header, header === 'authorization' ? `Bearer ${value}` : value, config.id) })] as const)))
}

/** The exact public names, then `provider/model` for each model that a provider is known to have. */
function modelEntries(config: ResolvedConfig, catalogue: Catalogue): readonly ModelEntry[] {
  const entries = new Map<string, ModelEntry>()
  const add = (id: string, ownedBy: string, model: string): void => {
    const facts = catalogue.find(ownedBy, model)
    if (!entries.has(id)) entries.set(id, Object.freeze({ id, ownedBy, created: facts?.released ?? 0, facts }))
  }
  for (const model of config.models) if (!model.name.endsWith('*')) add(model.name, model.targets[0]?.provider ?? '', model.targets[0]?.model ?? '')
  for (const provider of config.providers) for (const model of provider.models) add(`${provider.id}/${model}`, provider.id, model)
  return Object.freeze([...entries.values()])
}

function visible(entries: readonly ModelEntry[], allowed: AllowList | null): readonly ModelEntry[] {
  return allowed === null ? entries : entries.filter(entry => allowed.allows(entry.id))
}

function notFound(model: string, table: ModelTable, entries: readonly ModelEntry[]): GatewayError {
  const shown = JSON.stringify(model)
  const providers = table.ambiguous(model)
  if (providers.length > 0) return gatewayError('model-not-found', `The model ${shown} is at several providers. Say which: ${providers.slice(0, 5).map(id => `${id}/${model}`).join(', ')}.`, { param: 'model' })
  const candidates: string[] = []
  for (const { id } of entries) {
    if (candidates.length >= SUGGESTION_CANDIDATES) break
    for (const name of [id, id.slice(id.indexOf('/') + 1)]) if (Math.abs(name.length - model.length) <= 3) candidates.push(name)
  }
  const meant = closestName(model, candidates)
  return gatewayError('model-not-found', `There is no model ${shown}.${meant === null ? '' : ` Did you mean ${JSON.stringify(meant)}?`} GET /v1/models lists the models; provider/model names any model of a configured provider.`, { param: 'model' })
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    for (const part of Object.values(value)) deepFreeze(part)
    Object.freeze(value)
  }
  return value
}
