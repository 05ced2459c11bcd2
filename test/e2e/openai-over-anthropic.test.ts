import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { block, message, messageEnd, messageEvent, messageStream, MESSAGE_START, textBlock, toolBlock } from '../harness/messages.ts'
import { answerJson, answerStream, chunk, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
let client: OpenAI
beforeAll(async () => {
  rig = await startRig({ provider: { dialect: 'anthropic-messages' }, config: () => ({ relay: { max_attempts: 1 } }) })
  client = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

const messages = [{ role: 'user' as const, content: 'hello' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } } }
const tools = [{ type: 'function' as const, function: { name: 'weather', parameters } }]
const sent = (model: string): unknown => JSON.parse(rig.upstream.of(model).at(-1)?.body.toString() ?? 'null')
const USAGE = { prompt_tokens: 13, completion_tokens: 3, total_tokens: 16, prompt_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 } }

describe('OpenAI\'s SDK over a provider that speaks Messages', () => {
  it('gets a chat completion', async () => {
    rig.upstream.on('chat', answerJson(message([{ type: 'text', text: 'hi thére' }])))
    const answer = await client.chat.completions.create({ model: 'up/chat', messages: [{ role: 'developer', content: 'Be brief.' }, ...messages], max_completion_tokens: 64, stop: 'END', user: 'u1' })
    expect(answer).toMatchObject({ object: 'chat.completion', model: 'claude-upstream', choices: [{ index: 0, message: { role: 'assistant', content: 'hi thére', refusal: null }, finish_reason: 'stop' }], usage: USAGE })
    const [request] = rig.upstream.of('chat')
    expect(request?.path).toBe('/v1/messages')
    expect(request?.head).toContain(`\r\nx-api-key: ${PROVIDER_KEY}`)
    expect(request?.head).toContain('\r\nanthropic-version: 2023-06-01')
    expect(request?.head).not.toMatch(/authorization/i)
    expect(sent('chat')).toEqual({ model: 'chat', max_tokens: 64, system: 'Be brief.', messages: [{ role: 'user', content: 'hello' }], stop_sequences: ['END'], metadata: { user_id: 'u1' } })
    expect((await rig.headrace.logs('model=up/chat'))[0]).toMatchObject({ outcome: 'settled', status: 200, inputTokens: 13, outputTokens: 3, cachedInputTokens: 4, cacheWriteTokens: 2, finishReason: 'end_turn' })
  })

  it.each([{ asked: false }, { asked: true }])('streams; the usage chunk is there only when asked for ($asked)', async ({ asked }) => {
    const model = `stream-${asked}`
    rig.upstream.on(model, answerStream(messageStream(['one ', 'two ', 'thrée'])))
    const chunks: OpenAI.ChatCompletionChunk[] = []
    const events = await client.chat.completions.create({ model: `up/${model}`, messages, stream: true, ...(asked ? { stream_options: { include_usage: true } } : {}) })
    for await (const event of events) chunks.push(event)
    expect(chunks.map(event => event.choices[0]?.delta.content ?? '').join('')).toBe('one two thrée')
    expect(chunks.filter(event => event.usage).map(event => event.usage)).toMatchObject(asked ? [USAGE] : [])
    expect(chunks.flatMap(event => event.choices).map(choice => choice.finish_reason).filter(reason => reason !== null)).toEqual(['stop'])
    expect((await rig.headrace.logs(`model=up/${model}`))[0]).toMatchObject({ outcome: 'settled', stream: true, inputTokens: 13, outputTokens: 3 })
  })

  it('calls tools in parallel, as JSON and streamed, and sends their results in one turn', async () => {
    const input = '{"b":1.0,"a":12345678901234567890}'
    rig.upstream.on('tools', answerJson(JSON.stringify(message([{ type: 'text', text: 'Let me see.' }, { type: 'tool_use', id: 'toolu_1', name: 'weather', input: 'INPUT' }], { stop_reason: 'tool_use' })).replace('"INPUT"', input)))
    const answer = await client.chat.completions.create({ model: 'up/tools', messages, tools, tool_choice: { type: 'function', function: { name: 'weather' } }, parallel_tool_calls: false })
    expect(answer.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Let me see.', tool_calls: [{ id: 'toolu_1', type: 'function', function: { name: 'weather', arguments: input } }] } })
    expect(sent('tools')).toMatchObject({ tools: [{ name: 'weather', input_schema: parameters }], tool_choice: { type: 'tool', name: 'weather', disable_parallel_tool_use: true } })

    rig.upstream.on('tools-stream', answerStream([
      MESSAGE_START, ...textBlock(0, ['Let me ', 'see.']), ...toolBlock(1, 'toolu_1', 'weather', ['', '{"city":', '"Köln"}']), ...toolBlock(2, 'toolu_2', 'now', []), messageEnd('tool_use'),
    ]))
    const streamed = await client.chat.completions.stream({ model: 'up/tools-stream', messages, tools }).finalChatCompletion()
    expect(streamed.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: 'Let me see.', tool_calls: [
      { id: 'toolu_1', function: { name: 'weather', arguments: '{"city":"Köln"}' } }, { id: 'toolu_2', function: { name: 'now', arguments: '{}' } },
    ] } })

    rig.upstream.on('results', answerJson(message([{ type: 'text', text: 'warm' }])))
    await client.chat.completions.create({ model: 'up/results', tools, messages: [
      ...messages, streamed.choices[0]?.message as OpenAI.ChatCompletionMessage,
      { role: 'tool', tool_call_id: 'toolu_1', content: '20 C' }, { role: 'tool', tool_call_id: 'toolu_2', content: 'noon' }, { role: 'user', content: 'And?' },
    ] })
    expect(sent('results')).toMatchObject({ max_tokens: 8192, messages: [
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: [
        { type: 'text', text: 'Let me see.' }, { type: 'tool_use', id: 'toolu_1', name: 'weather', input: { city: 'Köln' } }, { type: 'tool_use', id: 'toolu_2', name: 'now', input: {} },
      ] },
      { role: 'user', content: [
        { type: 'tool_result', tool_use_id: 'toolu_1', content: '20 C' }, { type: 'tool_result', tool_use_id: 'toolu_2', content: 'noon' }, { type: 'text', text: 'And?' },
      ] },
    ] })
  })

  it('keeps signed thoughts over a tool loop', async () => {
    const thoughts = block(0, { type: 'thinking', thinking: '', signature: '' }, [
      { type: 'thinking_delta', thinking: 'Hm' }, { type: 'thinking_delta', thinking: 'm.' }, { type: 'signature_delta', signature: 'c2ln' },
    ])
    const hidden = block(1, { type: 'redacted_thinking', data: 'ZW5j' }, [])
    rig.upstream.on('think', answerStream([MESSAGE_START, ...thoughts, ...hidden, ...toolBlock(2, 'toolu_1', 'weather', ['{}']), messageEnd('tool_use')]))
    let reasoning = ''
    const details: unknown[] = []
    const events = await client.chat.completions.create({ model: 'up/think', messages, tools, stream: true, reasoning_effort: 'low' })
    for await (const event of events) {
      const delta = event.choices[0]?.delta as { reasoning_content?: string, reasoning_details?: unknown[] } | undefined
      reasoning += delta?.reasoning_content ?? ''
      details.push(...delta?.reasoning_details ?? [])
    }
    expect(reasoning).toBe('Hmm.')
    expect(sent('think')).toMatchObject({ thinking: { type: 'enabled', budget_tokens: 2_048 }, max_tokens: 10_240 })

    rig.upstream.on('rethink', answerJson(message([{ type: 'thinking', thinking: 'Ah.', signature: 'c2lnMg==' }, { type: 'text', text: 'warm' }])))
    const call = { id: 'toolu_1', type: 'function' as const, function: { name: 'weather', arguments: '{}' } }
    const answer = await client.chat.completions.create({ model: 'up/rethink', tools, reasoning_effort: 'low', messages: [
      ...messages, { role: 'assistant', content: null, tool_calls: [call], reasoning_details: details } as never, { role: 'tool', tool_call_id: 'toolu_1', content: '20 C' },
    ] })
    expect(sent('rethink')).toMatchObject({ thinking: { type: 'enabled' }, messages: [{}, { role: 'assistant', content: [
      { type: 'thinking', thinking: 'Hmm.', signature: 'c2ln' }, { type: 'redacted_thinking', data: 'ZW5j' }, { type: 'tool_use', id: 'toolu_1' },
    ] }, {}] })
    expect(answer.choices[0]?.message).toMatchObject({ content: 'warm', reasoning_content: 'Ah.' })
  })

  it('sends images, files and schemas, and says which fields it could not carry', async () => {
    rig.upstream.on('notes', answerJson(message([{ type: 'text', text: '{}' }])))
    const schema = { type: 'object', properties: {}, additionalProperties: false }
    const { response } = await client.chat.completions.create({
      model: 'up/notes', seed: 7, logit_bias: { 5: 1 }, store: false, temperature: 1.5, response_format: { type: 'json_schema', json_schema: { name: 's', schema, strict: true } },
      messages: [{ role: 'user', content: [
        { type: 'text', text: 'What is it?' }, { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw==' } }, { type: 'image_url', image_url: { url: 'https://example.test/a.png' } },
        { type: 'file', file: { filename: 'a.pdf', file_data: 'data:application/pdf;base64,JVBERg==' } },
      ] }],
    }).withResponse()
    expect(sent('notes')).toMatchObject({ temperature: 1, output_config: { format: { type: 'json_schema', schema } }, messages: [{ content: [
      { type: 'text', text: 'What is it?' }, { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw==' } }, { type: 'image', source: { type: 'url', url: 'https://example.test/a.png' } },
      { type: 'document', title: 'a.pdf', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBERg==' } },
    ] }] })
    expect(response.headers.get('headrace-dropped')).toBe('logit_bias, seed')
    expect(response.headers.get('headrace-approximated')).toBe('temperature')
  })

  it('refuses what cannot be left out', async () => {
    const content = [{ type: 'input_audio' as const, input_audio: { data: 'AAAA', format: 'wav' as const } }]
    await expect(client.chat.completions.create({ model: 'up/audio', messages: [{ role: 'user', content }] })).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    for (const asked of [{ n: 2 }, { logprobs: true }]) {
      await expect(client.chat.completions.create({ model: 'up/audio', messages: [{ role: 'user', content: 'x' }], ...asked })).rejects.toMatchObject({ status: 400, param: Object.keys(asked)[0] })
    }
    await expect(client.embeddings.create({ model: 'up/embed', input: 'x' })).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    expect(rig.upstream.of('audio')).toEqual([])
  })

  it.each([
    { status: 400, type: 'invalid_request_error', kind: OpenAI.BadRequestError, message: /the provider says so/ },
    { status: 401, type: 'authentication_error', kind: OpenAI.InternalServerError, message: /credentials/ },
    { status: 413, type: 'request_too_large', kind: OpenAI.APIError, message: /the provider says so/ },
    { status: 429, type: 'rate_limit_error', kind: OpenAI.RateLimitError, message: /rate/ },
    { status: 500, type: 'api_error', kind: OpenAI.InternalServerError, message: /failed/ },
    { status: 529, type: 'overloaded_error', kind: OpenAI.InternalServerError, message: /overloaded/ },
  ])('raises the right class for a provider\'s $status', async ({ status, type, kind, message: words }) => {
    rig.upstream.on(`error-${status}`, answerJson({ type: 'error', error: { type, message: 'the provider says so' } }, { status, headers: { 'retry-after': '7' } }))
    const error: unknown = await client.chat.completions.create({ model: `up/error-${status}`, messages }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(kind)
    expect(String(error)).toMatch(words)
    if (status === 529) expect(error).toMatchObject({ status: 503, code: 'upstream_overloaded' })
    if (status === 429) expect((error as { headers: Headers }).headers.get('retry-after')).toBe('7')
  })

  it('an error before the first word is an error, one after it ends the stream as such', async () => {
    const overloaded = messageEvent({ type: 'error', error: { type: 'overloaded_error', message: 'secret words' } })
    rig.upstream.on('early', answerStream([MESSAGE_START, overloaded]))
    await expect(client.chat.completions.create({ model: 'up/early', messages, stream: true })).rejects.toMatchObject({ status: 503, code: 'upstream_overloaded' })
    // What has not reached the client yet is worth less than another attempt: text and error in one read are an error.
    rig.upstream.on('late', answerStream([MESSAGE_START + textBlock(0, ['half']).join(''), overloaded], 100))
    const seen: string[] = []
    const read = async (): Promise<void> => {
      for await (const event of await client.chat.completions.create({ model: 'up/late', messages, stream: true })) seen.push(event.choices[0]?.delta.content ?? '')
    }
    const error: unknown = await read().catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(OpenAI.APIError)
    expect(String(error)).not.toContain('secret words')
    expect(seen.join('')).toBe('half')
  })

  it('aborts a stream, and the provider hears of it', async () => {
    rig.upstream.on('abort', socket => { socket.write(STREAM_HEAD); socket.write(chunk(MESSAGE_START + textBlock(0, ['first']).join(''))) })
    const controller = new AbortController()
    const events = await client.chat.completions.create({ model: 'up/abort', messages, stream: true }, { signal: controller.signal })
    for await (const event of events) if (event.choices[0]?.delta.content === 'first') controller.abort()
    await until('the abort upstream', () => rig.upstream.of('abort')[0]?.abortedAt ?? 0, 1_000)
  })
})
