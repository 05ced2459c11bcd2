import type { AfterCrash, ClaimState, IdempotencyClaim, IdempotencyName, IdempotencyStore } from '@headrace/contract'

interface Entry {
  readonly name: IdempotencyName
  readonly fingerprint: string
  readonly owner: string
  readonly token: string
  state: Exclude<ClaimState, 'won' | 'other-request'>
  until: number
  answer: Buffer | null
}

/** The reference implementation of idempotency keys: everything in memory, gone with the process. */
export class MemoryIdempotencyStore implements IdempotencyStore {
  readonly #entries = new Map<string, Entry>()

  claim({ tenant, id, fingerprint, owner, token, until }: IdempotencyClaim, now: number): ClaimState {
    const name = { tenant, id }
    const known = this.#entries.get(keyOf(name))
    if (known !== undefined && known.until > now) {
      if (known.fingerprint !== fingerprint) return 'other-request'
      return known.state === 'running' && known.token === token ? 'won' : known.state
    }
    this.#entries.delete(keyOf(name))
    this.#entries.set(keyOf(name), { name, fingerprint, owner, token, state: 'running', until, answer: null })
    return 'won'
  }

  settle(name: IdempotencyName, token: string, answer: Buffer | null, until: number): boolean {
    const entry = this.#running(name, token)
    if (entry === null) return false
    // The oldest answer is the first that was kept.
    this.#entries.delete(keyOf(name))
    this.#entries.set(keyOf(name), { ...entry, state: answer === null ? 'unkept' : 'kept', until, answer: answer === null ? null : Buffer.from(answer) })
    return true
  }

  release(name: IdempotencyName, token: string): boolean {
    return this.#running(name, token) !== null && this.#entries.delete(keyOf(name))
  }

  read(name: IdempotencyName, now: number): Buffer | null {
    const entry = this.#entries.get(keyOf(name))
    return entry === undefined || entry.until <= now ? null : entry.answer
  }

  owners(): readonly string[] {
    return [...new Set([...this.#entries.values()].filter(entry => entry.state === 'running').map(entry => entry.owner))]
  }

  abandon(owner: string, how: AfterCrash): readonly IdempotencyName[] {
    const left = [...this.#entries.values()].filter(entry => entry.state === 'running' && entry.owner === owner)
    for (const entry of left) {
      if (how === 'retry') this.#entries.delete(keyOf(entry.name))
      else entry.state = 'unknown'
    }
    return left.map(entry => entry.name)
  }

  prune(now: number, maxBytes: number, most: number): number {
    let deleted = 0
    let kept = 0
    for (const entry of this.#entries.values()) kept += entry.answer?.length ?? 0
    const remove = (wanted: (entry: Entry) => boolean): void => {
      for (const entry of this.#entries.values()) {
        if (deleted >= most) return
        if (!wanted(entry)) continue
        this.#entries.delete(keyOf(entry.name))
        kept -= entry.answer?.length ?? 0
        deleted++
      }
    }
    remove(entry => entry.until <= now)
    remove(entry => entry.answer !== null && kept > maxBytes)
    return deleted
  }

  close(): void {
    this.#entries.clear()
  }

  #running(name: IdempotencyName, token: string): Entry | null {
    const entry = this.#entries.get(keyOf(name))
    return entry?.state === 'running' && entry.token === token ? entry : null
  }
}

const keyOf = ({ tenant, id }: IdempotencyName): string => JSON.stringify([tenant, id])
