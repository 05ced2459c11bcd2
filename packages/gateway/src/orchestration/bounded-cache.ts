/** A map that forgets everything when full: no bookkeeping on a hit, and memory is bounded. */
export class BoundedCache<V> {
  readonly #limit: number
  #map = new Map<string, V>()

  constructor(limit: number) {
    this.#limit = limit
  }

  get(key: string): V | undefined {
    return this.#map.get(key)
  }

  set(key: string, value: V): void {
    if (this.#map.size >= this.#limit) this.#map = new Map()
    this.#map.set(key, value)
  }
}
