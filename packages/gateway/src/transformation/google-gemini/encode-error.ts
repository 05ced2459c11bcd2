import { ERROR_POLICY, type EncodedError, type ErrorKind, type GatewayError } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

/** `error.status` by kind: canonical codes (https://cloud.google.com/apis/design/errors). HTTP statuses are those of the error table: Google's SDKs go by them. */
const STATUS = Object.freeze({
  'invalid-request': 'INVALID_ARGUMENT',
  'unauthenticated': 'UNAUTHENTICATED',
  'forbidden': 'PERMISSION_DENIED',
  'not-found': 'NOT_FOUND',
  'method-not-allowed': 'INVALID_ARGUMENT',
  'model-not-found': 'NOT_FOUND',
  'unsupported-media-type': 'INVALID_ARGUMENT',
  'body-too-large': 'INVALID_ARGUMENT',
  'head-too-large': 'INVALID_ARGUMENT',
  'client-timeout': 'DEADLINE_EXCEEDED',
  'client-closed': 'CANCELLED',
  'superseded': 'UNAVAILABLE',
  'context-busy': 'ABORTED',
  'context-stale': 'FAILED_PRECONDITION',
  'delta-unknown': 'ABORTED',
  'idempotency-conflict': 'ABORTED',
  'idempotency-mismatch': 'INVALID_ARGUMENT',
  'rate-limited': 'RESOURCE_EXHAUSTED',
  'budget-exceeded': 'RESOURCE_EXHAUSTED',
  'overloaded': 'UNAVAILABLE',
  'shutting-down': 'UNAVAILABLE',
  'internal': 'INTERNAL',
  'upstream-connect': 'UNAVAILABLE',
  'upstream-connect-timeout': 'DEADLINE_EXCEEDED',
  'upstream-first-token-timeout': 'DEADLINE_EXCEEDED',
  'upstream-idle-timeout': 'DEADLINE_EXCEEDED',
  'upstream-total-timeout': 'DEADLINE_EXCEEDED',
  'upstream-reset': 'UNAVAILABLE',
  'upstream-protocol': 'INTERNAL',
  'upstream-truncated': 'INTERNAL',
  'upstream-invalid-request': 'INVALID_ARGUMENT',
  'upstream-context-length': 'INVALID_ARGUMENT',
  'upstream-auth': 'INTERNAL',
  'upstream-quota': 'RESOURCE_EXHAUSTED',
  'upstream-rate-limited': 'RESOURCE_EXHAUSTED',
  'upstream-overloaded': 'UNAVAILABLE',
  'upstream-server-error': 'INTERNAL',
} as const satisfies Record<ErrorKind, string>)

/** `{error: {code, message, status, details}}`. Details: our code as the reason, the field at fault, and how long to wait. */
function body(error: GatewayError): string {
  const { status, code } = ERROR_POLICY[error.kind]
  const details: Record<string, unknown>[] = [{ '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: code.toUpperCase(), domain: 'headrace' }]
  if (error.param !== null) details.push({ '@type': 'type.googleapis.com/google.rpc.BadRequest', fieldViolations: [{ field: error.param, description: error.message }] })
  if (error.retryAfterMs > 0) details.push({ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: `${Math.ceil(error.retryAfterMs) / 1_000}s` })
  return asciiJson({ error: { code: status, message: error.message, status: STATUS[error.kind], details } })
}

/** An error in Google's shape. The requestId must be fit for a header value. */
export function encodeError(error: GatewayError, requestId: string): EncodedError {
  const retry = error.retryAfterMs > 0 ? `retry-after: ${Math.ceil(error.retryAfterMs / 1_000)}\r\n` : ''
  return { status: ERROR_POLICY[error.kind].status, headers: `content-type: application/json\r\nx-request-id: ${requestId}\r\n${retry}`, body: body(error) }
}

/**
 * The last event of a stream that failed after it had begun: Google's SDKs raise it. In an array it is the last element, as Google has it, so that
 * what came is valid JSON; that the connection is broken off tells even those who do not look (invariant 3).
 */
export const encodeStreamError = (error: GatewayError, sent: string): string => ENDS_EVENT.test(sent) ? `data: ${body(error)}\n\n` : `,\n${body(error)}]\n`

/** Whole events end in an empty line; whole elements of an array do not. */
const ENDS_EVENT = /^$|(?:\n\n|\r\n\r\n|\r\r)$/
