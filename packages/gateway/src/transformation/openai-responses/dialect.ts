import type { RelayDialect, ScannedRequest } from '@headrace/contract'
import { encodeModel, encodeModels } from '../openai-chat/models.ts'
import { FOREIGN_MARK } from '../neutral/opaque-tag.ts'
import { classifyResponse, isStream } from '../relay/classify-response.ts'
import { withoutForeignBlobs, type BlobPlace } from '../relay/foreign-blobs.ts'
import { scannerFor } from '../relay/scan-request.ts'
import { spliceRequest } from '../relay/splice-request.ts'
import { SseTap } from '../relay/sse-tap.ts'
import { encodeError, encodeStreamError } from './encode-error.ts'
import { ResponseEventReader } from './event-reader.ts'
import { readJsonUsage } from './json-usage.ts'
import { refuseState, STATE_MEMBERS } from './refuse-state.ts'

const BLOBS: BlobPlace = Object.freeze({ mark: FOREIGN_MARK, list: 'input', inner: null, members: ['encrypted_content'] })

/** OpenAI's Responses, in the fast lane. Its streams tell their usage unasked: there is no usage option. */
export const openAiResponses: RelayDialect = Object.freeze({
  id: 'openai-responses',
  requestIdHeader: 'x-request-id',
  scanRequest: scannerFor({ bound: 'max_output_tokens', judged: { names: STATE_MEMBERS, judge: refuseState } }),
  readJsonUsage, isStream, encodeError, encodeStreamError, classifyResponse, encodeModels, encodeModel,
  forwardedHeaders: () => '',
  withoutForeign: (scanned: ScannedRequest) => withoutForeignBlobs(scanned, BLOBS),
  spliceRequest: (scanned: ScannedRequest, modelJson: string) => spliceRequest(scanned, modelJson, false),
  createStreamTap: () => new SseTap(new ResponseEventReader()),
})
