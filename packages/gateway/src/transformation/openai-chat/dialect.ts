import type { RelayDialect } from '@headrace/contract'
import { classifyResponse, isStream } from '../relay/classify-response.ts'
import { scanRequest } from '../relay/scan-request.ts'
import { spliceRequest } from '../relay/splice-request.ts'
import { SseTap } from '../relay/sse-tap.ts'
import { encodeError, encodeStreamError } from './encode-error.ts'
import { ChunkReader } from './event-reader.ts'
import { readJsonUsage } from './json-usage.ts'
import { encodeModel, encodeModels } from './models.ts'

/** OpenAI's Chat Completions, Completions and Embeddings, in the fast lane. */
export const openAiChat: RelayDialect = Object.freeze({
  id: 'openai-chat',
  requestIdHeader: 'x-request-id',
  scanRequest, spliceRequest, readJsonUsage, isStream, encodeError, encodeStreamError, classifyResponse, encodeModels, encodeModel,
  forwardedHeaders: () => '',
  createStreamTap: (withholdUsage: boolean) => new SseTap(new ChunkReader(withholdUsage)),
})
