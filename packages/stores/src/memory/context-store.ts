import type { ChainedItem, ContextChange, ContextDraft, ContextFound, ContextKnown, ContextNote, ContextOutcome, ContextPlace, ContextQuery, ContextReading, ContextState, ContextStore, ContextTag, NoteChange, StoredItem } from '@headrace/contract'
import { CONTEXT_ITEMS, CONTEXT_VERSIONS, etagOf } from '@headrace/contract'
import { chainAfter, NOWHERE } from '../contexts/chain.ts'
import { knownOf, meets } from '../contexts/meets.ts'
import { refuseNote } from '../contexts/refuse-note.ts'

interface Kept { state: ContextState, readonly past: Map<string, ContextState>, ttl: number | null, items: readonly KeptItem[], readonly tags: Map<string, ContextPlace>, readonly notes: Map<string, ContextNote> }
interface KeptItem extends ChainedItem { readonly text: string }

const EXCERPT = 200

/** Contexts as long as the process lives. For tests, and the measure of what the others must do. */
export class MemoryContextStore implements ContextStore {
  readonly #tenants = new Map<string, Map<string, Kept>>()

  async create(tenant: string, draft: ContextDraft, now: number): Promise<ContextOutcome> {
    return this.#add(tenant, draft, [], now)
  }

  async fork(tenant: string, id: string, seq: number | null, draft: ContextDraft, now: number): Promise<ContextOutcome> {
    const from = this.#find(tenant, id, now)
    if (from === null) return { kind: 'unknown' }
    return seq !== null && seq > from.items.length ? { kind: 'no-such-place' } : this.#add(tenant, draft, from.items.slice(0, seq ?? from.items.length), now, from.notes)
  }

  async read(tenant: string, id: string, known: ContextKnown | null, now: number): Promise<ContextReading | null> {
    const kept = this.#find(tenant, id, now)
    return kept === null ? null : reading(kept, known)
  }

  async state(tenant: string, id: string, now: number): Promise<ContextState | null> {
    return this.#find(tenant, id, now)?.state ?? null
  }

  async made(tenant: string, id: string, turn: string, now: number): Promise<ContextState | null> {
    const kept = this.#find(tenant, id, now)
    return kept === null ? null : madeBy(kept, turn)
  }

  async change(tenant: string, id: string, change: ContextChange, now: number): Promise<ContextOutcome> {
    const kept = this.#find(tenant, id, now)
    if (kept === null) return { kind: 'unknown' }
    const made = madeBy(kept, change.turn)
    if (made !== null) return { kind: 'done', state: made }
    const { expect } = change
    if (expect !== null && !meets(kept.state, expect)) return { kind: 'stale', reading: reading(kept, knownOf(expect)) }
    const other = change.note === undefined ? null : refuseNote([...kept.notes.values()], change.note)
    if (other !== null) return other
    const left = change.rewindTo ?? kept.items.length
    if (left > kept.items.length) return { kind: 'no-such-place' }
    const items = extended(kept.items.slice(0, left), change.append ?? [])
    if (items === null) return { kind: 'full' }
    if (change.ttlMs !== undefined) kept.ttl = change.ttlMs
    if (change.tag !== undefined) kept.tags.set(change.tag, ending(items))
    const { metadata = kept.state.metadata, settings = kept.state.settings } = change
    kept.past.set(etagOf(kept.state), kept.state)
    for (const oldest of kept.past.keys()) if (kept.past.size > CONTEXT_VERSIONS) kept.past.delete(oldest)
    kept.items = items
    kept.state = { ...kept.state, ...sized(items), version: kept.state.version + 1, turn: change.turn, metadata, settings, updatedAt: now, expiresAt: kept.ttl === null ? null : now + kept.ttl }
    if (change.note !== undefined) note(kept, change.note, now)
    return { kind: 'done', state: kept.state }
  }

