import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

export interface DatabaseOptions {
  /** FULL: a commit survives power loss. NORMAL: it survives any crash of the process. */
  readonly synchronous: 'FULL' | 'NORMAL'
  /** Applied in order, each once, each in a transaction with the count of those applied. Never edited, only added to. */
  readonly migrations: readonly string[]
  /** What is deleted is overwritten, also what a migration deletes, and after one nothing of it is left in the log of changes. Left out = false. */
  readonly secureDelete?: boolean
}

/** Opens a database file for its one writer, creating and migrating it. Throws if a newer Headrace wrote it. */
export function openDatabase(path: string, options: DatabaseOptions): DatabaseSync {
  if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  const database = new DatabaseSync(path, { timeout: 5000 })
  try {
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${options.synchronous}; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864`)
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
