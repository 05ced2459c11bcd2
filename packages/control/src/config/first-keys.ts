import type { KeyRecord, ResolvedConfig, Scope } from '@headrace/contract'
import { generateKey } from '@headrace/stores'

/** Of whoever runs the installation; keys made at the first start belong to it. */
export const OPERATOR_TENANT = 'default'

export interface FirstKeys {
  readonly records: readonly KeyRecord[]
  readonly adminKey: string
  readonly apiKey: string
}

/** A first start: nothing is stored, and the file names nobody who could make keys. */
export function needsFirstKeys(config: ResolvedConfig, stored: readonly KeyRecord[]): boolean {
  return stored.length === 0 && !config.keys.some(key => key.scopes.includes('admin') && (key.expiresAt === null || key.expiresAt > Date.now()))
}

/** An admin key and an API key. The tokens exist in what is returned and nowhere else. */
export function generateFirstKeys(): FirstKeys {
  const admin = generateKey()
  const api = generateKey()
  const record = (made: typeof admin, name: string, scope: Scope): KeyRecord => ({
    keyId: made.keyId, digest: made.digest, prefix: made.prefix, name, tenant: OPERATOR_TENANT, team: null, app: null,
    scopes: [scope], models: null, createdAt: Date.now(), expiresAt: null,
  })
  return { records: [record(admin, 'admin', 'admin'), record(api, 'default', 'inference')], adminKey: admin.token, apiKey: api.token }
}
