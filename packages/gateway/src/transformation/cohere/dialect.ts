import { ERROR_POLICY, UNKNOWN_USAGE, type EncodedError, type GatewayError, type RelayDialect, type Usage } from '@headrace/contract'
import { openAiChat } from '../openai-chat/dialect.ts'
import { asciiJson } from '../relay/ascii-json.ts'
import { asObject, parseJson } from '../relay/json-value.ts'
import { lastKeyValue, containerEnd } from '../relay/json-tail.ts'
import { readUsage } from './read-usage.ts'

const NOT_SAID = Object.freeze({ usage: UNKNOWN_USAGE, finishReason: '' })

/** Of a whole answer, or of its tail: `meta` stands behind the vectors. */
function readJsonUsage(body: Buffer | string): { readonly usage: Usage, readonly finishReason: string } {
  const text = typeof body === 'string' ? body : body.latin1Slice()
  const start = lastKeyValue(text, '"meta"')
  const end = start < 0 ? -1 : containerEnd(text, start)
  const meta = end < 0 ? null : asObject(parseJson(text.slice(start, end)))
  return meta === null ? NOT_SAID : { usage: readUsage({ meta }), finishReason: '' }
}

/** `message`, and an id to name when asking about it. */
function encodeError(error: GatewayError, requestId: string): EncodedError {
  const retryAfter = error.retryAfterMs > 0 ? `retry-after: ${Math.ceil(error.retryAfterMs / 1000)}\r\n` : ''
  return { status: ERROR_POLICY[error.kind].status, headers: `content-type: application/json\r\nx-request-id: ${requestId}\r\n${retryAfter}`, body: asciiJson({ id: requestId, message: error.message }) }
}

/** Cohere's own API (`/v2/embed`, `/v2/rerank`), in the fast lane. It is spoken for calls without streams; conversations go to its surface that is compatible with OpenAI's. */
export const cohere: RelayDialect = Object.freeze({
  ...openAiChat,
  id: 'cohere-api',
  readJsonUsage, encodeError,
  encodeStreamError: () => '',
} satisfies RelayDialect)
