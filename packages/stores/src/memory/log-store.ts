import type { CallRecord, Checkpoint, LogQuery, LogRow, LogStore } from '@headrace/contract'

/** The reference implementation of the call log: everything in memory, gone with the process. */
export class MemoryLogStore implements LogStore {
  #rows: LogRow[] = []
  readonly #positions = new Map<string, number>()
  #cursor = 0

  append(records: readonly CallRecord[], checkpoint: Checkpoint | null): void {
    for (const record of records) {
      const stored = this.find(record.callId)
      if (stored !== null && (stored.outcome !== 'unknown' || record.outcome === 'unknown')) continue
      if (stored !== null) this.#rows = this.#rows.filter(row => row.record.callId !== record.callId)
      this.#rows.push({ cursor: ++this.#cursor, record })
    }
    if (checkpoint !== null) this.#positions.set(checkpoint.segment, checkpoint.offset)
  }

  checkpoints(): readonly Checkpoint[] {
    return [...this.#positions].map(([segment, offset]) => ({ segment, offset }))
  }

  query(query: LogQuery): readonly LogRow[] {
    const rows = this.#rows.filter(({ cursor, record }) => matches(record, query) && cursor > (query.after ?? 0))
    if (query.after === undefined) rows.sort((a, b) => b.record.startedAt - a.record.startedAt || b.cursor - a.cursor)
    return rows.slice(0, Math.min(Math.max(query.limit ?? 100, 1), 1000))
  }

  find(callId: string): CallRecord | null {
    return this.#rows.find(row => row.record.callId === callId)?.record ?? null
  }

  prune(before: number, maxBytes: number, most: number): number {
    const old = this.#rows.filter(({ record }) => record.startedAt < before)
    const beyond = old.length > 0 ? old : this.#rows.reduce((sum, { record }) => sum + JSON.stringify(record).length, 0) > maxBytes ? this.#rows : []
    const going = new Set(beyond.slice(0, most))
    this.#rows = this.#rows.filter(row => !going.has(row))
    return going.size
  }

  forget(segments: readonly string[]): void {
    for (const segment of segments) this.#positions.delete(segment)
  }

  close(): void {
    this.#rows = []
  }
}

function matches(record: CallRecord, query: LogQuery): boolean {
  return record.tenant === query.tenant
    && (query.since === undefined || record.startedAt >= query.since)
    && (query.until === undefined || record.startedAt < query.until)
    && (['model', 'provider', 'keyId', 'kind', 'outcome', 'errorKind', 'requestId'] as const).every(field => query[field] === undefined || record[field] === query[field])
}
