import { failure, success, type GatewayError, type Result } from '@headrace/contract'
import type { TokenSource } from './token-source.ts'

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
/** For a provider's refusals a token is replaced at most once in this time, ms: one that takes no token at all is no reason to get one for each request. */
const REFUSED_PAUSE_MS = 30_000
/** Tokens that are remembered until they end. */
const REMEMBERED = 8

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
  /** When a refused token was last given up. */
  #refusedAt = -REFUSED_PAUSE_MS
  #living: readonly { readonly token: string, readonly endsAt: number }[] = []
  #stopping = new AbortController()

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** The tokens that are still good, the newest last: no text may hold one. One that was refused here may be good elsewhere. */
  get living(): readonly string[] {
    const now = this.#options.now()
    return this.#living.filter(({ endsAt }) => now < endsAt).map(({ token }) => token)
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

  /** The provider does not take this token: unless another is there by now, or the last one that was given up is not long ago, the next request gets one. */
  refuse(token: string): void {
    const now = this.#options.now()
    if (token !== this.#token || this.#endsAt === 0 || now < this.#refusedAt + REFUSED_PAUSE_MS) return
    this.#endsAt = 0
    this.#refusedAt = now
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
      this.#living = [...this.#living.filter(({ endsAt }) => now < endsAt), { token, endsAt: this.#endsAt }].slice(-REMEMBERED)
      this.#renewAt = this.#endsAt - Math.min(AHEAD_MS, lifeMs * AHEAD_PART)
      return success(token)
    })
  }
}
