import type { LogQuery } from '@headrace/contract'
import { readCalls } from './read-calls.ts'
import type { CallLog } from './services.ts'

/** An empty line after this long without rows, ms: whoever is gone is noticed. */
const HEARTBEAT_MS = 15_000

/**
 * The log as NDJSON: the newest rows that match (or those after `query.after`), oldest first, then each new one as it is stored. `page` rows at a time are read from the
 * database when the reader is ready for them, so a slow one costs no memory. A row that is `unknown` and later settles is not told again.
 */
export async function* followCalls(calls: CallLog, query: LogQuery, page: number, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  let wake = (): void => {}
  let fresh = true
  const unsubscribe = calls.onRow(() => {
    fresh = true
    wake()
  })
  const woken = (): void => wake()
  signal.addEventListener('abort', woken)
  try {
    let cursor = query.after ?? 0
    if (query.after === undefined) {
      const newest = readCalls(calls.database, query)
      cursor = newest.reduce((most, row) => Math.max(most, row.cursor), 0)
      if (newest.length > 0) yield lines(newest.toReversed())
    }
    // So that the answer's head goes out now, rows or not.
    yield '\n'
    while (!signal.aborted) {
      fresh = false
      const rows = readCalls(calls.database, { ...query, after: cursor, limit: page })
      cursor = rows.at(-1)?.cursor ?? cursor
      if (rows.length > 0) yield lines(rows)
      if (rows.length === page || fresh || signal.aborted) continue
      const { promise, resolve } = Promise.withResolvers<boolean>()
      wake = () => resolve(true)
      const heartbeat = setTimeout(() => resolve(false), HEARTBEAT_MS)
      if (!await promise) yield '\n'
      clearTimeout(heartbeat)
    }
  } finally {
    unsubscribe()
    signal.removeEventListener('abort', woken)
  }
}

function lines(rows: readonly unknown[]): string {
  return rows.map(row => `${JSON.stringify(row)}\n`).join('')
}
