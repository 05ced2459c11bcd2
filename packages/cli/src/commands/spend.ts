import { askAdmin } from '../admin-client.ts'
import type { SpendFlags } from './program.ts'
import { tableLines, type Column } from './table.ts'

interface SpendAnswer {
  readonly rows: readonly { readonly by: Readonly<Record<string, string | number>>, readonly calls: number, readonly inputTokens: number, readonly outputTokens: number, readonly cost: string }[]
}

/** Prints what was spent, the dearest first. */
export async function spend({ key, by, since, until, limit, json, ...target }: SpendFlags): Promise<number> {
  if (key === undefined) return complain('`spend` asks the admin API, which needs an admin key: give it with --key or in HEADRACE_ADMIN_KEY.')
  const query = new URLSearchParams({ by, limit: String(limit) })
  if (since !== undefined) query.set('since', String(since))
  if (until !== undefined) query.set('until', String(until))
  const answer = await askAdmin(target, key, 'GET', `/spend?${query.toString()}`)
  if (!answer.ok) return complain(answer.error)
  const { rows } = answer.value as SpendAnswer // our own API
  const fields = by.split(',').map(field => field.trim()).filter(field => field !== '')
  const columns: readonly Column[] = [
    ...fields.map(field => ({ title: field.toUpperCase(), width: 12 })), { title: 'CALLS', width: 8, right: true },
    { title: 'IN', width: 10, right: true }, { title: 'OUT', width: 10, right: true }, { title: 'COST', width: 12, right: true },
  ]
  const lines = json ? rows.map(row => JSON.stringify(row)) : tableLines(columns, rows.map(row => [
    ...fields.map(field => shown(field, row.by[field])), String(row.calls), String(row.inputTokens), String(row.outputTokens), row.cost,
  ]), true)
  process.stdout.write(`${lines.join('\n')}\n`)
  return 0
}

function shown(field: string, value: string | number | undefined): string {
  if (typeof value !== 'number') return value === undefined || value === '' ? '-' : value
  return new Date(value).toISOString().slice(0, field === 'day' ? 10 : 13).replace('T', ' ')
}

function complain(reason: string): number {
  process.stderr.write(`headrace: ${reason}\n`)
  return 1
}
