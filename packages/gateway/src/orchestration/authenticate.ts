import { hash } from 'node:crypto'
import { failure, gatewayError, success, type KeyRecord, type Principal, type RequestHead, type Result, type Scope } from '@headrace/contract'
import { BoundedCache } from './bounded-cache.ts'
import { frozenSet } from './frozen-set.ts'
import { detached } from './model-name.ts'

/** Longer tokens are refused before they are hashed, characters. */
const MAX_TOKEN = 512
/** Tokens remembered with their principal. Only known tokens are: guessing fills nothing. */
const CACHED_TOKENS = 10_000

const refusal = (message: string): Result<never> => failure(Object.freeze(gatewayError('unauthenticated', message)))
const MISSING = refusal('No API key was sent. Send it as `Authorization: Bearer KEY`.')
const WRONG_SCHEME = refusal('The Authorization header is not of the form `Bearer KEY`.')
const CONTRADICTION = refusal('Several different API keys were sent. Send one, as `Authorization: Bearer KEY`.')
const UNKNOWN = refusal('The API key is not valid. Check it for typing errors, or ask for a new one.')
const EXPIRED = refusal('The API key has expired. Ask for a new one.')

/**
 * The token of a request: `Authorization: Bearer x`, `x-api-key: x`, `api-key: x`, `x-goog-api-key: x`, or `?key=x` on Google's paths. Two different
 * ones are refused, so that no two parties disagree on which counts. A query goes nowhere else: not to a provider, not into a log.
 */
export function authorizationToken(head: RequestHead): Result<string> {
  const authorization = head.header('authorization')
  const vendor = head.header('x-api-key')
  const azure = head.header('api-key')
  const google = head.header('x-goog-api-key')
  let token = vendor ?? azure ?? google
  if ((azure ?? token) !== token || (google ?? token) !== token) return CONTRADICTION
  if (head.query !== '' && GOOGLE_PATH.test(head.path)) {
    const key = queryKey(head.query, token)
    if (!key.ok) return key
    token = key.value
  }
  if (authorization !== undefined) {
    if (authorization.length < 8 || authorization.slice(0, 7).toLowerCase() !== 'bearer ') return WRONG_SCHEME
    const bearer = authorization.slice(7).trim()
    if (token !== undefined && token !== bearer) return CONTRADICTION
    token = bearer
  }
  return token === undefined || token === '' ? MISSING : success(token)
}

/** Paths whose clients know `?key=`. */
const GOOGLE_PATH = /^\/(?:v1(?:beta)?\/(?:models|tunedModels)|providers\/[^/]+)(?:\/|$)/

/** What `key=` in the query says, or what was known before; a second key that is another one is a contradiction. */
function queryKey(query: string, known: string | undefined): Result<string | undefined> {
  let token = known
  for (const part of query.split('&')) {
    if (!part.startsWith('key=')) continue
    const key = decodeKey(part.slice(4))
    if (token !== undefined && token !== key) return CONTRADICTION
    token = key
  }
  return success(token)
}

function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

interface KeyEntry {
  readonly granted: Result<Principal>
  /** Unix ms, and the same moment on the monotonic clock; Infinity = never. */
  readonly expiresAt: number
  readonly expiresMonotonic: number
}

/** What is kept of each key. Of most keys there is no call for long: what a call needs besides is made when one comes. */
interface KeyRow {
  readonly keyId: string
  readonly tenant: string
  readonly team: string | null
  readonly app: string | null
  readonly scopes: ReadonlySet<Scope>
  readonly expiresAt: number
}

/**
 * Token -> principal for the keys of one snapshot: a bounded cache of known tokens in front of a map by SHA-256 digest. A token is only ever
 * compared by its whole digest. A key is refused as soon as the wall clock or the monotonic clock says that it has expired:
 * setting the clock back revives nothing.
 */
export function createAuthenticator(keys: readonly KeyRecord[]): (token: string) => Result<Principal> {
  const rows = keyRows(keys)
  const monotonicMinusWall = performance.now() - Date.now()
  const cache = new BoundedCache<KeyEntry>(CACHED_TOKENS)
  return function authenticate(token) {
    let entry = cache.get(token)
    if (entry === undefined) {
      if (token.length > MAX_TOKEN || token === '') return UNKNOWN
      const row = rows.get(hash('sha256', token, 'latin1'))
      if (row === undefined) return UNKNOWN
      cache.set(detached(token), entry = keyEntry(row, monotonicMinusWall))
    }
    if (entry.expiresAt !== Infinity && (Date.now() >= entry.expiresAt || performance.now() >= entry.expiresMonotonic)) return EXPIRED
    return entry.granted
  }
}

/** By the digest's 32 bytes as latin1: half of what it takes in hex. Words that many keys share are held once. */
function keyRows(keys: readonly KeyRecord[]): ReadonlyMap<string, KeyRow> {
  const words = new Map<string, string>()
  const shared = <Word extends string | null>(word: Word): Word => {
    if (word === null) return word
    const known = words.get(word)
    if (known === undefined) words.set(word, word)
    return (known ?? word) as Word // the same text
  }
  const scopes = new Map<string, ReadonlySet<Scope>>()
  const scopesOf = (names: readonly Scope[]): ReadonlySet<Scope> => {
    const name = names.join(' ')
    const known = scopes.get(name) ?? frozenSet(names)
    scopes.set(name, known)
    return known
  }
  return new Map(keys.map(({ digest, keyId, tenant, team, app, scopes: names, expiresAt }) =>
    [Buffer.from(digest, 'hex').latin1Slice(), { keyId, tenant: shared(tenant), team: shared(team), app: shared(app), scopes: scopesOf(names), expiresAt: expiresAt ?? Infinity }]))
}

function keyEntry({ keyId, tenant, team, app, scopes, expiresAt }: KeyRow, monotonicMinusWall: number): KeyEntry {
  const principal: Principal = Object.freeze({ tenant, team, app, keyId, endUser: null, scopes, source: 'virtual-key' })
  return { granted: Object.freeze(success(principal)), expiresAt, expiresMonotonic: expiresAt + monotonicMinusWall }
}
