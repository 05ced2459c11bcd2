import { failure, gatewayError, success, type JobKeeper, type PassedProvider, type RequestHead, type Result } from '@headrace/contract'

/** Where a request is to be passed through to. */
export interface PassPath {
  readonly provider: string | JobKeeper
  /** Undecoded; begins with `/`. */
  readonly rest: string
  /** Without the client's own key; '' = none. */
  readonly query: string
}

const PREFIX = '/providers/'
const OPENAI_JOBS: JobKeeper = Object.freeze({ dialects: Object.freeze(['openai-chat', 'openai-responses'] as const) })
const ANTHROPIC_JOBS: JobKeeper = Object.freeze({ dialects: Object.freeze(['anthropic-messages'] as const) })
/** Files and jobs at the vendors' own paths. Both vendors have `/v1/files`: Anthropic's clients always send `anthropic-version`. */
const JOBS = /^\/v1\/(?:files|uploads|batches|fine_tuning|videos|(messages\/batches))(?:\/|$)/
const PROVIDER = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
/**
 * What two readers of a path could understand in two ways: dot segments, plain, encoded and with parameters; encoded slashes and backslashes, also those that appear
 * when somebody decodes twice; empty segments; control characters; percent signs that encode nothing.
 */
const AMBIGUOUS = /(?:^|\/)(?:\.|%2e){1,2}(?:;|%3b|\/|$)|%2f|%5c|\\|\/\/|%25(?:25)*(?:2[ef]|5c)|%[01][0-9a-f]|%7f|%(?![0-9a-f]{2})|[^\x21-\x7e]/i
/** What would be user and host, if anybody took the path for more than a path. */
const HOST = /^\/[^/]*(?:@|%40|:\/)/i
/** Names under which keys stand in queries. */
const KEYS: ReadonlySet<string> = new Set(['key', 'api_key', 'api-key', 'apikey', 'access_token', 'x-api-key', 'x-goog-api-key'])

/** True for paths below `/providers/`, and those of files and jobs: requests for them are passed through. */
export const isPassPath = (path: string): boolean => path.startsWith(PREFIX) || JOBS.test(path)

/** Which kind of provider has a path of files or jobs; null = it is no such path. */
export function jobKeeper(head: RequestHead): JobKeeper | null {
  const job = JOBS.exec(head.path)
  if (job === null) return null
  return job[1] !== undefined || head.header('anthropic-version') !== undefined ? ANTHROPIC_JOBS : OPENAI_JOBS
}

/**
 * Reads the path of a request that is to be passed through. `token`: the client's own, which stays here. Of files and jobs the header `headrace-provider` names the provider.
 * Errors: `invalid-request`, `not-found`.
 */
export function readPassPath(head: RequestHead, token: string): Result<PassPath> {
  const { path, query } = head
  const jobs = jobKeeper(head)
  const end = path.indexOf('/', PREFIX.length)
  const provider = jobs !== null ? head.header('headrace-provider') ?? jobs : path.slice(PREFIX.length, end < 0 ? undefined : end)
  const rest = jobs !== null ? path : end < 0 ? '/' : path.slice(end)
  if (typeof provider === 'string' && !PROVIDER.test(provider)) {
    return failure(gatewayError('not-found', jobs !== null ? 'The header headrace-provider holds no id of a configured provider.' : 'The path is /providers/ID/..., with the id of a configured provider.'))
  }
  if (AMBIGUOUS.test(rest) || HOST.test(rest)) return failure(gatewayError('invalid-request', 'The path is ambiguous: no dot segments, empty segments, encoded slashes, control characters, and no host in it.'))
  const kept = withoutKeys(query, token)
  if (/[^\x21-\x7e]/.test(kept)) return failure(gatewayError('invalid-request', 'The query holds blanks, control or non-ASCII characters: encode them.'))
  return success({ provider, rest, query: kept })
}

/** A path at a provider: below the part of its base URL above the API's version, or as it is where it begins with the whole of the base path. */
export function pathAt({ base, root }: Pick<PassedProvider, 'base' | 'root'>, { rest, query }: PassPath): string {
  const path = base !== '' && (rest === base || rest.startsWith(`${base}/`)) ? rest : root + rest
  return query === '' ? path : `${path}?${query}`
}

function withoutKeys(query: string, token: string): string {
  if (query === '') return ''
  return query.split('&').filter(part => {
    const [name = '', value = ''] = part.split('=', 2).map(decoded)
    return !KEYS.has(name.toLowerCase()) && !value.includes(token) && !name.includes(token)
  }).join('&')
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
