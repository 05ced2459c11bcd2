import { hash } from 'node:crypto'
import type { KeyRecord } from '../principal.ts'
import type { ConfigProblems } from './config-problems.ts'
import { MAX_KEYS, type KeyFile } from './schema.ts'

/** The file's `keys` and the key store's, as records. Key ids of the file are `file:NAME`. */
export function resolveKeys(file: readonly KeyFile[], stored: readonly KeyRecord[], problems: ConfigProblems): KeyRecord[] {
  const keys: KeyRecord[] = []
  const names = new Set<string>()
  const digests = new Set(stored.map(key => key.digest))
  if (file.length + stored.length > MAX_KEYS) problems.error(['keys'], `too many keys: at most ${MAX_KEYS}, those in the key store included`, 'key')
  for (const [index, key] of file.entries()) {
    const path = ['keys', index]
    if (names.has(key.name)) problems.error([...path, 'name'], `there is another key named \`${key.name}\`: names are unique`)
    names.add(key.name)
    const record = resolveKey(key, path, problems)
    if (record === null) continue
    if (digests.has(record.digest)) problems.error([...path, key.key == null ? 'digest' : 'key'], 'the same key exists already, here or in the key store: keep one of them')
    digests.add(record.digest)
    keys.push(record)
  }
  return [...keys, ...stored]
}

function resolveKey(key: KeyFile, path: readonly (string | number)[], problems: ConfigProblems): KeyRecord | null {
  if ((key.key == null) === (key.digest == null)) {
    problems.error(path, key.key == null ? 'a key needs `key` or `digest`' : 'a key has `key` or `digest`, not both')
    return null
  }
  if (key.key != null && !problems.interpolated([...path, 'key'])) {
    problems.warn([...path, 'key'], `key \`${key.name}\` is written into the file; \`digest\` (its SHA-256) or a reference such as \`\${NAME}\` keeps it out`)
  }
  const expiresAt = key.expires == null ? null : Date.parse(key.expires)
  if (expiresAt !== null && Number.isNaN(expiresAt)) problems.error([...path, 'expires'], 'there is no such date')
  else if (expiresAt !== null && expiresAt <= Date.now()) problems.warn([...path, 'expires'], `key \`${key.name}\` has expired`)
  return {
    keyId: `file:${key.name}`, name: key.name, digest: key.digest ?? hash('sha256', key.key ?? ''),
    // A short key must not give away much of itself.
    prefix: key.key == null ? '' : key.key.slice(0, key.key.length >= 32 ? 8 : 4),
    tenant: key.tenant, team: key.team ?? null, app: key.app ?? null,
    scopes: [...new Set(key.scopes)], models: key.models ?? null, createdAt: 0, expiresAt,
  }
}
