import type { KeyRecord, KeyStore } from '@headrace/contract'

/** The reference implementation of the key store: everything in memory, gone with the process. */
export class MemoryKeyStore implements KeyStore {
  readonly #keys = new Map<string, KeyRecord>()

  async list(tenant: string): Promise<readonly KeyRecord[]> {
    return [...this.#keys.values()].filter(key => key.tenant === tenant)
  }

  async all(): Promise<readonly KeyRecord[]> {
    return [...this.#keys.values()]
  }

  async add(tenant: string, key: KeyRecord): Promise<void> {
    if (key.tenant !== tenant) throw new Error(`Key ${key.keyId} belongs to tenant ${key.tenant}, not ${tenant}.`)
    for (const known of this.#keys.values()) {
      if (known.keyId === key.keyId || known.digest === key.digest) throw new Error(`Key ${key.keyId} exists already.`)
    }
    this.#keys.set(key.keyId, key)
  }

  async remove(tenant: string, keyId: string): Promise<boolean> {
    return this.#keys.get(keyId)?.tenant === tenant && this.#keys.delete(keyId)
  }

  async close(): Promise<void> {
    this.#keys.clear()
  }
}
