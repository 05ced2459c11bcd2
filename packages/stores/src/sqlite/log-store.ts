import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { CallRecord, Checkpoint, LogQuery, LogRow, LogStore } from '@headrace/contract'
import { CALL_COLUMNS, COLUMN_LIST, columnName, columnValues } from './call-columns.ts'
import { findCall, queryCalls } from './query-calls.ts'
import { inTransaction, openDatabase } from './open-database.ts'

/** Of the first migration, which is never edited. */
const FIRST_COLUMNS = 38
const MIGRATIONS: readonly string[] = Object.freeze([`
  CREATE TABLE call (id INTEGER PRIMARY KEY,
    ${Object.entries(CALL_COLUMNS).slice(0, FIRST_COLUMNS).map(([field, type]) => `${columnName(field)} ${type} NOT NULL`).join(', ')});
  CREATE UNIQUE INDEX call_call_id ON call (call_id);
  CREATE INDEX call_tenant_started_at ON call (tenant, started_at);
  CREATE TABLE call_body (id INTEGER PRIMARY KEY REFERENCES call (id) ON DELETE CASCADE, request_body TEXT, response_body TEXT);
  CREATE TABLE segment_position (segment TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
`, `
  ALTER TABLE call ADD COLUMN cost_nano INTEGER NOT NULL DEFAULT -1;
  ALTER TABLE call ADD COLUMN price_version TEXT NOT NULL DEFAULT '';
`, `
  ALTER TABLE call ADD COLUMN dropped TEXT NOT NULL DEFAULT '';
  ALTER TABLE call ADD COLUMN approximated TEXT NOT NULL DEFAULT '';
`, `
  ALTER TABLE call ADD COLUMN route TEXT NOT NULL DEFAULT '';
`, `
  ALTER TABLE call ADD COLUMN kind TEXT NOT NULL DEFAULT 'call';
  ALTER TABLE call ADD COLUMN compared TEXT NOT NULL DEFAULT '';
`])

/** The call log in its own SQLite file. Its one instance is the file's only writer; everyone else reads (`readLogs`). */
export class SqliteLogStore implements LogStore {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #insertBody: StatementSync
  readonly #remember: StatementSync
  readonly #pruneOld: StatementSync
  readonly #pruneOldest: StatementSync

  /** Opens or creates the file. Throws if it cannot be used. */
  constructor(path: string) {
    this.#database = openDatabase(path, { synchronous: 'NORMAL', migrations: MIGRATIONS })
    const marks = Object.keys(CALL_COLUMNS).map(() => '?').join(', ')
    this.#insert = this.#database.prepare(`INSERT INTO call (id, ${COLUMN_LIST}) VALUES (?, ${marks}) ON CONFLICT (call_id) DO NOTHING`)
    this.#insertBody = this.#database.prepare('INSERT INTO call_body (id, request_body, response_body) VALUES (?, ?, ?)')
    this.#remember = this.#database.prepare('INSERT INTO segment_position (segment, position) VALUES (?, ?) ON CONFLICT (segment) DO UPDATE SET position = excluded.position')
    this.#pruneOld = this.#database.prepare('DELETE FROM call WHERE id IN (SELECT id FROM call WHERE tenant = ? AND started_at < ? ORDER BY started_at LIMIT ?)')
    this.#pruneOldest = this.#database.prepare('DELETE FROM call WHERE id IN (SELECT id FROM call ORDER BY id LIMIT ?)')
  }

  append(records: readonly CallRecord[], checkpoint: Checkpoint | null): void {
    inTransaction(this.#database, () => {
      for (const record of records) this.#put(record)
      if (checkpoint !== null) this.#remember.run(checkpoint.segment, checkpoint.offset)
    })
  }

  checkpoints(): readonly Checkpoint[] {
    return this.#database.prepare('SELECT segment, position FROM segment_position').all()
      .map(row => ({ segment: String(row['segment']), offset: Number(row['position']) }))
  }

  query(query: LogQuery): readonly LogRow[] {
    return queryCalls(this.#database, query)
  }

  find(callId: string): CallRecord | null {
    return findCall(this.#database, callId)
  }

  prune(before: number, maxBytes: number, most: number): number {
    let deleted = 0
    inTransaction(this.#database, () => {
      // By the index, tenant after tenant: one on the time alone would cost every insert.
      for (const tenant of this.#tenants()) {
        if (deleted < most) deleted += Number(this.#pruneOld.run(tenant, before, most - deleted).changes)
      }
      if (deleted === 0 && this.#bytesInUse() > maxBytes) deleted = Number(this.#pruneOldest.run(most).changes)
    })
    return deleted
  }

  forget(segments: readonly string[]): void {
    if (segments.length === 0) return
    inTransaction(this.#database, () => {
      const remove = this.#database.prepare('DELETE FROM segment_position WHERE segment = ?')
      for (const segment of segments) remove.run(segment)
    })
  }

  close(): void {
    this.#database.close()
  }

  /** One look into the index for each, not one for each row. */
  #tenants(): readonly string[] {
    return this.#database.prepare(`WITH RECURSIVE found (tenant) AS (SELECT min(tenant) FROM call
      UNION ALL SELECT (SELECT min(call.tenant) FROM call WHERE call.tenant > found.tenant) FROM found WHERE found.tenant IS NOT NULL)
      SELECT tenant FROM found WHERE tenant IS NOT NULL`).all().map(row => String(row['tenant']))
  }

  /** Without the pages that deleted rows have left free. */
  #bytesInUse(): number {
    const pragma = (name: string): number => Number(Object.values(this.#database.prepare(`PRAGMA ${name}`).get() ?? {})[0] ?? 0)
    return (pragma('page_count') - pragma('freelist_count')) * pragma('page_size')
  }

  #put(record: CallRecord): void {
    const values = columnValues(record)
    let inserted = this.#insert.run(null, ...values)
    if (inserted.changes === 0) {
      const id = this.#makeRoom(record)
      if (id === null) return
      inserted = this.#insert.run(id, ...values)
    }
    if (record.requestBody === null && record.responseBody === null) return
    this.#insertBody.run(inserted.lastInsertRowid, record.requestBody, record.responseBody)
  }

  /** Takes an `unknown` row away for what is known now. The new row gets a new id, so that followers see it. Null = the stored row stays. */
  #makeRoom(record: CallRecord): number | null {
    if (record.outcome === 'unknown') return null
    const next = Number(this.#database.prepare('SELECT max(id) + 1 AS next FROM call').get()?.['next'])
    const removed = this.#database.prepare(`DELETE FROM call WHERE call_id = ? AND outcome = 'unknown'`).run(record.callId)
    return removed.changes === 0 ? null : next
  }
}
