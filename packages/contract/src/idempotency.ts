/**
 * Requests that may be sent again under one `Idempotency-Key`, and the answers kept for them.
 *
 *   (free) --claim--> running --settle--> kept      a whole answer: whoever comes with the same request gets it
 *     ^                  |    --settle--> unkept    answered, but with more than is kept
 *     +-----release------+
 *     +---- or unknown --+ its worker died: by policy free again, or `unknown`
 *
 * A key stands until its time is over. What is not a whole answer releases it, so that the next one to come runs the request.
 */

/** Names one key: hard partition first (invariant 8). */
export interface IdempotencyName {
  readonly tenant: string
  /** Lower-case hex SHA-256 of principal scope and key: the key itself is nobody's business. */
  readonly id: string
}

export interface IdempotencyClaim extends IdempotencyName {
  /** Lower-case hex SHA-256 of the request: another one under the same key is refused. */
  readonly fingerprint: string
  /** Identity of the process that runs the request (`processIdentity`), and a token of this claim alone. */
  readonly owner: string
  readonly token: string
  /** Unix ms after which a claim that was neither settled nor released no longer stands. */
  readonly until: number
}

/** `won`: the claimant runs the request. All others tell what the key is already. */
export type ClaimState = 'won' | 'running' | 'kept' | 'unkept' | 'unknown' | 'other-request'

/** What becomes of a claim whose worker died: its request may have reached a provider. */
export type AfterCrash = 'retry' | 'conflict'

/** A whole answer as its client saw it. */
export interface KeptAnswer {
  readonly status: number
  /** Header lines that are the answer's own, each ending in CRLF. */
  readonly headers: string
  /** It came as a stream. */
  readonly stream: boolean
  readonly body: Buffer
}

/** What a worker asks of the control process, over the unix socket `keySocket`. */
export type KeyRequest =
  /** Waits up to `waitMs` while somebody else runs the request. */
  | { readonly op: 'claim', readonly claim: IdempotencyClaim, readonly waitMs: number }
  /** With the answer's bytes behind it; `answer` null = it is not kept. */
  | { readonly op: 'settle', readonly name: IdempotencyName, readonly token: string, readonly answer: Omit<KeptAnswer, 'body'> | null, readonly until: number }
  | { readonly op: 'release', readonly name: IdempotencyName, readonly token: string }

/** What it is told. `answer`, with its bytes behind it, only with `kept`. `done`: false = the claim was no longer its. */
export type KeyReply =
  | { readonly state: ClaimState, readonly answer: Omit<KeptAnswer, 'body'> | null }
  | { readonly done: boolean }
  | { readonly problem: string }

/** What keys cost and how long they stand. */
export interface IdempotencyPolicy {
  readonly ttlMs: number
  /** An answer larger than this is not kept, bytes. */
  readonly answerBytes: number
  readonly afterCrash: AfterCrash
  /** All kept answers together, bytes: beyond it the oldest go. */
  readonly totalBytes: number
}

/** Where the control process answers `KeyRequest`s, beside its own socket. */
export const keySocket = (controlSocket: string): string => `${controlSocket}.keys`
