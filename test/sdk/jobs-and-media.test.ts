import { createHash, randomBytes } from 'node:crypto'
import Anthropic from '@anthropic-ai/sdk'
import { createOpenAI } from '@ai-sdk/openai'
import { DallEAPIWrapper } from '@langchain/openai'
import { generateImage } from 'ai'
import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendRaw } from '../harness/http-client.ts'
import { plainJson, startPlainUpstream, type PlainRequest, type PlainUpstream } from '../harness/plain-upstream.ts'
import { startHeadrace, type Headrace } from '../harness/start-headrace.ts'

const PASS_KEY = 'hr_test_jobs_0123456789abcdefghijklmn'
const MEDIA_KEY = 'hr_test_pictures_0123456789abcdefghij'
const OTHER_KEY = 'hr_test_othertenant_0123456789abcdefg'
const SECOND_KEY = 'hr_test_severalofthem_0123456789abcdef'
const PROVIDER_KEY = 'sk-provider-secret-canary-0123456789'
const PIXEL = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='

let upstream: PlainUpstream
let headrace: Headrace
beforeAll(async () => {
  upstream = await startPlainUpstream()
  headrace = await startHeadrace({
    config: {
      providers: {
        openai: { base_url: `${upstream.origin}/v1`, credentials: [PROVIDER_KEY] },
        one: { base_url: `${upstream.origin}/v1`, credentials: [PROVIDER_KEY], tenant: 'several' },
        two: { base_url: `${upstream.origin}/v1`, credentials: [PROVIDER_KEY], tenant: 'several' },
        claude: { base_url: `${upstream.origin}/v1`, dialect: 'anthropic-messages', credentials: [PROVIDER_KEY] },
      },
      models: { picture: ['openai/gpt-image-1'] },
      keys: [
        { name: 'jobs', key: PASS_KEY, scopes: ['pass-through'] },
        { name: 'media', key: MEDIA_KEY },
        { name: 'other', key: OTHER_KEY, scopes: ['pass-through'], tenant: 'acme' },
        { name: 'several', key: SECOND_KEY, scopes: ['pass-through'], tenant: 'several' },
      ],
    },
  })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  await upstream?.stop()
})

const last = (): PlainRequest => upstream.seen.at(-1) ?? expect.unreachable('nothing reached the provider')
const openai = (apiKey = PASS_KEY): OpenAI => new OpenAI({ baseURL: `${headrace.url}/providers/openai/v1`, apiKey, maxRetries: 0 })

