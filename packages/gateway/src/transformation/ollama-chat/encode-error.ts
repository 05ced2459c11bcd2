import { ERROR_POLICY, type EncodedError, type GatewayError } from '@headrace/contract'
import { asciiJson } from '../relay/ascii-json.ts'

/** An error in Ollama's shape: its words, and nothing else. The requestId must be fit for a header value. */
export function encodeError(error: GatewayError, requestId: string): EncodedError {
  const retry = error.retryAfterMs > 0 ? `retry-after: ${Math.ceil(error.retryAfterMs / 1_000)}\r\n` : ''
  return { status: ERROR_POLICY[error.kind].status, headers: `content-type: application/json\r\nx-request-id: ${requestId}\r\n${retry}`, body: asciiJson({ error: error.message }) }
}

/** The last line of a stream that failed after it had begun: Ollama's clients raise it. */
export const encodeStreamError = (error: GatewayError): string => `${asciiJson({ error: error.message })}\n`
