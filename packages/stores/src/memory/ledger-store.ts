import type { LedgerEntry, LedgerStore, SpendQuery, SpendRow } from '@headrace/contract'
import { checkedEntry, hourOf, saysMore, spendValues, sortSpend } from '../ledger/ledger-rules.ts'

interface Sum { calls: number, inputTokens: number, outputTokens: number, costNano: bigint }

/** The reference implementation of the ledger: everything in memory, gone with the process. */
export class MemoryLedgerStore implements LedgerStore {
  readonly #entries = new Map<string, LedgerEntry>()

  append(entries: readonly LedgerEntry[]): void {
    // Whole or not at all: every entry is checked before one is stored.
    for (const entry of entries.map(checkedEntry)) {
      const stored = this.#entries.get(entry.callId)
      if (stored === undefined || saysMore(entry.state, stored.state)) this.#entries.set(entry.callId, entry)
    }
  }

  find(callId: string): LedgerEntry | null {
    return this.#entries.get(callId) ?? null
  }

  spend(query: SpendQuery): readonly SpendRow[] {
    const sums = new Map<string, { readonly values: readonly (string | number)[], readonly sum: Sum }>()
    for (const entry of this.#entries.values()) {
      const hour = hourOf(entry.startedAt)
      if (entry.state === 'reserved' || entry.kind === query.except || query.tenant !== undefined && entry.tenant !== query.tenant) continue
      if (hour < hourOf(query.since ?? 0) || query.until !== undefined && hour >= query.until) continue
      const values = spendValues(entry, query.by)
      const key = JSON.stringify(values)
      const known = sums.get(key) ?? { values, sum: { calls: 0, inputTokens: 0, outputTokens: 0, costNano: 0n } }
      sums.set(key, known)
      known.sum.calls++
      known.sum.inputTokens += Math.max(0, entry.inputTokens)
      known.sum.outputTokens += Math.max(0, entry.outputTokens)
      known.sum.costNano += BigInt(entry.costNano)
    }
    return sortSpend([...sums.values()].map(({ values, sum }) => ({ values, ...sum })), query.limit)
  }

  close(): void {
    this.#entries.clear()
  }
}
