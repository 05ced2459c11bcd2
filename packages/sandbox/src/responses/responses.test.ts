import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../main.ts'
import type { EventBody, ResponseBody } from './render.ts'
import { COUNT_FIELDS, ITEMS, PARTS, RESPONSE_FIELDS, TOOLS } from './request-shape.ts'

/** On the wire `usage` is null until it is known; the SDK's type says that it is not there. */
type OnWire<T> = T extends { response: OpenAI.Responses.Response } ? Omit<T, 'response'> & { response: Wire } : T
type Wire = Omit<OpenAI.Responses.Response, 'usage' | 'user'> & { usage?: OpenAI.Responses.ResponseUsage | null, user?: string | null }
/** Compiled, and never run: what the engine emits is what the vendor's SDK says that the vendor emits. */
export const typed = {
  response: (body: ResponseBody): Wire => body,
  event: (body: EventBody): OnWire<OpenAI.Responses.ResponseStreamEvent> => body,
}

let sandbox: Sandbox
let client: OpenAI
beforeAll(async () => {
  sandbox = await startSandbox()
  client = new OpenAI({ baseURL: `http://${sandbox.host}:${sandbox.port}/v1`, apiKey: 'k', maxRetries: 0 })
})
afterAll(() => sandbox.close())

it('the fields that the engine takes are those that the SDK has types for', () => {
  type Names<T> = Record<keyof T, true>
  type R = OpenAI.Responses.ResponseCreateParams
  const request: Names<R> = {
    access_programs: true, background: true, context_management: true, conversation: true, image: true, include: true, input: true, instructions: true, max_output_tokens: true, max_tool_calls: true, metadata: true,
    model: true, moderation: true, parallel_tool_calls: true, previous_response_id: true, prompt: true, prompt_cache_key: true, prompt_cache_options: true, prompt_cache_retention: true, reasoning: true,
    safety_identifier: true, service_tier: true, store: true, stream: true, stream_options: true, temperature: true, text: true, tool_choice: true, tools: true, top_logprobs: true, top_p: true, truncation: true,
    user: true,
  }
  const count: Names<OpenAI.Responses.InputTokenCountParams> = {
    conversation: true, input: true, instructions: true, model: true, parallel_tool_calls: true, personality: true, previous_response_id: true, reasoning: true, text: true, tool_choice: true, tools: true, truncation: true,
  }
  const tools: { function: Names<OpenAI.Responses.FunctionTool>, custom: Names<OpenAI.Responses.CustomTool> } = {
    function: { type: true, name: true, description: true, parameters: true, strict: true, output_schema: true, allowed_callers: true, async: true, defer_loading: true },
    custom: { type: true, name: true, description: true, format: true, allowed_callers: true, async: true, defer_loading: true },
  }
  type Part = OpenAI.Responses.ResponseInputContent | OpenAI.Responses.ResponseOutputText | OpenAI.Responses.ResponseOutputRefusal
  const parts: { [T in keyof typeof PARTS]: Names<Extract<Part, { type: T }>> } = {
    input_text: { type: true, text: true, prompt_cache_breakpoint: true }, input_image: { type: true, detail: true, file_id: true, image_url: true, prompt_cache_breakpoint: true },
    input_file: { type: true, detail: true, file_data: true, file_id: true, file_url: true, filename: true, prompt_cache_breakpoint: true },
    output_text: { type: true, text: true, annotations: true, logprobs: true }, refusal: { type: true, refusal: true },
  }
  // What comes back is what was given, status and all.
  type ItemOf<T> = T extends 'item_reference' ? OpenAI.Responses.ResponseInputItem.ItemReference
    : T extends 'custom_tool_call' ? Omit<OpenAI.Responses.ResponseCustomToolCallItem, 'created_by'> : Extract<OpenAI.Responses.ResponseInputItem, { type: T }>
  const items: { [T in keyof typeof ITEMS]: Names<ItemOf<T>> } = {
    function_call: { type: true, id: true, status: true, caller: true, async: true, namespace: true, call_id: true, name: true, arguments: true },
    function_call_output: { type: true, id: true, status: true, caller: true, name: true, namespace: true, call_id: true, output: true },
    custom_tool_call: { type: true, id: true, status: true, caller: true, async: true, namespace: true, call_id: true, name: true, input: true },
    custom_tool_call_output: { type: true, id: true, caller: true, call_id: true, output: true },
    reasoning: { type: true, id: true, status: true, summary: true, content: true, encrypted_content: true }, item_reference: { type: true, id: true },
  }
  const names = (fields: object): string[] => Object.keys(fields).toSorted()
  const all = (groups: object): unknown => Object.entries(groups).map(([type, fields]) => [type, names(fields as object)])
  expect(names(RESPONSE_FIELDS)).toEqual(names(request))
  expect(names(COUNT_FIELDS)).toEqual(names(count))
  expect(all(TOOLS)).toEqual(all(tools))
  expect(all(PARTS)).toEqual(all(parts))
  expect(all(ITEMS)).toEqual(all(items))
})

