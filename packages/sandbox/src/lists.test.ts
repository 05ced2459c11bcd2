import type { Cohere } from 'cohere-ai'
import type { EmbedRequest, EmbeddingsRequest } from 'ollama'
import type { ModerationCreateParams } from 'openai/resources/moderations'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { EMBED } from './cohere/embed.ts'
import { RERANK } from './cohere/rerank.ts'
import { startSandbox, type Sandbox } from './main.ts'
import { EMBED as OLLAMA_EMBED, EMBEDDINGS } from './ollama/dialect.ts'
import { MODERATION } from './openai/moderations.ts'

let sandbox: Sandbox
beforeAll(async () => { sandbox = await startSandbox() })
afterAll(() => sandbox.close())

const ask = async (path: string, body: object): Promise<{ readonly status: number, readonly text: string }> => {
  const answer = await fetch(`http://${sandbox.host}:${sandbox.port}${path}`, { method: 'POST', body: JSON.stringify(body), headers: { 'x-goog-api-key': 'k' } })
  return { status: answer.status, text: await answer.text() }
}

describe('requests for embeddings, reranking and moderations', () => {
  it('have the fields that the vendors\' SDKs have types for', () => {
    type Names<T> = Record<keyof T, true>
    const embed: Names<Cohere.V2EmbedRequest> = { texts: true, images: true, model: true, inputType: true, inputs: true, maxTokens: true, outputDimension: true, embeddingTypes: true, truncate: true, priority: true }
    const rerank: Names<Cohere.V2RerankRequest> = { model: true, query: true, documents: true, topN: true, maxTokensPerDoc: true, priority: true }
    const ollama: Names<EmbedRequest> = { model: true, input: true, truncate: true, keep_alive: true, dimensions: true, options: true }
    const older: Names<EmbeddingsRequest> = { model: true, prompt: true, keep_alive: true, options: true }
    const moderation: Names<ModerationCreateParams> = { input: true, model: true }
    const names = (fields: object): string[] => Object.keys(fields).map((name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)).toSorted()
    expect([EMBED, RERANK, OLLAMA_EMBED, EMBEDDINGS, MODERATION].map(names)).toEqual([embed, rerank, ollama, older, moderation].map(names))
  })

  const gemini = (text: string, more: object = {}): object => ({ model: 'models/embed', content: { parts: [{ text }] }, ...more })
  it.each([
    ['/v2/embed', { model: 'embed', texts: ['a'] }, 'input_type'], ['/v2/embed', { model: 'embed', input_type: 'search_query' }, 'exactly one of'], ['/v2/embed', { model: 'embed', texts: ['a'], input_type: 'search_query', dimensions: 1 }, 'dimensions'],
    ['/v2/embed', { model: 'embed', texts: Array.from({ length: 97 }, () => 'a'), input_type: 'search_query' }, 'at most 96'], ['/v2/embed', { model: 'embed', texts: ['a'], input_type: 'search_query', output_dimension: 7 }, 'output_dimension'],
    ['/v2/rerank', { model: 'echo', query: 'q', documents: [{ text: 'a' }] }, 'documents.0'], ['/v2/rerank', { model: 'echo', query: 'q', documents: ['a'], return_documents: true }, 'return_documents'],
    ['/api/embed', { model: 'embed', prompt: 'a' }, 'input'], ['/api/embed', { model: 'embed', input: [[1]] }, 'input'], ['/api/embeddings', { model: 'embed', input: 'a' }, 'prompt'],
    ['/v1/rerank', { model: 'echo', query: 'q', documents: [] }, 'documents'], ['/v1/moderations', { model: 'echo', input: [] }, 'input'], ['/v1/moderations', { model: 'echo', input: [{ type: 'audio' }] }, 'input'],
    ['/v1beta/models/embed:batchEmbedContents', { requests: [{ ...gemini('a'), model: 'models/other' }] }, 'does not match'], ['/v1beta/models/embed:batchEmbedContents', { requests: Array.from({ length: 101 }, () => gemini('a')) }, 'at most 100'],
    ['/v1beta/models/embed:embedContent', gemini('a', { title: 't' }), 'RETRIEVAL_DOCUMENT'], ['/v1beta/models/embed:embedContent', gemini('a', { dimensions: 1 }), 'Unknown name \\"dimensions\\"'],
  ] as const)('are refused at %s where the vendor would: %j', async (path, body, words) => {
    expect(await ask(path, body)).toEqual({ status: 400, text: expect.stringContaining(words) })
  })

  it('get the same vector of the same text in every format', async () => {
    const [openai, google, ollama, cohere] = await Promise.all([
      ask('/v1/embeddings', { model: 'embed', input: 'Köln' }), ask('/v1beta/models/embed:embedContent', gemini('Köln')), ask('/api/embed', { model: 'embed', input: 'Köln' }),
      ask('/v2/embed', { model: 'embed', texts: ['Köln'], input_type: 'search_query', embedding_types: ['float', 'ubinary'] }),
    ])
    const { data } = JSON.parse(openai.text) as { readonly data: readonly { readonly embedding: readonly number[] }[] }
    const vector = data[0]?.embedding
    expect(JSON.parse(google.text)).toMatchObject({ embedding: { values: vector } })
    expect(JSON.parse(ollama.text)).toMatchObject({ embeddings: [vector] })
    expect(JSON.parse(cohere.text)).toMatchObject({ embeddings: { float: [vector], ubinary: [expect.any(Array)] } })
  })
})
