import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LedgerEntry, LedgerState, LedgerStore } from '@headrace/contract'

const DAY = 86_400_000
const HOUR = 3_600_000
const NOON = Date.UTC(2026, 10, 25, 12)

/** A plausible entry with what a test wants to be otherwise. */
export function sampleEntry(facts: Partial<LedgerEntry> & { readonly callId: string }): LedgerEntry {
  return {
    kind: 'call', state: 'settled', tenant: 'default', team: 'search', app: 'web', keyId: 'key-1', model: 'fast', provider: 'up', targetModel: 'm1', startedAt: NOON,
    inputTokens: 10, outputTokens: 20, costNano: 1_000, priceVersion: 'usd/M:1/1/1/2', ...facts,
  }
}

/** What every `LedgerStore` does. `make` gives an empty one. */
export function ledgerStoreSuite(name: string, make: () => LedgerStore): void {
  describe(`${name} as a ledger`, () => {
    let store: LedgerStore
    beforeEach(() => { store = make() })
    afterEach(() => store.close())
    const total = (): bigint => store.spend({ by: [] })[0]?.costNano ?? 0n
    const put = (callId: string, state: LedgerState, costNano: number): void => store.append([sampleEntry({ callId, state, costNano })])

    it('gives back every field of an entry, and nothing of a call that it does not know', () => {
      const entry = sampleEntry({ callId: 'a.1', state: 'partial', inputTokens: -1, costNano: 2 ** 53 - 1 })
      store.append([entry])
      expect(store.find('a.1')).toEqual(entry)
      expect(store.find('b.1')).toBeNull()
    })

    it.each<[string, readonly [LedgerState, number][], LedgerState, bigint]>([
      ['a reservation is no spending', [['reserved', 500]], 'reserved', 0n],
      ['reserve, settle', [['reserved', 500], ['settled', 300]], 'settled', 300n],
      ['reserve, release', [['reserved', 500], ['released', 0]], 'released', 0n],
      ['reserve, break off', [['reserved', 500], ['partial', 120]], 'partial', 120n],
      ['reserve, crash', [['reserved', 500], ['unknown', 500]], 'unknown', 500n],
      ['reserve, crash, late settlement', [['reserved', 500], ['unknown', 500], ['settled', 300]], 'settled', 300n],
      ['a settlement that is told twice', [['settled', 300], ['settled', 300]], 'settled', 300n],
      ['a settlement that is told twice, differently: the first counts', [['settled', 300], ['settled', 400]], 'settled', 300n],
      ['a crash that is told after the settlement', [['settled', 300], ['unknown', 500]], 'settled', 300n],
      ['a reservation that is told after the settlement', [['settled', 300], ['reserved', 500]], 'settled', 300n],
      ['a crash that is told twice', [['unknown', 500], ['unknown', 600]], 'unknown', 500n],
      ['a settlement without a reservation', [['settled', 300]], 'settled', 300n],
      ['a settlement after a release: the first counts', [['released', 0], ['settled', 300]], 'released', 0n],
    ])('%s', (_, words, state, sum) => {
      for (const [word, cost] of words) put('a.1', word, cost)
      expect(store.find('a.1')?.state).toBe(state)
      expect(total()).toBe(sum)
      // The same in one transaction, and all of it once more.
      store.append(words.map(([word, costNano]) => sampleEntry({ callId: 'b.1', state: word, costNano })))
      store.append(words.map(([word, costNano]) => sampleEntry({ callId: 'a.1', state: word, costNano })))
      expect(total()).toBe(2n * sum)
      expect(store.spend({ by: [] })[0]?.calls ?? 0).toBe(state === 'reserved' ? 0 : 2)
    })

    it.each([-1, Number.NaN, Infinity, 0.5, 2 ** 53, 1e18])('a cost of %s is refused, and so is everything that came with it', cost => {
      expect(() => store.append([sampleEntry({ callId: 'a.1' }), sampleEntry({ callId: 'b.1', costNano: cost })])).toThrow()
      expect(total()).toBe(0n)
      expect(store.find('a.1')).toBeNull()
    })

    it('adds up exactly beyond what a double holds', () => {
      const most = 2 ** 53 - 1
      store.append(Array.from({ length: 100 }, (_, index) => sampleEntry({ callId: `a${index}.1`, costNano: most })))
      expect(total()).toBe(100n * BigInt(most))
    })

    it('tells spending apart by every field, within a time, the dearest first', () => {
      store.append([
        sampleEntry({ callId: 'a.1', costNano: 1, team: 't1', startedAt: NOON - DAY }), sampleEntry({ callId: 'b.1', costNano: 2, team: 't2' }),
        sampleEntry({ callId: 'c.1', costNano: 4, team: 't2', keyId: 'key-2', app: '', model: 'slow', targetModel: 'm/2' }),
        sampleEntry({ callId: 'd.1', costNano: 8, tenant: 'other', startedAt: NOON + HOUR }), sampleEntry({ callId: 'e.1', costNano: 16, state: 'reserved' }),
      ])
      const rows = (by: Parameters<LedgerStore['spend']>[0]['by'], more: object = { tenant: 'default' }) => store.spend({ by, ...more }).map(row => [...row.values, Number(row.costNano)])
      expect(rows(['team'])).toEqual([['t2', 6], ['t1', 1]])
      expect(rows(['keyId', 'app'])).toEqual([['key-2', '', 4], ['key-1', 'web', 3]])
      expect(rows(['target'])).toEqual([['up/m/2', 4], ['up/m1', 3]])
      expect(rows(['model'])).toEqual([['slow', 4], ['fast', 3]])
      expect(rows(['day'])).toEqual([[NOON - DAY / 2, 6], [NOON - DAY * 1.5, 1]])
      expect(rows(['hour'], {})).toEqual([[NOON + HOUR, 8], [NOON, 6], [NOON - DAY, 1]])
      expect(rows(['tenant'], {})).toEqual([['other', 8], ['default', 7]])
      expect(rows([], { tenant: 'default', since: NOON })).toEqual([[6]])
      expect(rows([], { tenant: 'default', until: NOON })).toEqual([[1]])
      expect(rows(['team'], { tenant: 'default', limit: 1 })).toEqual([['t2', 6]])
      expect(rows(['team'], { tenant: 'nobody' })).toEqual([])
      store.append([sampleEntry({ callId: 'w.1', kind: 'shadow', team: 't2', costNano: 50 })])
      expect(rows(['kind'], { tenant: 'default' })).toEqual([['shadow', 50], ['call', 7]])
      expect(rows(['team'], { tenant: 'default', except: 'shadow', limit: 1 })).toEqual([['t2', 6]])
      expect(store.find('w.1')?.kind).toBe('shadow')
      expect(store.spend({ by: [], tenant: 'default', except: 'shadow' })).toEqual([{ values: [], calls: 3, inputTokens: 30, outputTokens: 60, costNano: 7n }])
    })
  })
}
