import OpenAI from 'openai'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from './main.ts'

let sandbox: Sandbox
let client: OpenAI
let base: string
beforeAll(async () => {
  sandbox = await startSandbox()
  base = `http://${sandbox.host}:${sandbox.port}`
  client = new OpenAI({ baseURL: `${base}/v1`, apiKey: 'sk-test-secret', maxRetries: 0 })
})
afterAll(() => sandbox.close())
beforeEach(async () => { await fetch(`${base}/sandbox/calls`, { method: 'DELETE' }) })

const hello = [{ role: 'user' as const, content: 'Hello there, engine.' }]

describe('the sandbox, driven by the openai SDK', () => {
  it('echoes the last user message and counts the tokens it emitted', async () => {
    const answer = await client.chat.completions.create({ model: 'echo', messages: hello })
    expect(answer.choices[0]?.message.content).toBe('Hello there, engine.')
    expect(answer.choices[0]?.finish_reason).toBe('stop')
    expect(answer.usage).toEqual({ prompt_tokens: 7, completion_tokens: 3, total_tokens: 10 })
  })

  it('goes on with an echo that was begun, whether its beginning comes last or a request for the rest follows', async () => {
    const begun = [...hello, { role: 'assistant' as const, content: 'Hello there,' }]
    for (const messages of [begun, [...begun, { role: 'user' as const, content: 'Go on.' }]]) {
      expect((await client.chat.completions.create({ model: 'echo', messages })).choices[0]?.message.content).toBe(' engine.')
    }
    const all = [...hello, { role: 'assistant' as const, content: 'Hello there, engine.' }]
    for (const messages of [all, [...all, { role: 'user' as const, content: 'You were cut off. Go on.' }]]) {
      expect((await client.chat.completions.create({ model: 'echo', messages })).choices[0]?.message.content).toBe('')
    }
    const whole = [...hello, { role: 'assistant' as const, content: 'Hello there, engine.' }, { role: 'user' as const, content: 'And now?' }]
    expect((await client.chat.completions.create({ model: 'echo', messages: whole })).choices[0]?.message.content).toBe('And now?')
  })

  it('streams exactly as many tokens as the model name says, with usage when asked', async () => {
    const stream = await client.chat.completions.create({
      model: 'lorem:tokens=12,gap=1ms', messages: hello, stream: true, stream_options: { include_usage: true },
    })
    let pieces = 0
    let usage = 0
    for await (const chunk of stream) {
      if ((chunk.choices[0]?.delta.content ?? '') !== '') pieces += 1
      usage = chunk.usage?.completion_tokens ?? usage
    }
    expect([pieces, usage]).toEqual([12, 12])
  })

  it('gives the same text for the same messages and another for another seed', async () => {
    const text = async (model: string): Promise<string> => (await client.chat.completions.create({ model, messages: hello })).choices[0]?.message.content ?? ''
    expect(await text('lorem')).toBe(await text('lorem'))
    expect(await text('lorem:seed=1')).not.toBe(await text('lorem:seed=2'))
  })

  it('answers n choices, cuts at max_tokens and says so', async () => {
    const answer = await client.chat.completions.create({ model: 'lorem', messages: hello, n: 3, max_completion_tokens: 5 })
    expect(answer.choices.map((choice) => choice.finish_reason)).toEqual(['length', 'length', 'length'])
    expect(answer.usage?.completion_tokens).toBe(15)
  })

  const tools = [{ type: 'function' as const, function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' }, days: { type: 'integer' } } } } }]
  it('calls a tool that the last user message asks for, streamed and whole alike', async () => {
    const request = { model: 'lorem', messages: [{ role: 'user' as const, content: 'Please use get_weather.' }], tools }
    const whole = await client.chat.completions.create(request)
    expect(whole.choices[0]?.finish_reason).toBe('tool_calls')
    const call = whole.choices[0]?.message.tool_calls?.[0]
    expect(call?.type === 'function' && call.function).toEqual({ name: 'get_weather', arguments: '{"city":"sample","days":1}' })
    const streamed = await client.chat.completions.stream(request).finalChatCompletion()
    expect(streamed.choices[0]?.message.tool_calls?.[0]).toMatchObject({ function: { name: 'get_weather', arguments: '{"city":"sample","days":1}' } })
  })

  it('calls several tools at once unless that is forbidden, streamed and whole alike, and echoes their results', async () => {
    const both = [...tools, { type: 'function' as const, function: { name: 'get_time', parameters: { type: 'object', properties: {} } } }]
    const request = { model: 'echo', messages: [{ role: 'user' as const, content: 'Ask get_weather and get_time.' }], tools: both }
    const whole = await client.chat.completions.create(request)
    const streamed = await client.chat.completions.stream(request).finalChatCompletion()
    const calls = whole.choices[0]?.message.tool_calls ?? []
    expect(calls.map((call) => call.type === 'function' && call.function.name)).toEqual(['get_weather', 'get_time'])
    expect(streamed.choices[0]?.message.tool_calls).toMatchObject(calls)
    expect((await client.chat.completions.create({ ...request, parallel_tool_calls: false })).choices[0]?.message.tool_calls).toHaveLength(1)
    const answer = await client.chat.completions.create({ ...request, messages: [
      ...request.messages, { role: 'assistant', tool_calls: calls }, ...calls.map((call, index) => ({ role: 'tool' as const, tool_call_id: call.id, content: `result ${index}` })),
    ] })
    expect(answer.choices[0]?.message.content).toBe('result 0\nresult 1')
  })

  it('tells what it sees of an image, and counts thoughts that were asked for', async () => {
    const content = [{ type: 'text' as const, text: 'See ' }, { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,iVBORw==' } }]
    const answer = await client.chat.completions.create({ model: 'echo', messages: [{ role: 'user', content }], reasoning_effort: 'low' })
    expect(answer.choices[0]?.message.content).toBe('See [image/png 4 bytes 0f4636c7]')
    expect(answer.usage?.completion_tokens_details?.reasoning_tokens).toBeGreaterThan(5)
  })

  it('makes no tool call unasked', async () => {
    const answer = await client.chat.completions.create({ model: 'echo', messages: hello, tools })
    expect(answer.choices[0]?.message.content).toBe('Hello there, engine.')
  })

  it('completes a legacy prompt, whole and streamed', async () => {
    expect((await client.completions.create({ model: 'echo', prompt: 'say it' })).choices[0]?.text).toBe('say it')
    let text = ''
    for await (const chunk of await client.completions.create({ model: 'echo', prompt: 'say it again', stream: true })) text += chunk.choices[0]?.text ?? ''
    expect(text).toBe('say it again')
  })

  it('embeds into unit vectors that depend on the text alone, in floats and base64', async () => {
    const asked = await client.embeddings.create({ model: 'embed', input: ['one two', 'one two', 'three'], dimensions: 64 })
    const [first, second, third] = asked.data.map((item) => item.embedding)
    expect(first).toHaveLength(64)
    expect(first).toEqual(second)
    expect(first).not.toEqual(third)
    expect(Math.hypot(...first ?? [])).toBeCloseTo(1, 5)
    const floats = await client.embeddings.create({ model: 'embed', input: 'one two', dimensions: 64, encoding_format: 'float' })
    expect(floats.data[0]?.embedding[0]).toBeCloseTo(first?.[0] ?? NaN, 6)
  })

  it('lists its models', async () => {
    expect((await client.models.list()).data.map((model) => model.id)).toEqual(['echo', 'lorem', 'embed'])
    expect((await client.models.retrieve('lorem')).id).toBe('lorem')
  })

  it.each([
    ['nothing-like-it', 404, /no model 'nothing-like-it'/],
    ['lorem:token=5', 400, /unknown parameter 'token'; known are tokens/],
    ['lorem:tokens=0', 400, /'tokens' wants a whole number from 1/],
    ['lorem:gap=20m', 400, /'gap' wants a duration/],
    ['lorem:gap=1,gap=2', 400, /'gap' is given twice/],
    ['lorem:', 400, /unknown parameter ''/],
    ['fault:no_done=1', 400, /'no_done' wants no value/],
    ['lorem:__proto__', 400, /unknown parameter '__proto__'/],
    ['embed', 400, /embeddings only/],
  ])('refuses the model name %s with status %i and says why', async (model, status, message) => {
    await expect(client.chat.completions.create({ model, messages: hello })).rejects.toMatchObject({ status, message: expect.stringMatching(message) as string })
  })

  it('reports what it saw, in order, with credentials digested', async () => {
    await client.chat.completions.create({ model: 'echo', messages: hello }, { headers: { 'x-request-id': 'r-1' } })
    await client.chat.completions.create({ model: 'echo', messages: hello }, { headers: { 'x-request-id': 'r-2' } })
    const report = await (await fetch(`${base}/sandbox/calls`)).text()
    expect(JSON.parse(report)).toMatchObject({ count: 2, running: 0, requestIds: ['r-1', 'r-2'], calls: [{ model: 'echo', state: 'complete', tokens: 3 }, {}] })
    expect(report).not.toContain('sk-test-secret')
    expect(report).toContain('sha256:')
  })

  it('stops generating when the client leaves, and records the call as aborted', async () => {
    const stream = await client.chat.completions.create({ model: 'lorem:tokens=100000,gap=5ms', messages: hello, stream: true })
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content) break
    await expect.poll(() => sandbox.calls().aborted).toBe(1)
    const tokens = sandbox.calls().calls[0]?.tokens ?? 0
    expect(tokens).toBeLessThan(1000)
    expect(sandbox.calls().running).toBe(0)
  })
})
