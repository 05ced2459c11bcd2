import OpenAI from 'openai'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/main.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

const KEY = 'sk-sandbox-0123456789abcdef'
let sandbox: Sandbox
let headrace: Headrace
let client: OpenAI

beforeAll(async () => {
  sandbox = await startSandbox()
  const url = `http://${sandbox.host}:${sandbox.port}`
  headrace = await startHeadrace({
    config: {
      providers: {
        own: { base_url: `${url}/v1`, credentials: [KEY] }, responses: { base_url: `${url}/v1`, dialect: 'openai-responses', credentials: [KEY] }, messages: { base_url: `${url}/v1`, dialect: 'anthropic-messages', credentials: [KEY] },
        gemini: { base_url: `${url}/v1beta`, credentials: [KEY] }, groq: { base_url: `${url}/v1`, credentials: [KEY] },
      },
      models: { falls: ['own/echo:status=503', 'messages/echo'], strict: { targets: ['messages/echo'], strict: true } },
    },
  })
  client = new OpenAI({ apiKey: API_KEY, baseURL: `${headrace.url}/v1`, maxRetries: 0 })
}, 20_000)
afterAll(async () => {
  await headrace?.stop()
  await sandbox?.close()
})

it.each([['own', '/v1/completions'], ['responses', ''], ['messages', ''], ['gemini', ''], ['groq', '']])('legacy completions come from a model at %s, whole and as a stream', async (provider, path) => {
  const asked = { model: `${provider}/echo`, prompt: 'Once upon a time in Köln.', max_tokens: 50 }
  const whole = await client.completions.create(asked)
  expect(whole).toMatchObject({ object: 'text_completion', choices: [{ index: 0, finish_reason: 'stop', text: expect.stringContaining('Köln') }] })
  expect(whole.usage?.completion_tokens).toBeGreaterThan(0)
  let text = ''
  for await (const chunk of await client.completions.create({ ...asked, stream: true })) text += chunk.choices[0]?.text ?? ''
  expect(text).toBe(whole.choices[0]?.text)
  expect(await headrace.logs(`model=${encodeURIComponent(asked.model)}`)).toEqual(expect.arrayContaining([expect.objectContaining({ operation: 'completion', outcome: 'settled', provider })]))
  if (path !== '') expect(JSON.parse(sandbox.calls().calls.at(-1)?.body ?? '')).toHaveProperty('prompt')
})

it('fall back to a model of conversations, and say what such a model has no word for', async () => {
  const { data, response } = await client.completions.create({ model: 'falls', prompt: 'x y', max_tokens: 9, logprobs: 1 }).withResponse()
  expect([data.object, response.headers.get('headrace-target'), response.headers.get('headrace-dropped')]).toEqual(['text_completion', 'messages/echo', 'logprobs'])
  await expect(client.completions.create({ model: 'strict', prompt: 'x', max_tokens: 9, logprobs: 1 })).rejects.toMatchObject({ status: 400 })
  await expect(client.completions.create({ model: 'messages/echo', prompt: 'x', suffix: 'z' })).rejects.toMatchObject({ status: 400, param: 'suffix' })
})
