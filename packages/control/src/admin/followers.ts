import type { KeyRecord, ResolvedConfig } from '@headrace/contract'

/** Followers at the same time; each reads the database for itself. */
export const MAX_FOLLOWERS = 32
/** Longest delay of a timer, ms. */
const LONGEST_TIMER_MS = 2 ** 31 - 1

/** Those who follow the log. An answer that goes on for ever must end when its key does. */
export class Followers {
  readonly #keys = new Map<AbortController, KeyRecord>()

  /** The signal that ends this follower, and the function to call when it has left by itself; null = there are too many. */
  admit(key: KeyRecord): { readonly signal: AbortSignal, readonly leave: () => void } | null {
    if (this.#keys.size >= MAX_FOLLOWERS) return null
    const ending = new AbortController()
    this.#keys.set(ending, key)
    const expiry = key.expiresAt === null ? undefined : setTimeout(() => ending.abort(), Math.min(key.expiresAt - Date.now(), LONGEST_TIMER_MS))
    return {
      signal: ending.signal,
      leave: () => {
        clearTimeout(expiry)
        this.#keys.delete(ending)
        ending.abort()
      },
    }
  }

  /** Ends those whose key is not in force any more. */
  keysChanged({ keys }: ResolvedConfig): void {
    if (this.#keys.size === 0) return
    const admins = new Set(keys.filter(key => key.scopes.includes('admin')).map(key => key.digest))
    for (const [ending, key] of this.#keys) if (!admins.has(key.digest)) ending.abort()
  }
}
