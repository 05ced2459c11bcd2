import { createGoogle } from '@ai-sdk/google'
import { createOpenAI } from '@ai-sdk/openai'
import { GoogleGenAI } from '@google/genai'
import { OpenAIEmbeddings } from '@langchain/openai'
import { embedMany } from 'ai'
import { CohereClient, CohereClientV2 } from 'cohere-ai'
import { Ollama } from 'ollama'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { sendRaw, type RawAnswer } from '../harness/http-client.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

const PROVIDERS = ['openai', 'google', 'oll', 'coh'] as const
const KEY = 'sk-sandbox-0123456789abcdef'
let sandbox: Sandbox
let headrace: Headrace
let openai: OpenAI
let genai: GoogleGenAI
let ollama: Ollama
let cohere: CohereClientV2

beforeAll(async () => {
  sandbox = await startSandbox()
  const url = `http://${sandbox.host}:${sandbox.port}`
  headrace = await startHeadrace({
    config: {
      providers: {
        openai: { base_url: `${url}/v1`, credentials: [KEY] }, google: { base_url: `${url}/v1beta`, dialect: 'google-gemini', credentials: [KEY] },
        oll: { base_url: url, dialect: 'ollama-chat', credentials: [] }, coh: { like: 'cohere', base_url: `${url}/compatibility/v1`, credentials: [KEY] }, claude: { base_url: `${url}/v1`, dialect: 'anthropic-messages', credentials: [KEY] },
      },
      models: {
        'ranks-openai': ['openai/echo'], 'ranks-coh': ['coh/echo'], 'ranks-none': ['google/echo'], 'ranks-second': ['openai/echo:status=503', 'coh/echo'],
        ...Object.fromEntries(PROVIDERS.map(provider => [`${provider}-vectors`, [`${provider}/embed`]])),
        second: ['google/embed:status=503', 'oll/embed'], lying: ['oll/embed:error_body', 'openai/embed'], strict: { targets: ['oll/embed'], strict: true }, claude: ['claude/echo'], spare: ['claude/echo', 'coh/embed'],
      },
      prices: { 'oll/embed': { input: 1, output: 0 } },
    },
  })
  openai = new OpenAI({ apiKey: API_KEY, baseURL: `${headrace.url}/v1`, maxRetries: 0 })
  genai = new GoogleGenAI({ apiKey: API_KEY, httpOptions: { baseUrl: headrace.url, retryOptions: { attempts: 1 } } })
  ollama = new Ollama({ host: headrace.url, headers: { authorization: `Bearer ${API_KEY}` } })
  cohere = new CohereClientV2({ token: API_KEY, environment: headrace.url, maxRetries: 0 })
}, 20_000)
afterAll(async () => {
  await headrace?.stop()
  await sandbox?.close()
})

