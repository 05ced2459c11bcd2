import { afterAll, beforeAll, expect, it } from 'vitest'
import { message } from '../harness/messages.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

const PLACES = { 'openai-chat': '', 'openai-responses': '', 'anthropic-messages': '', 'google-gemini': '/v1beta' } as const
type Dialect = keyof typeof PLACES
const DIALECTS = Object.keys(PLACES) as Dialect[]

let rig: Rig
beforeAll(async () => {
  rig = await startRig({ config: upstream => ({
    providers: Object.fromEntries(DIALECTS.map(dialect => [dialect, { dialect, base_url: `${upstream.url}${PLACES[dialect]}`, credentials: [PROVIDER_KEY] }])), models: {}, contexts: {},
  }) })
}, 20_000)
afterAll(() => rig?.stop())

/** What only the provider that made it can read. */
const SEAL = 'c2VhbGVkLWJ5LWl0cy1tYWtlcg=='
const usage = { input_tokens: 1, output_tokens: 1, total_tokens: 2, input_tokens_details: { cached_tokens: 0 }, output_tokens_details: { reasoning_tokens: 0 } }

/** A tool call, behind a sealed thought where the dialect has such. */
const CALLS: Readonly<Record<Dialect, object>> = {
  'openai-chat': { id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', content: null, tool_calls: [{ id: 'call_rain', type: 'function', function: { name: 'look_outside', arguments: '{"town":"Ulm"}' } }] } }] },
  'openai-responses': { id: 'resp_1', object: 'response', created_at: 1, status: 'completed', model: 'm', usage, output: [
    { id: 'rs_1', type: 'reasoning', summary: [], encrypted_content: SEAL }, { id: 'fc_1', type: 'function_call', status: 'completed', call_id: 'call_rain', name: 'look_outside', arguments: '{"town":"Ulm"}' },
  ] },
  'anthropic-messages': message([{ type: 'thinking', thinking: 'hm', signature: SEAL }, { type: 'tool_use', id: 'call_rain', name: 'look_outside', input: { town: 'Ulm' } }], { stop_reason: 'tool_use' }),
  'google-gemini': { candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [{ functionCall: { name: 'look_outside', args: { town: 'Ulm' } }, thoughtSignature: SEAL }] } }] },
}
const WORDS: Readonly<Record<Dialect, object>> = {
  'openai-chat': { id: 'c', object: 'chat.completion', created: 1, model: 'm', choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Take a coat.' } }] },
  'openai-responses': { id: 'resp_2', object: 'response', created_at: 1, status: 'completed', model: 'm', usage, output: [{ id: 'msg_1', type: 'message', role: 'assistant', status: 'completed', content: [{ type: 'output_text', text: 'Take a coat.', annotations: [] }] }] },
  'anthropic-messages': message([{ type: 'text', text: 'Take a coat.' }]),
  'google-gemini': { candidates: [{ index: 0, finishReason: 'STOP', content: { role: 'model', parts: [{ text: 'Take a coat.' }] } }] },
}
const SCHEMA = { type: 'object', properties: { town: { type: 'string' } } }
interface Turn { readonly id: string, readonly text: string, readonly call: string }

/** The clients' APIs that take `headrace-context`: their tools, a result, and what an answer says and calls. */
const CLIENTS = {
  'Chat Completions': {
    path: '/v1/chat/completions', tools: [{ type: 'function', function: { name: 'look_outside', parameters: SCHEMA } }],
    result: (id: string, content: string): object => ({ role: 'tool', tool_call_id: id, content }),
    read(answer: string): Omit<Turn, 'id'> {
      const { choices: [{ message: told }] } = JSON.parse(answer) as { choices: [{ message: { content: string | null, tool_calls?: { id: string }[] } }] }
      return { text: told.content ?? '', call: told.tool_calls?.[0]?.id ?? '' }
    },
  },
  'Messages': {
    path: '/v1/messages', tools: [{ name: 'look_outside', input_schema: SCHEMA }],
    result: (id: string, content: string): object => ({ role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content }] }),
    read(answer: string): Omit<Turn, 'id'> {
      const { content } = JSON.parse(answer) as { content: { type: string, text?: string, id?: string }[] }
      return { text: content.map(block => block.text ?? '').join(''), call: content.find(({ type }) => type === 'tool_use')?.id ?? '' }
    },
  },
} as const
type Client = keyof typeof CLIENTS

async function turn(client: Client, model: string, context: string, messages: readonly object[]): Promise<Turn> {
  const { path, tools, read } = CLIENTS[client]
  const answer = await rig.post(JSON.stringify({ model, max_tokens: 100, messages, ...(context === 'new' ? { tools } : {}) }), [['headrace-context', context]], { path })
  expect(answer.status, answer.body.toString()).toBe(200)
  return { id: answer.headers.get('headrace-context') ?? '', ...read(answer.body.toString()) }
}

const MOVES = (Object.keys(CLIENTS) as Client[]).flatMap(client => DIALECTS.flatMap(from => DIALECTS.map(to => [client, from, to] as const)))

it.each(MOVES)('in %s, what was begun at %s goes on at %s: the tool call with its result, a sealed thought with nobody but its maker', async (client, from, to) => {
  const [first, second] = [`${client.length}-${from}-to-${to}-1`, `${client.length}-${from}-to-${to}-2`]
  rig.upstream.on(first, answerJson(CALLS[from]))
  rig.upstream.on(second, answerJson(WORDS[to]))
  const asked = await turn(client, `${from}/${first}`, 'new', [{ role: 'user', content: 'Do I need a coat?' }])
  expect(await turn(client, `${to}/${second}`, asked.id, [CLIENTS[client].result(asked.call, 'It rains.')])).toMatchObject({ id: asked.id, text: 'Take a coat.' })

  const body = rig.upstream.of(second).at(-1)?.body.toString() ?? ''
  const said = ['Do I need a coat?', 'Ulm', 'It rains.']
  expect(said.map(words => body.split(words).length - 1), body).toEqual([1, 1, 1])
  expect(said.toSorted((a, b) => body.indexOf(a) - body.indexOf(b))).toEqual(said)
  if (from !== to) expect(body).not.toContain(SEAL)
  else if (client === 'Messages' && from !== 'openai-chat') expect(body).toContain(SEAL)
})
