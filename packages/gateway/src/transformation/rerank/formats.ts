import type { DialectId, RerankFormat, RerankFormatId } from '@headrace/contract'
import { cohereRerank } from './cohere.ts'
import { jinaRerank } from './jina.ts'

export const RERANK_FORMATS = Object.freeze({ 'jina-rerank': jinaRerank, 'cohere-rerank': cohereRerank } as const satisfies Record<RerankFormatId, RerankFormat>)

/** What is spoken of reranking where this is spoken of conversations; null = there is none. Servers that are compatible with OpenAI's API have taken Jina's for what OpenAI has not. */
export const RERANK_OF_DIALECT = Object.freeze({
  'openai-chat': 'jina-rerank', 'openai-responses': 'jina-rerank', 'anthropic-messages': null, 'google-gemini': null, 'ollama-chat': null,
} as const satisfies Record<DialectId, RerankFormatId | null>)
