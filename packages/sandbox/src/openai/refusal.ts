import type { Reason, Refusal } from '../refusal.ts'

/** The JSON body of an error in OpenAI's shape. */
export function refusalBody({ status, reason, message, param, code: own }: Refusal): string {
  const [type, code] = own !== undefined ? ['invalid_request_error', own] : reason === 'status' ? BY_STATUS[status] ?? (status < 500 ? ['invalid_request_error', null] : ['server_error', 'server_error']) : ['invalid_request_error', CODES[reason]]
  return JSON.stringify({ error: { message, type, param, code } })
}

const CODES = {
  'model-not-found': 'model_not_found', 'context-length': 'context_length_exceeded', 'content-policy': 'content_policy_violation',
} as const satisfies Record<Exclude<Reason, 'status'>, string>

const BY_STATUS: Readonly<Record<number, readonly [type: string, code: string]>> = Object.freeze({
  401: ['invalid_request_error', 'invalid_api_key'],
  402: ['insufficient_quota', 'insufficient_quota'],
  403: ['permission_error', 'forbidden'],
  404: ['invalid_request_error', 'model_not_found'],
  429: ['rate_limit_error', 'rate_limit_exceeded'],
})
