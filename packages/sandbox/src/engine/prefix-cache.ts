import { createHash } from 'node:crypto'

const MOST_ENTRIES = 10_000

/** Beginnings of prompts that the engine has seen lately, by digest. Remembers at most 10,000; times are monotonic milliseconds. */
export class PrefixCache {
  readonly #entries = new Map<string, number>()

  /** True = it was put there and has not expired. A hit keeps it alive for another `ttl`. */
  hit(key: string, now: number, ttl: number): boolean {
    const until = this.#entries.get(key)
    if (until === undefined || until <= now) return false
    this.#entries.set(key, Math.max(until, now + ttl))
    return true
  }

  put(key: string, now: number, ttl: number): void {
    if (this.#entries.size >= MOST_ENTRIES) this.#entries.clear()
    this.#entries.set(key, now + ttl)
  }

  reset(): void {
    this.#entries.clear()
  }
}

/** The digest of a beginning that goes on with this piece. */
export const extendPrefix = (prefix: string, piece: string): string => createHash('sha256').update(prefix).update('\0').update(piece).digest('base64url')
