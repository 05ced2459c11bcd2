import Anthropic, { OverloadedError } from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../main.ts'
import { modelBody } from './dialect.ts'
import type { EventBody, MessageBody } from './render.ts'
import { BLOCKS, COUNT_FIELDS, MESSAGE_FIELDS, TOOL } from './request-shape.ts'

/** Compiled, and never run: what the engine emits is what the vendor's SDK says that the vendor emits. */
export const typed = {
  message: (body: MessageBody): Anthropic.Message => body,
  event: (body: EventBody): Anthropic.RawMessageStreamEvent => body,
  model: (id: string): Anthropic.ModelInfo => modelBody(id),
}

let sandbox: Sandbox
let client: Anthropic
beforeAll(async () => {
  sandbox = await startSandbox()
  client = new Anthropic({ baseURL: `http://${sandbox.host}:${sandbox.port}`, apiKey: 'sk-ant-test', maxRetries: 0 })
})
afterAll(() => sandbox.close())

type Params = Anthropic.MessageCreateParamsNonStreaming
type Messages = Anthropic.MessageParam[]
const hello: Messages = [{ role: 'user', content: 'Hello there, engine.' }]
const ask = (params: Omit<Params, 'model' | 'max_tokens'> & Partial<Params>) => client.messages.create({ model: 'echo', max_tokens: 100, ...params })
const tool = (name: string): Anthropic.Tool => ({ name, input_schema: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } } })
const use = (id: string) => ({ type: 'tool_use' as const, id, name: 'get_weather', input: {} })
const result = (id: string, content = 'sunny') => ({ type: 'tool_result' as const, tool_use_id: id, content })
const thinking = { type: 'enabled' as const, budget_tokens: 1_024 }

describe('what the engine takes', () => {
  it('are the fields that the SDK has types for', () => {
    type Names<T> = Record<keyof T, true>
    const request: Names<Anthropic.MessageCreateParams> = {
      max_tokens: true, messages: true, model: true, cache_control: true, container: true, diagnostics: true, inference_geo: true, metadata: true, output_config: true, service_tier: true,
      speed: true, stop_sequences: true, stream: true, system: true, thinking: true, tool_choice: true, tools: true, user_profile_id: true, workspace_id: true,
    }
    const count: Names<Anthropic.MessageCountTokensParams> = {
      messages: true, model: true, cache_control: true, output_config: true, speed: true, system: true, thinking: true, tool_choice: true, tools: true, user_profile_id: true, workspace_id: true,
    }
    const tools: Names<Anthropic.Tool> = {
      input_schema: true, name: true, allowed_callers: true, cache_control: true, defer_loading: true, description: true, eager_input_streaming: true, input_examples: true, strict: true, type: true,
    }
    const blocks: { [T in keyof typeof BLOCKS]: Names<Extract<Anthropic.ContentBlockParam, { type: T }>> } = {
      text: { text: true, type: true, cache_control: true, citations: true }, image: { source: true, type: true, cache_control: true, transformations: true },
      document: { source: true, type: true, cache_control: true, citations: true, context: true, title: true },
      search_result: { content: true, source: true, title: true, type: true, cache_control: true, citations: true },
      thinking: { signature: true, thinking: true, type: true }, redacted_thinking: { data: true, type: true },
      tool_use: { id: true, input: true, name: true, type: true, cache_control: true, caller: true, toolset_name: true },
      tool_result: { tool_use_id: true, type: true, cache_control: true, content: true, is_error: true, toolset_name: true },
    }
    const names = (fields: object): string[] => Object.keys(fields).toSorted()
    expect(names(MESSAGE_FIELDS)).toEqual(names(request))
    expect(names(COUNT_FIELDS)).toEqual(names(count))
    expect(names(TOOL)).toEqual(names(tools))
    expect(Object.entries(BLOCKS).map(([type, fields]) => [type, names(fields)])).toEqual(Object.entries(blocks).map(([type, fields]) => [type, names(fields)]))
  })
})

