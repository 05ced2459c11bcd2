import { randomUUID } from 'node:crypto'
import type { Reason, Refusal } from '../refusal.ts'

const BY_STATUS: Readonly<Record<number, string>> = Object.freeze({
  400: 'invalid_request_error', 401: 'authentication_error', 402: 'billing_error', 403: 'permission_error', 404: 'not_found_error', 408: 'timeout_error', 409: 'conflict_error',
  413: 'request_too_large', 429: 'rate_limit_error', 504: 'timeout_error', 529: 'overloaded_error',
})

/** In this vendor's words; null = what was said will do. */
const WORDS = {
  'status': null, 'model-not-found': null, 'context-length': 'prompt is too long: 4097 tokens > 4096 maximum', 'content-policy': 'Output blocked by content filtering policy',
} as const satisfies Record<Reason, string | null>

/** The JSON body of an error in Anthropic's shape. */
export function refusalBody({ status, reason, message }: Refusal): string {
  const type = BY_STATUS[status] ?? (status < 500 ? 'invalid_request_error' : 'api_error')
  return JSON.stringify({ type: 'error', error: { type, message: WORDS[reason] ?? message }, request_id: `req_${randomUUID()}` })
}
