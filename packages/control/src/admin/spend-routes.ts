import { z } from 'zod'
import { dollars, type SpendField, type SpendQuery, type SpendRow } from '@headrace/contract'
import { readSpend } from '@headrace/stores'
import { budgetUse } from '../budgets/budget-use.ts'
import { errorAnswer, errorSchema } from './error-answer.ts'
import type { AdminServices } from './services.ts'
import { adminOf, type TypedApp } from './typed-app.ts'

/** What spending can be told apart by, as people ask for it. */
const FIELDS = Object.freeze({ key: 'keyId', team: 'team', app: 'app', model: 'model', target: 'target', kind: 'kind', day: 'day', hour: 'hour' } as const satisfies Record<string, SpendField>)
const isField = (name: string): name is keyof typeof FIELDS => Object.hasOwn(FIELDS, name)

const querySchema = z.strictObject({
  by: z.string().max(100).optional().describe('One or several of `key`, `team`, `app`, `model`, `target`, `kind` (call, hedge, shadow), `day`, `hour`, separated by commas. Default `model`. Empty = the sum of all.'),
  since: z.coerce.number().int().min(0).optional().describe('Unix milliseconds, inclusive; counted in whole hours. Default: 30 days ago.'),
  until: z.coerce.number().int().min(0).optional().describe('Unix milliseconds, exclusive.'),
  limit: z.coerce.number().int().min(1).max(10_000).optional().describe('Default 1000; the dearest first.'),
})
const nano = z.string().describe('Nano-dollars, a whole number.')
const spendSchema = z.object({
  rows: z.array(z.object({
    by: z.record(z.string(), z.union([z.string(), z.number()])).describe('`day` and `hour`: Unix milliseconds of their begin, UTC.'),
    calls: z.number(), inputTokens: z.number(), outputTokens: z.number(), costNano: nano, cost: z.string().describe('The same in dollars.'),
  })),
})
const budgetsSchema = z.object({
  budgets: z.array(z.object({
    name: z.string(), of: z.record(z.string(), z.string()), mode: z.string(), window: z.string(), amountNano: nano, spentNano: nano, amount: z.string(), spent: z.string(),
  })).describe('Budgets that nothing was spent of are not listed.'),
})
const DEFAULT_SPAN_MS = 30 * 86_400_000

/** Money, from the ledger: only of calls to models that have a price. */
export function spendRoutes(app: TypedApp, { ledger, keeper }: AdminServices): void {
  app.get('/admin/v1/spend', {
    config: { access: 'tenant' },
    schema: { summary: 'What was spent, by key, team, app, model or time', querystring: querySchema, response: { 200: spendSchema, '4xx': errorSchema } },
  }, async (request, reply) => {
    const { by: asked, since, until, limit } = request.query
    const names = (asked ?? 'model').split(',').map(name => name.trim()).filter(name => name !== '')
    const fields = names.filter(isField)
    if (fields.length < names.length || new Set(names).size < names.length) return reply.code(400).send(errorAnswer('invalid_request', `\`by\` takes ${Object.keys(FIELDS).join(', ')}, separated by commas, each once.`))
    const rows = read(ledger, {
      tenant: adminOf(request).tenant, by: fields.map(name => FIELDS[name]), since: since ?? Date.now() - DEFAULT_SPAN_MS, ...(until === undefined ? {} : { until }), limit: limit ?? 1_000,
    })
    return { rows: rows.map(row => ({
      by: Object.fromEntries(fields.map((name, index) => [name, row.values[index] ?? ''])), calls: row.calls, inputTokens: row.inputTokens, outputTokens: row.outputTokens,
      costNano: String(row.costNano), cost: dollars(row.costNano),
    })) }
  })

  app.get('/admin/v1/budgets', {
    config: { access: 'tenant' }, schema: { summary: 'The budgets, and what was spent of each in its present window', response: { 200: budgetsSchema } },
  }, async request => {
    const { tenant } = adminOf(request)
    return { budgets: budgetUse(keeper.current.budgets ?? [], ledger, Date.now()).filter(use => use.tenant === tenant).map(({ rule, values, spent }) => ({
      name: rule.name, of: Object.fromEntries(rule.per.map((scope, index) => [scope, values[index] ?? ''])), mode: rule.mode,
      window: typeof rule.window === 'number' ? `rolling ${rule.window / 86_400_000}d` : rule.window,
      amountNano: String(rule.amount), spentNano: String(spent), amount: dollars(rule.amount), spent: dollars(spent),
    })) }
  })
}

/** A ledger that its writer is just making holds no money. */
function read(path: string, query: SpendQuery): readonly SpendRow[] {
  try {
    return readSpend(path, query)
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such table')) return []
    throw error
  }
}
