import type { DialectId, EmbeddingFormat, EmbeddingFormatId } from '@headrace/contract'
import { cohereEmbeddings } from './cohere.ts'
import { geminiEmbeddings } from './gemini.ts'
import { ollamaEmbeddings } from './ollama.ts'
import { openAiEmbeddings } from './openai.ts'
import { vertexEmbeddings } from './vertex.ts'

export const EMBEDDING_FORMATS = Object.freeze({
  'openai-embeddings': openAiEmbeddings, 'gemini-embed': geminiEmbeddings, 'ollama-embed': ollamaEmbeddings, 'cohere-embed': cohereEmbeddings, 'vertex-predict': vertexEmbeddings,
} as const satisfies Record<EmbeddingFormatId, EmbeddingFormat>)

/** What is spoken of embeddings where this is spoken of conversations; null = there are none. */
export const EMBEDDINGS_OF_DIALECT = Object.freeze({
  'openai-chat': 'openai-embeddings', 'openai-responses': 'openai-embeddings', 'anthropic-messages': null, 'google-gemini': 'gemini-embed', 'ollama-chat': 'ollama-embed',
} as const satisfies Record<DialectId, EmbeddingFormatId | null>)
