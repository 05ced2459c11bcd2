import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { stream, textEvent } from '../harness/completions.ts'
import { messageStream } from '../harness/messages.ts'
import { outputMessage, response, responseEvents, responseStream, textBegun } from '../harness/responses.ts'
import { answerJson, answerStream, answerThenClose, chunk, hang, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
let openai: OpenAI
let anthropic: Anthropic
beforeAll(async () => {
  rig = await startRig({
    config: upstream => {
      const provider = { base_url: upstream.url, credentials: [PROVIDER_KEY], timeouts: { connect: '2s', first_token: '5s', idle: '500ms', total: '60s' } }
      const to = (first: string, second: string, rescue: string): object => ({ targets: [`${first}/first-*`, `${second}/second-*`], rescue })
      return {
        providers: { chat: { ...provider, dialect: 'openai-chat' }, resp: { ...provider, dialect: 'openai-responses' }, claude: { ...provider, dialect: 'anthropic-messages' } },
        models: {
          'go-*': to('resp', 'resp', 'continue'), 'to-chat-*': to('resp', 'chat', 'continue'), 'to-claude-*': to('resp', 'claude', 'continue'), 'from-chat-*': to('chat', 'resp', 'continue'),
          'anew-*': to('resp', 'resp', 'restart'), 'told-*': to('resp', 'resp', 'error'),
        },
        relay: { max_attempts: 4 },
      }
    },
  })
  openai = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: rig.headrace.url, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

const WHOLE = 'The quick brown fóx jumps over it.'
const said = ['The quick', ' brown', ' fóx']
const rest = [' jumps', ' over', ' it.']
const chunks = (events: readonly string[]): Buffer => Buffer.concat([Buffer.from(STREAM_HEAD), chunk(events.join(''))])
const begun = responseEvents(textBegun(said))
const ask = (model: string, extra: object = {}): Promise<OpenAI.Responses.Response> => openai.responses.stream({ model, input: 'hello', store: false, ...extra }).finalResponse() as Promise<OpenAI.Responses.Response>
const bodyOf = (model: string): { readonly input?: readonly { readonly role: string, readonly content: unknown }[] } => JSON.parse(rig.upstream.of(model).at(-1)?.body.toString() ?? 'null')
const post = (model: string, headers: readonly (readonly [string, string])[] = []): ReturnType<Rig['post']> => rig.post(JSON.stringify({ model, input: 'hello', stream: true, store: false }), headers, { path: '/v1/responses' })

describe('a stream of Responses that breaks off is gone on with', () => {
  it.each<{ readonly how: string, readonly id: string, readonly script: Script }>([
    { how: 'when it is closed in the middle of an event', id: 'half', script: answerThenClose(Buffer.concat([chunks(begun), Buffer.from('20\r\nevent: response.outp')]), 'fin') },
    { how: 'when it goes silent', id: 'stall', script: hang(chunks(begun)) },
    { how: 'when an event is not JSON', id: 'junk', script: hang(chunks([...begun, 'event: response.output_text.delta\ndata: {"type": oops\n\n'])) },
    { how: 'when it tells an error', id: 'error', script: hang(chunks([...begun, 'event: error\ndata: {"type":"error","sequence_number":7,"code":"server_error","message":"overloaded"}\n\n'])) },
  ])('$how', async ({ id, script }) => {
    rig.upstream.on(`first-${id}`, script)
    rig.upstream.on(`second-${id}`, answerStream(responseStream(rest)))
    const answer = await ask(`go-${id}`)
    expect([answer.id, answer.status, answer.output_text, answer.output.length]).toEqual(['resp_1', 'completed', WHOLE, 1])
    expect(answer.usage?.output_tokens).toBeGreaterThan(3)
    expect(bodyOf(`second-${id}`).input?.slice(0, 2)).toMatchObject([{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'The quick brown fóx' }])
  })

  it('by a target of another dialect, and the other way round', async () => {
    rig.upstream.on('first-a', hang(chunks(begun)))
    rig.upstream.on('second-a', answerStream(stream(rest)))
    expect((await ask('to-chat-a')).output_text).toBe(WHOLE)
    rig.upstream.on('first-b', hang(chunks(begun)))
    rig.upstream.on('second-b', answerStream(messageStream(rest)))
    expect((await ask('to-claude-b')).output_text).toBe(WHOLE)
    rig.upstream.on('first-c', hang(chunks(said.map(textEvent))))
    rig.upstream.on('second-c', answerStream(responseStream(rest)))
    expect((await ask('from-chat-c')).output_text).toBe(WHOLE)
    rig.upstream.on('first-d', hang(chunks(begun)))
    rig.upstream.on('second-d', answerStream(responseStream(rest)))
    const message = await anthropic.messages.stream({ model: 'go-d', max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] }).finalMessage()
    expect(message).toMatchObject({ stop_reason: 'end_turn', content: [{ type: 'text', text: WHOLE }] })
    rig.upstream.on('first-e', hang(chunks(begun)))
    rig.upstream.on('second-e', answerStream(responseStream(rest)))
    const chat = await openai.chat.completions.stream({ model: 'go-e', messages: [{ role: 'user', content: 'hello' }] }).finalChatCompletion()
    expect(chat.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: WHOLE } })
  })

  it('without what the next model repeats', async () => {
    rig.upstream.on('first-again', hang(chunks(begun)))
    rig.upstream.on('second-again', answerStream(responseStream(['brown fóx', ' jumps', ' over it.'])))
    expect((await ask('go-again')).output_text).toBe(WHOLE)
  })

  it('and is kept whole, where it is kept', async () => {
    rig.upstream.on('first-kept', hang(chunks(begun)))
    rig.upstream.on('second-kept', answerStream(responseStream(rest)))
    const answer = await ask('go-kept', { store: true })
    expect([answer.status, answer.output_text]).toEqual(['completed', WHOLE])
    const kept = await openai.responses.retrieve(answer.id)
    expect([kept.status, kept.output_text, kept.output.map(item => item.id)]).toEqual(['completed', WHOLE, answer.output.map(item => item.id)])
  })

  it('with a call whose arguments broke off, when they come out the same; and with an error when they do not', async () => {
    const item = { id: 'fc_1', type: 'function_call', call_id: 'call_1', name: 'weather', arguments: '', status: 'in_progress' }
    const call = (id: string, pieces: readonly string[], whole: boolean): string[] => responseEvents([
      ...textBegun([]).slice(0, 2), { type: 'response.output_item.added', output_index: 0, item: { ...item, id } },
      ...pieces.map(delta => ({ type: 'response.function_call_arguments.delta', item_id: id, output_index: 0, delta })),
      ...(whole ? [{ type: 'response.output_item.done', output_index: 0, item: { ...item, id, arguments: pieces.join(''), status: 'completed' } }, { type: 'response.completed', response: response([{ ...item, id, arguments: pieces.join(''), status: 'completed' }]) }] : []),
    ])
    const tools = [{ type: 'function', name: 'weather', parameters: { type: 'object' }, strict: false }]
    rig.upstream.on('first-call', hang(chunks(call('fc_1', ['{"city":', '"Kö'], false))))
    rig.upstream.on('second-call', answerStream(call('fc_9', ['{"ci', 'ty":"Köln"}'], true)))
    expect((await ask('go-call', { tools })).output).toMatchObject([{ type: 'function_call', id: 'fc_1', call_id: 'call_1', name: 'weather', arguments: '{"city":"Köln"}', status: 'completed' }])
    rig.upstream.on('first-other', hang(chunks(call('fc_1', ['{"city":', '"Kö'], false))))
    rig.upstream.on('second-other', answerStream(call('fc_9', ['{"city":"Bonn"}'], true)))
    await expect(ask('go-other', { tools })).rejects.toThrow(OpenAI.APIError)
  })
})

