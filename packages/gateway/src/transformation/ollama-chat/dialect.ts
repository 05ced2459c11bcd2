import type { RelayDialect } from '@headrace/contract'
import { classifyResponse } from '../relay/classify-response.ts'
import { spliceRequest } from '../relay/splice-request.ts'
import { encodeError, encodeStreamError } from './encode-error.ts'
import { LineTap } from './line-tap.ts'
import { encodeModel, encodeModels } from './models.ts'
import { readJsonUsage } from './read-usage.ts'
import { scanRequest } from './scan-request.ts'

/** Ollama's own API, in the fast lane. Its streams are lines of JSON, and tell their usage unasked. */
export const ollamaChat: RelayDialect = Object.freeze({
  id: 'ollama-chat',
  requestIdHeader: 'x-request-id',
  scanRequest, readJsonUsage, encodeError, encodeStreamError, classifyResponse, encodeModels, encodeModel,
  spliceRequest: (scanned, modelJson) => spliceRequest(scanned, modelJson, false),
  isStream: (contentType: string, asked: boolean) => /ndjson|jsonl/i.test(contentType) || (asked && !contentType.toLowerCase().includes('json')),
  forwardedHeaders: () => '',
  createStreamTap: () => new LineTap(),
} satisfies RelayDialect)
