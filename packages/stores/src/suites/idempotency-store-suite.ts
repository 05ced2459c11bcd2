import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { AfterCrash, ClaimState, IdempotencyClaim, IdempotencyStore } from '@headrace/contract'

const NOW = Date.UTC(2026, 10, 25, 12)
const HOUR = 3_600_000
const FOREVER = NOW + 1_000 * HOUR
const UNBOUNDED = 2 ** 50

/** What every `IdempotencyStore` does. `make` gives an empty one. */
export function idempotencyStoreSuite(name: string, make: () => IdempotencyStore): void {
  describe(`${name} as a store of idempotency keys`, () => {
    let store: IdempotencyStore
    beforeEach(() => { store = make() })
    afterEach(() => store.close())

    const claimOf = (id: string, facts: Partial<IdempotencyClaim> = {}): IdempotencyClaim =>
      ({ tenant: 'default', id, fingerprint: 'f', owner: '1', token: 't1', until: NOW + HOUR, ...facts })
    const claim = (id: string, facts: Partial<IdempotencyClaim> = {}, now = NOW): ClaimState => store.claim(claimOf(id, facts), now)
    const named = (id: string, tenant = 'default') => ({ tenant, id })
    const answer = (text = 'hello'): Buffer => Buffer.from(text)

    it('gives a free key to the first, and tells all others what it is', () => {
      expect(claim('a')).toBe('won')
      expect(claim('a')).toBe('won')
      expect(claim('a', { token: 't2' })).toBe('running')
      expect(claim('a', { token: 't3', fingerprint: 'g' })).toBe('other-request')
      expect(claim('b')).toBe('won')
    })

    it('keeps every byte of an answer', () => {
      const whole = Buffer.from(Uint8Array.from({ length: 512 }, (_, index) => index % 256))
      claim('a')
      expect(store.settle(named('a'), 't1', whole, FOREVER)).toBe(true)
      expect(claim('a', { token: 't2' })).toBe('kept')
      expect(store.read(named('a'), NOW)?.toString('hex')).toBe(whole.toString('hex'))
    })

    it('keeps an empty answer as one', () => {
      claim('a')
      store.settle(named('a'), 't1', answer(''), FOREVER)
      expect(store.read(named('a'), NOW)?.length).toBe(0)
    })

    it('remembers that there was an answer that is not kept', () => {
      claim('a')
      expect(store.settle(named('a'), 't1', null, FOREVER)).toBe(true)
      expect(claim('a', { token: 't2' })).toBe('unkept')
      expect(claim('a', { fingerprint: 'g' })).toBe('other-request')
      expect(store.read(named('a'), NOW)).toBeNull()
    })

    it('is free again after a release, for any request', () => {
      claim('a')
      expect(store.release(named('a'), 't1')).toBe(true)
      expect(claim('a', { fingerprint: 'g', token: 't2' })).toBe('won')
    })

    it.each<[string, () => boolean]>([
      ['settle with another token', () => store.settle(named('a'), 'other', answer(), FOREVER)],
      ['release with another token', () => store.release(named('a'), 'other')],
      ['settle in another tenant', () => store.settle(named('a', 'other'), 't1', answer(), FOREVER)],
      ['release in another tenant', () => store.release(named('a', 'other'), 't1')],
      ['settle an unknown key', () => store.settle(named('z'), 't1', answer(), FOREVER)],
    ])('changes nothing: %s', (_, change) => {
      claim('a')
      expect(change()).toBe(false)
      expect(claim('a', { token: 't2' })).toBe('running')
    })

    it('an answer stays when it is settled or released again', () => {
      claim('a')
      store.settle(named('a'), 't1', answer('first'), FOREVER)
      expect(store.settle(named('a'), 't1', answer('second'), FOREVER)).toBe(false)
      expect(store.release(named('a'), 't1')).toBe(false)
      expect(store.read(named('a'), NOW)?.toString()).toBe('first')
    })

    it('tenants do not see each other\'s keys', () => {
      claim('a')
      store.settle(named('a'), 't1', answer(), FOREVER)
      expect(store.read(named('a', 'other'), NOW)).toBeNull()
      expect(claim('a', { tenant: 'other' })).toBe('won')
    })

    it('a key whose time is over is free, and its answer gone; a claim too', () => {
      claim('a')
      store.settle(named('a'), 't1', answer(), NOW + HOUR)
      expect(store.read(named('a'), NOW + HOUR - 1)).not.toBeNull()
      expect(store.read(named('a'), NOW + HOUR)).toBeNull()
      expect(claim('a', { token: 't2', until: NOW + 2 * HOUR }, NOW + HOUR)).toBe('won')
      expect(claim('a', { token: 't3', until: NOW + 3 * HOUR }, NOW + 2 * HOUR)).toBe('won')
      expect(store.settle(named('a'), 't2', answer(), FOREVER)).toBe(false)
    })

    it.each<[AfterCrash, ClaimState]>([['retry', 'won'], ['conflict', 'unknown']])('what a dead process ran is free, or unknown (%s); what it had settled stays, and so do others\' claims', (how, then) => {
      claim('a', { owner: 'dead' })
      claim('b', { owner: 'dead', token: 't2' })
      claim('c', { owner: 'alive' })
      store.settle(named('b'), 't2', answer(), FOREVER)
      expect([...store.owners()].sort()).toEqual(['alive', 'dead'])
      expect(store.abandon('dead', how)).toEqual([named('a')])
      expect(store.owners()).toEqual(['alive'])
      expect(claim('b', { token: 't3' })).toBe('kept')
      expect(claim('c', { token: 't3' })).toBe('running')
      expect(claim('a', { owner: 'alive', token: 't4' })).toBe(then)
    })

    it('prunes what is over, at most so many at once', () => {
      for (let count = 0; count < 5; count++) claim(`a${count}`, { until: NOW + HOUR })
      claim('b', { until: FOREVER })
      expect(store.prune(NOW, UNBOUNDED, 10)).toBe(0)
      expect([store.prune(NOW + HOUR, UNBOUNDED, 3), store.prune(NOW + HOUR, UNBOUNDED, 3), store.prune(NOW + HOUR, UNBOUNDED, 3)]).toEqual([3, 2, 0])
      expect(claim('b', { token: 't2' })).toBe('running')
    })

    it('prunes the answers that were kept first while more than the bound are kept; claims stay', () => {
      claim('running', { until: FOREVER })
      for (const id of ['a', 'b', 'c', 'd']) claim(id, { until: FOREVER })
      // Claimed first is not kept first.
      for (const id of ['d', 'a', 'c', 'b']) store.settle(named(id), 't1', answer('x'.repeat(100)), FOREVER)
      expect(store.prune(NOW, 400, 10)).toBe(0)
      expect(store.prune(NOW, 250, 10)).toBe(2)
      expect(['a', 'b', 'c', 'd'].filter(id => store.read(named(id), NOW) !== null)).toEqual(['b', 'c'])
      expect(store.prune(NOW, 0, 1)).toBe(1)
      expect(store.prune(NOW, 0, 10)).toBe(1)
      expect(store.prune(NOW, 0, 10)).toBe(0)
      expect(claim('running', { token: 't2' })).toBe('running')
      expect(claim('d', { fingerprint: 'g' })).toBe('won')
    })
  })
}
