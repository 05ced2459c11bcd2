import type { CallRecord, LedgerEntry, LedgerState, SpendField, SpendRow } from '@headrace/contract'

const HOUR_MS = 3_600_000
const DAY_MS = 86_400_000

/** What outranks what: of two words on one call the higher stays, and of equals the first. */
const RANK = Object.freeze({ reserved: 0, unknown: 1, settled: 2, partial: 2, released: 2 } as const satisfies Record<LedgerState, number>)

export function saysMore(next: LedgerState, stored: LedgerState): boolean {
  return RANK[next] > RANK[stored]
}

/** The entry, if its cost can be added up. Throws otherwise: a bad number must not become money, and must not pass unseen. */
export function checkedEntry(entry: LedgerEntry): LedgerEntry {
  if (!Number.isSafeInteger(entry.costNano) || entry.costNano < 0) throw new RangeError(`call ${entry.callId} has a cost of ${entry.costNano}, which is not a whole number of nano-dollars`)
  if (!Number.isSafeInteger(entry.startedAt)) throw new RangeError(`call ${entry.callId} has no time`)
  return entry
}

/** The ledger's entry of a call; null = no money in it: its model has no price, or no provider ever saw it. */
export function ledgerEntry(record: CallRecord): LedgerEntry | null {
  if (record.outcome === 'refused' || record.outcome === 'answered' || record.outcome === 'coalesced' || record.priceVersion === '' || record.costNano < 0) return null
  const { callId, kind, tenant, team, app, keyId, model, provider, targetModel, startedAt, inputTokens, outputTokens, costNano, priceVersion } = record
  const state: LedgerState = record.outcome === 'settled' && record.errorKind !== '' && costNano === 0 ? 'released' : record.outcome
  return { callId, kind, state, tenant, team, app, keyId, model, provider, targetModel, startedAt, inputTokens, outputTokens, costNano, priceVersion }
}

export function hourOf(unixMs: number): number {
  return Math.floor(unixMs / HOUR_MS) * HOUR_MS
}

/** An entry's values for the fields that are asked for. */
export function spendValues(entry: LedgerEntry, by: readonly SpendField[]): (string | number)[] {
  return by.map(field => field === 'hour' ? hourOf(entry.startedAt) : field === 'day' ? Math.floor(entry.startedAt / DAY_MS) * DAY_MS
    : field === 'target' ? `${entry.provider}/${entry.targetModel}` : entry[field])
}

/** The dearest first, at most `limit`. */
export function sortSpend(rows: readonly SpendRow[], limit: number | undefined): SpendRow[] {
  const sorted = rows.toSorted((left, right) => left.costNano < right.costNano ? 1 : left.costNano > right.costNano ? -1 : 0)
  return limit === undefined ? sorted : sorted.slice(0, Math.min(Math.max(limit, 1), 100_000))
}
