import { existsSync } from 'node:fs'
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { AfterCrash, ClaimState, IdempotencyClaim, IdempotencyName, IdempotencyStore } from '@headrace/contract'
import { inTransaction, openDatabase } from './open-database.ts'

/**
 * `bytes` = length of `answer`; `kept` holds the one row with the sum of them all, by the same transaction: the bound is known without looking at every answer.
 * The second form knows sealed answers only. What stood there before was named otherwise and could be read by anybody: it goes.
 */
export const KEY_MIGRATIONS: readonly string[] = Object.freeze([`
  CREATE TABLE key (serial INTEGER PRIMARY KEY AUTOINCREMENT, tenant TEXT NOT NULL, id TEXT NOT NULL, fingerprint TEXT NOT NULL, owner TEXT NOT NULL,
    token TEXT NOT NULL, state TEXT NOT NULL, until INTEGER NOT NULL, status INTEGER, headers TEXT, stream INTEGER, bytes INTEGER NOT NULL DEFAULT 0, body BLOB,
    UNIQUE (tenant, id)) STRICT;
  CREATE INDEX key_until ON key (until);
  CREATE INDEX key_running ON key (owner) WHERE state = 'running';
  CREATE INDEX key_kept ON key (serial) WHERE bytes > 0;
  CREATE TABLE kept (one INTEGER PRIMARY KEY CHECK (one = 1), bytes INTEGER NOT NULL) STRICT;
  INSERT INTO kept VALUES (1, 0);
  CREATE TRIGGER key_added AFTER UPDATE OF bytes ON key BEGIN UPDATE kept SET bytes = kept.bytes + new.bytes - old.bytes; END;
  CREATE TRIGGER key_gone AFTER DELETE ON key WHEN old.bytes > 0 BEGIN UPDATE kept SET bytes = kept.bytes - old.bytes; END;
`, `
  DELETE FROM key;
  ALTER TABLE key DROP COLUMN status;
  ALTER TABLE key DROP COLUMN headers;
  ALTER TABLE key DROP COLUMN stream;
  ALTER TABLE key RENAME COLUMN body TO answer;
`])

const READ = 'SELECT answer FROM key WHERE tenant = ? AND id = ? AND state = \'kept\' AND until > ?'

/** Idempotency keys in their own SQLite file, `synchronous=FULL`. Its one instance is the file's only writer; everyone else reads (`readKeptAnswer`). */
export class SqliteIdempotencyStore implements IdempotencyStore {
  readonly #database: DatabaseSync
  readonly #find: StatementSync
  readonly #insert: StatementSync
  readonly #deleteOver: StatementSync
  readonly #settle: StatementSync
  readonly #release: StatementSync

  /** Opens or creates the file. Throws if it cannot be used. */
  constructor(path: string) {
    const database = this.#database = openDatabase(path, { synchronous: 'FULL', migrations: KEY_MIGRATIONS, secureDelete: true })
    this.#find = database.prepare('SELECT fingerprint, state, token FROM key WHERE tenant = ? AND id = ?')
    this.#insert = database.prepare('INSERT INTO key (tenant, id, fingerprint, owner, token, state, until) VALUES (?, ?, ?, ?, ?, \'running\', ?)')
    this.#deleteOver = database.prepare('DELETE FROM key WHERE tenant = ? AND id = ? AND until <= ?')
    // What is kept gets a new place at the end of the line: the oldest answer is the first that was kept.
    this.#settle = database.prepare(`UPDATE key SET serial = (SELECT max(serial) + 1 FROM key), state = ?, until = ?, bytes = ?, answer = ?
      WHERE tenant = ? AND id = ? AND token = ? AND state = 'running'`)
    this.#release = database.prepare('DELETE FROM key WHERE tenant = ? AND id = ? AND token = ? AND state = \'running\'')
  }

  /** Runs all of `work` in one transaction, so that it shares one wait for the disk. Throws what it throws; nothing is stored then. */
  together(work: () => void): void {
    inTransaction(this.#database, work)
  }

  claim({ tenant, id, fingerprint, owner, token, until }: IdempotencyClaim, now: number): ClaimState {
    this.#deleteOver.run(tenant, id, now)
    const known = this.#find.get(tenant, id)
    if (known !== undefined) {
      if (known['fingerprint'] !== fingerprint) return 'other-request'
      return known['state'] === 'running' && known['token'] === token ? 'won' : String(known['state']) as ClaimState // only this class writes it
    }
    this.#insert.run(tenant, id, fingerprint, owner, token, until)
    return 'won'
  }

  settle({ tenant, id }: IdempotencyName, token: string, answer: Buffer | null, until: number): boolean {
    return Number(this.#settle.run(answer === null ? 'unkept' : 'kept', until, answer?.length ?? 0, answer, tenant, id, token).changes) > 0
  }

  release({ tenant, id }: IdempotencyName, token: string): boolean {
    return Number(this.#release.run(tenant, id, token).changes) > 0
  }

  read(name: IdempotencyName, now: number): Buffer | null {
    return readAnswer(this.#database, name, now)
  }

  owners(): readonly string[] {
    return this.#database.prepare('SELECT DISTINCT owner FROM key WHERE state = \'running\'').all().map(row => String(row['owner']))
  }

  abandon(owner: string, how: AfterCrash): readonly IdempotencyName[] {
    const change = how === 'retry' ? 'DELETE FROM key' : 'UPDATE key SET state = \'unknown\''
    return this.#database.prepare(`${change} WHERE owner = ? AND state = 'running' RETURNING tenant, id`).all(owner)
      .map(row => ({ tenant: String(row['tenant']), id: String(row['id']) }))
  }

  prune(now: number, maxBytes: number, most: number): number {
    const deleted = Number(this.#database.prepare('DELETE FROM key WHERE serial IN (SELECT serial FROM key WHERE until <= ? LIMIT ?)').run(now, most).changes)
    if (deleted >= most || this.#keptBytes() <= maxBytes) return deleted
    const oldest = this.#database.prepare('DELETE FROM key WHERE serial = (SELECT min(serial) FROM key WHERE bytes > 0)')
    let more = 0
    inOne(this.#database, () => { while (deleted + more < most && this.#keptBytes() > maxBytes && Number(oldest.run().changes) > 0) more++ })
    return deleted + more
  }

  close(): void {
    this.#database.close()
  }

  #keptBytes(): number {
    return Number(this.#database.prepare('SELECT bytes FROM kept').get()?.['bytes'])
  }
}

/** In the transaction that runs, or in one of its own. */
function inOne(database: DatabaseSync, work: () => void): void {
  if (database.isTransaction) work()
  else inTransaction(database, work)
}

/** Reads a kept answer from the keys' file in any process, without ever writing to it. A file that is not there yet keeps nothing. */
export function readKeptAnswer(path: string, name: IdempotencyName, now: number): Buffer | null {
  if (!existsSync(path)) return null
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5000 })
  try {
    return readAnswer(database, name, now)
  } finally {
    database.close()
  }
}

function readAnswer(database: DatabaseSync, { tenant, id }: IdempotencyName, now: number): Buffer | null {
  const answer = database.prepare(READ).get(tenant, id, now)?.['answer']
  return answer instanceof Uint8Array ? Buffer.from(answer.buffer, answer.byteOffset, answer.byteLength) : null
}
