import { describe, expect, it } from 'vitest'
import type { RerankCall, RerankFormatId, Target } from '@headrace/contract'
import { RERANK_FORMATS } from './formats.ts'

const IDS = Object.keys(RERANK_FORMATS) as RerankFormatId[] // keys of a Record<RerankFormatId, ...>
const target = { model: 'm', modelJson: '"m"' } as Target
const ASKED = { query: 'q', documents: ['a', { text: 'Köln' }], top_n: 1 }
const decode = (id: RerankFormatId, body: object) => RERANK_FORMATS[id].decodeRequest(Buffer.from(JSON.stringify(body)), { model: 'm', single: false })
function call(id: RerankFormatId, body: object): RerankCall {
  const decoded = decode(id, body)
  if (!decoded.ok) throw new Error(decoded.error.message)
  return decoded.value
}

it.each(IDS.flatMap(client => IDS.map(provider => [client, provider] as const)))('a request of %s is the same to %s', (client, provider) => {
  const encoded = RERANK_FORMATS[provider].encodeRequest(call(client, ASKED), target)
  expect(encoded.ok && JSON.parse(Buffer.from(encoded.value.body, 'latin1').toString())).toEqual({ model: 'm', query: 'q', documents: ['a', 'Köln'], top_n: 1, ...(provider === 'jina-rerank' ? { return_documents: false } : {}) })
  expect(encoded.ok && encoded.value.notes).toEqual([])
})

it('what a provider has no word for is named', () => {
  const encoded = RERANK_FORMATS['jina-rerank'].encodeRequest(call('cohere-rerank', { ...ASKED, max_tokens_per_doc: 5, priority: 1 }), target)
  expect(encoded.ok && encoded.value.notes.map(({ field }) => field)).toEqual(['priority', 'max_tokens_per_doc'])
})

it.each([[{ documents: ['a'] }, '"query"'], [{ query: 'q' }, '"documents"'], [{ query: 'q', documents: [1] }, '"documents[0]"'], [{ query: 'q', documents: ['a'], top_n: -1 }, '"top_n"']])('%j is refused: %s', (body, words) => {
  for (const id of IDS) {
    const decoded = decode(id, body)
    expect(decoded.ok ? '' : decoded.error.message).toContain(words)
  }
})

describe('an answer', () => {
  const ANSWER = '{"id":"x","results":[{"index":1,"relevance_score":0.9,"document":{"text":"]}\\""}},{"relevance_score":1e-3,"index":0}],"usage":{"total_tokens":7}}'
  const told = (client: RerankFormatId, reads: readonly string[], asked: RerankCall): unknown => {
    const decoder = RERANK_FORMATS['jina-rerank'].createDecoder(asked)
    const encoder = RERANK_FORMATS[client].createEncoder({ call: asked, requestId: 'r', startedAt: 0 })
    let text = ''
    for (const read of reads) decoder.push(read, element => { text += encoder.element(element) })
    const end = decoder.end()
    return end.ok ? JSON.parse(Buffer.from(text + encoder.end(end.value), 'latin1').toString()) : end.error.message
  }

  it('is the same wherever it is cut, with the documents that the client sent', () => {
    const asked = call('jina-rerank', { ...ASKED, return_documents: true })
    for (let at = 0; at <= ANSWER.length; at++) {
      const reads = [ANSWER.slice(0, at), ANSWER.slice(at)]
      expect(told('jina-rerank', reads, asked)).toMatchObject({ results: [{ index: 1, relevance_score: 0.9, document: { text: 'Köln' } }, { index: 0, relevance_score: 0.001, document: { text: 'a' } }], usage: { total_tokens: 7 } })
      expect(told('cohere-rerank', reads, asked)).toEqual({ id: 'r', results: [{ index: 1, relevance_score: 0.9 }, { index: 0, relevance_score: 0.001 }], meta: { api_version: { version: '2' }, billed_units: { input_tokens: 7 } } })
    }
  })

  it.each([['{"results":[{"index":2,"relevance_score":1}]}', 'no document'], ['{"results":[{"index":0}]}', 'no score'], ['{"results":[]}', 'no results'], ['{"results":[{"index":0,"relevance_score":1}]', 'whole'], ['{"results":[1]}', 'no list']])('%s is none: %s', (text, words) => {
    expect(told('cohere-rerank', [text], call('jina-rerank', ASKED))).toContain(words)
  })
})
