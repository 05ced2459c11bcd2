import { describe, expect, it } from 'vitest'
import type { EmbeddingCall, EmbeddingFormatId, ListTold, Result, Target } from '@headrace/contract'
import { ElementCutter } from '../lists/element-cutter.ts'
import { EMBEDDING_FORMATS } from './formats.ts'

const IDS = Object.keys(EMBEDDING_FORMATS) as EmbeddingFormatId[] // keys of a Record<EmbeddingFormatId, ...>
const target = { model: 'm/é', modelJson: '"m/\\u00e9"' } as Target
const decode = (id: EmbeddingFormatId, body: object, single = false) => EMBEDDING_FORMATS[id].decodeRequest(Buffer.from(JSON.stringify(body)), { model: 'm', single })
const call = (id: EmbeddingFormatId, body: object, single = false): EmbeddingCall => {
  const decoded = decode(id, body, single)
  if (!decoded.ok) throw new Error(decoded.error.message)
  return decoded.value
}
const gemini = (text: string, more: object = {}): object => ({ model: 'models/m', content: { parts: [{ text }] }, ...more })

/** The same question in each format: a query, two texts, 256 numbers. */
const ASKED: Readonly<Record<EmbeddingFormatId, object>> = {
  'openai-embeddings': { model: 'm', input: ['Köln', 'b'], dimensions: 256, input_type: 'query' },
  'gemini-embed': { requests: [gemini('Köln', { taskType: 'RETRIEVAL_QUERY', outputDimensionality: 256 }), gemini('b', { task_type: 'RETRIEVAL_QUERY', output_dimensionality: 256 })] },
  'ollama-embed': { model: 'm', input: ['Köln', 'b'], dimensions: 256 },
  'cohere-embed': { model: 'm', texts: ['Köln', 'b'], input_type: 'search_query', output_dimension: 256 },
  'vertex-predict': { instances: ['Köln', 'b'].map(content => ({ content, task_type: 'RETRIEVAL_QUERY' })), parameters: { outputDimensionality: 256 } },
}
/** And as each provider is asked. */
const SENT: Readonly<Record<EmbeddingFormatId, object>> = {
  'openai-embeddings': { model: 'm/é', input: ['Köln', 'b'], encoding_format: 'float', dimensions: 256 },
  'gemini-embed': { requests: ['Köln', 'b'].map(text => ({ model: 'models/m/é', content: { parts: [{ text }] }, taskType: 'RETRIEVAL_QUERY', outputDimensionality: 256 })) },
  'ollama-embed': { model: 'm/é', input: ['Köln', 'b'], dimensions: 256 },
  'cohere-embed': { model: 'm/é', texts: ['Köln', 'b'], input_type: 'search_query', embedding_types: ['float'], output_dimension: 256 },
  'vertex-predict': { instances: ['Köln', 'b'].map(content => ({ content, task_type: 'RETRIEVAL_QUERY' })), parameters: { outputDimensionality: 256 } },
}

