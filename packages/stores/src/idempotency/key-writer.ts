import { existsSync } from 'node:fs'
import { setImmediate as turn } from 'node:timers/promises'
import { isRunning } from '@headrace/bytes'
import type { IdempotencyStore } from '@headrace/contract'
import { SqliteIdempotencyStore } from '../sqlite/idempotency-store.ts'
import type { KeyOperation, KeyOrder, KeyOutcome, KeyResult } from './key-operations.ts'

/** Keys deleted in one transaction at most. */
const PRUNE_ROWS = 100

/**
 * Writes idempotency keys, in the thread of the log writer. All that is asked in one turn shares one transaction and one wait for the disk.
 * The file is opened when it is first needed: where nobody sends keys there is none.
 */
export class KeyWriter {
  readonly #path: string
  readonly #tell: (outcome: KeyOutcome) => void
  #store: SqliteIdempotencyStore | null = null
  #orders: KeyOrder[] = []

  constructor(path: string, tell: (outcome: KeyOutcome) => void) {
    this.#path = path
    this.#tell = tell
  }

  take(order: KeyOrder): void {
    // A claim of the dead can only be in a file that is there.
    if (order.operation.op === 'abandon-dead' && this.#store === null && !existsSync(this.#path)) return this.#tell({ type: 'key', ticket: order.ticket, result: [] })
    if (this.#orders.push(order) === 1) setImmediate(() => this.#work())
  }

  /** Deletes what is over and what is too much, in small transactions. */
  async prune(maxBytes: number, now: number): Promise<void> {
    if (this.#store === null && !existsSync(this.#path)) return
    try {
      while (this.#open().prune(now, maxBytes, PRUNE_ROWS) > 0) await turn()
    } catch (error) {
      this.close()
      throw error
    }
  }

  close(): void {
    this.#store?.close()
    this.#store = null
  }

  #work(): void {
    const orders = this.#orders
    this.#orders = []
    try {
      const store = this.#open()
      const results: KeyResult[] = []
      store.together(() => { for (const { operation } of orders) results.push(apply(store, operation)) })
      for (const [index, { ticket }] of orders.entries()) this.#tell({ type: 'key', ticket, result: results[index] as KeyResult })
    } catch (error) {
      // A full disk or a failing one. The file is opened anew for the next one who asks.
      this.close()
      const problem = error instanceof Error ? error.message : String(error)
      for (const { ticket } of orders) this.#tell({ type: 'key-failed', ticket, problem })
    }
  }

  #open(): SqliteIdempotencyStore {
    return this.#store ??= new SqliteIdempotencyStore(this.#path)
  }
}

function apply(store: IdempotencyStore, operation: KeyOperation): KeyResult {
  switch (operation.op) {
    case 'claim': return store.claim(operation.claim, Date.now())
    case 'settle': return store.settle(operation.name, operation.token, operation.answer, operation.until)
    case 'release': return store.release(operation.name, operation.token)
    case 'abandon-dead': return store.owners().filter(owner => !isRunning(owner)).flatMap(owner => store.abandon(owner, operation.how))
  }
}
