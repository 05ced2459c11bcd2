import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { UNKNOWN_USAGE, type StreamEvent } from '@headrace/contract'
import { DIALECTS } from '../../packages/gateway/src/main.ts'
import { DialectClient } from '../harness/dialect-client.ts'
import type { ClientWire } from '../harness/dialect-judge.ts'
import { sendRaw } from '../harness/http-client.ts'
import { answerJson, answerRaw, chunk, LAST_CHUNK, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

const WIRES = ['openai-chat', 'openai-responses', 'anthropic-messages', 'google-gemini'] as const satisfies readonly ClientWire[]
const PAIRS = WIRES.flatMap(client => WIRES.map(provider => ({ client, provider })))

let rig: Rig
let clients: DialectClient
beforeAll(async () => {
  rig = await startRig({
    args: ['--no-sandbox'],
    config: upstream => ({
      providers: Object.fromEntries(WIRES.map(dialect => [dialect, { base_url: dialect === 'google-gemini' ? upstream.url.replace('/v1', '/v1beta') : upstream.url, dialect, credentials: ['sk-pairs-0123456789abcdef'] }])),
      models: {}, relay: { max_attempts: 1 },
    }),
  })
  clients = new DialectClient(() => rig.headrace.port, API_KEY)
}, 20_000)
afterAll(async () => {
  clients?.close()
  await rig?.stop()
})

/** What a provider of this dialect streams that says this, in one event. */
function streamOf(provider: ClientWire, text: string): Buffer {
  const encoder = DIALECTS.translating[provider].createEncoder(true, { requestId: 'r', model: 'm', created: 1_760_000_000, includeUsage: true, array: false })
  const item = { choice: 0, item: 0 }
  const events: StreamEvent[] = [
    { type: 'start', id: 'a_1', model: 'm', created: 1_760_000_000 }, { type: 'text-delta', ...item, text: 'so ' }, { type: 'text-delta', ...item, text }, { type: 'item-end', ...item },
    { type: 'usage', usage: { ...UNKNOWN_USAGE, inputTokens: 2, outputTokens: 3 } }, { type: 'finish', choice: 0, reason: 'stop', raw: 'stop', sequence: '' }, { type: 'end' },
  ]
  return Buffer.from(events.map(event => encoder.event(event)).join(''), 'latin1')
}

describe.each(PAIRS)('$client over $provider', ({ client, provider }) => {
  const model = (what: string): string => `${what}-${client}-${provider}`
  const ask = (what: string, stream: boolean) => clients.ask({ wire: client, model: `${provider}/${model(what)}`, prompt: 'hello', stream })

  it('an event of a hundred thousand characters comes whole', async () => {
    const text = 'x'.repeat(100_000)
    rig.upstream.on(model('large'), answerRaw(STREAM_HEAD, chunk(streamOf(provider, text)), LAST_CHUNK))
    const { ending, text: got } = await ask('large', true)
    expect([ending, got === `so ${text}`]).toEqual(['whole', true])
  })

  it('one of two million comes whole or ends in an error of the client\'s dialect, and never in half an answer that looks whole', async () => {
    const text = 'x'.repeat(2_000_000)
    rig.upstream.on(model('giant'), answerRaw(STREAM_HEAD, chunk(streamOf(provider, text)), LAST_CHUNK))
    const { ending, text: got } = await ask('giant', true)
    expect(ending === 'told' || ending === 'refused' || (ending === 'whole' && got === `so ${text}`)).toBe(true)
  })

  it.each([{ stream: false }, { stream: true }])('a web page under status 200 is an error of the client\'s dialect (stream: $stream)', async ({ stream }) => {
    rig.upstream.on(model('page'), answerRaw('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 33\r\n\r\n<html><body>Sign in</body></html>'))
    const { ending, status } = await ask('page', stream)
    expect([ending, status]).toEqual(['refused', 502])
  })
})

const COUNTING = [
  { client: 'openai-responses', path: () => '/v1/responses/input_tokens', body: (model: string) => ({ model, input: 'How many tokens are in this?' }), field: 'input_tokens' },
  { client: 'anthropic-messages', path: () => '/v1/messages/count_tokens', body: (model: string) => ({ model, messages: [{ role: 'user', content: 'How many tokens are in this?' }] }), field: 'input_tokens' },
  { client: 'google-gemini', path: (model: string) => `/v1beta/models/${encodeURIComponent(model)}:countTokens`, body: () => ({ contents: [{ role: 'user', parts: [{ text: 'How many tokens are in this?' }] }] }), field: 'totalTokens' },
] as const

it.each(COUNTING.flatMap(row => WIRES.map(provider => ({ ...row, provider }))))('tokens are counted in the dialect of $client over $provider: by the provider where it is its own, else by an estimate that is called one', async ({ client, provider, path, body, field }) => {
  const name = `count-${client}-${provider}`
  rig.upstream.on(name, answerJson(client === 'openai-responses' ? { object: 'response.input_tokens', [field]: 42 } : { [field]: 42 }))
  const model = `${provider}/${name}`
  const answer = await sendRaw(rig.headrace.port, { path: path(model), body: JSON.stringify(body(model)), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
  const counted = (JSON.parse(answer.body.toString()) as Record<string, number>)[field] ?? 0
  expect(answer.status).toBe(200)
  const own = client === provider
  expect([rig.upstream.of(name).length, answer.headers.get('headrace-approximated')]).toEqual(own ? [1, undefined] : [0, field])
  if (own) expect(counted).toBe(42)
  else expect(counted).toBeGreaterThanOrEqual(6)
  expect(counted).toBeLessThan(60)
})
