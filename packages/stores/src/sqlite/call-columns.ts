import type { CallRecord } from '@headrace/contract'

type ColumnType = 'TEXT' | 'INTEGER' | 'REAL'
type Column = Exclude<keyof CallRecord, 'requestBody' | 'responseBody'>

/** Every field of a record but its bodies, with its type in the table. The order is the order of insertion; new ones come last, with a migration. */
export const CALL_COLUMNS = Object.freeze({
  callId: 'TEXT', exchangeId: 'TEXT', requestId: 'TEXT', attempt: 'INTEGER', outcome: 'TEXT',
  tenant: 'TEXT', team: 'TEXT', app: 'TEXT', keyId: 'TEXT', endUser: 'TEXT', startedAt: 'INTEGER',
  dialect: 'TEXT', operation: 'TEXT', model: 'TEXT', provider: 'TEXT', targetModel: 'TEXT', stream: 'INTEGER',
  status: 'INTEGER', upstreamStatus: 'INTEGER', errorKind: 'TEXT', finishReason: 'TEXT',
  inputTokens: 'INTEGER', outputTokens: 'INTEGER', cachedInputTokens: 'INTEGER', cacheWriteTokens: 'INTEGER', reasoningTokens: 'INTEGER',
  requestBytes: 'INTEGER', responseBytes: 'INTEGER',
  admittedMs: 'REAL', attemptMs: 'REAL', sentMs: 'REAL', headMs: 'REAL', firstByteMs: 'REAL', committedMs: 'REAL', totalMs: 'REAL',
  traceId: 'TEXT', metadata: 'TEXT', tags: 'TEXT', costNano: 'INTEGER', priceVersion: 'TEXT',
  dropped: 'TEXT', approximated: 'TEXT', route: 'TEXT', kind: 'TEXT', compared: 'TEXT',
} as const satisfies Record<Column, ColumnType>)

/** `callId` -> `call_id`. */
export function columnName(field: string): string {
  return field.replace(/[A-Z]/g, letter => '_' + letter.toLowerCase())
}

export const COLUMN_LIST = Object.keys(CALL_COLUMNS).map(columnName).join(', ')

/** The record's values in column order, as SQLite takes them. Written out: a loop over names costs as much as the insert's own work. */
export function columnValues(r: CallRecord): (string | number)[] {
  return [
    r.callId, r.exchangeId, r.requestId, r.attempt, r.outcome, r.tenant, r.team, r.app, r.keyId, r.endUser, r.startedAt,
    r.dialect, r.operation, r.model, r.provider, r.targetModel, r.stream ? 1 : 0,
    r.status, r.upstreamStatus, r.errorKind, r.finishReason,
    r.inputTokens, r.outputTokens, r.cachedInputTokens, r.cacheWriteTokens, r.reasoningTokens, r.requestBytes, r.responseBytes,
    r.admittedMs, r.attemptMs, r.sentMs, r.headMs, r.firstByteMs, r.committedMs, r.totalMs, r.traceId, r.metadata, r.tags, r.costNano, r.priceVersion,
    r.dropped, r.approximated, r.route, r.kind, r.compared,
  ]
}

/** A record from a row whose columns have the table's names, with `request_body` and `response_body`. */
export function recordFromRow(row: Readonly<Record<string, unknown>>): CallRecord {
  const record: Record<string, unknown> = {}
  for (const field of Object.keys(CALL_COLUMNS)) record[field] = row[columnName(field)]
  record['stream'] = row['stream'] === 1
  record['requestBody'] = row['request_body']
  record['responseBody'] = row['response_body']
  // The table's NOT NULL columns are exactly the record's fields: `CALL_COLUMNS` is checked against it by the compiler.
  return record as unknown as CallRecord
}
