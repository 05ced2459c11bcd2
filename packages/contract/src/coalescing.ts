/**
 * Requests that are the same byte for byte, of the same caller, share one upstream call while it runs. Plain data; messages cross process boundaries.
 *
 *   worker --ask--> authority        who runs this request?
 *   authority --lead | follow--> worker    you do; or: that worker does, and its answer is to be had at its socket
 *   worker --over--> authority       nobody can join it any more
 */

/** Which requests of a model share a call. `deterministic`: those with temperature 0 or a seed, whose answers are meant to be the same. */
export type CoalescePolicy = 'never' | 'deterministic' | 'always'

export interface CoalesceAsk {
  /** The worker's own number for it. */
  readonly ticket: number
  /** Digest of the caller and of all that may change the answer: equal for equal requests only. */
  readonly key: string
  /** Socket of a worker that was named before and does not run it (any more); '' = none was. */
  readonly refusedBy: string
}

/** Worker to authority, in order. `socket`: where others get the answers of what this worker runs. */
export interface CoalesceToAuthority { readonly type: 'coalesce', readonly socket: string, readonly asks: readonly CoalesceAsk[], readonly over: readonly string[] }

/** Authority to worker. `leader`: the socket of the worker that runs it; '' = the one that asked does. `workers`: how many there are. */
export interface CoalesceToWorker { readonly type: 'coalesce', readonly workers: number, readonly answers: readonly { readonly ticket: number, readonly leader: string }[] }
