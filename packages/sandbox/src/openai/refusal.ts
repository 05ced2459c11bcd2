/** A refused request in OpenAI's shape. */
export interface Refusal {
  readonly status: number
  readonly type: string
  readonly code: string | null
  readonly message: string
  readonly param: string | null
}

export function invalid(message: string, param: string | null = null, code: string | null = null): Refusal {
  return { status: 400, type: 'invalid_request_error', code, message, param }
}

/** The JSON body of an error. */
export function refusalBody(refusal: Refusal): string {
  const { message, type, param, code } = refusal
  return JSON.stringify({ error: { message, type, param, code } })
}

const BY_STATUS: Readonly<Record<number, readonly [type: string, code: string]>> = Object.freeze({
  401: ['invalid_request_error', 'invalid_api_key'],
  402: ['insufficient_quota', 'insufficient_quota'],
  403: ['permission_error', 'forbidden'],
  404: ['invalid_request_error', 'model_not_found'],
  429: ['rate_limit_error', 'rate_limit_exceeded'],
})

/** What a provider would say with this status. */
export function simulatedRefusal(status: number): Refusal {
  const [type, code] = BY_STATUS[status] ?? (status < 500 ? ['invalid_request_error', 'invalid_request'] : ['server_error', 'server_error'])
  return { status, type, code, message: `The sandbox was asked to answer with status ${status}.`, param: null }
}