const tool = { type: 'function' as const, name: 'get_weather', strict: true, parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false } }

describe('the SDK reads', () => {
  const ask = { model: 'echo', input: 'Ask get_weather.', tools: [tool, { type: 'custom' as const, name: 'note' }, { type: 'web_search' as const }], reasoning: { effort: 'low' as const, summary: 'auto' as const }, include: ['reasoning.encrypted_content' as const] }

  it('the same of a stream as of a whole answer', async () => {
    const whole = await client.responses.create(ask)
    const numbers: number[] = []
    const stream = client.responses.stream(ask)
    stream.on('event', event => { numbers.push(event.sequence_number) })
    const streamed = await stream.finalResponse()
    const bare = (output: unknown): unknown => JSON.parse(JSON.stringify(output).replaceAll(/_[0-9a-f]{32}/g, '')) as unknown
    const told = (output: readonly object[]): unknown => output.map(item => Object.fromEntries(Object.entries(item).filter(([name]) => name !== 'parsed_arguments')))
    expect(bare(told(streamed.output))).toEqual(bare(told(whole.output)))
    expect(whole.output).toMatchObject([{ type: 'reasoning', summary: [{ text: 'Let me think about this: Ask get_weather.' }] }, { type: 'function_call', status: 'completed', name: 'get_weather', arguments: '{"city":"sample"}' }])
    expect(numbers).toEqual(numbers.map((_number, index) => index))
  })

  it('calls of custom tools, and goes on with what they led to', async () => {
    const first = await client.responses.create({ ...ask, input: 'Ask note.' })
    const call = first.output.find(item => item.type === 'custom_tool_call')
    expect(call).toMatchObject({ name: 'note', input: 'sample' })
    const input = [{ role: 'user' as const, content: 'Ask note.' }, ...first.output as OpenAI.Responses.ResponseInput, { type: 'custom_tool_call_output' as const, call_id: call?.call_id ?? '', output: 'noted' }]
    expect((await client.responses.create({ ...ask, input })).output_text).toBe('noted')
  })

  it('an answer that is cut, and log probabilities', async () => {
    const answer = await client.responses.create({ model: 'lorem:tokens=40', input: 'x', max_output_tokens: 16, include: ['message.output_text.logprobs'], top_logprobs: 2 })
    expect(answer).toMatchObject({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, usage: { output_tokens: 16 } })
    expect(answer.output[0]).toMatchObject({ status: 'incomplete', content: [{ logprobs: expect.objectContaining({ length: 16 }) as unknown }] })
  })

  it('how many tokens a request has', async () => {
    expect((await client.responses.inputTokens.count({ model: 'echo', input: 'Hello there.' })).input_tokens).toBe((await client.responses.create({ model: 'echo', input: 'Hello there.' })).usage?.input_tokens)
  })
})

