import { failure, success, type Result } from '@headrace/contract'
import { baseUrl } from './base-url.ts'
import { readInstance } from './pid-file.ts'

/** Where Headrace runs when neither the user nor the data directory says. */
const DEFAULT_URL = 'http://127.0.0.1:8787'

export interface AdminTarget {
  readonly url?: string
  /** Data directory, whose running instance is asked when no URL is given. */
  readonly data: string
}

/** The base URL to ask, without trailing slash. */
export function adminUrl({ url, data }: AdminTarget): string {
  if (url !== undefined) return url.replace(/\/+$/, '')
  const instance = readInstance(data)
  if (instance === null || instance.port === 0) return DEFAULT_URL
  return baseUrl(instance.admin ?? instance)
}

/** One request to the admin API. The failure is a sentence for people. */
export async function askAdmin(target: AdminTarget, key: string, method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Result<unknown, string>> {
  const base = adminUrl(target)
  try {
    const answer = await fetch(`${base}/admin/v1${path}`, {
      method, signal: AbortSignal.timeout(30_000),
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    const text = await answer.text()
    return answer.ok ? success(text === '' ? null : JSON.parse(text) as unknown) : failure(refusal(base, answer.status, text))
  } catch (error) {
    return failure(`${base} does not answer (${reasonOf(error)}). Is Headrace running there? Say where with --url or --data.`)
  }
}

function refusal(base: string, status: number, text: string): string {
  if (status === 401) return `${base} does not know this key. Give an admin key with --key or in HEADRACE_ADMIN_KEY.`
  if (status === 403) return `This key has no scope \`admin\` at ${base}. Give an admin key with --key or in HEADRACE_ADMIN_KEY.`
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } }
    if (typeof error?.message === 'string') return error.message
  } catch { /* Not our answer: told as it is. */ }
  return `${base} answered ${status}: ${text.slice(0, 200)}`
}

/** fetch hides why it failed in `cause`. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? cause.message || ('code' in cause ? String(cause.code) : cause.name) : error.message
}
