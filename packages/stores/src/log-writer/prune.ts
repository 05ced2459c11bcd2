import type { LogBounds, LogStore } from '@headrace/contract'

/** What one transaction should take: reading segments and followers wait for it, ms. */
const AIM_MS = 5
const FIRST_ROWS = 20
const MOST_ROWS = 2_000

/**
 * Deletes what is beyond the bounds, oldest first, in transactions of about 5 ms (a slow disk adds to those in which SQLite moves its WAL
 * into the file). Yields after each how many rows it deleted. `now`: Unix ms.
 */
export function* prune(store: LogStore, bounds: LogBounds, now: number): Generator<number> {
  for (let rows = FIRST_ROWS; ;) {
    const begun = performance.now()
    const count = store.prune(now - bounds.retentionMs, bounds.maxBytes, rows)
    if (count === 0) return
    const took = performance.now() - begun
    if (took > AIM_MS) rows = Math.max(1, rows >> 1)
    else if (took < AIM_MS / 4) rows = Math.min(MOST_ROWS, rows * 2)
    yield count
  }
}
