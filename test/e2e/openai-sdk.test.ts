import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion, stream, USAGE } from '../harness/completions.ts'
import { answerJson, answerStream, STREAM_HEAD, chunk } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { textEvent } from '../harness/completions.ts'
import { until } from '../harness/until.ts'

let rig: Rig
let client: OpenAI
beforeAll(async () => {
  rig = await startRig({ config: () => ({ relay: { max_attempts: 1 } }) })
  client = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

const messages = [{ role: 'user' as const, content: 'hello' }]

describe('the official SDK, before a scripted provider', () => {
  it('gets a chat completion', async () => {
    rig.upstream.on('chat', answerJson(completion('hi there')))
    const answer = await client.chat.completions.create({ model: 'up/chat', messages })
    expect(answer.choices[0]?.message.content).toBe('hi there')
    expect(answer.model).toBe('upstream-model-2026')
    const [row] = await rig.headrace.logs('model=up/chat')
    expect(row).toMatchObject({ outcome: 'settled', status: 200, stream: false, inputTokens: 11, outputTokens: 3, cachedInputTokens: 4, finishReason: 'stop' })
  })

  it.each([{ asked: false }, { asked: true }])('streams; the usage chunk is there only when asked for ($asked), and on record in both cases', async ({ asked }) => {
    const model = `stream-${asked}`
    rig.upstream.on(model, answerStream(stream(['one ', 'two ', 'three'])))
    const chunks: OpenAI.ChatCompletionChunk[] = []
    const events = await client.chat.completions.create({ model: `up/${model}`, messages, stream: true, ...(asked ? { stream_options: { include_usage: true } } : {}) })
    for await (const event of events) chunks.push(event)
    expect(chunks.map(event => event.choices[0]?.delta.content ?? '').join('')).toBe('one two three')
    expect(chunks.filter(event => event.usage).map(event => event.usage)).toEqual(asked ? [USAGE] : [])
    const [row] = await rig.headrace.logs(`model=up/${model}`)
    expect(row).toMatchObject({ outcome: 'settled', stream: true, inputTokens: 11, outputTokens: 3, finishReason: 'stop' })
  })

  it('gets tool calls, as JSON and streamed', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Köln"}' } }
    const tools = [{ type: 'function' as const, function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } } }]
    rig.upstream.on('tools', answerJson(completion('', { choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }] })))
    const answer = await client.chat.completions.create({ model: 'up/tools', messages, tools })
    expect(answer.choices[0]?.message.tool_calls).toEqual([call])

    const event = (delta: unknown, finish: string | null = null): string => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
    rig.upstream.on('tools-stream', answerStream([
      event({ role: 'assistant', tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }] }),
      event({ tool_calls: [{ index: 0, function: { arguments: '{"city":' } }] }), event({ tool_calls: [{ index: 0, function: { arguments: '"Köln"}' } }] }),
      event({}, 'tool_calls'), 'data: [DONE]\n\n',
    ]))
    const final = await client.chat.completions.stream({ model: 'up/tools-stream', messages, tools }).finalChatCompletion()
    expect(final.choices[0]?.message.tool_calls?.[0]).toMatchObject(call)
    expect((await rig.headrace.logs('model=up/tools-stream'))[0]).toMatchObject({ finishReason: 'tool_calls' })
  })

  it('gets embeddings and legacy completions', async () => {
    rig.upstream.on('embed', answerJson({ object: 'list', data: [{ object: 'embedding', index: 0, embedding: [0.5, -0.25] }], model: 'e', usage: { prompt_tokens: 2, total_tokens: 2 } }))
    const embedded = await client.embeddings.create({ model: 'up/embed', input: 'x', encoding_format: 'float' })
    expect(embedded.data[0]?.embedding).toEqual([0.5, -0.25])
    expect(rig.upstream.of('embed')[0]?.path).toBe('/v1/embeddings')

    rig.upstream.on('legacy', answerJson({ id: 'c', object: 'text_completion', created: 1, model: 'm', choices: [{ index: 0, text: 'once', logprobs: null, finish_reason: 'length' }], usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 } }))
    const legacy = await client.completions.create({ model: 'up/legacy', prompt: 'x' })
    expect(legacy.choices[0]?.text).toBe('once')
    expect(rig.upstream.of('legacy')[0]?.path).toBe('/v1/completions')
    expect((await rig.headrace.logs('model=up/legacy'))[0]).toMatchObject({ operation: 'completion', outputTokens: 1, finishReason: 'length' })
    expect((await rig.headrace.logs('model=up/embed'))[0]).toMatchObject({ operation: 'embeddings', inputTokens: 2 })
  })

  it('answers from the built-in sandbox with no account at all', async () => {
    const answer = await client.chat.completions.create({ model: 'sandbox/echo', messages })
    expect(answer.choices[0]?.message.content).toContain('hello')
    const parts: string[] = []
    for await (const event of await client.chat.completions.create({ model: 'sandbox/lorem:tokens=20', messages, stream: true })) parts.push(event.choices[0]?.delta.content ?? '')
    expect(parts.join('').length).toBeGreaterThan(20)
  })

  it('lists and gets models', async () => {
    const ids: string[] = []
    for await (const model of client.models.list()) ids.push(model.id)
    expect(ids.some(id => id.startsWith('sandbox/'))).toBe(true)
    const one = await client.models.retrieve(ids[0] ?? '')
    expect(one.id).toBe(ids[0])
    await expect(client.models.retrieve('nowhere/nothing')).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('aborts a stream, and the provider hears of it', async () => {
    rig.upstream.on('abort', socket => { socket.write(STREAM_HEAD); socket.write(chunk(textEvent('first'))) })
    const controller = new AbortController()
    const events = await client.chat.completions.create({ model: 'up/abort', messages, stream: true }, { signal: controller.signal })
    for await (const event of events) {
      expect(event.choices[0]?.delta.content).toBe('first')
      controller.abort()
    }
    await until('the abort upstream', () => rig.upstream.of('abort')[0]?.abortedAt ?? 0, 1_000)
  })
})

