import type { ContextBegun, ContextChange, ContextHeld, ContextOutcome, ContextOwner, ContextState, ContextStore, ContextTurn } from '@headrace/contract'
import { knownOf, meets } from './meets.ts'

export interface ContextDeskOptions {
  readonly store: ContextStore
  /** Unix ms. */
  readonly wall: () => number
  /** Monotonic ms. */
  readonly monotonic: () => number
}

/** `asker`: the connection that the hold ends with. */
interface Hold { readonly token: string, readonly until: number, readonly asker: object }

const HELD: ContextHeld = Object.freeze({ kind: 'held' })

/**
 * Where contexts are asked for: the store, and in memory who is at work on which context, and who waits for it to change. A hold that this process does not
 * outlive is missed by nobody: the turn's write is still refused if something else was written first.
 */
export class ContextDesk {
  readonly #options: ContextDeskOptions
  readonly #holds = new Map<string, Hold>()
  /** Changes on their way to the disk. A turn begins after them: what it reads then stays as it is. */
  readonly #changing = new Map<string, Promise<unknown>>()
  readonly #watchers = new Map<string, Set<(state: ContextState | null) => void>>()

  constructor(options: ContextDeskOptions) {
    this.#options = options
  }

  /** What one connection may ask. `leave`: it is closed. */
  owner(): ContextOwner & { leave(): void } {
    const { store, wall } = this.#options
    const asker = {}
    const waits = new Set<() => void>()
    return {
      create: (tenant, draft) => store.create(tenant, draft, wall()),
      fork: (tenant, id, seq, draft) => store.fork(tenant, id, seq, draft, wall()),
      read: (tenant, id, known) => store.read(tenant, id, known, wall()),
      state: (tenant, id) => store.state(tenant, id, wall()),
      begin: (tenant, id, turn) => this.#begin(tenant, id, turn, asker),
      change: async (tenant, id, change, token, ends) => {
        try {
          return await this.#change(tenant, id, change, token)
        } finally {
          if (ends === true) this.#end(tenant, id, token)
        }
      },
      end: async (tenant, id, token) => this.#end(tenant, id, token),
      next: (tenant, id, version, waitMs) => this.#next(tenant, id, version, waitMs, waits),
      tags: (tenant, id) => store.tags(tenant, id, wall()),
      notes: (tenant, id) => store.notes(tenant, id, wall()),
      remove: async (tenant, id) => {
        const removed = await this.#during(keyOf(tenant, id), store.remove(tenant, id))
        this.#tell(tenant, id, null)
        return removed
      },
      list: (tenant, query) => store.list(tenant, query, wall()),
      search: (tenant, words, most) => store.search(tenant, words, most, wall()),
      leave: () => {
        for (const [key, hold] of this.#holds) if (hold.asker === asker) this.#holds.delete(key)
        for (const end of waits) end()
      },
    }
  }

  /** Those who wait for a change, and contexts that are held, at this moment. */
  get watching(): number {
    return [...this.#watchers.values()].reduce((sum, { size }) => sum + size, 0)
  }

  get held(): number {
    return this.#holds.size
  }

  async #begin(tenant: string, id: string, { token, holdMs, known, expect }: ContextTurn, asker: object): Promise<ContextBegun> {
    const key = keyOf(tenant, id)
    if (this.#heldByOthers(key, token)) return HELD
    // Held before it is read: nothing more is changed.
    this.#holds.set(key, { token, until: this.#options.monotonic() + holdMs, asker })
    await this.#changing.get(key)
    const reading = await this.#options.store.read(tenant, id, known, this.#options.wall())
    const stale = reading !== null && expect !== null && !meets(reading.state, expect)
    if (reading !== null && !stale) return { kind: 'begun', reading }
    if (this.#holds.get(key)?.token === token) this.#holds.delete(key)
    const missed = expect === null ? null : await this.#options.store.read(tenant, id, knownOf(expect), this.#options.wall())
    return missed === null ? { kind: 'unknown' } : { kind: 'stale', reading: missed }
  }

  async #change(tenant: string, id: string, change: ContextChange, token: string): Promise<ContextOutcome | ContextHeld> {
    const key = keyOf(tenant, id)
    if (this.#heldByOthers(key, token)) return await this.#madeBefore(tenant, id, change) ?? HELD
    const outcome = await this.#during(key, this.#options.store.change(tenant, id, change, this.#options.wall()))
    if (outcome.kind === 'done') this.#tell(tenant, id, outcome.state)
    return outcome
  }

  /** A change whose answer was lost is asked for again: it is done, whoever is at work since. */
  async #madeBefore(tenant: string, id: string, { turn }: ContextChange): Promise<ContextOutcome | null> {
    await this.#changing.get(keyOf(tenant, id))
    const state = await this.#options.store.made(tenant, id, turn, this.#options.wall())
    return state === null ? null : { kind: 'done', state }
  }

  #during<T>(key: string, change: Promise<T>): Promise<T> {
    const all = Promise.allSettled([this.#changing.get(key), change])
    this.#changing.set(key, all)
    void all.then(() => { if (this.#changing.get(key) === all) this.#changing.delete(key) })
    return change
  }

  #end(tenant: string, id: string, token: string): void {
    const key = keyOf(tenant, id)
    if (this.#holds.get(key)?.token === token) this.#holds.delete(key)
  }

  #heldByOthers(key: string, token: string): boolean {
    const hold = this.#holds.get(key)
    return hold !== undefined && hold.token !== token && hold.until > this.#options.monotonic()
  }

  /** `waits`: those of the same asker, which end with it. */
  async #next(tenant: string, id: string, version: number, waitMs: number, waits: Set<() => void>): Promise<ContextState | null> {
    const key = keyOf(tenant, id)
    const { promise, resolve } = Promise.withResolvers<ContextState | null>()
    const waiters = this.#watchers.get(key) ?? new Set()
    // Listened for before it is read: what changes meanwhile is not missed.
    this.#watchers.set(key, waiters.add(resolve))
    const end = (): void => resolve(null)
    const timer = setTimeout(end, waitMs)
    waits.add(end)
    try {
      const state = await this.#options.store.state(tenant, id, this.#options.wall())
      return state === null || state.version > version ? state : await promise
    } finally {
      clearTimeout(timer)
      waits.delete(end)
      waiters.delete(resolve)
      if (waiters.size === 0 && this.#watchers.get(key) === waiters) this.#watchers.delete(key)
    }
  }

  #tell(tenant: string, id: string, state: ContextState | null): void {
    for (const resolve of this.#watchers.get(keyOf(tenant, id)) ?? []) resolve(state)
  }
}

const keyOf = (tenant: string, id: string): string => JSON.stringify([tenant, id])
