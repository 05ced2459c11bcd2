import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { deltaFetch } from '../../packages/client/src/delta-fetch.ts'
import { completion, stream } from '../harness/completions.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const OTHER_TENANT = 'hr_test_other_tenant_0123456789abcde'
let rig: Rig
beforeAll(async () => { rig = await startRig({ args: ['--workers', '2'], config: () => ({ keys: [{ name: 'other', key: OTHER_TENANT, tenant: 'other' }], contexts: { max_size: '64KiB' } }) }) }, 20_000)
afterAll(() => rig?.stop())

interface Sent { readonly bytes: number, readonly delta: string, readonly status: number }
/** A client, and what it sent over the wire. */
function client(apiKey = API_KEY, gzip = true): { readonly openai: OpenAI, readonly anthropic: Anthropic, readonly sent: Sent[] } {
  const sent: Sent[] = []
  const counting: typeof fetch = async (input, init) => {
    const answer = await fetch(input, init)
    const body = init?.body
    sent.push({ bytes: typeof body === 'string' ? Buffer.byteLength(body) : (body as unknown as Uint8Array).byteLength, delta: new Headers(init?.headers).get('headrace-delta') ?? '', status: answer.status })
    return answer
  }
  const settings = { apiKey, maxRetries: 0, fetch: deltaFetch(counting, { gzip }) }
  return { openai: new OpenAI({ ...settings, baseURL: `http://127.0.0.1:${rig.headrace.port}/v1` }), anthropic: new Anthropic({ ...settings, baseURL: `http://127.0.0.1:${rig.headrace.port}` }), sent }
}
const asked = (model: string): Record<string, unknown>[] => rig.upstream.of(model).map(({ body }) => JSON.parse(body.toString()) as Record<string, unknown>)
const TOOLS: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: { name: 'look', description: 'x'.repeat(2_000), parameters: { type: 'object', properties: { b: {}, a: {} } } } }]