describe('a request for embeddings', () => {
  it.each(IDS.flatMap(client => IDS.map(provider => [client, provider] as const)))('of the format %s is the same to a provider of the format %s', (client, provider) => {
    // Ollama's clients do not say what vectors are for.
    const asked = { ...call(client, ASKED[client]), ...(client === 'ollama-embed' ? { task: 'query' as const } : {}) }
    const encoded = EMBEDDING_FORMATS[provider].encodeRequest(asked, target)
    expect(encoded.ok && JSON.parse(Buffer.from(encoded.value.body, 'latin1').toString())).toEqual(SENT[provider])
  })

  const loses = (client: EmbeddingFormatId, body: object, provider: EmbeddingFormatId): string => {
    const encoded = EMBEDDING_FORMATS[provider].encodeRequest(call(client, body), target)
    return encoded.ok ? encoded.value.notes.map(({ loss, field }) => `${loss} ${field}`).join(', ') : encoded.error.message
  }
  it.each([
    ['openai-embeddings', { input: 'a', user: 'u', input_type: 'query', priority: 1 }, 'ollama-embed', 'dropped input_type, dropped user, dropped priority'],
    ['openai-embeddings', { input: 'a', user: 'u', input_type: 'strange' }, 'gemini-embed', 'dropped user, dropped input_type'],
    ['openai-embeddings', { input: [[1, 2], [3]] }, 'openai-embeddings', ''],
    ['openai-embeddings', { input: [1, 2] }, 'gemini-embed', expect.stringContaining('check_embedding_ctx_length=False')],
    ['gemini-embed', { requests: [gemini('a', { taskType: 'FACT_VERIFICATION', title: 't' })] }, 'cohere-embed', 'dropped title, approximated taskType'],
    ['gemini-embed', { requests: [gemini('a', { taskType: 'CLUSTERING', title: 't' })] }, 'openai-embeddings', 'dropped taskType, dropped title'],
    ['gemini-embed', { requests: [{ content: { parts: [{ inlineData: { mimeType: 'image/png', data: 'AA==' } }] } }] }, 'openai-embeddings', expect.stringContaining('text only')],
    ['ollama-embed', { input: 'a', truncate: false, keep_alive: '5m', options: { num_ctx: 1 } }, 'openai-embeddings', 'dropped truncate, dropped keep_alive, dropped options'],
    ['ollama-embed', { input: 'a', truncate: false }, 'cohere-embed', ''],
    ['cohere-embed', { texts: ['a'], truncate: 'START', embedding_types: ['float', 'int8'] }, 'ollama-embed', 'dropped truncate, dropped embedding_types'],
    ['cohere-embed', { images: ['data:image/png;base64,AA=='] }, 'gemini-embed', ''],
    ['cohere-embed', { texts: ['a'], truncate: 'START' }, 'vertex-predict', 'dropped truncate'],
    ['cohere-embed', { images: ['data:image/png;base64,AA=='] }, 'vertex-predict', expect.stringContaining('text only')],
    ['vertex-predict', { instances: [{ content: 'a', task_type: 'CLUSTERING', title: 't' }], parameters: { autoTruncate: false, x: 1 } }, 'openai-embeddings', 'dropped task_type, dropped title, dropped autoTruncate, dropped x'],
  ] as const)('of %s, %j, tells what it loses at %s: %s', (client, body, provider, lost) => {
    expect(loses(client, body, provider)).toEqual(lost)
  })

  it.each([
    ['openai-embeddings', {}, '"input" must be a text or a list of texts'], ['openai-embeddings', { input: [] }, 'not empty'], ['openai-embeddings', { input: ['a', 1] }, '"input[1]" must be a text'], ['openai-embeddings', { input: 'a', encoding_format: 'int8' }, 'encoding_format'],
    ['openai-embeddings', { input: 'a', dimensions: 1.5 }, 'whole number'], ['ollama-embed', { input: [[1]] }, '"input[0]" must be a text'], ['gemini-embed', { requests: [] }, '"requests"'], ['gemini-embed', { requests: [gemini('a'), gemini('b', { outputDimensionality: 8 })] }, 'outputDimensionality'],
    ['gemini-embed', { requests: [{ content: {} }] }, 'content.parts'], ['cohere-embed', { texts: [] }, 'texts'], ['cohere-embed', { texts: ['a'], embedding_types: ['int8'] }, 'float'], ['cohere-embed', { images: ['https://x'] }, 'data URLs'],
    ['vertex-predict', { instances: [] }, '"instances"'], ['vertex-predict', { instances: [{ content: 'a' }, { content: 'b', title: 't' }] }, 'one kind of task'],
  ] as const)('of %s that is not one is refused: %j (%s)', (client, body, words) => {
    const decoded = decode(client, body)
    expect(decoded.ok ? '' : decoded.error.message).toContain(words)
  })
})

/** Answers of each provider to two texts; Ollama's numbers are written in another way. */
const ANSWERS: Readonly<Record<EmbeddingFormatId, string>> = {
  'openai-embeddings': '{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.5,-1e-3]},\n {"embedding":[ 1, 2 ],"index":1}],"model":"served","usage":{"prompt_tokens":7,"total_tokens":7}}',
  'gemini-embed': '{"embeddings":[{"values":[0.5,-1e-3]},{"values":[ 1, 2 ]}],"usageMetadata":{"promptTokenCount":7}}',
  'ollama-embed': '{"model":"served","embeddings":[[0.5,-1e-3],[ 1, 2 ]],"total_duration":1,"prompt_eval_count":7}',
  'cohere-embed': '{"id":"x","texts":["[\\"{","b"],"embeddings":{"note":{"float":[]},"float":[[0.5,-1e-3],[ 1, 2 ]],"other":[]},"meta":{"billed_units":{"input_tokens":7}}}',
  'vertex-predict': '{"predictions":[{"embeddings":{"statistics":{"truncated":false,"token_count":3},"values":[0.5,-1e-3]}},\n {"embeddings":{"values":[ 1, 2 ],"statistics":{"token_count":4}}}],"metadata":{"billableCharacterCount":6}}',
}
function answered(provider: EmbeddingFormatId, client: EmbeddingFormatId, reads: readonly string[], count = 2, encodings: EmbeddingCall['encodings'] = ['float'], single = false): Result<string> {
  const asked: EmbeddingCall = { format: client, model: 'm', inputs: Array.from({ length: count }, () => ({ type: 'text', text: 'é' })), dimensions: -1, task: null, title: '', truncate: null, user: '', encodings, single, foreign: [] }
  const decoder = EMBEDDING_FORMATS[provider].createDecoder(asked)
  const encoder = EMBEDDING_FORMATS[client].createEncoder({ call: asked, requestId: 'r', startedAt: performance.now() })
  let text = ''
  for (const read of reads) decoder.push(read, vector => { text += encoder.element(vector) })
  const told: Result<ListTold> = decoder.end()
  return told.ok ? { ok: true, value: Buffer.from(text + encoder.end(told.value), 'latin1').toString() } : told
}
const values = [[0.5, -0.001], [1, 2]]
/** What the client is told. */
const TOLD: Readonly<Record<EmbeddingFormatId, object>> = {
  'openai-embeddings': { object: 'list', data: values.map((embedding, index) => ({ object: 'embedding', index, embedding })), model: expect.stringMatching(/^(served|m)$/), usage: { prompt_tokens: 7, total_tokens: 7 } },
  'gemini-embed': { embeddings: values.map(one => ({ values: one })), usageMetadata: { promptTokenCount: 7 } },
  'ollama-embed': { model: 'm', embeddings: values, total_duration: expect.any(Number), load_duration: 0, prompt_eval_count: 7 },
  'cohere-embed': { id: 'r', embeddings: { float: values }, texts: ['é', 'é'], meta: { api_version: { version: '2' }, billed_units: { input_tokens: 7 } }, response_type: 'embeddings_by_type' },
  'vertex-predict': { predictions: values.map((one, at) => ({ embeddings: { values: one, ...(at === 1 ? { statistics: { truncated: false, token_count: 7 } } : {}) } })) },
}

