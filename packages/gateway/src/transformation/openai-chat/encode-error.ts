import { ERROR_POLICY, type EncodedError, type GatewayError } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

/** Some clients know a prompt that is too long by these words, not by its code. */
const TOO_LONG = 'maximum context length'

function errorBody(error: GatewayError, code: string = ERROR_POLICY[error.kind].code): string {
  const policy = ERROR_POLICY[error.kind]
  const message = error.kind !== 'upstream-context-length' || error.message.includes(TOO_LONG) ? error.message : `The model's ${TOO_LONG} is exceeded: ${error.message}`
  return asciiJson({ error: { message, type: policy.type, param: error.param, code } })
}

/**
 * An error in OpenAI's shape. Where the gateway has tried again by itself, it asks the SDK not to (`x-should-retry`), so that attempts do not
 * multiply. The requestId must be fit for a header value. `code`: another one than the error's own.
 */
export function encodeError(error: GatewayError, requestId: string, code?: string): EncodedError {
  const policy = ERROR_POLICY[error.kind]
  let headers = `content-type: application/json\r\nx-request-id: ${requestId}\r\n`
  if (error.retryAfterMs > 0) {
    headers += `retry-after: ${Math.ceil(error.retryAfterMs / 1000)}\r\nretry-after-ms: ${Math.ceil(error.retryAfterMs)}\r\n`
  }
  if (policy.retry || policy.fallback) headers += 'x-should-retry: false\r\n'
  return { status: policy.status, headers, body: errorBody(error, code) }
}

/** The last event of a stream that failed after it had begun. No `[DONE]` follows: nobody can take it for a whole answer (invariant 3). */
export const encodeStreamError = (error: GatewayError): string => `data: ${errorBody(error)}\n\n`
