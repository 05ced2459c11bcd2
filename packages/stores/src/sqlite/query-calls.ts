import { existsSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import type { CallRecord, LogQuery, LogRow } from '@headrace/contract'
import { COLUMN_LIST, recordFromRow } from './call-columns.ts'

const SELECT = `SELECT call.id, ${COLUMN_LIST}, request_body, response_body FROM call LEFT JOIN call_body ON call_body.id = call.id`
const CONDITIONS = Object.freeze({
  tenant: 'tenant = ?', since: 'started_at >= ?', until: 'started_at < ?', model: 'model = ?', provider: 'provider = ?', keyId: 'key_id = ?', kind: 'kind = ?',
  outcome: 'outcome = ?', errorKind: 'error_kind = ?', requestId: 'request_id = ?', after: 'call.id > ?',
} as const satisfies Record<Exclude<keyof LogQuery, 'limit'>, string>)

/** Reads the call log's file from any process, without ever writing to it. A file that is not there yet holds no calls. */
export function readLogs(path: string, query: LogQuery): readonly LogRow[] {
  if (!existsSync(path)) return []
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    return queryCalls(database, query)
  } finally {
    database.close()
  }
}

export function queryCalls(database: DatabaseSync, query: LogQuery): readonly LogRow[] {
  const conditions: string[] = []
  const values: (string | number)[] = []
  for (const [field, condition] of Object.entries(CONDITIONS) as [keyof typeof CONDITIONS, string][]) {
    const value = query[field]
    if (value === undefined) continue
    conditions.push(condition)
    values.push(value)
  }
  const order = query.after === undefined ? 'started_at DESC, call.id DESC' : 'call.id'
  const limit = Math.min(Math.max(query.limit ?? 100, 1), 1000)
  return database.prepare(`${SELECT} WHERE ${conditions.join(' AND ')} ORDER BY ${order} LIMIT ?`).all(...values, limit)
    .map(row => ({ cursor: Number(row['id']), record: recordFromRow(row) }))
}

export function findCall(database: DatabaseSync, callId: string): CallRecord | null {
  const row = database.prepare(`${SELECT} WHERE call_id = ?`).get(callId)
  return row === undefined ? null : recordFromRow(row)
}
