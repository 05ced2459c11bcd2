import { createPublicKey, randomUUID, verify, type KeyObject } from 'node:crypto'
import { isObject, type Body } from '../dialect.ts'

/** A service account whose key's public half is known here. */
export interface ServiceAccount {
  readonly email: string
  /** PEM. */
  readonly publicKey: string
}

/** What is answered to a request for a token. */
export interface TokenAnswer { readonly status: number, readonly body: Body }

const GRANT = 'urn:ietf:params:oauth:grant-type:jwt-bearer'
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform'
/** Seconds: of a token, and of an assertion at most. */
const TOKEN_LIFE = 3_599
const ASSERTION_LIFE = 3_600
/** Seconds by which clocks may differ. */
const SKEW = 300

/**
 * Google's token endpoint for service accounts, as strict as the vendor's: an assertion (RFC 7523) must be signed with the account's own key, be for this
 * place and of this hour.
 */
export class TokenDesk {
  readonly #account: ServiceAccount
  readonly #key: KeyObject
  readonly #tokens = new Set<string>()
  /** How many were given. */
  issued = 0

  constructor(account: ServiceAccount) {
    this.#account = account
    this.#key = createPublicKey(account.publicKey)
  }

  /** `form`: the request's body. `audience`: this endpoint's URL. */
  issue(form: URLSearchParams, audience: string): TokenAnswer {
    if (form.get('grant_type') !== GRANT) return refused('unsupported_grant_type', `Invalid grant_type: ${form.get('grant_type') ?? ''}`)
    const [head = '', claims = '', signature = '', ...more] = (form.get('assertion') ?? '').split('.')
    const problem = more.length > 0 ? 'Invalid JWT: it must have three parts.' : this.#problemOf(head, claims, signature, audience)
    if (problem !== null) return refused('invalid_grant', problem)
    if (!String(read(claims)?.['scope'] ?? '').split(' ').includes(SCOPE)) return refused('invalid_scope', 'Invalid OAuth scope or ID token audience provided.')
    const token = `ya29.${randomUUID()}${randomUUID()}`
    this.#tokens.add(token)
    this.issued++
    return { status: 200, body: { access_token: token, expires_in: TOKEN_LIFE, token_type: 'Bearer' } }
  }

  /** True where an `authorization` header holds a token that was given here. */
  takes(authorization: string | undefined): boolean {
    return authorization !== undefined && authorization.startsWith('Bearer ') && this.#tokens.has(authorization.slice('Bearer '.length))
  }

  /** Takes back every token that was given. */
  revoke(): void {
    this.#tokens.clear()
  }

  #problemOf(head: string, claims: string, signature: string, audience: string): string | null {
    if (read(head)?.['alg'] !== 'RS256') return 'Invalid JWT: Failed algorithm RS256.'
    if (!verify('RSA-SHA256', Buffer.from(`${head}.${claims}`), this.#key, Buffer.from(signature, 'base64url'))) return 'Invalid JWT Signature.'
    const { iss, aud, iat, exp } = read(claims) ?? {}
    const now = Date.now() / 1_000
    if (iss !== this.#account.email) return 'Invalid grant: account not found'
    if (aud !== audience) return 'Invalid JWT: audience is another.'
    if (typeof iat !== 'number' || typeof exp !== 'number' || iat > now + SKEW || exp < now - SKEW || exp - iat > ASSERTION_LIFE) return 'Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.'
    return null
  }
}

const refused = (error: string, description: string): TokenAnswer => ({ status: 400, body: { error, error_description: description } })

function read(part: string): Body | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
    return isObject(value) ? value : null
  } catch {
    return null
  }
}
