import { ERROR_POLICY, type EncodedError, type GatewayError } from '@headrace/contract'
import { encodeError as encodeOpenAiError } from '../openai-chat/encode-error.ts'
import { asciiJson } from '../relay/ascii-json.ts'
import { asObject, parseJson } from '../relay/json-value.ts'

/** Inside a string every quote is escaped: what looks like this key is this key. */
const SEQUENCE = /"sequence_number": ?(\d{1,15})(?=[,}])/g
/** The event with which a response begins. */
const CREATED = /^data: ?(\{.*"response\.created".*\})\r?$/m
/** Codes by the parameter at fault, where this dialect has one of its own. */
const CODES: ReadonlyMap<string, string> = new Map([['previous_response_id', 'previous_response_not_found'], ['background', 'unsupported_parameter'], ['conversation', 'conversation_locked']])

/** An error in OpenAI's shape. */
export function encodeError(error: GatewayError, requestId: string): EncodedError {
  return encodeOpenAiError(error, requestId, error.kind === 'invalid-request' ? CODES.get(error.param ?? '') : undefined)
}

/**
 * The last events of a stream that failed after it had begun, as OpenAI has them: `error`, which its SDKs raise, and `response.failed`, with the numbers that
 * follow the last one sent. The facts stand in `error` twice, because the SDK's types have them at the top and the Open Responses specification in `error`. No
 * `response.completed` follows: nobody can take it for a whole answer (invariant 3). Where the beginning is not known, the first of them says it alone.
 */
export function encodeStreamError(error: GatewayError, sent: string): string {
  const { type, code } = ERROR_POLICY[error.kind]
  const { message, param } = error
  const number = nextNumber(sent)
  const told = `event: error\ndata: ${asciiJson({ type: 'error', sequence_number: number, code, message, param, error: { type, code, message, param } })}\n\n`
  const response = begunResponse(sent)
  if (response === null) return told
  const failure = { code: ERROR_POLICY[error.kind].status === 429 ? 'rate_limit_exceeded' : 'server_error', message }
  const failed = { type: 'response.failed', sequence_number: number + 1, response: { ...response, status: 'failed', error: failure } }
  return `${told}event: response.failed\ndata: ${asciiJson(failed)}\n\n`
}

function nextNumber(sent: string): number {
  let last = -1
  for (const match of sent.matchAll(SEQUENCE)) last = Number(match[1])
  return last + 1
}

/** The response as it was when it began; null = nobody knows. `sent` is latin1. */
function begunResponse(sent: string): Readonly<Record<string, unknown>> | null {
  const data = CREATED.exec(sent)?.[1]
  return data === undefined ? null : asObject(asObject(parseJson(Buffer.from(data, 'latin1').toString('utf8')))?.['response'])
}