describe('the sandbox, driven by Anthropic\'s SDK', () => {
  it('echoes the last user message and counts its tokens, also before', async () => {
    const answer = await ask({ messages: hello, system: 'Be brief.' })
    expect(answer).toMatchObject({ role: 'assistant', model: 'echo', content: [{ type: 'text', text: 'Hello there, engine.' }], stop_reason: 'end_turn', stop_sequence: null })
    expect(answer.usage).toMatchObject({ input_tokens: 13, output_tokens: 3 })
    expect(await client.messages.countTokens({ model: 'echo', messages: hello, system: 'Be brief.' })).toEqual({ input_tokens: 13 })
  })

  it('emits events that the SDK\'s own accumulator takes for the same message, each kind in its place', async () => {
    const request = { model: 'echo', max_tokens: 2_000, messages: [{ role: 'user' as const, content: 'Ask get_weather and get_time.' }], tools: [tool('get_weather'), tool('get_time')], thinking }
    const whole = await client.messages.create(request)
    const stream = client.messages.stream(request)
    const events: string[] = []
    stream.on('streamEvent', (event) => { events.push(event.type) })
    const streamed = await stream.finalMessage()
    expect({ ...streamed, id: '' }).toMatchObject({ ...whole, id: '', content: whole.content.map((block) => ({ ...block })) })
    expect(whole.content.map((block) => block.type)).toEqual(['thinking', 'tool_use', 'tool_use'])
    expect(whole.stop_reason).toBe('tool_use')
    expect(events.join(' ')).toMatch(/^message_start( content_block_start( content_block_delta)+ content_block_stop){3} message_delta message_stop$/)
  })

  it('frames events as the vendor does, with a ping behind the first block\'s start', async () => {
    const answer = await fetch(`http://${sandbox.host}:${sandbox.port}/v1/messages`, {
      method: 'POST', headers: { 'x-api-key': 'k', 'anthropic-version': '2023-06-01' }, body: JSON.stringify({ model: 'echo', max_tokens: 9, messages: hello, stream: true }),
    })
    expect(answer.headers.get('content-type')).toBe('text/event-stream')
    const lines = (await answer.text()).split('\n').filter((line) => line.startsWith('event: '))
    expect(lines.map((line) => line.slice(7))).toEqual([
      'message_start', 'content_block_start', 'ping', 'content_block_delta', 'content_block_delta', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop',
    ])
  })

  it('takes its own thoughts back with the results of the tools, in the middle of a tool call', async () => {
    const request = { model: 'echo', max_tokens: 2_000, tools: [tool('get_weather')], thinking }
    const question: Messages = [{ role: 'user', content: 'Ask get_weather.' }]
    const first = await client.messages.create({ ...request, messages: question })
    const call = first.content.find((block) => block.type === 'tool_use')
    expect(call).toMatchObject({ name: 'get_weather', input: { city: 'sample', days: 1 } })
    const second = await client.messages.create({ ...request, messages: [...question, { role: 'assistant', content: first.content }, { role: 'user', content: [result(call?.id ?? '')] }] })
    expect(second.content.at(-1)).toMatchObject({ type: 'text', text: 'sunny' })
  })

  it.each(['echo:redacted', 'echo'])('hides thoughts and knows them again (%s)', async (model) => {
    const config = { type: 'adaptive' as const, display: 'omitted' as const }
    const first = await client.messages.create({ model, max_tokens: 99, messages: hello, thinking: config })
    expect(first.content[0]).toMatchObject(model === 'echo' ? { type: 'thinking', thinking: '' } : { type: 'redacted_thinking' })
    const again: Messages = [...hello, { role: 'assistant', content: first.content }, { role: 'user', content: 'Go on.' }]
    expect((await client.messages.create({ model, max_tokens: 99, messages: again, thinking: config })).content.at(-1)).toMatchObject({ text: 'Go on.' })
  })

  it('calls one tool at most where it is told to, the one that is chosen, or none', async () => {
    const messages: Messages = [{ role: 'user', content: 'Ask get_weather and get_time.' }]
    const called = async (tool_choice: Anthropic.ToolChoice): Promise<string[]> =>
      (await ask({ messages, tools: [tool('get_weather'), tool('get_time')], tool_choice })).content.map((block) => block.type === 'tool_use' ? block.name : block.type)
    expect(await called({ type: 'auto', disable_parallel_tool_use: true })).toEqual(['get_weather'])
    expect(await called({ type: 'tool', name: 'get_time' })).toEqual(['get_time'])
    expect(await called({ type: 'none' })).toEqual(['text'])
  })

  it('writes JSON for a schema, stops at sequences and at max_tokens, and sees images and documents', async () => {
    const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }
    expect((await ask({ messages: hello, output_config: { format: { type: 'json_schema', schema } } })).content).toMatchObject([{ text: '{"city":"sample"}' }])
    expect(await ask({ messages: hello, stop_sequences: [', '] })).toMatchObject({ content: [{ text: 'Hello there' }], stop_reason: 'stop_sequence', stop_sequence: ', ' })
    expect(await ask({ messages: hello, max_tokens: 2 })).toMatchObject({ content: [{ text: 'Hello there,' }], stop_reason: 'max_tokens' })
    const image = { type: 'image' as const, source: { type: 'base64' as const, media_type: 'image/png' as const, data: 'iVBORw==' } }
    const document = { type: 'document' as const, source: { type: 'text' as const, media_type: 'text/plain' as const, data: 'A letter.' } }
    expect((await ask({ messages: [{ role: 'user', content: [image, document] }] })).content).toMatchObject([{ text: '[image/png 4 bytes 0f4636c7]A letter.' }])
  })

  it('caches up to its markers, and finds the longest beginning again', async () => {
    const cache_control = { type: 'ephemeral' as const }
    const text = 'the water behind the gate '.repeat(300).trim()
    const usage = async (...messages: Messages): Promise<(number | null)[]> => {
      const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens } = (await ask({ model: 'echo:id=cached', system: [{ type: 'text', text, cache_control }], messages })).usage
      return [input_tokens, cache_creation_input_tokens, cache_read_input_tokens]
    }
    const more: Messages = [...hello, { role: 'assistant', content: 'Yes?' }, { role: 'user', content: [{ type: 'text', text: 'Go on. '.repeat(50), cache_control }] }]
    expect(await usage(...hello)).toEqual([11, 1_500, 0])
    expect(await usage(...hello)).toEqual([11, 0, 1_500])
    const [rest = 0, written, read] = await usage(...more)
    expect([written, read]).toEqual([expect.any(Number), 1_500])
    expect(written).toBeGreaterThan(90)
    expect(await usage(...more)).toEqual([rest, 0, 1_500 + Number(written)])
  })

  it('lists models in its own shape to those who name its version', async () => {
    expect((await client.models.list()).data.map((model) => model.id)).toEqual(['echo', 'lorem'])
    expect((await client.models.retrieve('lorem')).type).toBe('model')
    await expect(client.models.retrieve('nothing')).rejects.toThrow(Anthropic.NotFoundError)
  })

  it('stops generating when the client leaves', async () => {
    const stream = client.messages.stream({ model: 'lorem:tokens=100000,gap=5ms', max_tokens: 100_000, messages: hello })
    stream.once('text', () => { stream.abort() })
    await expect(stream.done()).rejects.toThrow(Anthropic.APIUserAbortError)
    await expect.poll(() => sandbox.calls().aborted).toBe(1)
  })
})

