import { hash } from 'node:crypto'
import type { KeyRecord } from '@headrace/contract'

/** Longer tokens are refused before they are hashed, characters. */
const MAX_TOKEN = 512

export type Access = { readonly kind: 'admin', readonly key: KeyRecord } | { readonly kind: 'unauthenticated' } | { readonly kind: 'forbidden' }

const UNAUTHENTICATED: Access = Object.freeze({ kind: 'unauthenticated' })
const FORBIDDEN: Access = Object.freeze({ kind: 'forbidden' })

/** Says who may use the admin API: by the whole digest of the key that was sent, never by a part of it. */
export class AdminKeys {
  #byDigest: ReadonlyMap<string, KeyRecord> = new Map()

  /** The keys in force. */
  replace(keys: readonly KeyRecord[]): void {
    this.#byDigest = new Map(keys.map(key => [key.digest, key]))
  }

  /** `raw`: names and values in turn, as they came: a repeated header is seen, not merged away. */
  judge(raw: readonly string[]): Access {
    const token = sentToken(raw)
    const key = token === null ? undefined : this.#byDigest.get(hash('sha256', token))
    if (key === undefined || (key.expiresAt !== null && key.expiresAt <= Date.now())) return UNAUTHENTICATED
    return key.scopes.includes('admin') ? { kind: 'admin', key } : FORBIDDEN
  }
}

/** The one token of `Authorization: Bearer`, `x-api-key` and `api-key`; null when there is none or they contradict each other. */
function sentToken(raw: readonly string[]): string | null {
  const tokens = new Set<string>()
  for (let index = 0; index + 1 < raw.length; index += 2) {
    const name = raw[index]?.toLowerCase()
    const value = raw[index + 1] ?? ''
    if (name === 'x-api-key' || name === 'api-key') tokens.add(value)
    else if (name === 'authorization') tokens.add(/^bearer +(.+)$/i.exec(value)?.[1]?.trim() ?? '')
  }
  const [token] = tokens
  return tokens.size === 1 && token !== undefined && token !== '' && token.length <= MAX_TOKEN ? token : null
}
