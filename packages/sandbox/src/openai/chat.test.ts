import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../main.ts'
import { CHAT_FIELDS, FUNCTION_FIELDS, PARTS } from './chat-shape.ts'
import { chatChunk, chatCompletion } from './render.ts'

/** Compiled, and never run: what the engine emits is what the vendor's SDK says that the vendor emits. */
export const typed = {
  completion: (...args: Parameters<typeof chatCompletion>): OpenAI.ChatCompletion => chatCompletion(...args),
  chunk: (...args: Parameters<typeof chatChunk>): OpenAI.ChatCompletionChunk => chatChunk(...args),
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
  const chat: Names<OpenAI.ChatCompletionCreateParams> = {
    messages: true, model: true, audio: true, frequency_penalty: true, function_call: true, functions: true, logit_bias: true, logprobs: true, max_completion_tokens: true, max_tokens: true,
    metadata: true, modalities: true, moderation: true, n: true, parallel_tool_calls: true, prediction: true, presence_penalty: true, prompt_cache_key: true, prompt_cache_options: true,
    prompt_cache_retention: true, reasoning_effort: true, response_format: true, safety_identifier: true, seed: true, service_tier: true, stop: true, store: true, stream: true,
    stream_options: true, temperature: true, tool_choice: true, tools: true, top_logprobs: true, top_p: true, user: true, verbosity: true, web_search_options: true,
  }
  const callable: Names<OpenAI.FunctionDefinition> = { name: true, description: true, parameters: true, strict: true }
  type PartParam = OpenAI.ChatCompletionContentPart | OpenAI.ChatCompletionContentPartRefusal
  const parts: { [T in keyof typeof PARTS]: Names<Extract<PartParam, { type: T }>> } = {
    text: { text: true, type: true, prompt_cache_breakpoint: true }, image_url: { image_url: true, type: true, prompt_cache_breakpoint: true },
    input_audio: { input_audio: true, type: true, prompt_cache_breakpoint: true }, file: { file: true, type: true, prompt_cache_breakpoint: true }, refusal: { refusal: true, type: true },
  }
  const names = (fields: object): string[] => Object.keys(fields).toSorted()
  expect(names(CHAT_FIELDS)).toEqual(names(chat))
  expect(names(FUNCTION_FIELDS)).toEqual(names(callable))
  expect(Object.entries(PARTS).map(([type, fields]) => [type, names(fields)])).toEqual(Object.entries(parts).map(([type, fields]) => [type, names(fields)]))
})

it('the beginning of a long prompt is cached by itself', async () => {
  const cached = async (end: string, stream: boolean): Promise<number | undefined> => {
    const request = { model: 'echo:id=cached', messages: [{ role: 'system' as const, content: 'the water behind the gate '.repeat(300) }, { role: 'user' as const, content: end }] }
    const answer = stream ? await client.chat.completions.stream({ ...request, stream_options: { include_usage: true } }).finalChatCompletion() : await client.chat.completions.create(request)
    return answer.usage?.prompt_tokens_details?.cached_tokens
  }
  expect([await cached('one', false), await cached('two', false), await cached('three', true)]).toEqual([0, 1_408, 1_408])
})

