import { success, type Operation, type RelayDialect, type RequestHead, type Result, type ScannedRequest } from '@headrace/contract'
import { FOREIGN_MARK } from '../neutral/opaque-tag.ts'
import { classifyResponse, isStream } from '../relay/classify-response.ts'
import { withoutForeignBlobs, type BlobPlace } from '../relay/foreign-blobs.ts'
import { asObject, asText, parseJson } from '../relay/json-value.ts'
import { scanRequest as scan } from '../relay/scan-request.ts'
import { spliceRequest } from '../relay/splice-request.ts'
import { SseTap } from '../relay/sse-tap.ts'
import { encodeError, encodeStreamError } from './encode-error.ts'
import { MessageEventReader } from './event-reader.ts'
import { readJsonUsage } from './json-usage.ts'
import { encodeModel, encodeModels } from './models.ts'

/** The version that this code speaks, sent where the client named none: https://docs.anthropic.com/en/api/versioning */
export const ANTHROPIC_VERSION = '2023-06-01'
const VERSION = /^[\x21-\x7e]{1,64}$/
/** Feature names, separated by commas. */
const BETA = /^[\x20-\x7e]{1,1024}$/
const USER_LIMIT = 256
const BLOBS: BlobPlace = Object.freeze({ mark: FOREIGN_MARK, list: 'messages', inner: 'content', members: ['signature', 'data'] })

/** The end user stands in `metadata.user_id` here. Streams have a path of their own at some providers. */
function scanRequest(body: Buffer, operation: Operation, limits: { readonly jsonDepth: number }, head: Pick<RequestHead, 'path' | 'query'>): Result<ScannedRequest> {
  const scanned = scan(body, operation, limits, head)
  if (!scanned.ok) return scanned
  const request = scanned.value.stream && scanned.value.path === 'chat' ? { ...scanned.value, path: 'chat-stream' as const } : scanned.value
  if (request.metadata === '') return success(request)
  const user = asText(asObject(parseJson(request.metadata))?.['user_id']).slice(0, USER_LIMIT).toWellFormed()
  return success(user === '' ? request : { ...request, user })
}

function forwardedHeaders(head: RequestHead): string {
  const version = head.header('anthropic-version') ?? ''
  const beta = head.header('anthropic-beta') ?? ''
  return `anthropic-version: ${VERSION.test(version) ? version : ANTHROPIC_VERSION}\r\n${BETA.test(beta) ? `anthropic-beta: ${beta}\r\n` : ''}`
}

/** Anthropic's Messages, in the fast lane. Its streams tell their usage unasked: there is no usage option. */
export const anthropicMessages: RelayDialect = Object.freeze({
  id: 'anthropic-messages',
  requestIdHeader: 'request-id',
  scanRequest, readJsonUsage, isStream, encodeError, encodeStreamError, classifyResponse, encodeModels, encodeModel, forwardedHeaders,
  withoutForeign: (scanned: ScannedRequest) => withoutForeignBlobs(scanned, BLOBS),
  spliceRequest: (scanned: ScannedRequest, modelJson: string) => spliceRequest(scanned, modelJson, false),
  createStreamTap: () => new SseTap(new MessageEventReader()),
})