describe('what the vendor refuses is refused', () => {
  const user = { role: 'user', content: 'Hello.' }
  const call = (call_id: string) => ({ type: 'function_call', call_id, name: 'f', arguments: '{}' })
  const result = (call_id: string) => ({ type: 'function_call_output', call_id, output: 'so' })
  const open = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
  it.each<[string, Record<string, unknown>, string, string | null, number?]>([
    ['an unknown field', { input: 'x', messages: [] }, "Unknown parameter: 'messages'.", 'unknown_parameter'],
    ['an unknown field of a part', { input: [{ role: 'user', content: [{ type: 'input_text', text: 'a', cache_control: {} }] }] }, "Unknown parameter: 'input[0].content[0].cache_control'.", 'unknown_parameter'],
    ['no input', {}, "One of 'input' or", 'missing_required_parameter'],
    ['words of the model from the user', { input: [{ role: 'user', content: [{ type: 'output_text', text: 'a' }] }] }, "'output_text'", 'invalid_value'],
    ['words of the user from the model', { input: [{ role: 'assistant', content: [{ type: 'input_text', text: 'a' }] }] }, "'input_text'", 'invalid_value'],
    ['an id of another kind of item', { input: [{ ...call('c'), id: 'msg_1' }, result('c')] }, 'String should match pattern', 'invalid_value'],
    ['fewer than sixteen tokens', { input: 'x', max_output_tokens: 15 }, 'greater than or equal to 16', 'invalid_value'],
    ['a call without a result', { input: [user, call('c1'), call('c2'), result('c1')] }, 'No tool output found for function call c2.', null],
    ['a result of nothing', { input: [user, result('c9')] }, 'No tool call found for function call output with call_id c9.', null],
    ['a result before its call', { input: [user, result('c1'), call('c1')] }, 'No tool call found', null],
    ['thoughts of somebody else', { input: [user, { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'x' }, { role: 'assistant', content: 'a' }, user] }, 'could not be verified', 'invalid_encrypted_content'],
    ['thoughts that nobody kept', { input: [user, { type: 'reasoning', id: 'rs_1', summary: [] }, { role: 'assistant', content: 'a' }, user] }, "Item with id 'rs_1' not found.", null, 404],
    ['a reference to nothing', { input: [user, { type: 'item_reference', id: 'msg_1' }] }, "Item with id 'msg_1' not found.", null, 404],
    ['an answer that nobody kept', { input: 'x', previous_response_id: 'resp_1' }, "Previous response with id 'resp_1' not found.", 'previous_response_not_found'],
    ['a strict tool with an open schema', { input: 'x', tools: [{ type: 'function', name: 'f', parameters: open, strict: true }] }, "'additionalProperties' is required", 'invalid_function_parameters'],
    ['a strict format with an open schema', { input: 'x', text: { format: { type: 'json_schema', name: 'x', schema: open, strict: true } } }, "'additionalProperties' is required", 'invalid_json_schema'],
    ['a choice of no tool that is there', { input: 'x', tools: [tool], tool_choice: { type: 'function', name: 'g' } }, "'g' not found", null],
    ['a call that must be, without tools', { input: 'x', tool_choice: 'required' }, "must be specified with 'tools'", null],
    ['JSON of which nobody speaks', { input: 'x', text: { format: { type: 'json_object' } } }, "must contain the word 'json'", null],
    ['stream options without a stream', { input: 'x', stream_options: { include_obfuscation: true } }, "only allowed when 'stream' is enabled", null],
    ['a document without its type', { input: [{ role: 'user', content: [{ type: 'input_file', filename: 'a.pdf', file_data: 'JVBERg==' }] }] }, 'String should match pattern', 'invalid_value'],
    ['a picture that is given twice', { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'https://x.test/a.png', file_id: 'f' }] }] }, 'exactly one of', null],
  ])('%s', async (_name, params, message, code, status = 400) => {
    await expect(client.responses.create({ model: 'echo', ...params } as never)).rejects.toMatchObject({ status, message: expect.stringContaining(message) as string, code })
  })

  it('but for fields that it does not know, where the model\'s name says so', async () => {
    expect((await client.responses.create({ model: 'echo:lenient', input: 'Hello.', top_k: 3 } as never) as OpenAI.Responses.Response).output_text).toBe('Hello.')
  })
})
