/** What an entry takes beside its text. */
const ENTRY_BYTES = 512

/** What this worker has lately served, ready to be said again: the least recently used goes when all together takes too many bytes. */
export class HotCache<T> {
  readonly #limit: () => number
  readonly #entries = new Map<string, { readonly value: T, readonly bytes: number }>()
  #bytes = 0

  /** `limit`: bytes. */
  constructor(limit: () => number) {
    this.#limit = limit
  }

  /** Of all entries, roughly. */
  get bytes(): number {
    return this.#bytes
  }

  get(key: string): T | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    return entry.value
  }

  put(key: string, value: T, bytes: number): void {
    this.drop(key)
    const entry = { value, bytes: bytes + ENTRY_BYTES }
    if (entry.bytes > this.#limit()) return
    this.#entries.set(key, entry)
    this.#bytes += entry.bytes
    for (const oldest of this.#entries.keys()) {
      if (this.#bytes <= this.#limit()) return
      this.drop(oldest)
    }
  }

  drop(key: string): void {
    this.#bytes -= this.#entries.get(key)?.bytes ?? 0
    this.#entries.delete(key)
  }
}