describe('what the vendor refuses is refused', () => {
  const marked = { type: 'text' as const, text: 'a', cache_control: { type: 'ephemeral' as const } }
  const question: Messages = [{ role: 'user', content: 'Ask get_weather.' }]
  const calls = (...ids: string[]) => ({ role: 'assistant' as const, content: ids.map(use) })
  const object = { type: 'object', properties: {} }
  const cases: readonly (readonly [string, Record<string, unknown>, string])[] = [
    ['no max_tokens', { max_tokens: undefined, messages: hello }, 'max_tokens: Field required'],
    ['an unknown field', { messages: hello, seed: 1 }, 'seed: Extra inputs are not permitted'],
    ['an unknown field deep inside', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', x: 1 }] }] }, 'messages.0.content.0.x: Extra inputs are not permitted'],
    ['an unknown block', { messages: [{ role: 'user', content: [{ type: 'image_url' }] }] }, "messages.0.content.0: Input tag 'image_url' found using 'type'"],
    ['no messages', { messages: [] }, 'messages: List should have at least 1 item'],
    ['the assistant first', { messages: [{ role: 'assistant', content: 'a' }] }, 'first message must use the "user" role'],
    ['an empty message', { messages: [{ role: 'user', content: '' }] }, 'messages.0: all messages must have non-empty content'],
    ['a blank text', { messages: [{ role: 'user', content: ' \n' }] }, 'text content blocks must contain non-whitespace text'],
    ['a prefill that ends in a blank', { messages: [...hello, { role: 'assistant', content: 'I ' }] }, 'final assistant content cannot end with trailing whitespace'],
    ['a prefill where the model takes none', { model: 'echo:no_prefill', messages: [...hello, { role: 'assistant', content: 'I' }] }, 'does not support assistant message prefill'],
    ['a call without a result', { messages: [...question, calls('t1', 't2'), { role: 'user', content: [result('t1')] }] }, '`tool_use` ids were found without `tool_result` blocks immediately after: t2'],
    ['a call at the end', { messages: [...question, calls('t1')] }, 'immediately after: t1'],
    ['a word before the results', { messages: [...question, calls('t1'), { role: 'user', content: [{ type: 'text', text: 'So:' }, result('t1')] }] }, 'immediately after: t1'],
    ['a result of nothing', { messages: [{ role: 'user', content: [result('t9')] }] }, 'unexpected `tool_use_id` found in `tool_result` blocks: t9'],
    ['two results of one call', { messages: [...question, calls('t1'), { role: 'user', content: [result('t1'), result('t1')] }] }, 'each tool_use must have a single result'],
    ['two calls of one id', { messages: [...question, calls('t1', 't1'), { role: 'user', content: [result('t1')] }] }, '`tool_use` ids must be unique'],
    ['a call by the user', { messages: [{ role: 'user', content: [use('t1')] }] }, "Input tag 'tool_use' found using 'type'"],
    ['an id of strange letters', { messages: [...question, calls('t.1'), { role: 'user', content: [result('t.1')] }] }, 'messages.1.content.0.id: String should match pattern'],
    ['an input that is no object', { messages: [...question, { role: 'assistant', content: [{ ...use('t1'), input: '{}' }] }] }, 'messages.1.content.0.input: Input should be a valid dictionary'],
    ['a thought of somebody else', { messages: [...hello, { role: 'assistant', content: [{ type: 'thinking', thinking: 'Hm.', signature: 'c2ln' }] }, ...hello] }, 'messages.1.content.0: Invalid `signature` in `thinking` block'],
    ['a sealed thought of somebody else', { messages: [...hello, { role: 'assistant', content: [{ type: 'redacted_thinking', data: 'x.y' }] }, ...hello] }, 'Invalid `data` in `redacted_thinking` block'],
    ['thinking without the thoughts before a call', { max_tokens: 2_000, thinking, tools: [tool('get_weather')], messages: [...question, calls('t1'), { role: 'user', content: [result('t1')] }] }, 'Expected `thinking` or `redacted_thinking`, but found `tool_use`'],
    ['too small a budget', { thinking: { type: 'enabled', budget_tokens: 10 }, messages: hello }, 'thinking.budget_tokens: Input should be greater than or equal to 1024'],
    ['a budget above max_tokens', { thinking, messages: hello }, '`max_tokens` must be greater than `thinking.budget_tokens`'],
    ['thinking with a forced tool', { max_tokens: 2_000, thinking, tools: [tool('a')], tool_choice: { type: 'any' }, messages: hello }, 'Thinking may not be enabled when tool_choice forces tool use'],
    ['a temperature, whatever it is', { temperature: 1, messages: hello }, 'temperature: Extra inputs are not permitted'],
    ['a document of the assistant\'s', { messages: [...hello, { role: 'assistant', content: [{ type: 'document', source: { type: 'text', media_type: 'text/plain', data: 'a' } }] }, ...hello] }, "messages.1.content.0: Input tag 'document' is not allowed"],
    ['a blank stop sequence', { stop_sequences: ['\n'], messages: hello }, 'stop_sequences.0: each stop sequence must contain non-whitespace'],
    ['five cache markers', { messages: [{ role: 'user', content: [marked, marked, marked, marked, marked] }] }, 'A maximum of 4 blocks with cache_control may be provided. Found 5.'],
    ['a long-lived marker behind a short-lived one', { messages: [{ role: 'user', content: [marked, { ...marked, cache_control: { type: 'ephemeral', ttl: '1h' } }] }] }, "ttl='1h' cache_control block must not come after"],
    ['a choice without tools', { tool_choice: { type: 'auto' }, messages: hello }, 'tool_choice may only be specified while providing tools'],
    ['a choice of no tool that is there', { tools: [tool('a')], tool_choice: { type: 'tool', name: 'b' }, messages: hello }, "Tool 'b' not found in provided tools"],
    ['two tools of one name', { tools: [tool('a'), tool('a')], messages: hello }, 'Tool names must be unique'],
    ['a tool in OpenAI\'s shape', { tools: [{ type: 'function', function: { name: 'a' } }], messages: hello }, 'tools.0.name: Field required'],
    ['an open schema', { output_config: { format: { type: 'json_schema', schema: object } }, messages: hello }, "'additionalProperties' must be explicitly set to false"],
    ['a schema with a range', { output_config: { format: { type: 'json_schema', schema: { type: 'integer', minimum: 0 } } }, messages: hello }, "For 'integer' type, property 'minimum' is not supported"],
    ['a strict tool with an open schema', { tools: [{ ...tool('a'), strict: true }], messages: hello }, 'tools.0.custom.input_schema: For \'object\' type'],
    ['an image in a strange format', { messages: [{ role: 'user', content: [{ type: 'image', source: { type: 'base64', media_type: 'image/tiff', data: 'aaaa' } }] }] }, 'media_type: Input should be "image/jpeg" or'],
  ]
  it.each(cases)('%s', async (_name, params, message) => {
    await expect(ask(params as never)).rejects.toMatchObject({ status: 400, error: { type: 'error', error: { type: 'invalid_request_error', message: expect.stringContaining(message) as string } } })
  })

  it.each<[string, Record<string, unknown>, string]>([
    ['temperature and top_p', { temperature: 1, top_p: 0.5 }, 'cannot both be specified'], ['a temperature above 1', { temperature: 1.5 }, 'temperature: Input should be less than or equal to 1'],
    ['thinking with a temperature', { max_tokens: 2_000, thinking, temperature: 0 }, '`temperature` may only be set to 1 when thinking is enabled'],
  ])('in version 2023-06-01, which has a temperature: %s', async (_name, params, message) => {
    const asked = (more: object) => client.messages.create({ model: 'echo', max_tokens: 100, messages: hello, ...more }, { headers: { 'anthropic-version': '2023-06-01' } })
    expect(await asked({ temperature: 0.5, top_k: 3 })).toMatchObject({ stop_reason: 'end_turn' })
    await expect(asked(params)).rejects.toMatchObject({ status: 400, message: expect.stringContaining(message) as string })
  })

  const post = (headers: Record<string, string>) => fetch(`http://${sandbox.host}:${sandbox.port}/v1/messages`, { method: 'POST', headers, body: JSON.stringify({ model: 'echo', max_tokens: 9, messages: hello }) })
  it.each([
    [{ 'x-api-key': 'k' }, 400, 'anthropic-version: header is required'], [{ 'x-api-key': 'k', 'anthropic-version': '2' }, 400, 'is not a valid version'],
    [{ 'anthropic-version': '2023-06-01' }, 401, 'x-api-key header is required'], [{ authorization: 'Bearer k', 'anthropic-version': '2026-10-21', 'anthropic-beta': 'a,b' }, 200, 'Hello'],
  ])('headers %j: %i', async (headers, status, text) => {
    const answer = await post(headers as never)
    expect([answer.status, await answer.text()]).toEqual([status, expect.stringContaining(text)])
  })
})

describe('faults', () => {
  it.each([
    [529, OverloadedError, 'overloaded_error'], [429, Anthropic.RateLimitError, 'rate_limit_error'], [401, Anthropic.AuthenticationError, 'authentication_error'],
    [500, Anthropic.InternalServerError, 'api_error'], [404, Anthropic.NotFoundError, 'not_found_error'],
  ])('a status of %i is what the SDK raises for it', async (status, expected, type) => {
    await expect(ask({ model: `fault:status=${status}`, messages: hello })).rejects.toThrow(expected)
    await expect(ask({ model: `fault:status=${status}`, messages: hello })).rejects.toMatchObject({ error: { error: { type } } })
  })

  it('a prompt that is too long is refused in the vendor\'s words', async () => {
    await expect(ask({ model: 'fault:context_length', messages: hello })).rejects.toThrow(/prompt is too long: \d+ tokens > \d+ maximum/)
  })

  it('an error in the middle of a stream is an event that the SDK raises', async () => {
    const stream = client.messages.stream({ model: 'fault:error_event,after=3', max_tokens: 99, messages: hello })
    await expect(stream.finalMessage()).rejects.toMatchObject({ error: { error: { type: 'overloaded_error' } } })
  })

  it.each(['cut', 'no_done', 'reset=mid', 'close_mid_event'])('a stream that ends early (%s) never ends like a whole one', async (mode) => {
    const types: string[] = []
    try {
      const stream = await client.messages.create({ model: `fault:${mode},after=3`, max_tokens: 99, messages: hello, stream: true })
      for await (const event of stream) types.push(event.type)
    } catch { /* Some of them break the connection as well. */ }
    expect(types).not.toContain('message_stop')
  })
})
