import type { LogQuery, LogRow } from '@headrace/contract'
import { readLogs } from '@headrace/stores'

/** Reads the call log. A database that the writer is just creating holds no calls. */
export function readCalls(database: string, query: LogQuery): readonly LogRow[] {
  try {
    return readLogs(database, query)
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such table')) return []
    throw error
  }
}