describe('OpenAI\'s SDK over /providers/{id}/v1', () => {
  it('uploads a file, reads it and deletes it', async () => {
    upstream.on('/v1/files', plainJson({ id: 'file-1', object: 'file' }))
    const file = await openai().files.create({ purpose: 'batch', file: await toFile(Buffer.from('{"custom_id":"1"}\n'), 'in.jsonl') })
    expect(file.id).toBe('file-1')
    expect(last().headers).toMatchObject({ authorization: `Bearer ${PROVIDER_KEY}` })
    expect(last().body).toContain('{"custom_id":"1"}\n')
    upstream.on('/v1/files/file-1/content', (_request, response) => response.end('line\n'))
    expect(await (await openai().files.content(file.id)).text()).toBe('line\n')
    upstream.on('/v1/files/file-1', plainJson({ id: 'file-1', object: 'file', deleted: true }))
    expect((await openai().files.delete(file.id)).deleted).toBe(true)
    expect([last().method, last().url]).toEqual(['DELETE', '/v1/files/file-1'])
  })

  const jobs = [
    { job: 'a batch', path: '/v1/batches', make: () => openai().batches.create({ input_file_id: 'file-1', endpoint: '/v1/chat/completions', completion_window: '24h' }), poll: () => openai().batches.retrieve('job-1') },
    { job: 'fine-tuning', path: '/v1/fine_tuning/jobs', make: () => openai().fineTuning.jobs.create({ model: 'gpt-4o-mini', training_file: 'file-1' }), poll: () => openai().fineTuning.jobs.retrieve('job-1') },
    { job: 'a video', path: '/v1/videos', make: () => openai().videos.create({ model: 'sora-2', prompt: 'a weir' }), poll: () => openai().videos.retrieve('job-1') },
  ]
  it.each(jobs)('starts $job and asks how it stands', async ({ path, make, poll }) => {
    upstream.on(path, plainJson({ id: 'job-1', status: 'queued' }))
    upstream.on(`${path}/job-1`, plainJson({ id: 'job-1', status: 'completed' }))
    expect(await make()).toMatchObject({ id: 'job-1', status: 'queued' })
    expect([last().method, last().url]).toEqual(['POST', path])
    expect(await poll()).toMatchObject({ id: 'job-1', status: 'completed' })
    expect([last().method, last().url]).toEqual(['GET', `${path}/job-1`])
  })

  it('another tenant\'s key is told that there is no such provider, and nothing of it reaches the provider', async () => {
    const before = upstream.seen.length
    await expect(openai(OTHER_KEY).files.retrieve('file-1')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
    expect(upstream.seen).toHaveLength(before)
  })
})

describe('Anthropic\'s SDK over /providers/{id}', () => {
  it('starts a batch, asks how it stands, and reads its results at their path', async () => {
    const client = new Anthropic({ baseURL: `${headrace.url}/providers/claude`, apiKey: PASS_KEY, maxRetries: 0 })
    upstream.on('/v1/messages/batches', plainJson({ id: 'msgbatch_1', processing_status: 'in_progress' }))
    upstream.on('/v1/messages/batches/msgbatch_1', plainJson({ id: 'msgbatch_1', processing_status: 'ended' }))
    const made = await client.messages.batches.create({ requests: [{ custom_id: 'a', params: { model: 'claude-x', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] } }] })
    expect(made.id).toBe('msgbatch_1')
    expect(last().headers).toMatchObject({ 'x-api-key': PROVIDER_KEY })
    expect((await client.messages.batches.retrieve(made.id)).processing_status).toBe('ended')
    upstream.on('/v1/messages/batches/msgbatch_1/results', (_request, response) => response.end('{"custom_id":"a"}\n'))
    expect(await (await client.get(`/v1/messages/batches/${made.id}/results`).asResponse()).text()).toBe('{"custom_id":"a"}\n')
    expect(last().headers).toMatchObject({ 'x-api-key': PROVIDER_KEY })
  })
})

