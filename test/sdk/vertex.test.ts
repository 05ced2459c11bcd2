import { generateKeyPairSync } from 'node:crypto'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, TokenDesk, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { sendRaw } from '../harness/http-client.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

const EMAIL = 'headrace@p1.iam.gserviceaccount.com'
const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
const desk = new TokenDesk({ email: EMAIL, publicKey })
let sandbox: Sandbox
let headrace: Headrace
let openai: OpenAI
let anthropic: Anthropic
let gemini: GoogleGenAI

beforeAll(async () => {
  sandbox = await startSandbox({ tokenDesk: desk })
  const url = `http://${sandbox.host}:${sandbox.port}`
  const file = { type: 'service_account', private_key_id: 'k1', private_key: privateKey, client_email: EMAIL, token_uri: `${url}/token` }
  const stranger = { ...file, private_key: generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } }).privateKey }
  const project = `${url}/v1/projects/p1/locations/europe-west4/publishers`
  const credentials = { google: { key: '${file:vertex.json}' } }
  headrace = await startHeadrace({
    args: ['--workers', '1'], files: { 'vertex.json': JSON.stringify(file), 'stranger.json': JSON.stringify(stranger) },
    config: {
      providers: {
        'vertex': { like: 'google-vertex', base_url: `${project}/google`, credentials }, 'claude': { like: 'google-vertex-anthropic', base_url: `${project}/anthropic`, credentials },
        'stranger': { like: 'google-vertex', base_url: `${project}/google`, credentials: { google: { key: '${file:stranger.json}' } } },
      },
      models: { 'gemini-*': ['vertex/*'], 'claude-*': ['claude/*'], 'stranger': ['stranger/echo'] }, relay: { max_attempts: 1 },
    },
  })
  openai = new OpenAI({ baseURL: `${headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: headrace.url, apiKey: API_KEY, maxRetries: 0 })
  gemini = new GoogleGenAI({ apiKey: API_KEY, httpOptions: { baseUrl: headrace.url } })
}, 20_000)
afterAll(async () => {
  await headrace?.stop()
  await sandbox?.close()
})

const SAID = 'Say nothing but this.'

describe.each([['gemini-echo'], ['claude-echo']])('%s on Vertex AI', model => {
  it('answers the openai SDK, as a whole and as a stream', async () => {
    const messages = [{ role: 'system' as const, content: 'Be brief.' }, { role: 'user' as const, content: SAID }]
    const whole = await openai.chat.completions.create({ model, messages, max_tokens: 50 })
    expect(whole.choices[0]?.message.content).toContain(SAID)
    expect(whole.usage?.prompt_tokens).toBeGreaterThan(0)
    let streamed = ''
    for await (const chunk of await openai.chat.completions.create({ model, messages, max_tokens: 50, stream: true })) streamed += chunk.choices[0]?.delta.content ?? ''
    expect(streamed).toBe(whole.choices[0]?.message.content)
  })

  it('answers the anthropic SDK, as a whole and as a stream, and counts tokens', async () => {
    const request = { model, max_tokens: 50, messages: [{ role: 'user' as const, content: SAID }] }
    const whole = await anthropic.messages.create({ ...request, system: 'Be brief.' })
    expect(whole.content[0]).toMatchObject({ type: 'text', text: expect.stringContaining(SAID) })
    const streamed = await anthropic.messages.stream({ ...request, system: 'Be brief.' }).finalMessage()
    expect(streamed.content).toEqual(whole.content)
    expect((await anthropic.messages.countTokens({ model, messages: request.messages })).input_tokens).toBeGreaterThan(0)
  })

  it('answers the Google SDK, as a whole and as a stream', async () => {
    const request = { model, contents: SAID, config: { maxOutputTokens: 50, systemInstruction: 'Be brief.' } }
    const whole = await gemini.models.generateContent(request)
    expect(whole.text).toContain(SAID)
    let streamed = ''
    for await (const chunk of await gemini.models.generateContentStream(request)) streamed += chunk.text ?? ''
    expect(streamed).toBe(whole.text)
  })
})

describe('embeddings on Vertex AI', () => {
  it('are made for the openai SDK, several at a time', async () => {
    const { data, usage } = await openai.embeddings.create({ model: 'gemini-embed', input: ['Köln', 'Bonn'], dimensions: 8 })
    expect(data.map(({ index, embedding }) => [index, embedding.length])).toEqual([[0, 8], [1, 8]])
    expect(usage.prompt_tokens).toBeGreaterThan(1)
  })

  it('are made for the Google SDK', async () => {
    const { embeddings } = await gemini.models.embedContent({ model: 'gemini-embed', contents: ['Köln', 'Bonn'], config: { outputDimensionality: 8, taskType: 'RETRIEVAL_DOCUMENT', title: 'Cities' } })
    expect(embeddings?.map(({ values }) => values?.length)).toEqual([8, 8])
  })
})

describe('a service account\'s token', () => {
  it('is got once for both publishers, and anew when it is taken back', async () => {
    expect(desk.issued).toBe(1)
    desk.revoke()
    await expect(openai.chat.completions.create({ model: 'gemini-echo', messages: [{ role: 'user', content: 'x' }] })).rejects.toMatchObject({ status: 502 })
    expect((await openai.chat.completions.create({ model: 'gemini-echo', messages: [{ role: 'user', content: SAID }] })).choices[0]?.message.content).toContain(SAID)
    expect(desk.issued).toBe(2)
  })

  it('is not given to the key of another, and nobody is told why but that it was refused', async () => {
    const answer = await sendRaw(headrace.port, { body: JSON.stringify({ model: 'stranger', messages: [{ role: 'user', content: 'x' }] }), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
    expect([answer.status, answer.body.toString()]).toEqual([502, expect.stringContaining('invalid_grant')])
    expect(desk.issued).toBe(2)
  })

  it('stands in nothing that the gateway writes or tells, nor does the key', async () => {
    const told = headrace.output() + JSON.stringify([(await headrace.admin('/config')).body, await headrace.logs('limit=1000')])
    expect(told).not.toContain('ya29.')
    expect(told).not.toContain(privateKey.split('\n')[3])
    expect(told).not.toContain('BEGIN PRIVATE KEY')
  })
})
