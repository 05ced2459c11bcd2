import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Milliseconds that a statement waits for somebody else's lock. */
export const BUSY_MS = 5_000
const LOG_PIECE_BYTES = 1 << 20

export interface DatabaseOptions {
  /** FULL: a commit survives power loss. NORMAL: it survives any crash of the process. */
  readonly synchronous: 'FULL' | 'NORMAL'
  /** Applied in order, each once, each in a transaction with the count of those applied. Never edited, only added to. */
  readonly migrations: readonly string[]
  /** What is deleted is overwritten, also what a migration deletes, and after one nothing of it is left in the log of changes. Left out = false. */
  readonly secureDelete?: boolean
}

/** Opens a database file for its one writer, creating and migrating it. Throws if a newer Headrace wrote it, or if what is in it cannot be synced. */
export function openDatabase(path: string, options: DatabaseOptions): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(path, { timeout: BUSY_MS })
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous}; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864`)
    if (options.synchronous === 'FULL') syncLog(database, `${path}-wal`)
    if (options.secureDelete === true) database.exec('PRAGMA secure_delete = ON')
    if (migrate(database, path, options.migrations) && options.secureDelete === true) database.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Runs `work` in a transaction that is rolled back if it throws. */
export function inTransaction(database: DatabaseSync, work: () => void): void {
  database.exec('BEGIN IMMEDIATE')
  try {
    work()
    database.exec('COMMIT')
  } catch (error) {
    // SQLite has rolled back by itself after a full disk or an I/O error.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}

/**
 * Makes durable what SQLite takes from the log of changes (`-wal`) when it opens: also a commit whose sync failed, or that a crash kept from its sync, is in there and
 * counts as done from then on. The kernel forgets a failed sync once it told of it, so a second one proves nothing: all is written again, as it is, and then synced.
 */
function syncLog(database: DatabaseSync, log: string): void {
  if (!existsSync(log)) return
  // No other process changes the log meanwhile.
  inTransaction(database, () => {
    const file = openSync(log, 'r+')
    try {
      const bytes = Buffer.allocUnsafe(LOG_PIECE_BYTES)
      for (let at = 0, count = 0; (count = readSync(file, bytes, 0, bytes.length, at)) > 0;) at += writeSync(file, bytes, 0, count, at)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  })
}

/** True = there was something to do. */
function migrate(database: DatabaseSync, path: string, migrations: readonly string[]): boolean {
  const applied = Number(database.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (applied > migrations.length) throw new Error(`${path} was written by a newer Headrace (schema ${applied}, this one knows ${migrations.length}). Start that version, or move the file away.`)
  for (let index = applied; index < migrations.length; index++) {
    inTransaction(database, () => {
      database.exec(migrations[index] ?? '')
      database.exec(`PRAGMA user_version = ${index + 1}`)
    })
  }
  return applied < migrations.length
}
