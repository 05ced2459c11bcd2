import { Ollama } from 'ollama'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { sendRaw } from '../harness/http-client.ts'
import { startScriptedUpstream, type ScriptedUpstream } from '../harness/scripted-upstream.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

let upstream: ScriptedUpstream
let headrace: Headrace
let client: Ollama

beforeAll(async () => {
  upstream = await startScriptedUpstream()
  headrace = await startHeadrace({ config: { providers: { up: { base_url: upstream.url.replace('/v1', ''), dialect: 'ollama-chat', credentials: [], models: ['llama'] }, sandbox: {} } } })
  client = new Ollama({ host: headrace.url, headers: { authorization: `Bearer ${API_KEY}` } })
})
afterAll(async () => {
  await headrace.stop()
  await upstream.stop()
})

it('Ollama\'s own client chats with a model of any provider, whole and as a stream', async () => {
  const messages = [{ role: 'user', content: 'Hello, Köln.' }]
  const whole = await client.chat({ model: 'sandbox/echo', messages, stream: false })
  expect(whole.message).toMatchObject({ role: 'assistant', content: expect.stringContaining('Köln') })
  expect(whole).toMatchObject({ done: true, done_reason: 'stop' })
  expect(whole.eval_count).toBeGreaterThan(0)
  let text = ''
  let last: unknown = null
  for await (const part of await client.chat({ model: 'sandbox/echo:latest', messages, stream: true })) {
    text += part.message.content
    last = part
  }
  expect(text).toBe(whole.message.content)
  expect(last).toMatchObject({ done: true, done_reason: 'stop', eval_count: whole.eval_count })
})

it('and generates from a prompt', async () => {
  const whole = await client.generate({ model: 'sandbox/echo', prompt: 'Say Köln.', stream: false })
  expect(whole.response).toContain('Köln')
  let text = ''
  for await (const part of await client.generate({ model: 'sandbox/echo', prompt: 'Say Köln.', stream: true })) text += part.response
  expect(text).toBe(whole.response)
})

it('streams where its request does not say', async () => {
  const answer = await sendRaw(headrace.port, { path: '/api/chat', body: JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'a b c' }] }), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
  expect(answer.headers.get('content-type')).toBe('application/x-ndjson')
  const lines = answer.body.toString().trim().split('\n').map(line => JSON.parse(line) as { readonly done: boolean })
  expect(lines.map(({ done }) => done)).toEqual([...lines.slice(1).map(() => false), true])
})

it('lists models, tells of one, and says which API it speaks', async () => {
  const { models } = await client.list()
  expect(models.map(({ name }) => name)).toContain('up/llama')
  const shown = await client.show({ model: 'sandbox/echo' })
  expect(shown.capabilities).toContain('completion')
  expect((await client.version()).version).toMatch(/^\d+\.\d+\.\d+$/)
  expect((await client.ps()).models).toEqual([])
  await expect(client.show({ model: 'no-such-model' })).rejects.toThrow(/no model/)
  await expect(client.pull({ model: 'llama3' })).rejects.toThrow(/not kept here/)
})

it('tells errors in the words that the client raises', async () => {
  await expect(client.chat({ model: 'no-such-model', messages: [] })).rejects.toThrow(/There is no model "no-such-model"/)
  await expect(new Ollama({ host: headrace.url }).list()).rejects.toThrow(/No API key was sent/)
})

it('passes an Ollama\'s own bytes on as they are, with its options, and records what they cost', async () => {
  const lines = ['{"model":"llama","created_at":"2026-01-01T00:00:00Z","message":{"role":"assistant","content":"H\\u00e4"},"new":1,"done":false}\n', '{"model":"llama","created_at":"2026-01-01T00:00:01Z","message":{"role":"assistant","content":""},"done":true,"done_reason":"length","prompt_eval_count":3,"eval_count":2}\n']
  upstream.on('llama', socket => { socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\ncontent-length: ${lines.join('').length}\r\n\r\n${lines.join('')}`) })
  const body = JSON.stringify({ model: 'up/llama', messages: [{ role: 'user', content: 'x' }], options: { num_ctx: 9_000 }, keep_alive: -1 })
  const answer = await sendRaw(headrace.port, { path: '/api/chat', body, headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
  expect(answer.body.toString()).toBe(lines.join(''))
  expect((await upstream.seen('llama'))[0]?.body.toString()).toBe(body.replace('up/llama', 'llama'))
  const [call] = await headrace.logs('model=up/llama')
  expect(call).toMatchObject({ inputTokens: 3, outputTokens: 2, finishReason: 'length' })
})
