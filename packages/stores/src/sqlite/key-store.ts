import type { DatabaseSync } from 'node:sqlite'
import type { KeyRecord, KeyStore, Scope } from '@headrace/contract'
import { openDatabase } from './open-database.ts'

const MIGRATIONS: readonly string[] = Object.freeze([`
  CREATE TABLE virtual_key (key_id TEXT PRIMARY KEY, digest TEXT NOT NULL UNIQUE, prefix TEXT NOT NULL, name TEXT NOT NULL,
    tenant TEXT NOT NULL, team TEXT, app TEXT, scopes TEXT NOT NULL, models TEXT, created_at INTEGER NOT NULL, expires_at INTEGER) WITHOUT ROWID;
  CREATE INDEX virtual_key_tenant ON virtual_key (tenant);
`])

/** Virtual keys in SQLite, `synchronous=FULL`: an added or removed key survives power loss. Digests only. */
export class SqliteKeyStore implements KeyStore {
  readonly #database: DatabaseSync

  /** Opens or creates the file. Throws if it cannot be used. */
  constructor(path: string) {
    this.#database = openDatabase(path, { synchronous: 'FULL', migrations: MIGRATIONS })
  }

  async list(tenant: string): Promise<readonly KeyRecord[]> {
    return this.#database.prepare('SELECT * FROM virtual_key WHERE tenant = ? ORDER BY created_at, key_id').all(tenant).map(keyFromRow)
  }

  async all(): Promise<readonly KeyRecord[]> {
    return this.#database.prepare('SELECT * FROM virtual_key ORDER BY created_at, key_id').all().map(keyFromRow)
  }

  async add(tenant: string, key: KeyRecord): Promise<void> {
    if (key.tenant !== tenant) throw new Error(`Key ${key.keyId} belongs to tenant ${key.tenant}, not ${tenant}.`)
    const added = this.#database.prepare('INSERT INTO virtual_key VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING').run(
      key.keyId, key.digest, key.prefix, key.name, tenant, key.team, key.app, JSON.stringify(key.scopes),
      key.models === null ? null : JSON.stringify(key.models), key.createdAt, key.expiresAt)
    if (added.changes === 0) throw new Error(`Key ${key.keyId} exists already.`)
  }

  async remove(tenant: string, keyId: string): Promise<boolean> {
    return this.#database.prepare('DELETE FROM virtual_key WHERE tenant = ? AND key_id = ?').run(tenant, keyId).changes === 1
  }

  async close(): Promise<void> {
    this.#database.close()
  }
}

function keyFromRow(row: Readonly<Record<string, unknown>>): KeyRecord {
  const text = (column: string): string | null => typeof row[column] === 'string' ? row[column] : null
  const models = text('models')
  return {
    keyId: text('key_id') ?? '', digest: text('digest') ?? '', prefix: text('prefix') ?? '', name: text('name') ?? '',
    tenant: text('tenant') ?? '', team: text('team'), app: text('app'),
    // Written by `add` only, so the JSON has these types.
    scopes: JSON.parse(text('scopes') ?? '[]') as Scope[],
    models: models === null ? null : JSON.parse(models) as string[],
    createdAt: Number(row['created_at']), expiresAt: row['expires_at'] === null ? null : Number(row['expires_at']),
  }
}
