import type { ErrorKind, Exchange, OutReason } from '@headrace/contract'

/**
 * What a failed attempt says about whom.
 *
 *   fault    the target failed it: counted, and put out when it goes on
 *   rest     the provider refuses: `whom` rests at once. 401 is about the credential everywhere, 403 and 429 about it at this model
 *   answer   the provider is well and says no to this request
 *   nothing  the client left, or it was ourselves
 */
export type Blame =
  | { readonly verdict: 'fault' | 'answer' | 'nothing' }
  | { readonly verdict: 'rest', readonly whom: 'credential' | 'pair' | 'target', readonly reason: OutReason }

const FAULT: Blame = Object.freeze({ verdict: 'fault' })
const ANSWER: Blame = Object.freeze({ verdict: 'answer' })
const NOTHING: Blame = Object.freeze({ verdict: 'nothing' })

export const BLAME = Object.freeze({
  'invalid-request': NOTHING, 'unauthenticated': NOTHING, 'forbidden': NOTHING, 'not-found': NOTHING, 'method-not-allowed': NOTHING, 'model-not-found': NOTHING,
  'unsupported-media-type': NOTHING, 'body-too-large': NOTHING, 'head-too-large': NOTHING, 'client-timeout': NOTHING, 'client-closed': NOTHING,
  'idempotency-conflict': NOTHING, 'idempotency-mismatch': NOTHING, 'context-busy': NOTHING, 'context-stale': NOTHING, 'delta-unknown': NOTHING,
  'rate-limited': NOTHING, 'budget-exceeded': NOTHING, 'overloaded': NOTHING, 'shutting-down': NOTHING, 'internal': NOTHING, 'superseded': NOTHING,
  'upstream-connect': FAULT, 'upstream-connect-timeout': FAULT, 'upstream-first-token-timeout': FAULT, 'upstream-idle-timeout': FAULT,
  // The request's whole time is over: see `blameOf`.
  'upstream-total-timeout': NOTHING,
  'upstream-reset': FAULT, 'upstream-protocol': FAULT, 'upstream-truncated': FAULT,
  'upstream-invalid-request': ANSWER, 'upstream-context-length': ANSWER,
  'upstream-auth': Object.freeze({ verdict: 'rest', whom: 'credential', reason: 'unauthorized' }),
  'upstream-quota': Object.freeze({ verdict: 'rest', whom: 'credential', reason: 'quota' }),
  'upstream-rate-limited': Object.freeze({ verdict: 'rest', whom: 'pair', reason: 'rate-limited' }),
  'upstream-overloaded': FAULT, 'upstream-server-error': FAULT,
} as const satisfies Record<ErrorKind, Blame>)

const FORBIDDEN: Blame = Object.freeze({ verdict: 'rest', whom: 'pair', reason: 'forbidden' })
const OVERLOADED: Blame = Object.freeze({ verdict: 'rest', whom: 'target', reason: 'overloaded' })

/** What a client that asks for shorter deadlines than the configuration's brings about itself. */
const DEADLINES: ReadonlySet<ErrorKind> = new Set(['upstream-connect-timeout', 'upstream-first-token-timeout', 'upstream-idle-timeout', 'upstream-total-timeout'])

/** Who is to blame for an attempt's end, as the exchange has it. */
export function blameOf({ error, upstreamStatus, firstByteAt, timeouts }: Pick<Exchange, 'error' | 'upstreamStatus' | 'firstByteAt' | 'timeouts'>, retryAfterMs: number): Blame {
  if (error === null) return ANSWER
  if (timeouts !== null && DEADLINES.has(error)) return NOTHING
  if (error === 'upstream-auth' && upstreamStatus === 403) return FORBIDDEN
  if (error === 'upstream-overloaded' && retryAfterMs > 0) return OVERLOADED
  if (error === 'upstream-total-timeout' && firstByteAt === 0) return FAULT
  return BLAME[error]
}

/** The target itself failed, whichever credential it was called with. */
export const blamesTarget = (kind: ErrorKind): boolean => kind === 'upstream-total-timeout' || BLAME[kind].verdict === 'fault'
