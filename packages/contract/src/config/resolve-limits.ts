import type { LimitAmount, LimitResource, LimitRule, LimitScope } from '../limits.ts'
import type { ConfigProblems } from './config-problems.ts'
import type { LimitFile } from './schema.ts'

/** The order in which scopes stand in a rule, whatever the order in the file. */
const SCOPES = ['tenant', 'team', 'app', 'key', 'user', 'model'] as const satisfies readonly LimitScope[]

/** The file's `limits` as rules with names of their own. */
export function resolveLimits(file: readonly LimitFile[], problems: ConfigProblems): LimitRule[] {
  const names = new Set<string>()
  const counted = new Set<string>()
  const rules: LimitRule[] = []
  for (const [index, limit] of file.entries()) {
    const path = ['limits', index]
    if (limit.name != null && names.has(limit.name)) problems.error([...path, 'name'], `there is another limit named \`${limit.name}\`: names are unique`)
    const per = SCOPES.filter(scope => limit.per.includes(scope))
    const rule: LimitRule = { name: limit.name ?? freeName(per.join('-'), names), per, match: resolveMatch(limit), amounts: resolveAmounts(limit) }
    names.add(rule.name)
    if (rule.amounts.length === 0) problems.error(path, 'a limit needs `requests`, `tokens`, `input_tokens`, `output_tokens` or `concurrency`')
    for (const { resource, spec } of rule.amounts) {
      const what = JSON.stringify([per, Object.entries(rule.match).toSorted(([left], [right]) => left < right ? -1 : 1), resource, spec.kind === 'rate' ? spec.windowMs : spec.kind === 'calendar' ? spec.period : ''])
      if (counted.has(what)) problems.error(path, `another limit counts the same ${resource} in the same window: keep one of them`)
      counted.add(what)
    }
    rules.push(rule)
  }
  return rules
}

function freeName(base: string, taken: ReadonlySet<string>): string {
  let name = base
  for (let count = 2; taken.has(name); count++) name = `${base}-${count}`
  return name
}

function resolveMatch({ match }: LimitFile): LimitRule['match'] {
  const values: Partial<Record<LimitScope, readonly string[]>> = {}
  for (const scope of SCOPES) {
    const wanted = match?.[scope]
    if (wanted != null) values[scope] = [...new Set(typeof wanted === 'string' ? [wanted] : wanted)].toSorted()
  }
  return values
}

function resolveAmounts(limit: LimitFile): LimitAmount[] {
  const amounts: LimitAmount[] = []
  const add = (resource: LimitResource, specs: LimitFile['requests']): void => { for (const spec of specs ?? []) amounts.push({ resource, spec }) }
  add('requests', limit.requests)
  add('input-tokens', limit.input_tokens)
  add('output-tokens', limit.output_tokens)
  add('tokens', limit.tokens)
  if (limit.concurrency != null) amounts.push({ resource: 'concurrency', spec: { kind: 'slots', limit: limit.concurrency } })
  return amounts
}