describe('the SDK\'s error classes', () => {
  const upstreamErrors = [
    { status: 400, kind: OpenAI.BadRequestError }, { status: 422, kind: OpenAI.APIError }, { status: 429, kind: OpenAI.RateLimitError }, { status: 500, kind: OpenAI.InternalServerError },
    { status: 503, kind: OpenAI.InternalServerError }, { status: 401, kind: OpenAI.InternalServerError },
  ]
  it.each(upstreamErrors)('a provider\'s $status', async ({ status, kind }) => {
    rig.upstream.on(`error-${status}`, answerJson({ error: { message: 'the provider says so', type: 'provider_type', code: 'provider_code', param: null } }, { status }))
    const error: unknown = await client.chat.completions.create({ model: `up/error-${status}`, messages }).catch((caught: unknown) => caught)
    expect(error).toBeInstanceOf(kind)
    expect(error).toMatchObject({ error: { message: expect.any(String) as string, type: expect.any(String) as string, code: expect.any(String) as string } })
    expect((await rig.headrace.logs(`model=up/error-${status}`))[0]).toMatchObject({ upstreamStatus: status, attempt: 1 })
  })

  it('a wrong key, a missing key, an unknown model, a bad body', async () => {
    const stranger = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: 'hr_nobody_knows_this_key', maxRetries: 0 })
    await expect(stranger.chat.completions.create({ model: 'up/chat', messages })).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    await expect(stranger.models.list()).rejects.toBeInstanceOf(OpenAI.AuthenticationError)
    await expect(client.chat.completions.create({ model: 'no-such-model', messages })).rejects.toMatchObject({ status: 404, code: 'model_not_found', constructor: OpenAI.NotFoundError })
    await expect(client.chat.completions.create({ messages } as never)).rejects.toBeInstanceOf(OpenAI.BadRequestError)
    await expect(client.post('/responses-nobody-has', { body: {} })).rejects.toBeInstanceOf(OpenAI.NotFoundError)
  })

  it('a stream that is cut throws, and never ends as if it were whole', async () => {
    rig.upstream.on('cut', socket => { socket.write(STREAM_HEAD); socket.write(chunk(textEvent('half'))); setTimeout(() => socket.resetAndDestroy(), 50) })
    const seen: string[] = []
    const read = async (): Promise<void> => {
      for await (const event of await client.chat.completions.create({ model: 'up/cut', messages, stream: true })) seen.push(event.choices[0]?.delta.content ?? '')
    }
    await expect(read()).rejects.toBeInstanceOf(OpenAI.APIError)
    expect(seen.join('')).toBe('half')
  })
})
