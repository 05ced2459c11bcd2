import type { DatabaseSync } from 'node:sqlite'
import { inTransaction } from './open-database.ts'

interface Waiting { readonly work: () => unknown, readonly resolve: (result: unknown) => void, readonly reject: (reason: unknown) => void }

/** All that is asked in one turn of the event loop, in the order it was asked, in one transaction: it shares one wait for the disk. */
export class GroupCommit {
  readonly #database: DatabaseSync
  #waiting: Waiting[] = []

  constructor(database: DatabaseSync) {
    this.#database = database
  }

  /** Resolves when what `work` did is durable. If anything of the turn throws, nothing of the turn is stored, and all reject. */
  run<T>(work: () => T): Promise<T> {
    return new Promise<unknown>((resolve, reject) => {
      if (this.#waiting.push({ work, resolve, reject }) === 1) setImmediate(() => this.flush())
    }) as Promise<T> // what `work` returned is what it resolves with
  }

  /** Does now what waits. */
  flush(): void {
    const batch = this.#waiting
    this.#waiting = []
    if (batch.length === 0) return
    const results: unknown[] = []
    try {
      inTransaction(this.#database, () => { for (const { work } of batch) results.push(work()) })
    } catch (error) {
      for (const { reject } of batch) reject(error)
      return
    }
    for (const [index, { resolve }] of batch.entries()) resolve(results[index])
  }
}
