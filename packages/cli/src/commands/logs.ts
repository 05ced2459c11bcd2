import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { dollars, failure, success, type CallRecord, type LogQuery, type LogRow, type Result } from '@headrace/contract'
import { readLogs } from '@headrace/stores'
import { askAdmin } from '../admin-client.ts'
import type { LogsFlags } from './program.ts'
import { tableLines, type Column } from './table.ts'

/** Between two looks while following, ms. */
const FOLLOW_MS = 500
/** Rows of one look while following. */
const PAGE = 1_000
/** Without a key the file itself is read, which belongs to whoever may read it; it holds one tenant. */
const TENANT = 'default'

type Filters = Omit<LogQuery, 'tenant'>
type Read = (filters: Filters) => Promise<Result<readonly LogRow[], string>>

/** Prints calls, oldest first; with `--follow` until Ctrl-C. */
export async function logs(flags: LogsFlags): Promise<number> {
  const source = openSource(flags)
  if (!source.ok) return complain(source.error)
  const filters = filtersOf(flags)
  const rows = await source.value({ ...filters, limit: flags.limit })
  if (!rows.ok) return complain(rows.error)
  print(rows.value.toReversed(), flags.json, true)
  if (!flags.follow) return 0
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  process.stdout.once('error', () => stop.abort())
  return follow(source.value, filters, newest(rows.value, 0), flags.json, stop.signal)
}

async function follow(read: Read, filters: Filters, after: number, json: boolean, stop: AbortSignal): Promise<number> {
  let last = after
  while (!stop.aborted) {
    const rows = await read({ ...filters, after: last, limit: PAGE })
    if (!rows.ok) return complain(rows.error)
    print(rows.value, json, false)
    last = newest(rows.value, last)
    if (rows.value.length < PAGE) await delay(FOLLOW_MS, undefined, { signal: stop }).catch(() => undefined)
  }
  return 0
}

const newest = (rows: readonly LogRow[], least: number): number => rows.reduce((most, { cursor }) => Math.max(most, cursor), least)

/** The admin API where there is a key, else the file. */
function openSource(flags: LogsFlags): Result<Read, string> {
  const { key } = flags
  if (key !== undefined) return success(filters => readFromAdmin(flags, key, filters))
  if (flags.url !== undefined) return failure('--url asks the admin API, which needs an admin key: give it with --key or in HEADRACE_ADMIN_KEY.')
  const path = join(flags.data, 'calls.db')
  if (!existsSync(path)) return failure(`There is no call log in ${flags.data}. Say where Headrace keeps its data with --data, or ask a running one with --url and --key.`)
  return success(async filters => {
    try {
      return success(readLogs(path, { ...filters, tenant: TENANT }))
    } catch (error) {
      return failure(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    }
  })
}

/** `LogQuery`'s names as the admin API's parameters. */
const PARAMETERS = Object.freeze({
  since: 'since', until: 'until', model: 'model', provider: 'provider', keyId: 'key_id', kind: 'kind', outcome: 'outcome',
  errorKind: 'error_kind', requestId: 'request_id', after: 'after', limit: 'limit',
} as const satisfies Record<keyof Filters, string>)

async function readFromAdmin(flags: LogsFlags, key: string, filters: Filters): Promise<Result<readonly LogRow[], string>> {
  const query = new URLSearchParams()
  for (const [name, value] of Object.entries(filters)) if (value !== undefined) query.set(PARAMETERS[name as keyof Filters], String(value))
  const answer = await askAdmin(flags, key, 'GET', `/logs?${query.toString()}`)
  return answer.ok ? success((answer.value as { rows: readonly LogRow[] }).rows) : answer
}

function filtersOf(flags: LogsFlags): Filters {
  const { since, until, model, provider, keyId, kind, outcome, error: errorKind, request: requestId } = flags
  return Object.fromEntries(Object.entries({ since, until, model, provider, keyId, kind, outcome, errorKind, requestId }).filter(([, value]) => value !== undefined))
}

const COLUMNS: readonly Column[] = Object.freeze([
  { title: 'TIME', width: 23 }, { title: 'STATUS', width: 6, right: true }, { title: 'OUTCOME', width: 8 }, { title: 'MODEL', width: 20 }, { title: 'TARGET', width: 20 },
  { title: 'TRY', width: 3, right: true }, { title: 'IN', width: 6, right: true }, { title: 'OUT', width: 6, right: true }, { title: 'COST', width: 9, right: true },
  { title: 'FIRST', width: 8, right: true }, { title: 'TOTAL', width: 9, right: true }, { title: 'KEY', width: 12 }, { title: 'REQUEST', width: 16 }, { title: 'LOST', width: 0 }, { title: 'ERROR', width: 0 },
])

function print(rows: readonly LogRow[], json: boolean, first: boolean): void {
  const lines = json ? rows.map(({ record }) => JSON.stringify(record)) : tableLines(COLUMNS, rows.map(({ record }) => cells(record)), first)
  if (lines.length > 0) process.stdout.write(`${lines.join('\n')}\n`)
}

function cells(call: CallRecord): string[] {
  const known = (value: number, unit = ''): string => value < 0 ? '-' : `${unit === '' ? value : value.toFixed(1)}${unit}`
  return [
    new Date(call.startedAt).toISOString().replace('T', ' ').slice(0, 23), call.status === 0 ? '-' : String(call.status), call.outcome, call.model,
    call.provider === '' ? '-' : `${call.provider}/${call.targetModel}`, String(call.attempt), known(call.inputTokens), known(call.outputTokens), call.costNano < 0 ? '-' : dollars(call.costNano),
    known(call.firstByteMs, ' ms'), known(call.totalMs, ' ms'), call.keyId, call.requestId, lost(call), call.errorKind,
  ]
}

/** What the translation left out (`-field`) and said otherwise (`~field`). */
function lost({ dropped, approximated }: CallRecord): string {
  const marked = (mark: string, fields: string): readonly string[] => fields === '' ? [] : fields.split(', ').map(field => mark + field)
  return [...marked('-', dropped), ...marked('~', approximated)].join(' ')
}

function complain(reason: string): number {
  process.stderr.write(`headrace: ${reason}\n`)
  return 1
}
