import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion, DONE } from '../harness/completions.ts'
import { message } from '../harness/messages.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

/** Both speak Chat Completions and have no structured output of their own. */
let rig: Rig
let openai: OpenAI
let anthropic: Anthropic
beforeAll(async () => {
  rig = await startRig({ config: upstream => ({
    providers: {
      tool: { base_url: upstream.url, credentials: [], dialect: 'openai-chat', structured_output: 'tool' },
      told: { base_url: upstream.url, credentials: [], dialect: 'openai-chat', structured_output: 'instruction' },
      claude: { base_url: upstream.url, credentials: [], dialect: 'anthropic-messages' },
      up: { base_url: upstream.url, credentials: [], dialect: 'openai-chat' },
    },
    models: { 'pair-*': ['told/first-*', 'up/second-*'], 'strict-*': { targets: ['tool/first-*', 'up/second-*'], strict: true } },
    relay: { max_attempts: 5 },
  }) })
  openai = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: rig.headrace.url, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

const schema = { type: 'object', properties: { city: { type: 'string' }, degrees: { type: 'integer' } }, required: ['city', 'degrees'], additionalProperties: false }
const response_format = { type: 'json_schema' as const, json_schema: { name: 'weather report', schema, strict: true } }
const messages = [{ role: 'user' as const, content: 'How warm is it?' }]
const GOOD = '{"city":"Köln","degrees":20}'
const BAD = '{"city":"Köln","degrees":"twenty"}'
const sent = (model: string, index = -1): Record<string, unknown> => JSON.parse(rig.upstream.of(model).at(index)?.body.toString() ?? 'null') as Record<string, unknown>
const said = (text: string) => answerJson(completion(text))
const called = (name: string, input: string, words: string | null = null) => answerJson({
  id: 'c', object: 'chat.completion', created: 1, model: 'm', usage: { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2 },
  choices: [{ index: 0, finish_reason: 'tool_calls', message: { role: 'assistant', content: words, tool_calls: [{ id: 't', type: 'function', function: { name, arguments: input } }] } }],
})

describe('structured output over a target that has none', () => {
  it('is asked for by a tool that must be called, and comes back as the text that the client expects', async () => {
    rig.upstream.on('forced', called('weather_report', GOOD, 'Let me see.'))
    const { data, response } = await openai.chat.completions.create({ model: 'tool/forced', messages, response_format, seed: 7 }).withResponse()
    expect(data.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: GOOD } })
    expect(data.choices[0]?.message.tool_calls).toBeUndefined()
    expect(response.headers.get('headrace-approximated')).toBe('response_format')
    const request = sent('forced')
    expect(request).toMatchObject({ seed: 7, tools: [{ function: { name: 'weather_report', parameters: schema } }], tool_choice: { type: 'function', function: { name: 'weather_report' } } })
    expect(request).not.toHaveProperty('response_format')
    expect((await rig.headrace.logs('model=tool/forced'))[0]).toMatchObject({ attempt: 1, approximated: 'response_format' })
  })

  it('is asked for by an instruction behind the client\'s own, and a code fence around the answer is taken away', async () => {
    rig.upstream.on('fenced', said(`\n\`\`\`json\n${GOOD}\n\`\`\`\n`))
    const answer = await openai.chat.completions.create({ model: 'told/fenced', messages: [{ role: 'system', content: 'Be brief.' }, ...messages], response_format })
    expect(answer.choices[0]?.message.content).toBe(GOOD)
    expect(sent('fenced')).toMatchObject({ messages: [{ role: 'system', content: 'Be brief.' }, { role: 'system', content: expect.stringContaining(JSON.stringify(schema)) }, { role: 'user' }] })
  })

  it('is what a client of another dialect gets as well', async () => {
    rig.upstream.on('claude', called('answer', GOOD))
    const answer = await anthropic.messages.create({ model: 'tool/claude', max_tokens: 99, messages, output_config: { format: { type: 'json_schema', schema } } } as never) as Anthropic.Message
    expect(answer).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text: GOOD }] })
  })

  it('keeps its schema\'s rules where the target knows fewer: told in words, and checked', async () => {
    rig.upstream.on('ranged', ...['{"degrees":-300}', '{"degrees":20}'].map(text => answerJson(message([{ type: 'text', text }]))))
    const ranged = { type: 'object', properties: { degrees: { type: 'number', minimum: -273 } }, required: ['degrees'] }
    const { data, response } = await openai.chat.completions.create({ model: 'claude/ranged', messages, response_format: { type: 'json_schema', json_schema: { name: 'x', schema: ranged } } }).withResponse()
    expect([data.choices[0]?.message.content, response.headers.get('headrace-approximated')]).toEqual(['{"degrees":20}', 'response_format'])
    const format = { type: 'json_schema', schema: { ...ranged, properties: { degrees: { type: 'number', description: '{minimum: -273}' } }, additionalProperties: false } }
    expect(sent('ranged', 0)).toMatchObject({ output_config: { format } })
    expect(sent('ranged')).toMatchObject({ output_config: { format }, messages: [{}, {}, { content: expect.stringContaining('answer.degrees must be at least -273') }] })
  })

  it('streams as text, without the words around it', async () => {
    const delta = (value: unknown, finish: string | null = null): string => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: value, finish_reason: finish }] })}\n\n`
    rig.upstream.on('streamed', answerStream([
      delta({ role: 'assistant', content: 'Let me see.' }), delta({ tool_calls: [{ index: 0, id: 't', type: 'function', function: { name: 'weather_report', arguments: '' } }] }),
      ...GOOD.match(/.{1,5}/gu)?.map(piece => delta({ tool_calls: [{ index: 0, function: { arguments: piece } }] })) ?? [], delta({}, 'tool_calls'), DONE,
    ]))
    let text = ''
    const reasons: (string | null)[] = []
    for await (const event of await openai.chat.completions.create({ model: 'tool/streamed', messages, response_format, stream: true })) {
      text += event.choices[0]?.delta.content ?? ''
      reasons.push(event.choices[0]?.finish_reason ?? null)
    }
    expect([text, reasons.at(-1)]).toEqual([GOOD, 'stop'])
  })

  it('that does not fit its schema is asked to be mended once, in an attempt and a row of its own', async () => {
    rig.upstream.on('mended', said(BAD), said(GOOD))
    const answer = await openai.chat.completions.create({ model: 'told/mended', messages, response_format })
    expect(answer.choices[0]?.message.content).toBe(GOOD)
    expect(sent('mended')['messages']).toMatchObject([{}, {}, { role: 'assistant', content: BAD }, { role: 'user', content: expect.stringContaining('answer.degrees must be of type integer, and is string') }])
    const rows = await rig.headrace.logs('model=told/mended', 2)
    expect(rows.map(row => [row.attempt, row.outcome, row.status, row.errorKind]).toSorted()).toEqual([[1, 'settled', 0, 'upstream-protocol'], [2, 'settled', 200, '']])
  })

  it('that never fits goes to the next target, and is an error where there is none', async () => {
    rig.upstream.on('first-never', said(BAD))
    rig.upstream.on('second-never', said(GOOD))
    expect((await openai.chat.completions.create({ model: 'pair-never', messages, response_format })).choices[0]?.message.content).toBe(GOOD)
    expect([rig.upstream.of('first-never').length, rig.upstream.of('second-never').length]).toEqual([2, 1])
    rig.upstream.on('never', said('I cannot say.'))
    await expect(openai.chat.completions.create({ model: 'told/never', messages, response_format })).rejects.toMatchObject({ status: 502, message: expect.stringContaining('it is not JSON') })
    expect(rig.upstream.of('never')).toHaveLength(2)
  })

  it('that was cut or refused reaches the client as such', async () => {
    rig.upstream.on('cut', answerJson({ ...completion('{"city":"K'), choices: [{ index: 0, finish_reason: 'length', message: { role: 'assistant', content: '{"city":"K' } }] }))
    expect((await openai.chat.completions.create({ model: 'told/cut', messages, response_format })).choices[0]).toMatchObject({ finish_reason: 'length', message: { content: '{"city":"K' } })
    rig.upstream.on('refused', answerJson({ ...completion(''), choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: null, refusal: 'No.' } }] }))
    expect((await openai.chat.completions.create({ model: 'told/refused', messages, response_format })).choices[0]?.message.refusal).toBe('No.')
  })

  it('is no matter where the model calls a tool first: its words and its call come as they are', async () => {
    rig.upstream.on('calls', called('weather', '{"city":"Köln"}', '```\nLet me see.\n```'))
    const tools = [{ name: 'weather', input_schema: { type: 'object', properties: {} } }]
    const answer = await anthropic.messages.create({ model: 'told/calls', max_tokens: 99, messages, tools, output_config: { format: { type: 'json_schema', schema } } } as never) as Anthropic.Message
    expect(answer).toMatchObject({ stop_reason: 'tool_use', content: [{ type: 'text', text: '```\nLet me see.\n```' }, { type: 'tool_use', name: 'weather', input: { city: 'Köln' } }] })
  })

  it('is an approximation that a strict model passes over', async () => {
    rig.upstream.on('second-exact', said(GOOD))
    await openai.chat.completions.create({ model: 'strict-exact', messages, response_format })
    expect(rig.upstream.of('first-exact')).toEqual([])
    expect(sent('second-exact')).toMatchObject({ response_format })
  })

  it('that nobody asks for leaves the request on the fast lane, unknown fields and all', async () => {
    rig.upstream.on('plain', said('hi'))
    await openai.chat.completions.create({ model: 'tool/plain', messages, unheard_of: { b: 1, a: 2 } } as never)
    expect(rig.upstream.of('plain')[0]?.body.toString()).toContain('"unheard_of":{"b":1,"a":2}')
  })
})
