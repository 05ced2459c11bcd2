import { failure, gatewayError, success, type GatewayError, type Result, type TokenGrant } from '@headrace/contract'

/** A token as it was issued. */
export interface IssuedToken {
  readonly token: string
  /** Milliseconds from now. */
  readonly lifeMs: number
}

/** Gets a token anew. Errors: `upstream-auth` where it is refused, `upstream-connect` where nobody answers. */
export type TokenSource = (signal: AbortSignal) => Promise<Result<IssuedToken>>

export interface KeeperOptions {
  /** Milliseconds, monotonic. */
  readonly now: () => number
  readonly source: TokenSource
}

/** A token's rest of life at which the next one is got while this one is still used, ms; of shorter lives the last fifth. */
const AHEAD_MS = 300_000
const AHEAD_PART = 0.2
/** Before a token's end, ms: a request that is on its way must arrive with it. */
const LEAST_MS = 5_000
/** After a failed try, ms: requests that come meanwhile are told what it failed of. */
const PAUSE_MS = 1_000
/** Milliseconds that a token endpoint may take. */
const TIMEOUT_MS = 10_000
const TOKEN = /^[\x21-\x7e]{1,16384}$/

/**
 * Keeps one token fresh: it is got when it is first asked for, and again ahead of its end, while requests go on with the one that is left. Nobody waits but
 * where there is none. At most one try runs at a time; whoever needs it waits for the same.
 *
 *   NONE --ask--> GETTING --> FRESH --near its end, asked--> FRESH and GETTING --> FRESH
 *                    +--> failed: told for a second, then asked again
 */
export class TokenKeeper {
  readonly #options: KeeperOptions
  #token = ''
  #endsAt = 0
  #renewAt = 0
  #getting: Promise<Result<string>> | null = null
  #failed: GatewayError | null = null
  #failedAt = 0
  #stopping = new AbortController()

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** The last token that was got, for comparison with what a provider says; '' = none. */
  get last(): string {
    return this.#token
  }

  /** The token, at once where there is one. */
  take(): string | Promise<Result<string>> {
    const now = this.#options.now()
    if (this.#token !== '' && now < this.#endsAt - LEAST_MS) {
      if (now >= this.#renewAt && !this.#pauses(now)) void this.#get()
      return this.#token
    }
    return this.#failed !== null && this.#pauses(now) ? Promise.resolve(failure(this.#failed)) : this.#get()
  }

  /** The provider does not take this token: unless another is there by now, the next request gets one. */
  refuse(token: string): void {
    if (token === this.#token) this.#endsAt = 0
  }

  stop(): void {
    this.#stopping.abort()
  }

  #pauses(now: number): boolean {
    return this.#failed !== null && now < this.#failedAt + PAUSE_MS
  }

  #get(): Promise<Result<string>> {
    return this.#getting ??= this.#options.source(this.#stopping.signal).then(issued => {
      this.#getting = null
      const now = this.#options.now()
      this.#failed = issued.ok ? null : issued.error
      if (!issued.ok) {
        this.#failedAt = now
        return issued
      }
      const { token, lifeMs } = issued.value
      this.#token = token
      this.#endsAt = now + lifeMs
      this.#renewAt = this.#endsAt - Math.min(AHEAD_MS, lifeMs * AHEAD_PART)
      return success(token)
    })
  }
}

/** What is asked of a token endpoint, by kind of grant. */
const FORMS = Object.freeze({
  'client-credentials': ({ clientId, clientSecret, scope }: TokenGrant) =>
    ({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret, ...(scope === '' ? {} : { scope }) }),
} as const satisfies Record<TokenGrant['kind'], (grant: TokenGrant) => Record<string, string>>)

/** The source of a grant's tokens. What the endpoint says goes into no error but for OAuth's own code of it. */
export function tokenSource(grant: TokenGrant): TokenSource {
  return async signal => {
    try {
      const answer = await fetch(grant.tokenUrl, {
        method: 'POST', body: new URLSearchParams(FORMS[grant.kind](grant)), headers: { accept: 'application/json' }, redirect: 'error', signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
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
