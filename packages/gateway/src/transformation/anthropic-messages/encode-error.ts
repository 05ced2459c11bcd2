import { ERROR_POLICY, type EncodedError, type ErrorKind, type GatewayError } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

/**
 * Status and `error.type` by kind, in Anthropic's vocabulary (https://docs.anthropic.com/en/api/errors): an overload is 529 there,
 * and stays one. `null` = the status of the error table.
 */
const SHAPE = Object.freeze({
  'invalid-request': [null, 'invalid_request_error'],
  'unauthenticated': [null, 'authentication_error'],
  'forbidden': [null, 'permission_error'],
  'not-found': [null, 'not_found_error'],
  'method-not-allowed': [null, 'invalid_request_error'],
  'model-not-found': [null, 'not_found_error'],
  'unsupported-media-type': [null, 'invalid_request_error'],
  'body-too-large': [null, 'request_too_large'],
  'head-too-large': [null, 'request_too_large'],
  'client-timeout': [null, 'timeout_error'],
  'client-closed': [null, 'api_error'],
  'idempotency-conflict': [null, 'invalid_request_error'],
  'idempotency-mismatch': [null, 'invalid_request_error'],
  'context-busy': [null, 'invalid_request_error'],
  'context-stale': [null, 'invalid_request_error'],
  'delta-unknown': [null, 'invalid_request_error'],
  'rate-limited': [null, 'rate_limit_error'],
  'budget-exceeded': [null, 'rate_limit_error'],
  'overloaded': [529, 'overloaded_error'],
  'shutting-down': [529, 'overloaded_error'],
  'internal': [null, 'api_error'],
  'superseded': [529, 'overloaded_error'],
  'upstream-connect': [null, 'api_error'],
  'upstream-connect-timeout': [null, 'timeout_error'],
  'upstream-first-token-timeout': [null, 'timeout_error'],
  'upstream-idle-timeout': [null, 'timeout_error'],
  'upstream-total-timeout': [null, 'timeout_error'],
  'upstream-reset': [null, 'api_error'],
  'upstream-protocol': [null, 'api_error'],
  'upstream-truncated': [null, 'api_error'],
  'upstream-invalid-request': [null, 'invalid_request_error'],
  'upstream-context-length': [null, 'invalid_request_error'],
  'upstream-auth': [null, 'api_error'],
  'upstream-quota': [null, 'rate_limit_error'],
  'upstream-rate-limited': [null, 'rate_limit_error'],
  'upstream-overloaded': [529, 'overloaded_error'],
  'upstream-server-error': [null, 'api_error'],
} as const satisfies Record<ErrorKind, readonly [number | null, string]>)

/** This vendor has no code for it: clients know a prompt that is too long by these words, and shorten it. */
const TOO_LONG = 'prompt is too long'

function body(error: GatewayError, more: Readonly<Record<string, string>>): string {
  const message = error.kind !== 'upstream-context-length' || error.message.includes(TOO_LONG) ? error.message : `${TOO_LONG}: ${error.message}`
  return asciiJson({ type: 'error', error: { type: SHAPE[error.kind][1], message }, ...more })
}

/**
 * An error in Anthropic's shape. Where the gateway has tried again by itself, it asks the SDK not to (`x-should-retry`), so that attempts do not
 * multiply. The requestId must be fit for a header value.
 */
export function encodeError(error: GatewayError, requestId: string): EncodedError {
  const policy = ERROR_POLICY[error.kind]
  let headers = `content-type: application/json\r\nrequest-id: ${requestId}\r\n`
  if (error.retryAfterMs > 0) {
    headers += `retry-after: ${Math.ceil(error.retryAfterMs / 1000)}\r\nretry-after-ms: ${Math.ceil(error.retryAfterMs)}\r\n`
  }
  if (policy.retry || policy.fallback) headers += 'x-should-retry: false\r\n'
  return { status: SHAPE[error.kind][0] ?? policy.status, headers, body: body(error, { request_id: requestId }) }
}

/** The last event of a stream that failed after it had begun. No `message_stop` follows: nobody can take it for a whole answer (invariant 3). */
export const encodeStreamError = (error: GatewayError): string => `event: error\ndata: ${body(error, {})}\n\n`