describe('what the vendor refuses is refused', () => {
  const user = { role: 'user', content: 'Hello.' }
  const call = (...ids: string[]) => ({ role: 'assistant', content: null, tool_calls: ids.map(id => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })) })
  const answer = (tool_call_id: string) => ({ role: 'tool', tool_call_id, content: 'so' })
  const tool = (parameters: object, strict = true) => ({ type: 'function', function: { name: 'f', parameters, strict } })
  const open = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] }
  const format = (schema: object) => ({ type: 'json_schema', json_schema: { name: 'x', schema, strict: true } })
  it.each<[string, Record<string, unknown>, string, string | null]>([
    ['an unknown field', { messages: [user], top_k: 3 }, "Unknown parameter: 'top_k'.", 'unknown_parameter'],
    ['an unknown field of a part', { messages: [{ role: 'user', content: [{ type: 'text', text: 'a', cache_control: {} }] }] }, "Unknown parameter: 'messages[0].content[0].cache_control'.", 'unknown_parameter'],
    ['a part of another vendor', { messages: [{ role: 'user', content: [{ type: 'image', source: {} }] }] }, "Input tag 'image' found using 'type'", 'invalid_value'],
    ['no messages', {}, "Missing required parameter: 'messages'.", 'missing_required_parameter'],
    ['a temperature above 2', { messages: [user], temperature: 3 }, "Invalid value for 'temperature'", 'invalid_value'],
    ['five stop sequences', { messages: [user], stop: ['a', 'b', 'c', 'd', 'e'] }, "Invalid value for 'stop'", 'invalid_value'],
    ['a call without a result', { messages: [user, call('c1', 'c2'), answer('c1')] }, 'did not have response messages: c2', null],
    ['a word before the result', { messages: [user, call('c1'), user, answer('c1')] }, 'did not have response messages: c1', null],
    ['a result of nothing', { messages: [user, answer('c9')] }, "must be a response to a preceeding message with 'tool_calls'", null],
    ['two results of one call', { messages: [user, call('c1'), answer('c1'), answer('c1')] }, "must be a response to a preceeding message with 'tool_calls'", null],
    ['an assistant who says nothing', { messages: [user, { role: 'assistant', content: null }] }, "Invalid value for 'content'", null],
    ['a name with a blank', { messages: [user], tools: [{ type: 'function', function: { name: 'a b' } }] }, 'String should match pattern', 'invalid_value'],
    ['a strict tool with an open schema', { messages: [user], tools: [tool(open)] }, "'additionalProperties' is required to be supplied and to be false", null],
    ['a strict schema with a member that may be left out', { messages: [user], response_format: format({ ...open, additionalProperties: false, required: [] }) }, "Missing 'a'", null],
    ['a choice of no tool that is there', { messages: [user], tools: [tool(open, false)], tool_choice: { type: 'function', function: { name: 'g' } } }, "there is no tool 'g'", null],
    ['a choice without tools', { messages: [user], tool_choice: 'auto' }, "only allowed when 'tools' are specified", null],
    ['stream options without a stream', { messages: [user], stream_options: { include_usage: true } }, "only allowed when 'stream' is enabled", null],
    ['JSON of which nobody speaks', { messages: [user], response_format: { type: 'json_object' } }, "must contain the word 'json'", null],
    ['an image in a strange format', { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/tiff;base64,aaaa' } }] }] }, 'String should match pattern', 'invalid_value'],
  ])('%s', async (_name, params, message, code) => {
    await expect(client.chat.completions.create({ model: 'echo', ...params } as never)).rejects.toMatchObject({ status: 400, message: expect.stringContaining(message) as string, code })
  })

  it('but for fields that it does not know, where the model\'s name says so', async () => {
    expect((await client.chat.completions.create({ model: 'echo:recall', messages: [{ role: 'user', content: 'One.' }, { role: 'assistant', content: 'Yes.' }, { role: 'user', content: 'Two.' }] })).choices[0]?.message.content).toBe('Two.\nOne.')
    expect((await client.chat.completions.create({ model: 'echo:lenient', messages: [user], top_k: 3 } as never) as OpenAI.ChatCompletion).choices[0]?.message.content).toBe('Hello.')
  })

  it('a forgotten assistant helper member is none: what a model said comes back as it was given', async () => {
    const first = await client.chat.completions.parse({ model: 'echo', messages: [{ role: 'user', content: 'Hello.' }] })
    const said = first.choices[0]?.message
    expect(said === undefined ? null : (await client.chat.completions.create({ model: 'echo', messages: [{ role: 'user', content: 'a' }, said, { role: 'user', content: 'b' }] })).choices[0]?.message.content).toBe('b')
  })
})