  async notes(tenant: string, id: string, now: number): Promise<readonly ContextNote[]> {
    return [...this.#find(tenant, id, now)?.notes.values() ?? []].sort((a, b) => a.name < b.name ? -1 : 1)
  }

  async tags(tenant: string, id: string, now: number): Promise<readonly ContextTag[]> {
    return [...this.#find(tenant, id, now)?.tags ?? []].map(([name, place]) => ({ name, ...place })).sort((a, b) => a.name < b.name ? -1 : 1)
  }

  async remove(tenant: string, id: string): Promise<boolean> {
    return this.#tenants.get(tenant)?.delete(id) ?? false
  }

  async list(tenant: string, { kind, before, most }: ContextQuery, now: number): Promise<readonly ContextState[]> {
    const newest = [...this.#tenants.get(tenant)?.values() ?? []].reverse()
    const after = before === null ? newest : newest.slice(newest.findIndex(({ state }) => state.id === before) + 1)
    return after.filter(({ state }) => state.kind === kind && !over(state, now)).slice(0, most).map(({ state }) => state)
  }

  async search(tenant: string, words: string, most: number, now: number): Promise<readonly ContextFound[]> {
    const wanted = wordsOf(words)
    const held = ({ text }: KeptItem): boolean => wanted.every(word => wordsOf(text).includes(word))
    if (wanted.length === 0) return []
    return [...this.#tenants.get(tenant)?.values() ?? []].filter(({ state }) => !over(state, now))
      .flatMap(({ state: { id, kind }, items }) => items.filter(held).map(({ seq, head, text }) => ({ id, kind, seq, head, excerpt: text.slice(0, EXCERPT) }))).slice(0, most)
  }

  async prune(now: number, most: number): Promise<number> {
    let pruned = 0
    for (const contexts of this.#tenants.values()) {
      for (const [id, { state }] of contexts) if (pruned < most && over(state, now) && contexts.delete(id)) pruned++
    }
    return pruned
  }

  async close(): Promise<void> {
    this.#tenants.clear()
  }

  #add(tenant: string, { id, kind, ttlMs, metadata, settings, items }: ContextDraft, before: readonly KeptItem[], now: number, notes: ReadonlyMap<string, ContextNote> = new Map()): ContextOutcome {
    if (this.#find(tenant, id, now) !== null) return { kind: 'exists' }
    const all = extended(before, items)
    if (all === null) return { kind: 'full' }
    const state = { id, kind, version: 1, turn: '', ...sized(all), createdAt: now, updatedAt: now, expiresAt: ttlMs === null ? null : now + ttlMs, metadata, settings }
    const contexts = this.#tenants.get(tenant) ?? new Map<string, Kept>()
    this.#tenants.set(tenant, contexts)
    contexts.delete(id)
    contexts.set(id, { state, past: new Map(), ttl: ttlMs, items: all, tags: new Map(), notes: new Map([...notes].map(([name, each]) => [name, { ...each, version: 1 }])) })
    return { kind: 'done', state }
  }

  #find(tenant: string, id: string, now: number): Kept | null {
    const kept = this.#tenants.get(tenant)?.get(id)
    return kept === undefined || over(kept.state, now) ? null : kept
  }
}

function madeBy({ state, past }: Kept, turn: string): ContextState | null {
  const made = turn === '' ? undefined : [state, ...past.values()].find(each => each.turn === turn)
  return made === undefined ? null : { ...state, version: made.version, turn, seq: made.seq, head: made.head }
}

function note({ state, notes }: Kept, { name, value }: NoteChange, now: number): void {
  if (value === '') notes.delete(name)
  else notes.set(name, { name, version: state.version, value, updatedAt: now })
}

const wordsOf = (text: string): string[] => text.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(word => word !== '')
const over = ({ expiresAt }: ContextState, now: number): boolean => expiresAt !== null && expiresAt <= now
const ending = (items: readonly ChainedItem[]): ContextPlace => {
  const { seq, head } = items.at(-1) ?? NOWHERE
  return { seq, head }
}
const sized = (items: readonly KeptItem[]) => ({ ...ending(items), bytes: items.reduce((sum, { bytes }) => sum + bytes.length, 0) })

function extended(items: readonly KeptItem[], more: readonly StoredItem[]): readonly KeptItem[] | null {
  if (items.length + more.length > CONTEXT_ITEMS) return null
  return [...items, ...chainAfter(ending(items), more).map((item, index) => ({ ...item, text: more[index]?.text ?? '' }))]
}

function reading({ state, items, past }: Kept, known: ContextKnown | null): ContextReading {
  const place = known === null || 'seq' in known ? known : known.etag === etagOf(state) ? state : past.get(known.etag) ?? null
  const from = place !== null && place.seq > 0 && items[place.seq - 1]?.head === place.head ? place.seq : 0
  return { state, from, items: items.slice(from).map(({ seq, head, bytes }) => ({ seq, head, bytes })) }
}
