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
  /** 32 bytes in lower-case hex, derived from the key, its caller and that one's token: none of them can be read or guessed from it. */
  readonly id: string
}

export interface IdempotencyClaim extends IdempotencyName {
  /** A digest of the request that only who has the key can make: another request under the same key is refused. */
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

/** A whole answer as its client saw it. Only workers see it so: what is told and kept is sealed with a key that is derived from the client's own. */
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
  /** `sealed`: with the sealed answer behind it; false = it is not kept. */
  | { readonly op: 'settle', readonly name: IdempotencyName, readonly token: string, readonly sealed: boolean, readonly until: number }
  | { readonly op: 'release', readonly name: IdempotencyName, readonly token: string }

/** What it is told. `sealed`: with the sealed answer behind it; only with `kept`. `done`: false = the claim was no longer its. */
export type KeyReply =
  | { readonly state: ClaimState, readonly sealed: boolean }
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
