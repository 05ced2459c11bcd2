import type { ContextChange, ContextDraft, ContextFound, ContextKnown, ContextNote, ContextOutcome, ContextQuery, ContextReading, ContextState, ContextTag } from './context.ts'
import type { AfterCrash, ClaimState, IdempotencyClaim, IdempotencyName } from './idempotency.ts'
import type { LedgerEntry, SpendQuery, SpendRow } from './ledger.ts'
import type { CallRecord, LogQuery, LogRow } from './record.ts'
import type { KeyRecord } from './principal.ts'

/** Where virtual keys live. Only digests; a token is never stored. */
export interface KeyStore {
  list(tenant: string): Promise<readonly KeyRecord[]>
  /** Of all tenants: only for compiling a snapshot. */
  all(): Promise<readonly KeyRecord[]>
  /** Durable when it resolves. Fails if `keyId` or `digest` exists. */
  add(tenant: string, key: KeyRecord): Promise<void>
  /** False = unknown in this tenant. */
  remove(tenant: string, keyId: string): Promise<boolean>
  close(): Promise<void>
}

/** Where settled calls end up. */
export interface LogStore {
  /**
   * Stores rows and the reader's position in one transaction: a row whose `callId` exists is left as it is,
   * unless the stored one is `unknown` and the new one is not.
   */
  append(records: readonly CallRecord[], checkpoint: Checkpoint | null): void
  checkpoints(): readonly Checkpoint[]
  /** Newest first, or oldest first with `after`. */
  query(query: LogQuery): readonly LogRow[]
  /** The row of one call, of whichever tenant: for the writer's own bookkeeping, never for answering people. */
  find(callId: string): CallRecord | null
  /**
   * Deletes at most `most` rows: those whose call began before `before` (Unix ms), else, while more than `maxBytes` are in use, the oldest.
   * Returns how many it deleted: 0 = the store is within both bounds.
   */
  prune(before: number, maxBytes: number, most: number): number
  /** Drops the positions of segments that are gone. */
  forget(segments: readonly string[]): void
  close(): void
}

/**
 * What calls cost: one row per call to a priced model, and their sums by the hour. Every change is durable when it returns (G2), and idempotent on `callId`:
 * what is told twice, late, or in another order than it happened ends as the same numbers. Its callers tell the ledger before they forget.
 */
export interface LedgerStore {
  /**
   * Stores entries in one transaction, sums included. Of a call that is there already the stored entry stays, unless the new one says more
   * (`reserved` < `unknown` < all others, which are final). Throws on a cost that is not a whole number of nano-dollars from 0 to 2^53 - 1; nothing is stored then.
   */
  append(entries: readonly LedgerEntry[]): void
  find(callId: string): LedgerEntry | null
  /** Sums, exact. Entries that are only `reserved` are not in them. */
  spend(query: SpendQuery): readonly SpendRow[]
  close(): void
}

/**
 * Idempotency keys and the answers kept under them, sealed (`idempotency.ts`). Every change is durable when it returns. Names of other tenants are unknown names
 * (invariant 8). `now`: Unix ms; what is over by then is as if it had never been.
 */
export interface IdempotencyStore {
  /** Takes the key if it is free, else tells what it is. Whoever has won wins again with the same token: its first answer may have been lost. */
  claim(claim: IdempotencyClaim, now: number): ClaimState
  /** The claim of this token is over: its answer is kept until then, or, null, only that there was one. False = the claim no longer stood, and nothing has changed. */
  settle(name: IdempotencyName, token: string, answer: Buffer | null, until: number): boolean
  /** The claim of this token came to nothing: the key is free. False as above. */
  release(name: IdempotencyName, token: string): boolean
  /** Null = nothing is kept under this name. */
  read(name: IdempotencyName, now: number): Buffer | null
  /** The processes whose claims run. */
  owners(): readonly string[]
  /** A process is gone: its claims are free, or unknown. Returns their names. */
  abandon(owner: string, how: AfterCrash): readonly IdempotencyName[]
  /** Deletes at most `most` keys: those whose time is over, else, while more than `maxBytes` are kept, the oldest answers. Returns how many: 0 = within bounds. */
  prune(now: number, maxBytes: number, most: number): number
  close(): void
}

/**
 * Contexts (`context.ts`). What a method has answered is durable, and every later call of any caller sees it: per context the calls have one order.
 * Another tenant's id is an unknown id (invariant 8), and so is one whose time is over by `now` (Unix ms). Identical beginnings are kept once per tenant.
 */
export interface ContextStore {
  create(tenant: string, draft: ContextDraft, now: number): Promise<ContextOutcome>
  /** What is there, with the items after `known` where that is a place or version of this context, else with all of them. Null = unknown. */
  read(tenant: string, id: string, known: ContextKnown | null, now: number): Promise<ContextReading | null>
  /** As `read`, without items. */
  state(tenant: string, id: string, now: number): Promise<ContextState | null>
  change(tenant: string, id: string, change: ContextChange, now: number): Promise<ContextOutcome>
  /** The state that a change named `turn` made; null = there is none, or it is older than the versions that are kept. */
  made(tenant: string, id: string, turn: string, now: number): Promise<ContextState | null>
  /** Creates a context that begins with the first `seq` items of another (null = all); the draft's own follow. Costs the same however long it is. */
  fork(tenant: string, id: string, seq: number | null, draft: ContextDraft, now: number): Promise<ContextOutcome>
  tags(tenant: string, id: string, now: number): Promise<readonly ContextTag[]>
  /** By name. A fork begins with those of its origin; they do not go back with `rewindTo`. */
  notes(tenant: string, id: string, now: number): Promise<readonly ContextNote[]>
  /** Of the items that no other context shares nothing is left in the store. False = unknown. */
  remove(tenant: string, id: string): Promise<boolean>
  list(tenant: string, query: ContextQuery, now: number): Promise<readonly ContextState[]>
  /** Items in which all of the words stand, best first. */
  search(tenant: string, words: string, most: number, now: number): Promise<readonly ContextFound[]>
  /** Removes at most `most` contexts whose time is over. Returns how many: 0 = none was left. */
  prune(now: number, most: number): Promise<number>
  close(): Promise<void>
}

/** How far a segment file has been read: rows before `offset` are stored or will never be needed again. */
export interface Checkpoint { readonly segment: string, readonly offset: number }
