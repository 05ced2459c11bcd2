import { budgetLimit, budgetPart, budgetSince, counterGroup, counterKey, matchesAny, type BudgetRule, type BudgetsToAuthority, type BudgetScope, type CounterState, type ResolvedConfig, type SpendField, type SpendRow } from '@headrace/contract'
import { readSpend } from '@headrace/stores'

/** What one budget of one team, key ... has used in the present window. */
export interface BudgetUse {
  readonly rule: BudgetRule
  readonly tenant: string
  /** In the order of `rule.per`. */
  readonly values: readonly string[]
  /** Nano-dollars by the parts of the window, and their sum. */
  readonly parts: readonly (readonly [from: number, nano: number])[]
  readonly spent: number
}

const FIELDS = Object.freeze({ tenant: 'tenant', team: 'team', app: 'app', key: 'keyId' } as const satisfies Record<BudgetScope, SpendField>)
const SCOPES = Object.freeze(Object.keys(FIELDS) as BudgetScope[]) // the keys of the line above

/** The use of every budget that anything was spent of, from the ledger's file. `wall`: Unix ms. */
export function budgetUse(rules: readonly BudgetRule[], ledger: string, wall: number): BudgetUse[] {
  const sums = new Map<string, readonly SpendRow[]>()
  return rules.flatMap(rule => {
    const since = budgetSince(rule.window, wall)
    const rolling = typeof rule.window === 'number'
    const key = `${since} ${rolling}`
    const rows = sums.get(key) ?? readLedger(ledger, since, rolling)
    sums.set(key, rows)
    return useOf(rule, rows, since)
  })
}

/** The same as the lease authority wants it: a counter that is not told has used nothing. */
export function budgetsForAuthority(config: ResolvedConfig, ledger: string, wall: number): BudgetsToAuthority | null {
  const rules = (config.budgets ?? []).filter(rule => rule.mode === 'hard')
  if (rules.length === 0) return null
  const tenants = new Set(config.keys.map(key => key.tenant))
  const groups = rules.flatMap(rule => [...tenants].map(tenant => groupOf(rule, tenant).group))
  const counters = budgetUse(rules, ledger, wall).map(({ rule, tenant, values, parts }): CounterState => {
    const { group, spec } = groupOf(rule, tenant)
    return { key: counterKey(group, values), group, spec, used: parts }
  })
  return { type: 'budgets', groups, counters }
}

function groupOf(rule: BudgetRule, tenant: string): Pick<CounterState, 'group' | 'spec'> {
  const limit = budgetLimit(rule)
  const spec = { kind: 'budget', limit: rule.amount, window: rule.window } as const
  return { group: counterGroup(limit, 'cost', spec, tenant), spec }
}

function readLedger(path: string, since: number, byHour: boolean): readonly SpendRow[] {
  try {
    return readSpend(path, { since, except: 'shadow', by: [...SCOPES.map(scope => FIELDS[scope]), ...byHour ? ['hour' as const] : []] })
  } catch (error) {
    // The writer is just making it.
    if (error instanceof Error && error.message.includes('no such table')) return []
    throw error
  }
}

function useOf(rule: BudgetRule, rows: readonly SpendRow[], since: number): BudgetUse[] {
  const uses = new Map<string, { readonly tenant: string, readonly values: string[], readonly parts: Map<number, bigint> }>()
  for (const row of rows) {
    const valueOf = (scope: BudgetScope): string => String(row.values[SCOPES.indexOf(scope)])
    if (!Object.entries(rule.match).every(([scope, wanted]) => matchesAny(valueOf(scope as BudgetScope) || null, wanted))) continue
    const values = rule.per.map(valueOf)
    // A key without a team has no team's budget.
    if (values.includes('')) continue
    const tenant = valueOf('tenant')
    const key = JSON.stringify([tenant, values])
    const use = uses.get(key) ?? { tenant, values, parts: new Map<number, bigint>() }
    uses.set(key, use)
    const hour = row.values[SCOPES.length]
    const from = typeof hour === 'number' ? budgetPart(rule.window, hour).from : since
    use.parts.set(from, (use.parts.get(from) ?? 0n) + row.costNano)
  }
  return [...uses.values()].map(({ tenant, values, parts }) => {
    const pairs = [...parts].map(([from, nano]) => [from, safe(nano)] as const)
    return { rule, tenant, values, parts: pairs, spent: safe([...parts.values()].reduce((sum, nano) => sum + nano, 0n)) }
  })
}

const safe = (nano: bigint): number => Number(nano > BigInt(Number.MAX_SAFE_INTEGER) ? BigInt(Number.MAX_SAFE_INTEGER) : nano)
