import { existsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { LedgerEntry, LedgerStore, SpendField, SpendQuery, SpendRow } from '@headrace/contract'
import { checkedEntry, hourOf, saysMore } from '../ledger/ledger-rules.ts'
import { inTransaction, openDatabase } from './open-database.ts'

/** `spend` is the sum of `entry` by the hour, kept in the same transaction: a budget's use is known without looking at every call. */
const MIGRATIONS: readonly string[] = Object.freeze([`
  CREATE TABLE entry (call_id TEXT PRIMARY KEY, state TEXT NOT NULL, tenant TEXT NOT NULL, team TEXT NOT NULL, app TEXT NOT NULL, key_id TEXT NOT NULL,
    model TEXT NOT NULL, provider TEXT NOT NULL, target_model TEXT NOT NULL, started_at INTEGER NOT NULL, input_tokens INTEGER NOT NULL,
    output_tokens INTEGER NOT NULL, cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0), price_version TEXT NOT NULL) STRICT, WITHOUT ROWID;
  CREATE TABLE spend (hour INTEGER NOT NULL, tenant TEXT NOT NULL, team TEXT NOT NULL, app TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL,
    provider TEXT NOT NULL, target_model TEXT NOT NULL, calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
    PRIMARY KEY (hour, tenant, key_id, team, app, model, provider, target_model)) STRICT, WITHOUT ROWID;
`, `
  ALTER TABLE entry ADD COLUMN kind TEXT NOT NULL DEFAULT 'call';
  ALTER TABLE spend RENAME TO spend_of_calls;
  CREATE TABLE spend (hour INTEGER NOT NULL, tenant TEXT NOT NULL, team TEXT NOT NULL, app TEXT NOT NULL, key_id TEXT NOT NULL, model TEXT NOT NULL,
    provider TEXT NOT NULL, target_model TEXT NOT NULL, kind TEXT NOT NULL, calls INTEGER NOT NULL, input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL,
    cost_nano INTEGER NOT NULL CHECK (cost_nano >= 0),
    PRIMARY KEY (hour, tenant, key_id, team, app, model, provider, target_model, kind)) STRICT, WITHOUT ROWID;
  INSERT INTO spend SELECT hour, tenant, team, app, key_id, model, provider, target_model, 'call', calls, input_tokens, output_tokens, cost_nano FROM spend_of_calls;
  DROP TABLE spend_of_calls;
`])

const INSERT = `INSERT INTO entry VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (call_id) DO UPDATE SET state = excluded.state, input_tokens = excluded.input_tokens, output_tokens = excluded.output_tokens, cost_nano = excluded.cost_nano`
const ADD = `INSERT INTO spend VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET calls = calls + excluded.calls, input_tokens = input_tokens + excluded.input_tokens,
    output_tokens = output_tokens + excluded.output_tokens, cost_nano = cost_nano + excluded.cost_nano`
const SUBTRACT = `UPDATE spend SET calls = calls - 1, input_tokens = input_tokens - ?, output_tokens = output_tokens - ?, cost_nano = cost_nano - ?
  WHERE hour = ? AND tenant = ? AND key_id = ? AND team = ? AND app = ? AND model = ? AND provider = ? AND target_model = ? AND kind = ?`

const COLUMNS = Object.freeze({
  tenant: 'tenant', team: 'team', app: 'app', keyId: 'key_id', model: 'model', target: `provider || '/' || target_model`,
  kind: 'kind', hour: 'hour', day: 'hour / 86400000 * 86400000',
} as const satisfies Record<SpendField, string>)

/** The ledger in its own SQLite file, `synchronous=FULL` (G2). Its one instance is the file's only writer; everyone else reads (`readSpend`). */
export class SqliteLedgerStore implements LedgerStore {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #add: StatementSync
  readonly #subtract: StatementSync
  readonly #find: StatementSync

  /** Opens or creates the file. Throws if it cannot be used. */
  constructor(path: string) {
    this.#database = openDatabase(path, { synchronous: 'FULL', migrations: MIGRATIONS })
    this.#insert = this.#database.prepare(INSERT)
    this.#add = this.#database.prepare(ADD)
    this.#subtract = this.#database.prepare(SUBTRACT)
    this.#find = this.#database.prepare('SELECT * FROM entry WHERE call_id = ?')
  }

  append(entries: readonly LedgerEntry[]): void {
    if (entries.length === 0) return
    inTransaction(this.#database, () => { for (const entry of entries) this.#put(checkedEntry(entry)) })
  }

  find(callId: string): LedgerEntry | null {
    const row = this.#find.get(callId)
    if (row === undefined) return null
    const text = (name: string): string => String(row[name])
    const number = (name: string): number => Number(row[name])
    return {
      callId, state: text('state') as LedgerEntry['state'], kind: text('kind') as LedgerEntry['kind'], // only `append` writes them
      tenant: text('tenant'), team: text('team'), app: text('app'), keyId: text('key_id'), model: text('model'), provider: text('provider'), targetModel: text('target_model'),
      startedAt: number('started_at'), inputTokens: number('input_tokens'), outputTokens: number('output_tokens'), costNano: number('cost_nano'), priceVersion: text('price_version'),
    }
  }

  spend(query: SpendQuery): readonly SpendRow[] {
    return querySpend(this.#database, query)
  }

  close(): void {
    this.#database.close()
  }

  #put(e: LedgerEntry): void {
    const stored = this.find(e.callId)
    if (stored !== null && !saysMore(e.state, stored.state)) return
    this.#insert.run(e.callId, e.state, e.tenant, e.team, e.app, e.keyId, e.model, e.provider, e.targetModel, e.startedAt, e.inputTokens, e.outputTokens, e.costNano, e.priceVersion, e.kind)
    if (stored !== null && stored.state !== 'reserved') {
      this.#subtract.run(Math.max(0, stored.inputTokens), Math.max(0, stored.outputTokens), stored.costNano, ...place(stored))
    }
    if (e.state === 'reserved') return
    // A late word may come with other names than the first; it is counted where the stored row stands.
    const [hour, tenant, keyId, team, app, model, provider, targetModel, kind] = place(stored ?? e)
    this.#add.run(hour, tenant, team, app, keyId, model, provider, targetModel, kind, 1, Math.max(0, e.inputTokens), Math.max(0, e.outputTokens), e.costNano)
  }
}

type Place = readonly [hour: number, tenant: string, keyId: string, team: string, app: string, model: string, provider: string, targetModel: string, kind: string]

function place(e: LedgerEntry): Place {
  return [hourOf(e.startedAt), e.tenant, e.keyId, e.team, e.app, e.model, e.provider, e.targetModel, e.kind]
}

/** Reads the ledger's file from any process, without ever writing to it. A file that is not there yet holds no money. */
export function readSpend(path: string, query: SpendQuery): readonly SpendRow[] {
  if (!existsSync(path)) return []
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    return querySpend(database, query)
  } finally {
    database.close()
  }
}

function querySpend(database: DatabaseSync, { tenant, except, since, until, by, limit }: SpendQuery): readonly SpendRow[] {
  const conditions = ['hour >= ?']
  const values: (string | number)[] = [hourOf(since ?? 0)]
  if (until !== undefined) { conditions.push('hour < ?'); values.push(until) }
  if (tenant !== undefined) { conditions.push('tenant = ?'); values.push(tenant) }
  if (except !== undefined) { conditions.push('kind <> ?'); values.push(except) }
  const fields = by.map((field, index) => `${COLUMNS[field]} AS f${index}`)
  // As text: a sum can be larger than a double holds exactly. SQLite adds whole numbers exactly, and refuses to overflow.
  const statement = database.prepare(`SELECT ${[...fields, 'CAST(sum(cost_nano) AS TEXT) AS cost', 'sum(calls) AS calls', 'sum(input_tokens) AS input', 'sum(output_tokens) AS output'].join(', ')}
    FROM spend WHERE ${conditions.join(' AND ')} ${by.length === 0 ? '' : `GROUP BY ${by.map((_, index) => `f${index}`).join(', ')}`}
    HAVING sum(calls) > 0 ORDER BY sum(cost_nano) DESC ${limit === undefined ? '' : `LIMIT ${Math.min(Math.max(Math.floor(limit), 1), 100_000)}`}`)
  return statement.all(...values).map(row => ({
    values: by.map((field, index) => field === 'hour' || field === 'day' ? Number(row[`f${index}`]) : String(row[`f${index}`])),
    calls: Number(row['calls']), inputTokens: Number(row['input']), outputTokens: Number(row['output']), costNano: BigInt(String(row['cost'])),
  }))
}