const TEXTS = ['The river is high.', 'Köln']
const post = (path: string, body: object): Promise<RawAnswer> => sendRaw(headrace.port, { path, body: JSON.stringify(body), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
const rounded = (vectors: readonly (readonly number[])[]): readonly number[][] => vectors.map(vector => vector.map(Math.fround))

describe.each(PROVIDERS)('embeddings of a model at %s', provider => {
  const model = `${provider}-vectors`
  const vectors = async (): Promise<readonly number[][]> => rounded((await ollama.embed({ model, input: TEXTS, dimensions: 256 })).embeddings)

  it('are the same for the clients of OpenAI, Google, Ollama and Cohere', async () => {
    const expected = await vectors()
    expect(expected.map(vector => vector.length)).toEqual([256, 256])
    // Asks for base64, and reads it.
    const listed = await openai.embeddings.create({ model, input: TEXTS, dimensions: 256 })
    expect(rounded(listed.data.map(({ embedding }) => embedding))).toEqual(expected)
    expect(listed.usage.prompt_tokens).toBeGreaterThan(0)
    const floats = await openai.embeddings.create({ model, input: TEXTS, encoding_format: 'float' })
    expect(rounded(floats.data.map(({ embedding }) => embedding))).toEqual(expected)
    const google = await genai.models.embedContent({ model, contents: TEXTS, config: { outputDimensionality: 256 } })
    expect(rounded((google.embeddings ?? []).map(({ values = [] }) => values))).toEqual(expected)
    const { embeddings } = await cohere.embed({ model, texts: TEXTS, inputType: 'search_document', embeddingTypes: ['float'], outputDimension: 256 })
    expect(rounded(embeddings.float ?? [])).toEqual(expected)
  })

  it('and for those of LangChain and Vercel', async () => {
    const expected = await vectors()
    const langchain = new OpenAIEmbeddings({ apiKey: API_KEY, model, dimensions: 256, maxRetries: 0, configuration: { baseURL: `${headrace.url}/v1` } })
    expect(rounded(await langchain.embedDocuments([...TEXTS]))).toEqual(expected)
    const [openaiModel, googleModel] = [createOpenAI({ apiKey: API_KEY, baseURL: `${headrace.url}/v1` }).embedding(model), createGoogle({ apiKey: API_KEY, baseURL: `${headrace.url}/v1beta` }).embedding(model)]
    for (const vercel of [openaiModel, googleModel]) expect(rounded((await embedMany({ model: vercel, values: [...TEXTS], maxRetries: 0 })).embeddings)).toEqual(expected)
  })

  it('come one at a time, too', async () => {
    const [, expected] = await vectors()
    const [older, google] = await Promise.all([ollama.embeddings({ model, prompt: 'Köln' }), post(`/v1beta/models/${model}:embedContent`, { content: { parts: [{ text: 'Köln' }] } })])
    expect(older.embedding.map(Math.fround)).toEqual(expected)
    expect((JSON.parse(google.body.toString()) as { readonly embedding: { readonly values: readonly number[] } }).embedding.values.map(Math.fround)).toEqual(expected)
  })

  it('of 300 texts come whole, and are on record', async () => {
    const count = provider === 'google' ? 100 : provider === 'coh' ? 96 : 300
    const texts = Array.from({ length: count }, (_, at) => `text ${at}`)
    const many = `${provider}/embed:dims=300`
    const listed = await openai.embeddings.create({ model: many, input: texts, encoding_format: 'float' })
    expect(listed.data.map(({ index }) => index)).toEqual(texts.map((_, at) => at))
    expect(await headrace.logs(`model=${encodeURIComponent(many)}`)).toMatchObject([{ operation: 'embeddings', dialect: 'openai-chat', outcome: 'settled', inputTokens: listed.usage.prompt_tokens }])
  })
})

describe('embeddings', () => {
  it('tell in a header what the provider has no word for, and are refused where the model is strict', async () => {
    const lost = await post('/v1/embeddings', { model: 'oll-vectors', input: 'a', user: 'u', input_type: 'query' })
    expect([lost.status, lost.headers.get('headrace-dropped'), lost.headers.get('headrace-target')]).toEqual([200, 'input_type, user', 'oll/embed'])
    const strict = await post('/v1/embeddings', { model: 'strict', input: 'a', user: 'u' })
    expect([strict.status, strict.body.toString()]).toEqual([400, expect.stringContaining('would drop user')])
  })

  it('come from the next target where one fails, lies or has none, in whatever format', async () => {
    for (const [model, target] of [['second', 'oll/embed'], ['lying', 'openai/embed'], ['spare', 'coh/embed']] as const) {
      const answer = await post('/v1/embeddings', { model, input: 'a' })
      expect([answer.status, answer.headers.get('headrace-target')]).toEqual([200, target])
    }
    const none = await post('/v1/embeddings', { model: 'claude', input: 'a' })
    expect([none.status, none.body.toString()]).toEqual([400, expect.stringContaining('has no such operation (embeddings)')])
  })

  it('cost what their tokens cost', async () => {
    const { prompt_eval_count: tokens } = await ollama.embed({ model: 'oll/embed', input: 'one two three' })
    expect(await headrace.logs('model=oll/embed')).toMatchObject([{ inputTokens: tokens, costNano: tokens * 1_000 }])
  })

  it('hand the provider\'s own refusal on in the client\'s shape', async () => {
    const { status, body } = await post('/v1/embeddings', { model: 'google-vectors', input: 'a', dimensions: 100_000 })
    expect([status, JSON.parse(body.toString())]).toEqual([400, { error: expect.objectContaining({ message: expect.stringContaining('outputDimensionality') }) }])
    const cohere = await post('/api/embed', { model: 'coh-vectors', input: 'a', dimensions: 7 })
    expect([cohere.status, JSON.parse(cohere.body.toString())]).toEqual([400, { error: expect.stringContaining('output_dimension') }])
  })
})

describe('documents are put in their order', () => {
  const documents = ['Bread is baked.', 'The river is high after the rain.', 'A river.']
  const query = 'How high is the river?'

  it.each(['ranks-openai', 'ranks-coh', 'ranks-second'])('by %s, for Cohere\'s clients of both versions and Jina\'s', async model => {
    const second = await cohere.rerank({ model, query, documents, topN: 2 })
    expect(second.results).toHaveLength(2)
    expect(second.results[0]).toMatchObject({ index: 1, relevanceScore: expect.any(Number) })
    const first = await new CohereClient({ token: API_KEY, environment: headrace.url, maxRetries: 0 }).rerank({ model, query, documents: documents.map(text => ({ text })), topN: 2, returnDocuments: true })
    expect(first.results.map(({ index, relevanceScore }) => ({ index, relevanceScore }))).toEqual(second.results)
    expect(first.results[0]?.document).toMatchObject({ text: documents[1] })
    const jina = await post('/v1/rerank', { model, query, documents, top_n: 1, return_documents: false })
    expect(JSON.parse(jina.body.toString())).toMatchObject({ results: [{ index: 1 }] })
  })

  it('and are on record with what their client speaks', async () => {
    await cohere.rerank({ model: 'coh/echo', query, documents })
    expect(await headrace.logs('model=coh/echo')).toMatchObject([{ operation: 'rerank', dialect: 'cohere-api', outcome: 'settled' }])
  })

  it('nowhere by a provider that does not do it, and what is wrong is said in the client\'s shape', async () => {
    const none = await post('/v2/rerank', { model: 'ranks-none', query, documents })
    expect([none.status, JSON.parse(none.body.toString())]).toEqual([400, { id: expect.any(String), message: expect.stringContaining('has no such operation (rerank)') }])
    const empty = await post('/v1/rerank', { model: 'ranks-coh', query, documents: [] })
    expect([empty.status, empty.body.toString()]).toEqual([400, expect.stringContaining('must be a list of texts')])
    const lost = await post('/v2/rerank', { model: 'ranks-openai', query, documents, max_tokens_per_doc: 9 })
    expect([lost.status, lost.headers.get('headrace-dropped')]).toEqual([200, 'max_tokens_per_doc'])
    await expect(cohere.rerank({ model: 'nobody', query, documents })).rejects.toMatchObject({ statusCode: 404, body: { message: expect.stringContaining('nobody') } })
  })
})

describe('moderations', () => {
  it('come from providers of OpenAI\'s dialects, and from no other', async () => {
    const judged = await openai.moderations.create({ model: 'openai/echo', input: ['You idiot.', 'Hello.'] })
    expect(judged.results.map(({ flagged }) => flagged)).toEqual([true, false])
    await expect(openai.moderations.create({ model: 'google/echo', input: 'x' })).rejects.toMatchObject({ status: 400 })
    expect(await headrace.logs('model=openai/echo')).toMatchObject([{ operation: 'moderation', outcome: 'settled' }])
  })
})
