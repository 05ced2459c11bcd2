import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion, DONE, stream, textEvent } from '../harness/completions.ts'
import { answerJson, answerStream, chunk, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
let client: Anthropic
beforeAll(async () => {
  rig = await startRig({ config: upstream => ({
    relay: { max_attempts: 2 },
    providers: { up: { base_url: upstream.url, credentials: [PROVIDER_KEY] }, native: { base_url: upstream.url, credentials: [PROVIDER_KEY], dialect: 'anthropic-messages' }, sandbox: null },
    models: { both: ['native/busy', 'up/spare'] },
  }) })
  client = new Anthropic({ baseURL: rig.headrace.url, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

const messages = [{ role: 'user' as const, content: 'hello' }]
const tools = [{ name: 'weather', description: 'The weather.', input_schema: { type: 'object' as const, properties: { city: { type: 'string' } } } }]
const sent = (model: string): unknown => JSON.parse(rig.upstream.of(model).at(-1)?.body.toString() ?? 'null')
const delta = (value: unknown, finish: string | null = null): string =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: value, finish_reason: finish }] })}\n\n`

describe('Anthropic\'s SDK over a provider that speaks Chat Completions', () => {
  it('gets a message', async () => {
    rig.upstream.on('chat', answerJson(completion('hi there')))
    const answer = await client.messages.create({ model: 'up/chat', max_tokens: 64, system: 'Be brief.', messages, temperature: 0.5, stop_sequences: ['END'] } as never) as Anthropic.Message
    expect(answer).toMatchObject({
      type: 'message', role: 'assistant', model: 'upstream-model-2026', content: [{ type: 'text', text: 'hi there' }], stop_reason: 'end_turn', stop_sequence: null,
      usage: { input_tokens: 7, cache_read_input_tokens: 4, output_tokens: 3 },
    })
    expect(rig.upstream.of('chat')[0]?.path).toBe('/v1/chat/completions')
    expect(rig.upstream.of('chat')[0]?.head).not.toContain('anthropic')
    expect(sent('chat')).toEqual({ model: 'chat', messages: [{ role: 'system', content: 'Be brief.' }, { role: 'user', content: 'hello' }], max_tokens: 64, temperature: 0.5, stop: ['END'] })
    expect((await rig.headrace.logs('model=up/chat'))[0]).toMatchObject({ dialect: 'anthropic-messages', outcome: 'settled', status: 200, inputTokens: 11, outputTokens: 3, cachedInputTokens: 4, finishReason: 'stop' })
  })

  it('calls tools by names that are too long there, and gets its own back, streamed and whole', async () => {
    const name = `mcp__files__${'read_'.repeat(14)}`
    const request = { max_tokens: 64, messages, tools: [{ ...tools[0], name }, { ...tools[0], name: 'weather' }], tool_choice: { type: 'tool' as const, name }, metadata: { user_id: 'u'.repeat(99) }, stop_sequences: ['A', 'B', 'C', 'D', 'E'] }
    let there = ''
    rig.upstream.on('long-name', (socket, seen) => {
      there = (JSON.parse(seen.body.toString()) as { tools: { function: { name: string } }[] }).tools[0]?.function.name ?? ''
      const call = { id: 't', type: 'function', function: { name: there, arguments: '{}' } }
      const whole = { ...completion(''), choices: [{ index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', content: null, tool_calls: [call] } }] }
      const streamed = answerStream([delta({ tool_calls: [{ index: 0, ...call }] }), delta({}, 'tool_calls'), DONE])
      return (seen.body.includes('"stream":true') ? streamed : answerJson(whole))(socket, seen)
    })
    const answers = [await client.messages.create({ model: 'up/long-name', ...request } as never) as Anthropic.Message, await client.messages.stream({ model: 'up/long-name', ...request } as never).finalMessage()]
    for (const answer of answers) expect(answer.content).toMatchObject([{ type: 'tool_use', name }])
    expect(there).toMatch(/^mcp__files__[a-z_]{43}_[0-9a-f]{8}$/)
    expect(sent('long-name')).toMatchObject({ tools: [{}, { function: { name: 'weather' } }], tool_choice: { function: { name: there } }, user: expect.stringMatching(/^[0-9a-f]{64}$/), stop: ['A', 'B', 'C', 'D'] })
  })

  it('counts tokens by estimate where its provider cannot, says so, and leaves a row that names no provider', async () => {
    const { data, response } = await client.messages.countTokens({ model: 'up/count', system: 'the water behind the gate '.repeat(100), messages, tools }).withResponse()
    expect(data.input_tokens).toBeGreaterThan(450)
    expect(data.input_tokens).toBeLessThan(700)
    expect(response.headers.get('headrace-approximated')).toBe('input_tokens')
    expect(rig.upstream.of('count')).toEqual([])
    expect((await rig.headrace.logs('model=up/count'))[0]).toMatchObject({ outcome: 'answered', operation: 'count-tokens', status: 200, provider: '', approximated: 'input_tokens' })
  })

  it('streams, and the events are those of the real thing', async () => {
    rig.upstream.on('stream', answerStream(stream(['one ', 'two ', 'thrée'])))
    const running = client.messages.stream({ model: 'up/stream', max_tokens: 64, messages })
    const types: string[] = []
    running.on('streamEvent', event => { types.push(event.type) })
    const answer = await running.finalMessage()
    expect(answer.content).toMatchObject([{ type: 'text', text: 'one two thrée' }])
    expect(answer).toMatchObject({ stop_reason: 'end_turn', usage: { input_tokens: 7, cache_read_input_tokens: 4, output_tokens: 3 } })
    expect(types).toEqual(['message_start', 'content_block_start', 'content_block_delta', 'content_block_delta', 'content_block_delta', 'content_block_stop', 'message_delta', 'message_stop'])
    expect((await rig.headrace.logs('model=up/stream'))[0]).toMatchObject({ outcome: 'settled', stream: true, inputTokens: 11, outputTokens: 3, finishReason: 'stop' })
  })

  it('calls tools in parallel, as JSON and streamed, and sends their results in one turn', async () => {
    const calls = [
      { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Köln","n":1.0}' } },
      { id: 'call_2', type: 'function', function: { name: 'weather', arguments: '{"city":"Bonn"}' } },
    ]
    rig.upstream.on('tools', answerJson(completion('', { choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: calls }, finish_reason: 'tool_calls' }] })))
    const answer = await client.messages.create({ model: 'up/tools', max_tokens: 64, messages, tools, tool_choice: { type: 'any', disable_parallel_tool_use: true } })
    expect(answer.stop_reason).toBe('tool_use')
    expect(answer.content).toEqual([
      { type: 'tool_use', id: 'call_1', name: 'weather', input: { city: 'Köln', n: 1 } }, { type: 'tool_use', id: 'call_2', name: 'weather', input: { city: 'Bonn' } },
    ])
    expect(sent('tools')).toMatchObject({ tools: [{ type: 'function', function: { name: 'weather', parameters: tools[0]?.input_schema } }], tool_choice: 'required', parallel_tool_calls: false })

    rig.upstream.on('tools-stream', answerStream([
      delta({ role: 'assistant', content: 'Let me see. ' }),
      delta({ tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }] }),
      delta({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }), delta({ tool_calls: [{ index: 0, function: { arguments: '"Köln"}' } }] }),
      delta({ tool_calls: [{ index: 1, id: 'call_2', type: 'function', function: { name: 'weather', arguments: '{"city":"Bonn"}' } }] }),
      delta({}, 'tool_calls'), DONE,
    ]))
    const streamed = await client.messages.stream({ model: 'up/tools-stream', max_tokens: 64, messages, tools }).finalMessage()
    expect(streamed.content).toMatchObject([
      { type: 'text', text: 'Let me see. ' }, { type: 'tool_use', id: 'call_1', input: { city: 'Köln' } }, { type: 'tool_use', id: 'call_2', input: { city: 'Bonn' } },
    ])
    expect(streamed.stop_reason).toBe('tool_use')

    rig.upstream.on('results', answerJson(completion('warm')))
    await client.messages.create({ model: 'up/results', max_tokens: 64, tools, messages: [...messages, { role: 'assistant', content: streamed.content }, { role: 'user', content: [
      { type: 'tool_result', tool_use_id: 'call_1', content: '20 C' }, { type: 'tool_result', tool_use_id: 'call_2', content: [{ type: 'text', text: '21 C' }] }, { type: 'text', text: 'And?' },
    ] }] })
    expect((sent('results') as { messages: unknown }).messages).toEqual([
      { role: 'user', content: 'hello' },
      { role: 'assistant', content: 'Let me see. ', tool_calls: [
        { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } }, { id: 'call_2', type: 'function', function: { name: 'weather', arguments: '{"city":"Bonn"}' } },
      ] },
      { role: 'tool', tool_call_id: 'call_1', content: '20 C' }, { role: 'tool', tool_call_id: 'call_2', content: '21 C' },
      { role: 'user', content: 'And?' },
    ])
  })

  it('says which fields it could not carry', async () => {
    rig.upstream.on('notes', answerJson(completion('ok')))
    const { response } = await client.messages.create({
      model: 'up/notes', max_tokens: 8_000, thinking: { type: 'enabled', budget_tokens: 2_000 }, service_tier: 'standard_only',
      messages: [{ role: 'user', content: [{ type: 'text', text: 'hi', cache_control: { type: 'ephemeral' } }] }],
    }).withResponse()
    expect(response.headers.get('headrace-dropped')).toBe('service_tier, cache_control')
    expect(response.headers.get('headrace-approximated')).toBe('thinking')
    expect(sent('notes')).toMatchObject({ reasoning_effort: 'low' })
  })

  it.each([
    { status: 400, kind: Anthropic.BadRequestError, type: 'invalid_request_error', message: /the provider says so/ },
    { status: 429, kind: Anthropic.RateLimitError, type: 'rate_limit_error', message: /rate/ },
    { status: 503, kind: Anthropic.OverloadedError, type: 'overloaded_error', message: /overloaded/ },
    { status: 401, kind: Anthropic.InternalServerError, type: 'api_error', message: /credentials/ },
    { status: 500, kind: Anthropic.InternalServerError, type: 'api_error', message: /failed/ },
  ])('raises the right class for a provider\'s $status', async ({ status, kind, type, message }) => {
    rig.upstream.on(`error-${status}`, answerJson({ error: { message: 'the provider says so', type: 't', code: 'c', param: null } }, { status, headers: { 'retry-after': '20' } }))
    const error: unknown = await client.messages.create({ model: `up/error-${status}`, max_tokens: 9, messages }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ error: { type: 'error', error: { type } }, requestID: expect.any(String) as string })
    expect(String(error)).toMatch(message)
    if (status === 429) expect((error as { headers: Headers }).headers.get('retry-after')).toBe('20')
  })

  it('raises the right class for a wrong key, an unknown model and a bad body', async () => {
    const stranger = new Anthropic({ baseURL: rig.headrace.url, apiKey: 'hr_nobody_knows_this_key', maxRetries: 0 })
    await expect(stranger.messages.create({ model: 'up/chat', max_tokens: 9, messages })).rejects.toBeInstanceOf(Anthropic.AuthenticationError)
    await expect(client.messages.create({ model: 'nowhere', max_tokens: 9, messages })).rejects.toBeInstanceOf(Anthropic.NotFoundError)
    await expect(client.messages.create({ model: 'up/chat', max_tokens: 9, messages: 'hello' } as never)).rejects.toBeInstanceOf(Anthropic.BadRequestError)
  })

  it('falls back from a provider of its own dialect to one of another', async () => {
    rig.upstream.on('busy', answerJson({ type: 'error', error: { type: 'overloaded_error', message: 'busy' } }, { status: 529, headers: { 'retry-after': '30' } }))
    rig.upstream.on('spare', answerJson(completion('from the other')))
    const { data, response } = await client.messages.create({ model: 'both', max_tokens: 9, messages }).withResponse()
    expect(data.content).toMatchObject([{ type: 'text', text: 'from the other' }])
    expect(response.headers.get('headrace-target')).toBe('up/spare')
    expect(rig.upstream.of('busy')[0]?.path).toBe('/v1/messages')
    expect(rig.upstream.of('spare')[0]?.path).toBe('/v1/chat/completions')
  })

  it('talks to the built-in sandbox', async () => {
    const answer = await client.messages.create({ model: 'sandbox/echo', max_tokens: 99, messages })
    expect(answer.content).toMatchObject([{ type: 'text', text: expect.stringContaining('hello') as string }])
    const text = await client.messages.stream({ model: 'sandbox/lorem:tokens=20', max_tokens: 99, messages }).finalText()
    expect(text.length).toBeGreaterThan(20)
  })

  it('lists models in its own shape', async () => {
    const ids: string[] = []
    for await (const model of client.models.list()) ids.push(model.id)
    expect(ids.some(id => id.startsWith('sandbox/'))).toBe(true)
    expect(await client.models.retrieve(ids[0] ?? '')).toMatchObject({ type: 'model', id: ids[0] })
  })

  it('a stream that is cut throws, and never ends as if it were whole', async () => {
    rig.upstream.on('cut', socket => { socket.write(STREAM_HEAD); socket.write(chunk(textEvent('half'))); setTimeout(() => socket.resetAndDestroy(), 50) })
    const seen: string[] = []
    const running = client.messages.stream({ model: 'up/cut', max_tokens: 9, messages })
    running.on('text', text => { seen.push(text) })
    await expect(running.finalMessage()).rejects.toBeInstanceOf(Anthropic.APIError)
    expect(seen.join('')).toBe('half')
  })
})
