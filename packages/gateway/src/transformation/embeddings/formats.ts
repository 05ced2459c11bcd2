import type { DialectId, EmbeddingFormat, EmbeddingFormatId } from '@headrace/contract'
import { cohereEmbeddings } from './cohere.ts'
import { geminiEmbeddings } from './gemini.ts'
import { ollamaEmbeddings } from './ollama.ts'
import { openAiEmbeddings } from './openai.ts'

export const EMBEDDING_FORMATS = Object.freeze({
  openai: openAiEmbeddings, gemini: geminiEmbeddings, ollama: ollamaEmbeddings, cohere: cohereEmbeddings,
} as const satisfies Record<EmbeddingFormatId, EmbeddingFormat>)

/** What is spoken of embeddings where this is spoken of conversations; null = there are none. */
export const FORMAT_OF_DIALECT = Object.freeze({
  'openai-chat': 'openai', 'openai-responses': 'openai', 'anthropic-messages': null, 'google-gemini': 'gemini', 'ollama-chat': 'ollama',
} as const satisfies Record<DialectId, EmbeddingFormatId | null>)
