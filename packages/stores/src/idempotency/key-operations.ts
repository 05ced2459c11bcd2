import type { AfterCrash, ClaimState, IdempotencyClaim, IdempotencyName } from '@headrace/contract'

/** What the keys' one writer is asked to do. Plain data: it crosses a thread's boundary. */
export type KeyOperation =
  | { readonly op: 'claim', readonly claim: IdempotencyClaim }
  | { readonly op: 'settle', readonly name: IdempotencyName, readonly token: string, readonly answer: Buffer | null, readonly until: number }
  | { readonly op: 'release', readonly name: IdempotencyName, readonly token: string }
  /** Gives up the claims of processes that no longer run. */
  | { readonly op: 'abandon-dead', readonly how: AfterCrash }

/** What comes of each. */
export interface KeyResults {
  readonly 'claim': ClaimState
  readonly 'settle': boolean
  readonly 'release': boolean
  readonly 'abandon-dead': readonly IdempotencyName[]
}
export type KeyResult = KeyResults[KeyOperation['op']]

/** To the writer's thread and back. */
export interface KeyOrder { readonly type: 'key', readonly ticket: number, readonly operation: KeyOperation }
export type KeyOutcome =
  | { readonly type: 'key', readonly ticket: number, readonly result: KeyResult }
  | { readonly type: 'key-failed', readonly ticket: number, readonly problem: string }