describe('the vendors\' own paths', () => {
  const root = (apiKey = PASS_KEY, defaultHeaders = {}): OpenAI => new OpenAI({ baseURL: `${headrace.url}/v1`, apiKey, maxRetries: 0, defaultHeaders })
  it('OpenAI\'s files, batches, fine-tuning and videos go to the provider that is called openai, whatever else speaks as it does', async () => {
    upstream.on('/v1/files', plainJson({ id: 'file-1', object: 'file' }))
    expect((await root().files.create({ purpose: 'batch', file: await toFile(Buffer.from('{}\n'), 'in.jsonl') })).id).toBe('file-1')
    expect(last().headers).toMatchObject({ authorization: `Bearer ${PROVIDER_KEY}` })
    for (const path of ['/v1/batches', '/v1/fine_tuning/jobs', '/v1/videos']) upstream.on(`${path}/job-2`, plainJson({ id: 'job-2' }))
    const client = root()
    for (const ask of [() => client.batches.retrieve('job-2'), () => client.fineTuning.jobs.retrieve('job-2'), () => client.videos.retrieve('job-2')]) expect(await ask()).toMatchObject({ id: 'job-2' })
  })

  it('Anthropic\'s batches and files go to the one that speaks as it does', async () => {
    const client = new Anthropic({ baseURL: headrace.url, apiKey: PASS_KEY, maxRetries: 0 })
    upstream.on('/v1/messages/batches/msgbatch_2', plainJson({ id: 'msgbatch_2' }))
    expect((await client.messages.batches.retrieve('msgbatch_2')).id).toBe('msgbatch_2')
    expect(last().headers).toMatchObject({ 'x-api-key': PROVIDER_KEY })
    await client.get('/v1/files/file-2')
    expect([last().url, last().headers['x-api-key']]).toEqual(['/v1/files/file-2', PROVIDER_KEY])
  })

  it.each([
    { who: 'a key without the scope', key: MEDIA_KEY, headers: {}, status: 403 },
    { who: 'a tenant without a provider', key: OTHER_KEY, headers: {}, status: 404 },
    { who: 'a tenant that names another one\'s', key: OTHER_KEY, headers: { 'headrace-provider': 'openai' }, status: 404 },
    { who: 'one that does not say which of several', key: SECOND_KEY, headers: {}, status: 400, says: 'name one of them in the header headrace-provider' },
    { who: 'a name that is no name', key: PASS_KEY, headers: { 'headrace-provider': '../up' }, status: 404, says: 'The header headrace-provider' },
    { who: 'a key that is none', key: 'hr_wrong', headers: {}, status: 401 },
  ])('$who is refused ($status), and nothing reaches the provider', async ({ key, headers, status, says = '' }) => {
    const before = upstream.seen.length
    await expect(root(key, headers).files.retrieve('file-1')).rejects.toMatchObject({ status, message: expect.stringContaining(says) as string })
    expect(upstream.seen).toHaveLength(before)
  })

  it('an upload goes in parts', async () => {
    const { uploads } = root()
    upstream.on('/v1/uploads', plainJson({ id: 'upload-1', status: 'pending' }))
    upstream.on('/v1/uploads/upload-1/parts', plainJson({ id: 'part-1' }))
    upstream.on('/v1/uploads/upload-1/complete', plainJson({ id: 'upload-1', status: 'completed' }))
    const { id } = await uploads.create({ bytes: 4, filename: 'a.jsonl', mime_type: 'text/jsonl', purpose: 'batch' })
    const part = await uploads.parts.create(id, { data: await toFile(Buffer.from('line'), 'part') })
    expect((await uploads.complete(id, { part_ids: [part.id] })).status).toBe('completed')
    expect(JSON.parse(last().body)).toEqual({ part_ids: ['part-1'] })
  })

  it('a large body goes up byte for byte, though no length is told', async () => {
    const body = randomBytes(3 * 2 ** 20)
    upstream.on('/v1/videos', ({ digest }, response) => response.end(digest))
    const answer = await sendRaw(headrace.port, { method: 'POST', path: '/v1/videos', body, chunked: true, headers: [['authorization', `Bearer ${PASS_KEY}`], ['content-type', 'application/octet-stream']] })
    expect(answer.body.toString()).toBe(createHash('sha256').update(body).digest('hex'))
  })

  it.each(['/v1/files/../chat/completions', '/v1/files/%2e%2e/models', '/v1/files/a%2Fb', '/v1/batches//x', '/v1/videos/..%5cx'])('%s is refused', async path => {
    const before = upstream.seen.length
    expect((await sendRaw(headrace.port, { method: 'GET', path, headers: [['authorization', `Bearer ${PASS_KEY}`]] })).status).toBe(400)
    expect(upstream.seen).toHaveLength(before)
  })

  it.each(['/v1/filesystem', '/v1/messages/batcheses', '/v2/files'])('%s is no such path', async path => {
    const before = upstream.seen.length
    expect((await sendRaw(headrace.port, { method: 'GET', path, headers: [['authorization', `Bearer ${PASS_KEY}`]] })).status).toBe(404)
    expect(upstream.seen).toHaveLength(before)
  })

  it('the header names the provider, and does not reach it', async () => {
    await root(PASS_KEY, { 'headrace-provider': 'claude' }).get('/files/file-3')
    expect(last().headers).toMatchObject({ 'x-api-key': PROVIDER_KEY })
    expect(last().headers).not.toHaveProperty('headrace-provider')
  })
})

describe('pictures', () => {
  it('are made by the AI SDK\'s generateImage, under the model\'s alias', async () => {
    upstream.on('/v1/images/generations', plainJson({ created: 1, data: [{ b64_json: PIXEL }] }))
    const provider = createOpenAI({ baseURL: `${headrace.url}/v1`, apiKey: MEDIA_KEY })
    const { image } = await generateImage({ model: provider.image('picture'), prompt: 'a weir', maxRetries: 0 })
    expect(image.base64).toBe(PIXEL)
    expect(JSON.parse(last().body)).toMatchObject({ model: 'gpt-image-1', prompt: 'a weir' })
  })

  it('are made by LangChain\'s DallEAPIWrapper', async () => {
    upstream.on('/v1/images/generations', plainJson({ created: 1, data: [{ url: 'https://x.example/1' }] }))
    const tool = new DallEAPIWrapper({ model: 'picture', apiKey: MEDIA_KEY, baseUrl: `${headrace.url}/v1` })
    expect(await tool.invoke('a weir')).toBe('https://x.example/1')
    expect(JSON.parse(last().body)).toMatchObject({ model: 'gpt-image-1', prompt: 'a weir' })
  })
})
