import { sign } from 'node:crypto'
import { failure, gatewayError, success, type Result, type ServiceAccountGrant, type TokenGrant } from '@headrace/contract'

/** A token as it was issued. */
export interface IssuedToken {
  readonly token: string
  /** Milliseconds from now. */
  readonly lifeMs: number
}

/** Gets a token anew. Errors: `upstream-auth` where it is refused, `upstream-connect` where nobody answers. */
export type TokenSource = (signal: AbortSignal) => Promise<Result<IssuedToken>>

/** Milliseconds that a token endpoint may take. */
const TIMEOUT_MS = 10_000
const TOKEN = /^[\x21-\x7e]{1,16384}$/
/** Seconds that an assertion is good for: the most that Google takes. */
const ASSERTION_LIFE = 3_600

/** A kind of grant: what a token endpoint is asked, and what of it no text may hold. */
interface GrantKind<Grant> {
  readonly form: (grant: Grant) => Record<string, string>
  readonly secret: (grant: Grant) => string
}

const GRANTS = Object.freeze({
  'client-credentials': {
    form: ({ clientId, clientSecret, scope }) => ({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, ...(scope === '' ? {} : { scope }) }),
    secret: ({ clientSecret }) => clientSecret,
  },
  'service-account': {
    form: grant => ({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion: assertionOf(grant, Math.floor(Date.now() / 1_000)) }),
    // Whoever tells the key tells each of its lines.
    secret: ({ privateKey }) => privateKey.split('\n').slice(2).find(line => line.length >= 64) ?? '',
  },
} satisfies { readonly [Kind in TokenGrant['kind']]: GrantKind<Extract<TokenGrant, { readonly kind: Kind }>> })

const kindOf = <Kind extends TokenGrant['kind']>(kind: Kind): GrantKind<TokenGrant> => GRANTS[kind] as GrantKind<TokenGrant> // the row of the grant's own kind

/** What of a grant no text may hold that is handed on; '' = nothing. */
export const secretOf = (grant: TokenGrant): string => kindOf(grant.kind).secret(grant)

/** A JWT (RFC 7519) that says who asks for a token, signed as RS256 (RFC 7518, section 3.3). `now`: Unix seconds. */
function assertionOf({ email, keyId, privateKey, scope, tokenUrl }: ServiceAccountGrant, now: number): string {
  const head = { alg: 'RS256', typ: 'JWT', ...(keyId === '' ? {} : { kid: keyId }) }
  const claims = { iss: email, scope, aud: tokenUrl, iat: now, exp: now + ASSERTION_LIFE }
  const signed = [head, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${signed}.${sign('RSA-SHA256', Buffer.from(signed), privateKey).toString('base64url')}`
}

/** The source of a grant's tokens. What the endpoint says goes into no error but for OAuth's own code of it. */
export function tokenSource(grant: TokenGrant): TokenSource {
  return async signal => {
    const body = new URLSearchParams(kindOf(grant.kind).form(grant))
    try {
      const answer = await fetch(grant.tokenUrl, {
        method: 'POST', body, headers: { accept: 'application/json' }, redirect: 'error', signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
      })
      return readToken(answer.status, await answer.json().catch(() => null))
    } catch {
      return failure(gatewayError('upstream-connect', 'The token endpoint of the provider\'s credential did not answer.'))
    }
  }
}

function readToken(status: number, body: unknown): Result<IssuedToken> {
  const said: Readonly<Record<string, unknown>> = typeof body === 'object' && body !== null ? body as Readonly<Record<string, unknown>> : {}
  const { access_token: token, expires_in: seconds, error } = said
  if (status < 200 || status > 299) {
    const code = typeof error === 'string' && /^[a-z_]{1,64}$/.test(error) ? `, ${error}` : ''
    const message = `The token endpoint refused the provider's credential (status ${status}${code}). The operator must check it.`
    return failure(gatewayError(status === 429 || status >= 500 ? 'upstream-connect' : 'upstream-auth', message))
  }
  const life = typeof seconds === 'string' ? Number(seconds) : seconds
  if (typeof token !== 'string' || !TOKEN.test(token) || typeof life !== 'number' || !(life > 0)) {
    return failure(gatewayError('upstream-auth', 'The token endpoint answered without a token that can be used.'))
  }
  return success({ token, lifeMs: Math.min(life, 86_400) * 1_000 })
}
