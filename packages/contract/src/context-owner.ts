import type { ContextChange, ContextDraft, ContextExpectation, ContextFound, ContextKnown, ContextNote, ContextOutcome, ContextPlace, ContextQuery, ContextReading, ContextState, ContextTag } from './context.ts'

/**
 * Who owns the contexts of this installation: the store, and what is only true while it runs (who is at work on a context, who watches it).
 * Workers and the admin surface reach it over a unix socket (`contextSocket`); the store's promises hold across them all.
 */
export interface ContextOwner {
  create(tenant: string, draft: ContextDraft): Promise<ContextOutcome>
  fork(tenant: string, id: string, seq: number | null, draft: ContextDraft): Promise<ContextOutcome>
  read(tenant: string, id: string, known: ContextKnown | null): Promise<ContextReading | null>
  /** As `read`, without items: costs the same however long the context is. */
  state(tenant: string, id: string): Promise<ContextState | null>
  /** Reads, and keeps others from changing the context until `end`, `holdMs`, or the end of whoever asked. */
  begin(tenant: string, id: string, turn: ContextTurn): Promise<ContextBegun>
  /** `token`: of the turn it belongs to; '' = none. `ends`: whatever comes of it, the turn is over with it. */
  change(tenant: string, id: string, change: ContextChange, token: string, ends?: boolean): Promise<ContextOutcome | ContextHeld>
  /** The turn is over. One that is over already is no error. */
  end(tenant: string, id: string, token: string): Promise<void>
  /** Resolves with the first change after this version: a change that has been is told at once. Null = none within `waitMs`, or the context is gone. */
  next(tenant: string, id: string, version: number, waitMs: number): Promise<ContextState | null>
  tags(tenant: string, id: string): Promise<readonly ContextTag[]>
  notes(tenant: string, id: string): Promise<readonly ContextNote[]>
  remove(tenant: string, id: string): Promise<boolean>
  list(tenant: string, query: ContextQuery): Promise<readonly ContextState[]>
  search(tenant: string, words: string, most: number): Promise<readonly ContextFound[]>
}

export interface ContextTurn {
  /** Names the turn; whoever has it may begin it again. */
  readonly token: string
  readonly holdMs: number
  /** What whoever asks has of the context. */
  readonly known: ContextPlace | null
  /** Null = it does not mind what is there. */
  readonly expect: ContextExpectation | null
}

/** Somebody else is at work on it. */
export interface ContextHeld {
  readonly kind: 'held'
}

export type ContextBegun =
  | { readonly kind: 'begun', readonly reading: ContextReading }
  | { readonly kind: 'stale', readonly reading: ContextReading }
  | { readonly kind: 'unknown' }
  | ContextHeld

/** A call of one of the owner's methods, and its answer. They travel as frames (`packFrame`). */
export interface ContextCall {
  readonly ticket: number
  readonly method: keyof ContextOwner
  readonly args: readonly unknown[]
}
export type ContextAnswer =
  | { readonly ticket: number, readonly result: unknown }
  | { readonly ticket: number, readonly problem: string }

/** Bytes of one call or answer at most. */
export const CONTEXT_FRAME_BYTES = 512 * 2 ** 20

/** Where the owner listens, beside the control process's own socket. */
export const contextSocket = (controlSocket: string): string => `${controlSocket}.contexts`