describe('an answer with embeddings', () => {
  it.each(IDS.flatMap(provider => IDS.map(client => [provider, client] as const)))('of %s is given in the format %s, wherever it is cut', (provider, client) => {
    const whole = ANSWERS[provider]
    for (let at = 0; at <= whole.length; at++) {
      const got = answered(provider, client, [whole.slice(0, at), whole.slice(at)])
      expect(got.ok && JSON.parse(got.value), `cut at ${at}`).toEqual(TOLD[client])
    }
    expect(answered(provider, client, [...whole]).ok).toBe(true)
  })

  it('may have more in its elements than vectors', () => {
    const got = answered('gemini-embed', 'gemini-embed', ['{"embeddings":[{"statistics":{"values":[9]},"values":[1]},{"note":"\\"values\\":[9]","values" : [2]}]}'])
    expect(got.ok && JSON.parse(got.value)).toEqual({ embeddings: [{ values: [1] }, { values: [2] }] })
  })

  it('is written in base64 where the client wants it, or in both', () => {
    const base64 = values.map(one => Buffer.from(Float32Array.from(one).buffer).toString('base64'))
    const openai = answered('ollama-embed', 'openai-embeddings', [ANSWERS['ollama-embed']], 2, ['base64'])
    expect(openai.ok && JSON.parse(openai.value)).toMatchObject({ data: base64.map(embedding => ({ embedding })) })
    const cohere = answered('ollama-embed', 'cohere-embed', [ANSWERS['ollama-embed']], 2, ['base64', 'float'])
    expect(cohere.ok && JSON.parse(cohere.value)).toMatchObject({ embeddings: { base64, float: values } })
  })

  it.each([['gemini-embed', { embedding: { values: [3] } }], ['ollama-embed', { embedding: [3] }]] as const)('for one text has the shape of %s for one', (client, told) => {
    const got = answered('openai-embeddings', client, ['{"data":[{"index":0,"embedding":[3]}]}'], 1, ['float'], true)
    expect(got.ok && JSON.parse(got.value)).toEqual(told)
  })

  it.each([
    ['openai-embeddings', '{"data":[{"index":0,"embedding":[1]}]}', '1 embeddings where 2'], ['openai-embeddings', '{"data":[{"index":1,"embedding":[1]},{"index":0,"embedding":[1]}]}', 'no embedding'],
    ['openai-embeddings', '{"data":[{"index":0,"embedding":[1]},{"index":1,"embedding":[1]},{"index":2,"embedding":[1]}]}', 'more embeddings'], ['openai-embeddings', '{"data":[{"embedding":"AAAA"}]}', 'no embedding'],
    ['openai-embeddings', '{"data":[{"embedding":[1,"2"]}]}', 'no embedding'], ['openai-embeddings', '{"data":[1,2]}', 'no list'], ['openai-embeddings', '{"data":[{"embedding":[1]} {"embedding":[1]}]}', 'no list'],
    ['gemini-embed', '{"embeddings":[{"values":[1]},{"values":[2]}', 'whole'], ['ollama-embed', '[]', 'not a JSON object'], ['cohere-embed', '{"embeddings":[[1],[2]]}', '0 embeddings'], ['cohere-embed', '', 'not a JSON object'], ['ollama-embed', '{"embeddings":[[],[1]]}', 'no embedding'],
  ] as const)('of %s that is none is told: %s', (provider, text, words) => {
    const got = answered(provider, 'openai-embeddings', [text])
    expect(got.ok ? '' : got.error.message).toContain(words)
  })
})

it('a list is cut without being held: what is too long for one element ends it', () => {
  const cutter = new ElementCutter(['a'], 16, 64)
  cutter.push(`{"a":[["${'x'.repeat(20)}`, () => expect.fail('no element'))
  expect(cutter.broken).toBe(true)
})
