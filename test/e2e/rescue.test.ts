import Anthropic from '@anthropic-ai/sdk'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, DONE, finishEvent, stream, textEvent, usageEvent } from '../harness/completions.ts'
import { block, message, messageEvent, messageStream, MESSAGE_START, textBlock } from '../harness/messages.ts'
import { answerJson, answerStream, answerThenClose, chunk, hang, LAST_CHUNK, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
let openai: OpenAI
let anthropic: Anthropic
beforeAll(async () => {
  rig = await startRig({
    config: upstream => {
      const timeouts = { connect: '2s', first_token: '5s', idle: '500ms', total: '60s' }
      const provider = { base_url: upstream.url, credentials: [PROVIDER_KEY], timeouts }
      return {
        providers: { up: provider, begun: { ...provider, dialect: 'openai-chat', prefill: true }, claude: { ...provider, dialect: 'anthropic-messages' } },
        models: {
          'go-*': { targets: ['up/first-*', 'up/second-*'], rescue: 'continue' },
          'three-*': { targets: ['up/first-*', 'up/second-*', 'up/third-*'], rescue: 'continue' },
          'prefill-*': { targets: ['up/first-*', 'begun/second-*'], rescue: 'continue' },
          'to-claude-*': { targets: ['up/first-*', 'claude/second-*'], rescue: 'continue' },
          'from-claude-*': { targets: ['claude/first-*', 'up/second-*'], rescue: 'continue' },
          'claudes-*': { targets: ['claude/first-*', 'claude/second-*'], rescue: 'continue' },
          'anew-*': { targets: ['up/first-*', 'up/second-*'], rescue: 'restart' },
          'told-*': ['up/first-*', 'up/second-*'],
        },
        relay: { max_attempts: 4 },
      }
    },
  })
  openai = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
  anthropic = new Anthropic({ baseURL: rig.headrace.url, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

/** Says that the connection is not to be used again: whether its end or the next request comes first is chance. */
const CLOSING_HEAD = STREAM_HEAD.replace('\r\n', '\r\nconnection: close\r\n')
const chunks = (events: readonly string[]): Buffer => Buffer.concat([Buffer.from(STREAM_HEAD), chunk(events.join(''))])
const resetAfter = (events: readonly string[]): Script => answerThenClose(chunks(events), 'reset')
const cutAfter = (events: readonly string[]): Script => answerThenClose(Buffer.concat([Buffer.from(CLOSING_HEAD), chunk(events.join('')), LAST_CHUNK]), 'fin')
const said = ['The quick', ' brown', ' fóx'].map(textEvent)
const rest = stream([' jumps', ' over', ' it.'])
const WHOLE = 'The quick brown fóx jumps over it.'
const bodyOf = (model: string): { readonly messages: readonly { readonly role: string, readonly content: unknown }[], readonly max_tokens?: number } => JSON.parse(rig.upstream.of(model).at(-1)?.body.toString() ?? 'null')

async function textOf(model: string): Promise<{ text: string, finish: string | null, ids: Set<string>, usage: OpenAI.CompletionUsage | null }> {
  const seen = { text: '', finish: null as string | null, ids: new Set<string>(), usage: null as OpenAI.CompletionUsage | null }
  for await (const event of await openai.chat.completions.create({ model, messages: [{ role: 'user', content: 'hello' }], stream: true, stream_options: { include_usage: true } })) {
    seen.text += event.choices[0]?.delta.content ?? ''
    seen.finish = event.choices[0]?.finish_reason ?? seen.finish
    seen.ids.add(event.id)
    seen.usage = event.usage ?? seen.usage
  }
  return seen
}

describe('a stream that breaks off midway is gone on with', () => {
  const breaks: readonly { readonly how: string, readonly id: string, readonly script: Script }[] = [
    { how: 'is reset', id: 'reset', script: resetAfter(said) },
    { how: 'is closed in the middle of an event', id: 'half', script: answerThenClose(Buffer.concat([chunks(said), Buffer.from('20\r\ndata: {"choi')]), 'fin') },
    { how: 'ends cleanly framed but unfinished', id: 'cut', script: cutAfter(said) },
    { how: 'goes silent', id: 'stall', script: hang(chunks(said)) },
    { how: 'tells an error', id: 'error', script: cutAfter([...said, 'data: {"error":{"message":"overloaded","type":"overloaded_error"}}\n\n']) },
  ]
  it.each(breaks)('when it $how', async ({ id, script }) => {
    rig.upstream.on(`first-${id}`, script)
    rig.upstream.on(`second-${id}`, answerStream(rest))
    const answer = await textOf(`go-${id}`)
    expect(answer).toMatchObject({ text: WHOLE, finish: 'stop' })
    expect(answer.ids.size).toBe(1)
    expect(answer.usage?.completion_tokens).toBeGreaterThan(3)
    const messages = bodyOf(`second-${id}`).messages
    expect(messages.slice(0, 2)).toMatchObject([{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'The quick brown fóx' }])
    expect(messages[2]?.role).toBe('user')
    const rows = await until('a row of each attempt', async () => {
      const all = (await rig.headrace.logs(`model=go-${id}`)).toSorted((left, right) => left.attempt - right.attempt)
      return all.at(-1)?.outcome === 'settled' ? all : null
    })
    expect(rows.at(-1)).toMatchObject({ attempt: rows.length, targetModel: `second-${id}`, inputTokens: 11, outputTokens: 3 })
    for (const row of rows.slice(0, -1)) expect(row).toMatchObject({ outcome: 'partial', targetModel: `first-${id}` })
  })

  it('and says so in a comment that readers of event streams pass over', async () => {
    rig.upstream.on('first-mark', cutAfter(said))
    rig.upstream.on('second-mark', answerStream(rest))
    const answer = await rig.post(chatBody('go-mark', { stream: true }))
    expect(answer.complete).toBe(true)
    expect(answer.body.toString()).toContain('\n\n: headrace-rescue target=up/')
    expect(answer.body.toString().endsWith(DONE)).toBe(true)
    expect(answer.body.toString().match(/\[DONE\]/g)?.length).toBe(1)
  })

  it('without what the next model repeats', async () => {
    rig.upstream.on('first-again', cutAfter(said), answerStream(stream(['quick brown', ' fóx jumps', ' over', ' it.'])))
    expect((await textOf('go-again')).text).toBe(WHOLE)
    rig.upstream.on('first-whole', resetAfter(said), answerStream(stream(['The quick ', 'brown fóx', ' jumps over it.'])))
    expect((await textOf('go-whole')).text).toBe(WHOLE)
  })

  it('by a target that takes the beginning of its own answer', async () => {
    rig.upstream.on('first-own', hang(chunks([...said, textEvent(' ')])))
    rig.upstream.on('second-own', answerStream(stream([' jumps', ' over', ' it.'])))
    expect((await textOf('prefill-own')).text).toBe(WHOLE)
    expect(bodyOf('second-own').messages).toEqual([{ role: 'user', content: 'hello' }, { role: 'assistant', content: 'The quick brown fóx' }])
  })

  it('by an instruction, where a target takes no beginning after all: it is asked once more, and never again so', async () => {
    const refusesBeginnings: Script = (socket, request) => {
      const last = (JSON.parse(request.body.toString()) as { messages: { role: string }[] }).messages.at(-1)
      const refusal = answerJson({ error: { message: 'This model does not support assistant message prefill. The conversation must end with a user message.', type: 'invalid_request_error' } }, { status: 400 })
      return (last?.role === 'assistant' ? refusal : answerStream(rest))(socket, request)
    }
    rig.upstream.on('first-shy', resetAfter(said))
    rig.upstream.on('second-shy', refusesBeginnings)
    for (const asked of [2, 3]) {
      expect(await textOf('prefill-shy')).toMatchObject({ text: WHOLE, finish: 'stop' })
      expect(rig.upstream.of('second-shy')).toHaveLength(asked)
    }
    expect(bodyOf('second-shy').messages.map(({ role }) => role)).toEqual(['user', 'assistant', 'user'])
  })

  it('twice, when the second target breaks off too', async () => {
    rig.upstream.on('first-twice', hang(chunks(said)))
    rig.upstream.on('second-twice', hang(chunks([textEvent(' jumps')])))
    rig.upstream.on('third-twice', answerStream(stream([' over', ' it.'])))
    expect(await textOf('three-twice')).toMatchObject({ text: WHOLE, finish: 'stop' })
    expect(bodyOf('third-twice').messages[1]).toMatchObject({ role: 'assistant', content: 'The quick brown fóx jumps' })
  })

  it('past a target that refuses to go on', async () => {
    rig.upstream.on('first-refused', hang(chunks(said)))
    rig.upstream.on('second-refused', answerJson({ error: { message: 'conversation must end with a user message', type: 'invalid_request_error' } }, { status: 400 }))
    rig.upstream.on('third-refused', answerStream(rest))
    expect(await textOf('three-refused')).toMatchObject({ text: WHOLE, finish: 'stop' })
  })

  it('from one dialect to the other', async () => {
    rig.upstream.on('first-x', hang(chunks(said)))
    rig.upstream.on('second-x', answerStream(messageStream([' jumps', ' over', ' it.'])))
    expect(await textOf('to-claude-x')).toMatchObject({ text: WHOLE, finish: 'stop' })

    const begun = [MESSAGE_START, ...block(0, { type: 'text', text: '' }, ['The quick', ' brown', ' fóx'].map(text => ({ type: 'text_delta', text }))).slice(0, -1)]
    for (const model of ['from-claude-y', 'claudes-z']) {
      const id = model.at(-1)
      rig.upstream.on(`first-${id}`, hang(chunks(begun)))
      rig.upstream.on(`second-${id}`, answerStream(model === 'claudes-z' ? messageStream([' jumps', ' over', ' it.']) : rest))
      const answer = await anthropic.messages.stream({ model, max_tokens: 100, messages: [{ role: 'user', content: 'hello' }] }).finalMessage()
      expect(answer).toMatchObject({ id: 'msg_1', stop_reason: 'end_turn', content: [{ type: 'text', text: WHOLE }] })
    }
  })
})

describe('tool calls are never patched', () => {
  const call = (id: string, name: string, pieces: readonly string[]): string[] => [
    `data: ${JSON.stringify({ id: 'chatcmpl-2', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { role: 'assistant', tool_calls: [{ index: 0, id, type: 'function', function: { name, arguments: '' } }] }, finish_reason: null }] })}\n\n`,
    ...pieces.map(piece => `data: ${JSON.stringify({ id: 'chatcmpl-2', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { tool_calls: [{ index: 0, function: { arguments: piece } }] }, finish_reason: null }] })}\n\n`),
  ]
  const final = (model: string): Promise<OpenAI.ChatCompletion> => openai.chat.completions.stream({
    model, messages: [{ role: 'user', content: 'hello' }], tools: [{ type: 'function', function: { name: 'weather', parameters: { type: 'object' } } }],
  }).finalChatCompletion()

  it('a broken one goes on when it is made anew in the same way', async () => {
    rig.upstream.on('first-same', hang(chunks(call('call_1', 'weather', ['{"city":', '"Kö']))))
    rig.upstream.on('second-same', answerStream([...call('call_9', 'weather', ['{"ci', 'ty":"Köln","days":3}']), finishEvent('tool_calls'), usageEvent(), DONE]))
    const { choices } = await final('go-same')
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [{ id: 'call_1', function: { name: 'weather', arguments: '{"city":"Köln","days":3}' } }] } })
    expect(bodyOf('second-same').messages).toEqual([{ role: 'user', content: 'hello' }])
  })

  it('a broken one that is made anew in another way ends in an error, not in a mixture', async () => {
    rig.upstream.on('first-other', hang(chunks(call('call_1', 'weather', ['{"city":', '"Kö']))))
    rig.upstream.on('second-other', answerStream([...call('call_9', 'weather', ['{"city":"Bonn"}']), finishEvent('tool_calls'), usageEvent(), DONE]))
    const answer = await rig.post(chatBody('go-other', { stream: true }))
    expect(answer.complete).toBe(false)
    expect(answer.body.toString()).toMatch(/"error":\{[^\n]*"code":"upstream_truncated"/)
    expect(answer.body.toString()).not.toContain('Bonn')
  })

  it('a whole one needs nothing but the end', async () => {
    rig.upstream.on('first-done', cutAfter(call('call_1', 'weather', ['{"city":', '"Köln"}'])))
    const { choices } = await final('go-done')
    expect(choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { tool_calls: [{ id: 'call_1', function: { name: 'weather', arguments: '{"city":"Köln"}' } }] } })
    expect(rig.upstream.of('second-done').length).toBe(0)
  })

  it('thoughts that were cut off are thought anew in a block of their own', async () => {
    rig.upstream.on('first-think', hang(chunks([MESSAGE_START, ...block(0, { type: 'thinking', thinking: '', signature: '' }, [{ type: 'thinking_delta', thinking: 'Let me' }]).slice(0, -1)])))
    rig.upstream.on('second-think', answerStream([
      MESSAGE_START, ...block(0, { type: 'thinking', thinking: '', signature: '' }, [{ type: 'thinking_delta', thinking: 'Hm.' }, { type: 'signature_delta', signature: 'c2ln' }]), ...textBlock(1, ['Yes.']),
      messageEvent({ type: 'message_delta', delta: { stop_reason: 'end_turn', stop_sequence: null }, usage: { output_tokens: 3 } }), messageEvent({ type: 'message_stop' }),
    ]))
    const answer = await anthropic.messages.stream({ model: 'claudes-think', max_tokens: 2_000, messages: [{ role: 'user', content: 'hello' }] }).finalMessage()
    expect(answer.content).toMatchObject([{ type: 'thinking', thinking: 'Let me' }, { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' }, { type: 'text', text: 'Yes.' }])
    expect(message([]).id).toBe(answer.id)
  })
})

describe('the other policies', () => {
  it('`restart` begins anew for a client that says it can take it, and is an error for others', async () => {
    rig.upstream.on('first-anew', hang(chunks(said)))
    rig.upstream.on('second-anew', answerStream(stream(['Another', ' answer.'])))
    const opted = await rig.post(chatBody('anew-anew', { stream: true }), [['headrace-accept-restart', '1']])
    expect(opted.complete).toBe(true)
    const [before, after] = opted.body.toString().split('event: headrace.restart\ndata: {"type":"headrace.restart","reason":"upstream_idle_timeout"}\n\n')
    expect(before).toBe(said.join(''))
    expect(after).toContain('Another')
    const others = await rig.post(chatBody('anew-anew', { stream: true }))
    expect(others.complete).toBe(false)
    expect(others.body.toString()).toContain('upstream_idle_timeout')
  })

  it('`error`, the default, tells the client and asks nobody else', async () => {
    rig.upstream.on('first-told', cutAfter(said))
    const answer = await rig.post(chatBody('told-told', { stream: true }))
    expect(answer.complete).toBe(false)
    expect(answer.body.toString()).toMatch(/"code":"upstream_truncated"/)
    expect(rig.upstream.of('second-told').length).toBe(0)
  })

  it('when nobody is left to go on, the client gets an error, never a short answer that looks whole', async () => {
    rig.upstream.on('first-gone', hang(chunks(said)))
    rig.upstream.on('second-gone', hang(chunks([textEvent(' jumps')])))
    const answer = await rig.post(chatBody('go-gone', { stream: true }))
    expect(answer.complete).toBe(false)
    expect(answer.body.toString()).toContain(' jumps')
    expect(answer.body.toString()).toMatch(/"error":\{[^\n]*\n\n$/)
    expect(answer.body.toString()).not.toContain('[DONE]')
  })
})
