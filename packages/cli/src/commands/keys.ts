import { askAdmin } from '../admin-client.ts'
import type { AdminFlags, CreateKeyFlags } from './program.ts'
import { tableLines } from './table.ts'

/** A key as the admin API shows it. */
interface KeyView {
  readonly keyId: string
  readonly prefix: string
  readonly name: string
  readonly team: string | null
  readonly app: string | null
  readonly scopes: readonly string[]
  readonly models: readonly string[] | null
  /** Unix ms; null = never. */
  readonly expiresAt: number | null
  /** It stands in the configuration file. */
  readonly readOnly: boolean
}

const COLUMNS = Object.freeze(['ID', 'BEGINS', 'NAME', 'TEAM', 'APP', 'SCOPES', 'MODELS', 'EXPIRES', 'FROM'].map(title => ({ title, width: 0 })))

/** `headrace keys list`. */
export async function listKeys(flags: AdminFlags & { readonly json: boolean }): Promise<number> {
  return ask(flags, 'GET', '/keys', undefined, answer => {
    const { keys } = answer as { keys: readonly KeyView[] }
    if (flags.json) return JSON.stringify(keys, null, 2)
    return tableLines(COLUMNS, keys.map(key => [
      key.keyId, key.prefix, key.name, key.team ?? '', key.app ?? '', key.scopes.join(','), key.models?.join(',') ?? 'all',
      key.expiresAt === null ? 'never' : new Date(key.expiresAt).toISOString().slice(0, 16), key.readOnly ? 'file' : 'store',
    ]), true).join('\n')
  })
}

/** `headrace keys create`. The token is shown here and nowhere else. */
export async function createKey(flags: CreateKeyFlags): Promise<number> {
  const expiresAt = flags.expires === undefined ? null : Date.parse(flags.expires)
  if (Number.isNaN(expiresAt)) return complain(`--expires ${flags.expires}: there is no such date. Give one such as 2027-06-30 or 2027-06-30T12:00:00Z.`, 2)
  const body = { name: flags.name, team: flags.team ?? null, app: flags.app ?? null, scopes: flags.scopes, models: flags.models ?? null, expiresAt }
  return ask(flags, 'POST', '/keys', body, answer => {
    const { key, token } = answer as { key: KeyView, token: string }
    return flags.json ? JSON.stringify(answer, null, 2) : `${token}\n\nKey ${key.keyId} (${key.name}) is in force. The line above is shown only this once.`
  })
}

/** `headrace keys revoke ID`. */
export async function revokeKey(id: string, flags: AdminFlags): Promise<number> {
  return ask(flags, 'DELETE', `/keys/${encodeURIComponent(id)}`, undefined, () => `Key ${id} is revoked.`)
}

async function ask(flags: AdminFlags, method: 'GET' | 'POST' | 'DELETE', path: string, body: object | undefined, render: (answer: unknown) => string): Promise<number> {
  if (flags.key === undefined) return complain('An admin key is needed: give it with --key or in HEADRACE_ADMIN_KEY. The first start printed it.', 1)
  const answer = await askAdmin(flags, flags.key, method, path, body)
  if (!answer.ok) return complain(answer.error, 1)
  process.stdout.write(`${render(answer.value)}\n`)
  return 0
}

function complain(reason: string, code: number): number {
  process.stderr.write(`headrace: ${reason}\n`)
  return code
}
