import type { DialectId, EmbeddingCall, Target } from '@headrace/contract'
import { EMBEDDING_FORMATS, EMBEDDINGS_OF_DIALECT } from '../../packages/gateway/src/transformation/embeddings/formats.ts'

/** Texts of a request, and numbers of each vector: an answer of 38 KiB, where the load generator holds 64. */
const COUNT = 4
const DIMENSIONS = 768

const PATHS: Readonly<Partial<Record<DialectId, (model: string) => string>>> = Object.freeze({
  'openai-chat': () => '/v1/embeddings', 'google-gemini': (model: string) => `/v1beta/models/${model}:batchEmbedContents`, 'ollama-chat': () => '/api/embed',
})

const CALL: EmbeddingCall = Object.freeze({
  format: 'openai-embeddings', model: 'bench', inputs: Array.from({ length: COUNT }, (_, at) => ({ type: 'text', text: `${at}: what holds the water back, and where does it go? `.repeat(3) } as const)),
  dimensions: -1, task: null, title: '', truncate: null, user: '', encodings: ['float'], single: false, foreign: [],
} satisfies EmbeddingCall)

const formatOf = (dialect: DialectId) => {
  const id = EMBEDDINGS_OF_DIALECT[dialect]
  return id === null ? null : EMBEDDING_FORMATS[id]
}

/** Clients of this dialect ask for embeddings at a path of their own. */
export const hasVectors = (dialect: DialectId): boolean => PATHS[dialect] !== undefined

/** A request for embeddings as a whole HTTP request; the format's own encoder writes it. */
export function vectorRequest(dialect: DialectId, model: string, key: string): string {
  const encoded = formatOf(dialect)?.encodeRequest(CALL, { model, modelJson: JSON.stringify(model) } as Target) // nothing else is asked for
  if (encoded?.ok !== true) throw new Error(`${dialect} has no embeddings`)
  const { body } = encoded.value
  return `POST ${PATHS[dialect]?.(model) ?? ''} HTTP/1.1\r\nHost: bench.test\r\nAuthorization: Bearer ${key}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

/** What a provider of this dialect answers, as a whole HTTP response; '' = it has no embeddings. */
export function vectorAnswer(dialect: DialectId): string {
  const encoder = formatOf(dialect)?.createEncoder({ call: CALL, requestId: 'bench-1', startedAt: 0 })
  if (encoder === undefined) return ''
  const vector = `[${Array.from({ length: DIMENSIONS }, (_, at) => Math.sin(at + 1).toFixed(9)).join(',')}]`
  const body = CALL.inputs.map(() => encoder.element(vector)).join('') + encoder.end({ model: 'bench', usage: { inputTokens: 90, outputTokens: 0, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 } })
  return `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}
