/** Every way in which a request can fail. Adding one does not compile until `ERROR_POLICY` has its row. */
export type ErrorKind =
  // The client's doing: never retried, never blamed on a target.
  | 'invalid-request' | 'unauthenticated' | 'forbidden' | 'not-found' | 'method-not-allowed' | 'model-not-found'
  | 'unsupported-media-type' | 'body-too-large' | 'head-too-large' | 'client-timeout' | 'client-closed'
  | 'idempotency-conflict' | 'idempotency-mismatch' | 'context-busy' | 'context-stale' | 'delta-unknown'
  // Ours.
  | 'rate-limited' | 'budget-exceeded' | 'overloaded' | 'shutting-down' | 'internal'
  // An attempt that ran beside another one, which answered first. Stands in records only.
  | 'superseded'
  // The provider's, before or after commitment.
  | 'upstream-connect' | 'upstream-connect-timeout' | 'upstream-first-token-timeout' | 'upstream-idle-timeout'
  | 'upstream-total-timeout' | 'upstream-reset' | 'upstream-protocol' | 'upstream-truncated'
  | 'upstream-invalid-request' | 'upstream-context-length' | 'upstream-auth' | 'upstream-quota' | 'upstream-rate-limited'
  | 'upstream-overloaded' | 'upstream-server-error'

/** A failure as a value. Throwing is for bugs. */
export interface GatewayError {
  readonly kind: ErrorKind
  /** For people: what was wrong, where, and what to do. Never holds a secret or a provider's own text. */
  readonly message: string
  /** The request parameter at fault, in the client's terms. */
  readonly param: string | null
  /** Milliseconds the caller should wait; 0 = unknown. */
  readonly retryAfterMs: number
  /** HTTP status that the provider answered with; 0 = it did not answer. */
  readonly upstreamStatus: number
}

export interface ErrorPolicy {
  /** HTTP status for the client. */
  readonly status: number
  /** `error.type` and `error.code` in OpenAI's vocabulary. */
  readonly type: string
  readonly code: string
  /** The same target may be tried once more. */
  readonly retry: boolean
  /** The next target may be tried. */
  readonly fallback: boolean
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error'
}

const client = (status: number, code: string, type = 'invalid_request_error'): ErrorPolicy =>
  ({ status, type, code, retry: false, fallback: false, logLevel: 'info' })
const ours = (status: number, code: string, type = 'server_error'): ErrorPolicy =>
  ({ status, type, code, retry: false, fallback: false, logLevel: 'warn' })
const upstream = (status: number, code: string, retry: boolean, fallback = true): ErrorPolicy =>
  ({ status, type: 'upstream_error', code, retry, fallback, logLevel: 'warn' })

/** The one table that says what each kind means for the client, the plan and the log (invariant 11). */
export const ERROR_POLICY = Object.freeze({
  'invalid-request': client(400, 'invalid_request'),
  'unauthenticated': client(401, 'invalid_api_key'),
  'forbidden': client(403, 'forbidden', 'permission_error'),
  'not-found': client(404, 'not_found'),
  'method-not-allowed': client(405, 'method_not_allowed'),
  'model-not-found': client(404, 'model_not_found'),
  'unsupported-media-type': client(415, 'unsupported_media_type'),
  'body-too-large': client(413, 'body_too_large'),
  'head-too-large': client(431, 'head_too_large'),
  'client-timeout': client(408, 'request_timeout'),
  'client-closed': client(499, 'client_closed_request'),
  'idempotency-conflict': client(409, 'idempotency_conflict', 'idempotency_error'),
  'idempotency-mismatch': client(422, 'idempotency_key_reused', 'idempotency_error'),
  'context-busy': client(409, 'context_busy'),
  'context-stale': client(412, 'context_stale'),
  'delta-unknown': client(409, 'delta_unknown'),
  'rate-limited': { ...ours(429, 'rate_limit_exceeded', 'rate_limit_error'), logLevel: 'info' },
  'budget-exceeded': { ...ours(429, 'insufficient_quota', 'insufficient_quota'), logLevel: 'info' },
  'overloaded': ours(503, 'overloaded'),
  'shutting-down': ours(503, 'shutting_down'),
  'internal': { ...ours(500, 'internal_error'), logLevel: 'error' },
  'superseded': { ...ours(503, 'superseded'), logLevel: 'debug' },
  'upstream-connect': upstream(502, 'upstream_unreachable', true),
  'upstream-connect-timeout': upstream(504, 'upstream_connect_timeout', true),
  // A silent target is not asked twice: the next one is.
  'upstream-first-token-timeout': upstream(504, 'upstream_first_token_timeout', false),
  'upstream-idle-timeout': upstream(504, 'upstream_idle_timeout', false),
  'upstream-total-timeout': upstream(504, 'upstream_total_timeout', false, false),
  'upstream-reset': upstream(502, 'upstream_connection_lost', true),
  'upstream-protocol': upstream(502, 'upstream_protocol_error', true),
  'upstream-truncated': upstream(502, 'upstream_truncated', true),
  'upstream-invalid-request': upstream(400, 'upstream_invalid_request', false, false),
  // A target with a larger window may take it. Clients know this code by heart: they shorten the conversation and come again.
  'upstream-context-length': { ...client(400, 'context_length_exceeded'), fallback: true },
  'upstream-auth': upstream(502, 'upstream_authentication_failed', false),
  'upstream-quota': upstream(429, 'upstream_quota_exceeded', false),
  'upstream-rate-limited': upstream(429, 'upstream_rate_limited', true),
  'upstream-overloaded': upstream(503, 'upstream_overloaded', true),
  'upstream-server-error': upstream(502, 'upstream_server_error', true),
} as const satisfies Record<ErrorKind, ErrorPolicy>)

/** Builds an error value. Does nothing else. */
export function gatewayError(kind: ErrorKind, message: string, facts: Partial<Omit<GatewayError, 'kind' | 'message'>> = {}): GatewayError {
  return { kind, message, param: facts.param ?? null, retryAfterMs: facts.retryAfterMs ?? 0, upstreamStatus: facts.upstreamStatus ?? 0 }
}

/** Success or an expected failure. */
export type Result<T, E = GatewayError> = { readonly ok: true, readonly value: T } | { readonly ok: false, readonly error: E }
export const success = <T>(value: T): Result<T, never> => ({ ok: true, value })
export const failure = <E>(error: E): Result<never, E> => ({ ok: false, error })
