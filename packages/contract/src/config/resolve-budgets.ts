import type { BudgetRule, BudgetScope, PriceRule } from '../money.ts'
import { Catalogue } from '../catalogue/catalogue.ts'
import type { LimitRule } from '../limits.ts'
import type { ModelFacts } from '../model-facts.ts'
import { matchesAny } from '../counter-key.ts'
import type { ModelConfig } from '../resolved-config.ts'
import type { ConfigProblems } from './config-problems.ts'
import type { BudgetFile } from './schema.ts'

/** The order in which scopes stand in a budget, whatever the order in the file. */
const SCOPES = ['tenant', 'team', 'app', 'key'] as const satisfies readonly BudgetScope[]

/** What budgets need of the rest of the file. */
export interface BudgetSurroundings { readonly limits: readonly LimitRule[], readonly prices: readonly PriceRule[], readonly catalogue: readonly ModelFacts[], readonly models: readonly ModelConfig[], readonly logCalls: boolean }

/** The file's `budgets` as rules with names of their own. */
export function resolveBudgets(file: readonly BudgetFile[], { limits, prices, catalogue, models, logCalls }: BudgetSurroundings, problems: ConfigProblems): BudgetRule[] {
  const names = new Set(limits.map(limit => limit.name))
  const counted = new Set<string>()
  const priced = prices.length > 0 || catalogue.some(({ price }) => price !== null)
  if (file.length > 0 && !priced) problems.error(['budgets'], 'a budget needs prices: say under `prices` what models cost', 'key')
  if (file.length > 0 && !logCalls) problems.error(['budgets'], 'a budget needs `log.calls`: what was spent is known from the call records', 'key')
  if (priced && file.some(budget => budget.mode === 'hard')) warnOfUnpriced(models, prices, new Catalogue({ date: '', sources: [], models: catalogue }), problems)
  return file.map((budget, index) => {
    const path = ['budgets', index]
    if (budget.name != null && names.has(budget.name)) problems.error([...path, 'name'], `there is another limit or budget named \`${budget.name}\`: names are unique`)
    const per = SCOPES.filter(scope => budget.per.includes(scope))
    let name = budget.name ?? `${per.join('-')}-budget`
    for (let count = 2; budget.name == null && names.has(name); count++) name = `${per.join('-')}-budget-${count}`
    names.add(name)
    const match = resolveMatch(budget)
    const what = JSON.stringify([per, match, budget.window])
    if (budget.mode === 'hard' && counted.has(what)) problems.error(path, 'another hard budget counts the same money in the same window: keep one of them')
    if (budget.mode === 'hard') counted.add(what)
    return { name, per, match, amount: budget.amount, window: budget.window, mode: budget.mode }
  })
}

/** A call whose cost nobody knows is not let in by a hard budget, whichever of its targets it is that has no price. */
function warnOfUnpriced(models: readonly ModelConfig[], prices: readonly PriceRule[], catalogue: Catalogue, problems: ConfigProblems): void {
  for (const { name, targets } of models) {
    const target = targets.find(({ provider, model }) => !prices.some(price => matchesAny(`${provider}/${model}`, [price.name])) && !model.includes('*') && (catalogue.find(provider, model)?.price ?? null) === null)
    if (target !== undefined) problems.warn(['models', name], `\`${target.provider}/${target.model}\` has no price, so hard budgets let no calls to \`${name}\` in: add it under \`prices\` (0 where it is free)`)
  }
}

function resolveMatch({ match }: BudgetFile): BudgetRule['match'] {
  const values: Partial<Record<BudgetScope, readonly string[]>> = {}
  for (const scope of SCOPES) {
    const wanted = match?.[scope]
    if (wanted != null) values[scope] = [...new Set(typeof wanted === 'string' ? [wanted] : wanted)].toSorted()
  }
  return values
}
