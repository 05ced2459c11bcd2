import { counterGroup, counterKey, matchesAny, type CounterSpec, type Exchange, type LimitResource, type LimitRule, type LimitScope, type Principal } from '@headrace/contract'
import { detached } from '../model-name.ts'
import type { Lease } from './lease.ts'
import { openingOf } from './rate-limit-headers.ts'

/** Counters that one request passes, resolved once for its key, model and end user. */
export interface CounterSet {
  readonly leases: readonly Lease[]
  /** What of a request each lease counts. */
  readonly resources: readonly LimitResource[]
  readonly names: readonly string[]
  /** How each one's `RateLimit` line begins; '' = it is not shown. */
  readonly openings: readonly string[]
  readonly countsTokens: boolean
  /** Some of them are budgets. */
  readonly countsCost: boolean
  /** Answer header line of the policies, ending in CRLF. */
  readonly policies: string
}

export type OpenLease = (key: string, group: string, spec: CounterSpec, version: number) => Lease

/** Resolved sets kept; beyond it all are resolved anew. */
const MAX_SETS = 20_000
/** What of a scope's value is looked at, characters. */
const MAX_VALUE = 256

interface CompiledRule {
  readonly rule: LimitRule
  readonly matches: readonly (readonly [LimitScope, readonly string[]])[]
}

const NOTHING: CounterSet = Object.freeze({ leases: [], resources: [], names: [], openings: [], countsTokens: false, countsCost: false, policies: '' })

/** The rules of one configuration, and for each kind of request the counters it passes. */
export class LimitTable {
  readonly #rules: readonly CompiledRule[]
  readonly #version: number
  readonly #open: OpenLease
  readonly #byModel: boolean
  readonly #byUser: boolean
  #sets = new Map<Principal, Map<string, CounterSet | Map<string, CounterSet>>>()
  #count = 0
  /** One string per rule and tenant, however many leases name it. */
  readonly #groups = new Map<string, string>()

  constructor(rules: readonly LimitRule[], version: number, open: OpenLease) {
    this.#rules = rules.map(rule => ({ rule, matches: Object.entries(rule.match) as [LimitScope, readonly string[]][] }))
    this.#version = version
    this.#open = open
    const scopes = new Set(rules.flatMap(rule => [...rule.per, ...Object.keys(rule.match)]))
    this.#byModel = scopes.has('model')
    this.#byUser = scopes.has('user')
  }

  get empty(): boolean {
    return this.#rules.length === 0
  }

  find(x: Exchange, principal: Principal): CounterSet {
    const model = this.#byModel ? x.model : ''
    const known = this.#sets.get(principal)?.get(model)
    if (known === undefined) return this.#resolve(x, principal, model)
    if (!this.#byUser) return known as CounterSet
    return (known as Map<string, CounterSet>).get(endUser(x, principal)) ?? this.#resolve(x, principal, model)
  }

  /** Forgets what was resolved: a lease in it has been closed. */
  forget(): void {
    this.#sets = new Map()
    this.#count = 0
  }

  #resolve(x: Exchange, principal: Principal, model: string): CounterSet {
    if (this.#count >= MAX_SETS) this.forget()
    this.#count++
    const set = this.#build(x, principal)
    const ownModel = detached(model)
    let models = this.#sets.get(principal)
    if (models === undefined) this.#sets.set(principal, models = new Map<string, CounterSet | Map<string, CounterSet>>())
    if (!this.#byUser) {
      models.set(ownModel, set)
      return set
    }
    let users = models.get(model) as Map<string, CounterSet> | undefined
    if (users === undefined) models.set(ownModel, users = new Map<string, CounterSet>())
    users.set(detached(endUser(x, principal)), set)
    return set
  }

  #intern(group: string): string {
    const known = this.#groups.get(group)
    if (known !== undefined) return known
    this.#groups.set(group, group)
    return group
  }

  #build(x: Exchange, principal: Principal): CounterSet {
    const leases: Lease[] = []
    const resources: LimitResource[] = []
    const names: string[] = []
    for (const { rule, matches } of this.#rules) {
      if (!matches.every(([scope, wanted]) => valuesOf(scope, x, principal).some(value => matchesAny(value, wanted)))) continue
      const values = rule.per.map(scope => valueOf(scope, x, principal))
      // A key without a team has no team's limit. A call that names no end user shares the limit of all such calls: leaving it out is no way around.
      if (values.includes(null)) continue
      for (const { resource, spec } of rule.amounts) {
        const group = this.#intern(counterGroup(rule, resource, spec, principal.tenant))
        const lease = this.#open(counterKey(group, values), group, spec, this.#version)
        if (leases.includes(lease)) continue
        leases.push(lease)
        resources.push(resource)
        names.push(rule.name)
      }
    }
    if (leases.length === 0) return NOTHING
    return Object.freeze({ leases, resources, names, openings: leases.map((lease, index) => openingOf(lease, resources[index] as LimitResource, names[index] as string)), countsTokens: resources.some(resource => resource.endsWith('tokens')), countsCost: resources.includes('cost'), policies: policyLine(leases, resources, names) })
  }
}

function endUser(x: Exchange, principal: Principal): string {
  return principal.endUser ?? x.user
}

function valueOf(scope: LimitScope, x: Exchange, principal: Principal): string | null {
  switch (scope) {
    case 'tenant': return principal.tenant
    case 'team': return principal.team
    case 'app': return principal.app
    case 'key': return principal.keyId
    case 'user': return endUser(x, principal).slice(0, MAX_VALUE)
    // What the request is first sent to: all names of one model share its limit.
    case 'model': return x.plan?.targets[0]?.name ?? x.model
  }
}

/** What a rule's `match` may name: a model by any of its names. */
function valuesOf(scope: LimitScope, x: Exchange, principal: Principal): readonly (string | null)[] {
  if (scope !== 'model') return [valueOf(scope, x, principal)]
  return [x.model, ...(x.plan?.targets ?? []).flatMap(target => [target.name, target.model])]
}

/** `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers: quota `q`, window `w` in seconds, unit where it is not requests. */
function policyLine(leases: readonly Lease[], resources: readonly LimitResource[], names: readonly string[]): string {
  const items: string[] = []
  for (const [index, { spec }] of leases.entries()) {
    if (spec.kind === 'slots' || spec.kind === 'budget') continue
    const seconds = spec.kind === 'rate' ? Math.max(1, Math.round(spec.windowMs / 1000)) : { day: 86_400, week: 604_800, month: 2_592_000 }[spec.period]
    items.push(`"${names[index]}-${resources[index]}";q=${spec.limit};w=${seconds}${resources[index] === 'requests' ? '' : `;qu="${resources[index]}"`}`)
  }
  return items.length === 0 ? '' : `ratelimit-policy: ${items.join(', ')}\r\n`
}
