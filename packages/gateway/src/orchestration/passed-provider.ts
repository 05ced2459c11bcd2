import { failure, gatewayError, success, type JobKeeper, type PassedProvider, type Plan, type Principal, type Result, type Target } from '@headrace/contract'
import type { AllowList } from './allow-list.ts'
import { compileTargets, providerHeaders, type CompiledProvider } from './compile-target.ts'
import { isModelName } from './model-name.ts'

/** The version of an API at the end of a base path. */
const VERSION = /\/v\d[a-z0-9]*$/
const OUT_OF_SCOPE = Object.freeze(gatewayError('forbidden', 'This key may not pass requests through: it lacks the scope `pass-through`.'))

/**
 * Says who may pass requests through to which provider: keys that have the scope, where the account is their tenant's own. A provider of another tenant's
 * looks like one that is not there (invariant 8). `allowLists`: by key id, null = all models.
 */
export function createPassage(providers: ReadonlyMap<string, CompiledProvider>, allowLists: ReadonlyMap<string, AllowList | null>): (provider: string | JobKeeper, principal: Principal) => Result<PassedProvider> {
  const passed = new Map([...providers.values()].map(provider => [provider.config.id, passedProvider(provider, allowLists)] as const))
  const tenantOf = (id: string): string => providers.get(id)?.config.tenant ?? 'default'
  return (wanted, principal) => {
    if (!principal.scopes.has('pass-through')) return failure(OUT_OF_SCOPE)
    if (typeof wanted !== 'string') return theOne([...passed.values()].filter(({ id, dialect }) => tenantOf(id) === principal.tenant && wanted.dialects.includes(dialect)))
    const provider = passed.get(wanted)
    return provider === undefined || tenantOf(wanted) !== principal.tenant ? failure(gatewayError('not-found', `There is no provider ${JSON.stringify(wanted)} here.`)) : success(provider)
  }
}

function theOne(providers: readonly PassedProvider[]): Result<PassedProvider> {
  const own = providers.find(({ id, dialect }) => dialect.startsWith(`${id}-`))
  const provider = own ?? providers[0]
  if (provider === undefined) return failure(gatewayError('not-found', 'There is no provider here that keeps these.'))
  return own !== undefined || providers.length === 1 ? success(provider) : failure(gatewayError('invalid-request', 'Several providers may keep these: name one of them in the header headrace-provider.'))
}

function passedProvider(provider: CompiledProvider, allowLists: ReadonlyMap<string, AllowList | null>): PassedProvider {
  const { config: { id, dialect }, base } = provider
  const root = base.replace(VERSION, '')
  const [first] = compileTargets(provider, '')
  const named = (target: Target | undefined): readonly Target[] => target === undefined ? [] : [Object.freeze({ ...target, name: id, answerHeaders: `headrace-target: ${id}\r\n` })]
  const unnamed: Plan = Object.freeze({ model: `${id}/*`, targets: Object.freeze(named(first)) })
  return Object.freeze({
    id, dialect, base, root, headers: providerHeaders(provider.config),
    plan: (model: string, principal: Principal): Result<Plan> => {
      const allowed = allowLists.get(principal.keyId)
      const known = isModelName(model)
      if (allowed === undefined || allowed !== null && !(known && allowed.allows(`${id}/${model}`))) {
        return failure(gatewayError('forbidden', known ? 'This key may not call the model that was asked for.' : 'This key may call certain models only, and which one this request is for does not show.', { param: 'model' }))
      }
      return success(known ? Object.freeze({ ...unnamed, targets: Object.freeze(compileTargets(provider, model).slice(0, 1)) }) : unnamed)
    },
  })
}