describe('the other policies on Responses', () => {
  it('`error` tells it with the numbers that follow, and asks nobody else', async () => {
    rig.upstream.on('first-told', hang(chunks(begun)))
    const answer = await post('told-told')
    expect(answer.complete).toBe(false)
    const numbers = [...answer.body.toString().matchAll(/"sequence_number":(\d+)/g)].map(match => Number(match[1]))
    expect(numbers).toEqual(numbers.map((_number, index) => index))
    expect(answer.body.toString()).toMatch(/event: error\ndata: [^\n]*"code":"upstream_idle_timeout"[^]*event: response\.failed\n[^\n]*\n\n$/)
    expect(rig.upstream.of('second-told').length).toBe(0)
    rig.upstream.on('first-raised', hang(chunks(begun)))
    await expect(ask('told-raised')).rejects.toThrow(OpenAI.APIError)
  })

  it('`restart` begins anew for a client that says it can take it', async () => {
    rig.upstream.on('first-anew', hang(chunks(begun)))
    rig.upstream.on('second-anew', answerStream(responseStream(rest)))
    const answer = await post('anew-anew', [['headrace-accept-restart', '1']])
    expect(answer.complete).toBe(true)
    const [before, after] = answer.body.toString().split('event: headrace.restart\ndata: {"type":"headrace.restart","reason":"upstream_idle_timeout"}\n\n')
    expect([before, after?.startsWith('event: response.created\n')]).toEqual([begun.join(''), true])
  })

  it('a JSON answer that breaks off falls back, whatever the policy', async () => {
    const whole = JSON.stringify(response([outputMessage('First.')]))
    rig.upstream.on('first-json', answerThenClose(Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${whole.length}\r\n\r\n${whole.slice(0, -40)}`), 'fin'))
    rig.upstream.on('second-json', answerJson(response([outputMessage(WHOLE)])))
    const answer = await openai.responses.create({ model: 'told-json', input: 'hello' })
    expect([answer.output_text, answer.status]).toEqual([WHOLE, 'completed'])
  })
})
