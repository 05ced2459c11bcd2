import type { RelayDialect } from '@headrace/contract'
import { classifyResponse, isStream } from './classify-response.ts'
import { encodeError, encodeStreamError } from './encode-error.ts'
import { readJsonUsage } from './json-usage.ts'
import { encodeModel, encodeModels } from './models.ts'
import { scanRequest } from './scan-request.ts'
import { spliceRequest } from './splice-request.ts'
import { SseTap } from './sse-tap.ts'

/** OpenAI's Chat Completions, Completions and Embeddings, in the fast lane. */
export const openAiChat: RelayDialect = Object.freeze({
  id: 'openai-chat',
  scanRequest, spliceRequest, readJsonUsage, isStream, encodeError, encodeStreamError, classifyResponse, encodeModels, encodeModel,
  createStreamTap: (withholdUsage: boolean) => new SseTap(withholdUsage),
})
