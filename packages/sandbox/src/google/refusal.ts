import type { Reason, Refusal } from '../refusal.ts'

const BY_STATUS: Readonly<Record<number, string>> = Object.freeze({
  400: 'INVALID_ARGUMENT', 401: 'UNAUTHENTICATED', 403: 'PERMISSION_DENIED', 404: 'NOT_FOUND', 405: 'INVALID_ARGUMENT', 408: 'DEADLINE_EXCEEDED', 409: 'ABORTED', 413: 'INVALID_ARGUMENT', 429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED', 500: 'INTERNAL', 503: 'UNAVAILABLE', 504: 'DEADLINE_EXCEEDED', 529: 'UNAVAILABLE',
})

/** In this vendor's words; null = what was said will do. */
const WORDS = {
  'status': null, 'model-not-found': null, 'context-length': 'The input token count (4097) exceeds the maximum number of tokens allowed (4096).', 'content-policy': null,
} as const satisfies Record<Reason, string | null>

/** The JSON body of an error in Google's shape. */
export function refusalBody({ status, reason, message }: Refusal): string {
  return JSON.stringify({ error: { code: status, message: WORDS[reason] ?? message, status: BY_STATUS[status] ?? (status < 500 ? 'INVALID_ARGUMENT' : 'INTERNAL') } })
}
