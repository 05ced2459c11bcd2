import { JsonView } from '@headrace/bytes'
import type { RelayDialect, ScannedRequest } from '@headrace/contract'
import { FOREIGN_MARK_BASE64 } from '../neutral/opaque-tag.ts'
import { withoutForeignBlobs, type BlobPlace } from '../relay/foreign-blobs.ts'
import { spliceRequest } from '../relay/splice-request.ts'
import { SseTap } from '../relay/sse-tap.ts'
import { ArrayTap } from './array-tap.ts'
import { classifyResponse } from './classify.ts'
import { encodeError, encodeStreamError } from './encode-error.ts'
import { ContentReader } from './event-reader.ts'
import { EVENT_LIMIT, isArrayStream, isStream } from './framing.ts'
import { readJsonUsage } from './json-usage.ts'
import { encodeModel, encodeModels } from './models.ts'
import { scanRequest } from './scan-request.ts'

const BLOBS: BlobPlace = Object.freeze({ mark: FOREIGN_MARK_BASE64, list: 'contents', inner: 'parts', members: ['thoughtSignature', 'thought_signature'] })

/** The model stands in the path; where the body names it too, it names the same. */
function splice(scanned: ScannedRequest, modelJson: string): string {
  const name = /^"(?:models|tunedModels)\//.test(modelJson) ? modelJson : `"models/${modelJson.slice(1)}`
  if (scanned.path === 'embeddings') return spliceBatch(scanned.text, name)
  return scanned.modelSpan.start < 0 ? scanned.text : spliceRequest(scanned, name, false)
}

/** Each request of a batch names the model. */
function spliceBatch(text: string, name: string): string {
  const requests = JsonView.parse(text)?.get('requests').elements() ?? []
  let spliced = ''
  let at = 0
  for (const request of requests) {
    const model = request.get('model')
    if (!model.given) continue
    spliced += text.slice(at, model.start) + name
    at = model.end
  }
  return spliced + text.slice(at)
}

/** Google's Gemini API, in the fast lane. Its streams tell their usage unasked: there is no usage option. */
export const googleGemini: RelayDialect = Object.freeze({
  id: 'google-gemini',
  requestIdHeader: 'x-request-id',
  scanRequest, readJsonUsage, isStream, encodeError, encodeStreamError, classifyResponse, encodeModels, encodeModel,
  withoutForeign: (scanned: ScannedRequest) => withoutForeignBlobs(scanned, BLOBS),
  spliceRequest: splice,
  forwardedHeaders: () => '',
  createStreamTap: (_withholdUsage: boolean, contentType: string) => isArrayStream(contentType) ? new ArrayTap(new ContentReader(), EVENT_LIMIT) : new SseTap(new ContentReader(), EVENT_LIMIT),
})
