import type { LocalResponse, LocalResponses } from '@headrace/contract'

/** Responses that are remembered. */
const COUNT = 8

/** The last responses of one connection that were not to be kept: it alone may go on with them, and they end with it. */
export class RecentResponses implements LocalResponses {
  readonly #limit: number
  readonly #kept = new Map<string, LocalResponse>()

  /** `limit`: characters of one. */
  constructor(limit: number) {
    this.#limit = limit
  }

  get(id: string): LocalResponse | null {
    return this.#kept.get(id) ?? null
  }

  put(id: string, response: LocalResponse): void {
    if (response.items.reduce((sum, { length }) => sum + length, 0) > this.#limit) return
    this.#kept.set(id, response)
    for (const oldest of this.#kept.keys()) if (this.#kept.size > COUNT) this.#kept.delete(oldest)
  }

  drop(id: string): void {
    this.#kept.delete(id)
  }
}
