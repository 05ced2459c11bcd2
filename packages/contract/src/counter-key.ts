import type { CounterSpec, LimitResource, LimitRule } from './limits.ts'

/** Tells rules apart by what they count, not by how much: after a change of the amount the count goes on. One group per rule, resource, window and tenant. */
export function counterGroup(rule: Pick<LimitRule, 'per' | 'match'>, resource: LimitResource, spec: CounterSpec, tenant: string): string {
  const window = spec.kind === 'rate' ? spec.windowMs : spec.kind === 'calendar' ? spec.period : spec.kind === 'budget' ? spec.window : 0
  const match = Object.entries(rule.match).toSorted(([left], [right]) => left < right ? -1 : 1).map(([scope, values]) => [scope, ...values.toSorted()])
  return JSON.stringify([tenant, rule.per, match, resource, window])
}

/** One counter of a group: `values` in the order of the rule's `per`. */
export function counterKey(group: string, values: readonly (string | null)[]): string {
  return `${group} ${JSON.stringify(values)}`
}

/** What a rule's `match` means for one scope: a value equals one of the wanted ones, or begins like one that ends in `*`. */
export function matchesAny(value: string | null, wanted: readonly string[]): boolean {
  return value !== null && wanted.some(pattern => pattern.endsWith('*') ? value.startsWith(pattern.slice(0, -1)) : value === pattern)
}