describe('a fetch that leaves out what the gateway has seen', () => {
  it.each([['JSON answers', false], ['streams', true]])('is one changed line: the provider gets every request whole, and answers are the same (%s)', async (name, streamed) => {
    const model = `delta-${name}`
    rig.upstream.on(model, ...[1, 2, 3, 4].map(turn => streamed ? answerStream(stream([`answer `, `${turn} é`])) : answerJson(completion(`answer ${turn} é`))))
    const { openai, sent } = client(API_KEY, false)
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'system', content: 'y'.repeat(3_000) }]
    for (let turn = 1; turn <= 4; turn++) {
      messages.push({ role: 'user', content: `question ${turn}` })
      if (streamed) {
        const answer = await openai.chat.completions.create({ model: `up/${model}`, messages, tools: TOOLS, stream: true })
        let content = ''
        for await (const event of answer) content += event.choices[0]?.delta.content ?? ''
        messages.push({ role: 'assistant', content })
      } else {
        const answer = await openai.chat.completions.create({ model: `up/${model}`, messages, tools: TOOLS })
        if (answer.choices[0] !== undefined) messages.push(answer.choices[0].message)
      }
    }
    expect(sent.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(sent.map(({ delta }) => delta)).toEqual(['keep', ...Array.from({ length: 3 }, () => expect.stringMatching(/^[0-9a-f]{64}$/) as unknown)])
    expect(Math.max(...sent.slice(1).map(({ bytes }) => bytes))).toBeLessThan(200)
    expect(asked(model).at(-1)).toMatchObject({ messages: messages.slice(0, -1), tools: TOOLS })
    expect(messages.at(-1)).toMatchObject({ content: 'answer 4 é' })
  })

  it('goes on through tool calls', async () => {
    const call = { id: 'call_1', type: 'function' as const, function: { name: 'look', arguments: '{"b":1.0}' } }
    rig.upstream.on('delta-tools', answerJson(completion('', { choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }] })), answerJson(completion('rain')))
    const { openai, sent } = client()
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'z'.repeat(2_000) }]
    const first = await openai.chat.completions.create({ model: 'up/delta-tools', messages, tools: TOOLS })
    if (first.choices[0] !== undefined) messages.push(first.choices[0].message)
    messages.push({ role: 'tool', tool_call_id: 'call_1', content: 'rain' })
    await openai.chat.completions.create({ model: 'up/delta-tools', messages, tools: TOOLS })
    expect(sent.map(({ status }) => status)).toEqual([200, 200])
    expect(asked('delta-tools').at(-1)).toMatchObject({ messages, tools: TOOLS })
  })

  it('sends an answer that is said again in other words, and stops guessing', async () => {
    rig.upstream.on('delta-words', answerJson(completion('ok')))
    const { openai, sent } = client()
    const messages: OpenAI.ChatCompletionMessageParam[] = []
    for (let turn = 1; turn <= 5; turn++) {
      messages.push({ role: 'user', content: `question ${turn}` })
      await openai.chat.completions.create({ model: 'up/delta-words', messages })
      messages.push({ role: 'assistant', content: 'OK!', name: 'me' })
    }
    expect(sent.filter(({ status }) => status === 409)).toHaveLength(2)
    expect(asked('delta-words').at(-1)).toMatchObject({ messages: messages.slice(0, -1) })
  })

  it('sends everything where the gateway knows nothing: another worker\'s, a changed system prompt, another tenant', async () => {
    rig.upstream.on('delta-new', answerJson(completion('ok')))
    const { openai, sent } = client()
    const turn = async (messages: OpenAI.ChatCompletionMessageParam[]): Promise<void> => { await openai.chat.completions.create({ model: 'up/delta-new', messages }) }
    await turn([{ role: 'system', content: 'a' }, { role: 'user', content: '1' }])
    await turn([{ role: 'system', content: 'b' }, { role: 'user', content: '1' }])
    expect(sent.map(({ delta }) => delta)).toEqual(['keep', 'keep'])
    const head = 'f'.repeat(64)
    for (const token of [API_KEY, OTHER_TENANT]) {
      const answer = await fetch(`http://127.0.0.1:${rig.headrace.port}/v1/chat/completions`, { method: 'POST', headers: { 'authorization': `Bearer ${token}`, 'content-type': 'application/json', 'headrace-delta': head }, body: '{"model":"up/delta-new","messages":[]}' })
      expect([answer.status, answer.headers.get('headrace-delta'), ((await answer.json()) as { error: { code: string } }).error.code]).toEqual([409, 'unknown', 'delta_unknown'])
    }
  })

  it('does not give one tenant\'s beginning to another', async () => {
    rig.upstream.on('delta-tenant', answerJson(completion('ok')))
    const mine = client()
    const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'secret' }]
    const first = await mine.openai.chat.completions.create({ model: 'up/delta-tenant', messages })
    messages.push(first.choices[0]?.message ?? { role: 'user', content: '' }, { role: 'user', content: 'on' })
    await mine.openai.chat.completions.create({ model: 'up/delta-tenant', messages })
    const head = mine.sent.at(-1)?.delta ?? ''
    const ask = (token: string): Promise<Response> => fetch(`http://127.0.0.1:${rig.headrace.port}/v1/chat/completions`, { method: 'POST', headers: { 'authorization': `Bearer ${token}`, 'content-type': 'application/json', 'headrace-delta': head }, body: '{"model":"up/delta-tenant","messages":[{"role":"user","content":"tell"}]}' })
    expect((await ask(OTHER_TENANT)).status).toBe(409)
    // Whichever worker is asked: what was kept is on file.
    await until('the beginning on file', async () => (await ask(API_KEY)).status === 200)
  })

  it('lets an answer pass that is larger than is kept, and sends everything after it', async () => {
    const long = 'word '.repeat(30_000)
    rig.upstream.on('large', answerStream(stream([long, ' end'])), answerJson(completion('short')))
    const large = await rig.post(JSON.stringify({ model: 'up/large', stream: true, messages: [{ role: 'user', content: 'x' }] }), [['headrace-delta', 'keep']])
    expect([large.complete, large.body.toString()]).toEqual([true, expect.stringMatching(/ end"[^]*data: \[DONE\]\n\n$/)])
    expect((await rig.post(JSON.stringify({ model: 'up/large', messages: [{ role: 'user', content: 'y' }] }), [['headrace-delta', 'keep']])).status).toBe(200)
  })

  it('works for Messages, too', async () => {
    rig.upstream.on('delta-messages', answerJson(completion('one')), answerJson(completion('two')))
    const { anthropic, sent } = client()
    const messages: Anthropic.MessageParam[] = [{ role: 'user', content: 'first' }]
    const system = 's'.repeat(2_000)
    const first = await anthropic.messages.create({ model: 'up/delta-messages', max_tokens: 10, system, messages })
    messages.push({ role: 'assistant', content: first.content }, { role: 'user', content: 'second' })
    const second = await anthropic.messages.create({ model: 'up/delta-messages', max_tokens: 10, system, messages })
    expect([sent.map(({ status }) => status), second.content[0]]).toMatchObject([[200, 200], { type: 'text', text: 'two' }])
    expect(sent.at(-1)?.delta).toMatch(/^[0-9a-f]{64}$/)
    expect(asked('delta-messages').at(-1)?.['messages']).toEqual([{ role: 'system', content: system }, { role: 'user', content: 'first' }, { role: 'assistant', content: 'one' }, { role: 'user', content: 'second' }])
  })
})
