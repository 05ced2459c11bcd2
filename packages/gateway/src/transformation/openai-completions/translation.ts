import type { ClientTranslation } from '@headrace/contract'
import { decodeRequest } from './decode-request.ts'
import { CompletionJsonEncoder, CompletionStreamEncoder } from './encode-answer.ts'

/** OpenAI's legacy completions, for clients of models that have conversations alone. */
export const openAiCompletions: ClientTranslation = Object.freeze({
  decodeRequest,
  createEncoder: (stream, facts) => stream ? new CompletionStreamEncoder(facts) : new CompletionJsonEncoder(facts),
  contentType: stream => stream ? 'text/event-stream; charset=utf-8' : 'application/json',
} satisfies ClientTranslation)
