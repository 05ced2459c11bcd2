import type { JsonText } from './call.ts'

/**
 * Contexts: conversations that the gateway remembers. A context is an append-only log of items, each chained to all before it by hash.
 *
 * Three things that are not to be mixed up:
 * - `head` names the content: equal heads, equal items from the first to the last.
 * - `version` counts every change, of items and of what surrounds them (metadata, settings, tags): with the change's own name it is the ETag (`etagOf`).
 * - what a client can compute from the bytes it sent is neither; it has a chain of its own (`kind` `delta`).
 */

/** Who made a context, and through which door it is seen. `response`: one answer, which its successors fork from. `delta`: a client's bytes, kept for its next request. `events`: what a response in the background has told. */
export type ContextKind = 'context' | 'conversation' | 'response' | 'thread' | 'delta' | 'events'

/** An item on its way into a context. */
export interface StoredItem {
  /** Its canonical form (`canonicalItem`): what is hashed, kept and given back. */
  readonly bytes: Buffer
  /** What a search finds it by; '' = nothing. */
  readonly text: string
}

/** A place in a context: after `seq` items, of which the last has this head (64 lower-case hex digits; `EMPTY_HEAD` at 0). */
export interface ContextPlace {
  readonly seq: number
  readonly head: string
}

/** An item in its place. `seq` counts from 1. */
export interface ChainedItem extends ContextPlace {
  readonly bytes: Buffer
}

/** The head of nothing. */
export const EMPTY_HEAD = '0'.repeat(64)

export interface ContextState extends ContextPlace {
  readonly id: string
  readonly kind: ContextKind
  /** 1 when created, one more with every change. */
  readonly version: number
  /** Name of the change that made this version; '' = it was created so, or the change had none. */
  readonly turn: string
  /** Bytes of all items together. */
  readonly bytes: number
  /** Unix ms. */
  readonly createdAt: number
  readonly updatedAt: number
  /** Unix ms; null = it stays until it is deleted. Moves with every change. */
  readonly expiresAt: number | null
  /** The client's own, an object; '' = none. */
  readonly metadata: JsonText
  /** What stays the same from turn to turn (tools, model, parameters), as its way in needs it; '' = none. */
  readonly settings: JsonText
}

/** Names one version of a context, and no other: ETag of RFC 9110, with its quotes. It is known before the change is made. */
export const etagOf = ({ version, turn }: Pick<ContextState, 'version' | 'turn'>): string => `"${version}-${turn}"`

export interface ContextDraft {
  /** Unguessable, made by whoever creates it. */
  readonly id: string
  readonly kind: ContextKind
  /** Ms after its last change; null = until deleted. */
  readonly ttlMs: number | null
  readonly metadata: JsonText
  readonly settings: JsonText
  readonly items: readonly StoredItem[]
}

/** All of it, or nothing. What is left out stays as it is. */
export interface ContextChange {
  /** What the writer believes to be there; null = it does not mind. */
  readonly expect: ContextExpectation | null
  /** Names this change, so that it can be sent again when its answer was lost: none of the last `CONTEXT_VERSIONS` changes is made twice. '' = never sent again. */
  readonly turn: string
  /** Goes back to this many items, before anything is appended. */
  readonly rewindTo?: number
  readonly append?: readonly StoredItem[]
  /** Gives the place that results a name of its own, so that one can come back to it; a tag of this name moves. */
  readonly tag?: string
  readonly metadata?: JsonText
  readonly settings?: JsonText
  readonly ttlMs?: number | null
  readonly note?: NoteChange
}

/** What those who work in a context keep in it beside what was said: intermediate results, hypotheses, plans. */
export interface ContextNote {
  readonly name: string
  /** That of the context which the note's last change made: no two notes of a name have the same. */
  readonly version: number
  readonly value: JsonText
  /** Unix ms. */
  readonly updatedAt: number
}

export interface NoteChange {
  readonly name: string
  /** '' = the note goes. */
  readonly value: JsonText
  /** The version that its writer believes to be there, 0 = none; null = it does not mind. */
  readonly expect: number | null
}

/** Notes of one context at most. */
export const CONTEXT_NOTES = 256

/** What a reader has of a context: all up to a place, or all of a version (`etagOf`) while it is one of the last. */
export type ContextKnown = ContextPlace | { readonly etag: string }

/** Left out = not looked at. */
export interface ContextExpectation {
  /** As in `etagOf`. */
  readonly etag?: string
  readonly place?: ContextPlace
}

/** State, and the items that whoever asked has not seen. `from` = how many items it has that are still the first ones; 0 where that is not known. */
export interface ContextReading {
  readonly state: ContextState
  readonly from: number
  readonly items: readonly ChainedItem[]
}

/** `stale`: something else is there than was expected; with it, what the writer has missed, as in `ContextReading`: `from` counts what it had, if that is known (of the last `CONTEXT_VERSIONS` versions). `full`: a context holds `CONTEXT_ITEMS` items, and `CONTEXT_NOTES` notes. `other-note`: this note is there instead of the expected one; null = none. */
export type ContextOutcome =
  | { readonly kind: 'done', readonly state: ContextState }
  | { readonly kind: 'stale', readonly reading: ContextReading }
  | { readonly kind: 'other-note', readonly note: ContextNote | null }
  | { readonly kind: 'unknown' | 'exists' | 'full' | 'no-such-place' }

/** Whoever expected one of so many last versions is told what it missed since. */
export const CONTEXT_VERSIONS = 256

/** Items of one context at most. */
export const CONTEXT_ITEMS = 2 ** 20 - 1

export interface ContextTag extends ContextPlace {
  readonly name: string
}

/** Newest first. */
export interface ContextQuery {
  readonly kind: ContextKind
  /** Those created before this one; null = from the newest. */
  readonly before: string | null
  readonly most: number
}

export interface ContextFound extends ContextPlace {
  readonly id: string
  readonly kind: ContextKind
  /** Words around the place, at most some 200 characters. */
  readonly excerpt: string
}

/** What contexts may cost. */
export interface ContextPolicy {
  /** Of a context that does not name its own, ms after its last change. */
  readonly ttlMs: number
  /** Of one context, as a request; bytes. */
  readonly maxBytes: number
  /** Of what a worker keeps at hand of the contexts that it has lately served, bytes. */
  readonly hotBytes: number
}
