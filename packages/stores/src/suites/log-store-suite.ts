import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { LogStore } from '@headrace/contract'
import { sampleRecord } from './sample-record.ts'

/** What every `LogStore` does. `make` gives an empty one. */
export function logStoreSuite(name: string, make: () => LogStore): void {
  describe(`${name} as a log store`, () => {
    let store: LogStore
    beforeEach(() => { store = make() })
    afterEach(() => store.close())
    const ids = (query: Parameters<LogStore['query']>[0]): string[] => store.query(query).map(row => row.record.callId)

    it('gives back every field of a record', () => {
      const record = sampleRecord({ callId: 'a.1', requestBody: '{"ü":1}', responseBody: '' })
      store.append([record], null)
      expect(store.query({ tenant: 'default' })[0]?.record).toEqual(record)
      expect(store.find('a.1')).toEqual(record)
      expect(store.find('b.1')).toBeNull()
    })

    it('keeps the first row of a call, within one append and over several', () => {
      store.append([sampleRecord({ callId: 'a.1', status: 200 }), sampleRecord({ callId: 'a.1', status: 500 })], null)
      store.append([sampleRecord({ callId: 'a.1', status: 502 }), sampleRecord({ callId: 'a.1', outcome: 'unknown' })], null)
      expect(store.query({ tenant: 'default' }).map(row => row.record.status)).toEqual([200])
    })

    it('replaces an unknown row by what is known later, and shows followers the new one', () => {
      store.append([sampleRecord({ callId: 'a.1', outcome: 'unknown' })], null)
      const seen = store.query({ tenant: 'default', after: 0 })[0]?.cursor ?? 0
      store.append([sampleRecord({ callId: 'a.1', outcome: 'unknown', status: 1 })], null)
      store.append([sampleRecord({ callId: 'a.1', outcome: 'settled', responseBody: 'x' })], null)
      expect(store.query({ tenant: 'default', after: seen }).map(row => row.record.outcome)).toEqual(['settled'])
      expect(store.query({ tenant: 'default' })).toHaveLength(1)
    })

    it('remembers positions with the rows, the last one per segment, until told to forget', () => {
      store.append([], { segment: 's1', offset: 5 })
      store.append([sampleRecord({ callId: 'a.1' })], { segment: 's1', offset: 9 })
      store.append([], { segment: 's2', offset: 1 })
      expect(store.checkpoints()).toEqual([{ segment: 's1', offset: 9 }, { segment: 's2', offset: 1 }])
      store.forget(['s1', 'never-seen'])
      expect(store.checkpoints()).toEqual([{ segment: 's2', offset: 1 }])
    })

    it('never shows one tenant another tenant\'s rows', () => {
      store.append([sampleRecord({ callId: 'a.1' }), sampleRecord({ callId: 'b.1', tenant: 'other' })], null)
      expect(ids({ tenant: 'default' })).toEqual(['a.1'])
      expect(ids({ tenant: 'other' })).toEqual(['b.1'])
      expect(ids({ tenant: 'x\' OR 1=1 --' })).toEqual([])
    })

    it('filters by every field, all together', () => {
      store.append([
        sampleRecord({ callId: 'a.1', startedAt: 10, model: 'm1', provider: 'p1', keyId: 'k1', requestId: 'r1' }),
        sampleRecord({ callId: 'b.1', startedAt: 20, outcome: 'partial', errorKind: 'upstream-reset' }),
        sampleRecord({ callId: 'c.1', startedAt: 30 }),
      ], null)
      for (const filter of [{ model: 'm1' }, { provider: 'p1' }, { keyId: 'k1' }, { requestId: 'r1' }, { until: 20 }]) expect(ids({ tenant: 'default', ...filter })).toEqual(['a.1'])
      for (const filter of [{ outcome: 'partial' as const }, { errorKind: 'upstream-reset' }, { since: 20, until: 30 }]) expect(ids({ tenant: 'default', ...filter })).toEqual(['b.1'])
      expect(ids({ tenant: 'default', model: 'm1', outcome: 'partial' })).toEqual([])
    })

    it('prunes what began before a time, of every tenant and at most so many at once, then says that nothing is left', () => {
      store.append([
        sampleRecord({ callId: 'a.1', startedAt: 10, requestBody: 'x' }), sampleRecord({ callId: 'b.1', startedAt: 11, tenant: 'other' }),
        sampleRecord({ callId: 'c.1', startedAt: 12 }), sampleRecord({ callId: 'd.1', startedAt: 20 }),
      ], { segment: 's1', offset: 9 })
      expect(store.prune(20, 2 ** 50, 2)).toBe(2)
      expect(store.prune(20, 2 ** 50, 2)).toBe(1)
      expect(store.prune(20, 2 ** 50, 2)).toBe(0)
      expect([...ids({ tenant: 'default' }), ...ids({ tenant: 'other' })]).toEqual(['d.1'])
      expect(store.checkpoints()).toHaveLength(1)
    })

    it('prunes the oldest while it is larger than it may be', () => {
      const body = 'x'.repeat(100_000)
      store.append(['a', 'b', 'c', 'd'].map(callId => sampleRecord({ callId, responseBody: body })), null)
      let steps = 0
      while (store.prune(0, 250_000, 1) > 0) steps++
      expect(steps).toBeGreaterThanOrEqual(2)
      expect(ids({ tenant: 'default', after: 0 })).toEqual(['c', 'd'].slice(steps - 2))
    })

    it('answers newest first, or after a cursor oldest first, within the limit', () => {
      store.append(['a', 'b', 'c'].map((id, index) => sampleRecord({ callId: id, startedAt: index })), null)
      expect(ids({ tenant: 'default', limit: 2 })).toEqual(['c', 'b'])
      const first = store.query({ tenant: 'default', after: 0, limit: 1 })[0]
      expect(first?.record.callId).toBe('a')
      expect(ids({ tenant: 'default', after: first?.cursor ?? 0 })).toEqual(['b', 'c'])
    })
  })
}
