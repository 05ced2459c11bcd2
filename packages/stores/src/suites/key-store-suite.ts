import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { KeyRecord, KeyStore } from '@headrace/contract'

const key = (facts: Partial<KeyRecord> = {}): KeyRecord => ({
  keyId: 'k1', digest: 'd1', prefix: 'hr_abc', name: 'n', tenant: 'default', team: null, app: 'app', scopes: ['inference', 'admin'],
  models: ['gpt-*'], createdAt: 1, expiresAt: null, ...facts,
})

/** What every `KeyStore` does. `make` gives an empty one. */
export function keyStoreSuite(name: string, make: () => KeyStore): void {
  describe(`${name} as a key store`, () => {
    let store: KeyStore
    beforeEach(() => { store = make() })
    afterEach(() => store.close())

    it('gives back every field', async () => {
      const keys = [key(), key({ keyId: 'k2', digest: 'd2', team: 't', app: null, models: null, expiresAt: 99, createdAt: 2 })]
      for (const each of keys) await store.add('default', each)
      expect(await store.list('default')).toEqual(keys)
    })

    it('refuses a second key with the same id or digest, in any tenant', async () => {
      await store.add('default', key())
      await expect(store.add('default', key({ digest: 'd2' }))).rejects.toThrow('exists already')
      await expect(store.add('other', key({ keyId: 'k2', tenant: 'other' }))).rejects.toThrow('exists already')
      await expect(store.add('other', key({ keyId: 'k3', digest: 'd3' }))).rejects.toThrow('belongs to tenant')
      expect(await store.all()).toHaveLength(1)
    })

    it('shows and removes only the tenant\'s own; another tenant\'s id looks unknown', async () => {
      await store.add('default', key())
      expect(await store.list('other')).toEqual([])
      expect(await store.remove('other', 'k1')).toBe(false)
      expect(await store.remove('default', 'k1')).toBe(true)
      expect(await store.remove('default', 'k1')).toBe(false)
      expect(await store.all()).toEqual([])
    })
  })
}
