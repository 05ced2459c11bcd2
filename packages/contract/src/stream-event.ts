import type { GatewayError } from './errors.ts'
import type { DialectId } from './snapshot.ts'
import type { Usage } from './usage.ts'

/** Why an answer ended. */
export type FinishReason = 'stop' | 'stop-sequence' | 'length' | 'tool-calls' | 'content-filter' | 'refusal' | 'pause' | 'context-window' | 'other'

/**
 * An answer in the neutral form, streamed or not: a JSON answer decodes to the same events. `choice` counts answers (`n`), `item` the parts of one
 * answer in the order in which they begin; deltas of different items may interleave.
 *
 *   start (text-delta | refusal-delta | reasoning-delta | reasoning-opaque | tool-start tool-delta* | item-end | citation | logprobs | usage)* finish* end
 *
 * `end` says that the answer was whole. `error` ends everything.
 */
export type StreamEvent =
  /** `id` is the provider's; `created` Unix seconds, 0 = not said. */
  | { readonly type: 'start', readonly id: string, readonly model: string, readonly created: number }
  | { readonly type: 'text-delta', readonly choice: number, readonly item: number, readonly text: string }
  | { readonly type: 'refusal-delta', readonly choice: number, readonly item: number, readonly text: string }
  | { readonly type: 'reasoning-delta', readonly choice: number, readonly item: number, readonly text: string }
  /** A whole signature, or a whole redacted thought. `dialect` says whose it is. */
  | { readonly type: 'reasoning-opaque', readonly choice: number, readonly item: number, readonly dialect: DialectId, readonly kind: 'signature' | 'redacted', readonly data: string }
  /** `custom`: a call of a custom tool, whose pieces are plain text. */
  | { readonly type: 'tool-start', readonly choice: number, readonly item: number, readonly id: string, readonly name: string, readonly custom?: true }
  /** A piece of the arguments' JSON text, or of a custom tool's text. */
  | { readonly type: 'tool-delta', readonly choice: number, readonly item: number, readonly text: string }
  | { readonly type: 'item-end', readonly choice: number, readonly item: number }
  /** JSON values of the named dialect, carried to clients of the same one. */
  | { readonly type: 'citation' | 'logprobs', readonly choice: number, readonly item: number, readonly dialect: DialectId, readonly value: unknown }
  /** Cumulative: the last one counts. */
  | { readonly type: 'usage', readonly usage: Usage }
  /** `raw` is the provider's own word; `sequence` the stop sequence that was met, '' = none. */
  | { readonly type: 'finish', readonly choice: number, readonly reason: FinishReason, readonly raw: string, readonly sequence: string }
  | { readonly type: 'end' }
  | { readonly type: 'error', readonly error: GatewayError }
