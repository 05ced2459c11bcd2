import type { LogQuery, LogRow, Policy } from '@headrace/contract'
import { readLogs } from '@headrace/stores'

/** What rows read at once may take, bytes: 1,000 rows with bodies of the default limit fit. */
const MEMORY = 160 * 2 ** 20
/** A row without its bodies, bytes, generously. */
const ROW = 4 * 2 ** 10
const DEFAULT_LIMIT = 100

/** Reads the call log. A database that the writer is just creating holds no calls. */
export function readCalls(database: string, query: LogQuery): readonly LogRow[] {
  try {
    return readLogs(database, query)
  } catch (error) {
    if (error instanceof Error && error.message.includes('no such table')) return []
    throw error
  }
}

/** As many rows as asked for, or fewer where bodies may be so large that memory would not hold them. */
export function boundedLimit(asked: number | undefined, policy: Policy): number {
  return Math.max(1, Math.min(asked ?? DEFAULT_LIMIT, Math.floor(MEMORY / (2 * policy.logBodyLimit + ROW))))
}
