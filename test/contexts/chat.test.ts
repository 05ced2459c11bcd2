import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion, stream, textEvent } from '../harness/completions.ts'
import type { RawAnswer } from '../harness/http-client.ts'
import { answerJson, answerStream, answerThenClose, chunk, hang, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const OTHER_TENANT = 'hr_test_other_tenant_0123456789abcde'
let rig: Rig
beforeAll(async () => { rig = await startRig({ args: ['--workers', '2'], config: () => ({ keys: [{ name: 'other', key: OTHER_TENANT, tenant: 'other' }], contexts: { max_size: '16KiB' } }) }) }, 20_000)
afterAll(() => rig?.stop())

const user = (content: string) => ({ role: 'user', content })
const say = (model: string, context: string, messages: readonly object[], facts: object = {}, headers: readonly (readonly [string, string])[] = []): Promise<RawAnswer> =>
  rig.post(JSON.stringify({ model: `up/${model}`, messages, ...facts }), [['headrace-context', context], ...headers.map(([name, value]) => [name, value] as [string, string])])
/** What the provider was asked, call by call. */
const asked = (model: string): unknown[] => rig.upstream.of(model).map(({ body }) => (JSON.parse(body.toString()) as { messages: unknown }).messages)
const lastBody = (model: string): Record<string, unknown> => JSON.parse(rig.upstream.of(model).at(-1)?.body.toString() ?? '{}') as Record<string, unknown>
const idOf = (answer: RawAnswer): string => answer.headers.get('headrace-context') ?? ''
const etagOf = (answer: RawAnswer): string => answer.headers.get('etag') ?? ''
const errorOf = (answer: RawAnswer): { code: string, param: string | null, message: string } => (JSON.parse(answer.body.toString()) as { error: { code: string, param: string | null, message: string } }).error
const assistant = (content: string) => ({ role: 'assistant', content })

describe('a conversation that the gateway remembers', () => {
  it.each([['JSON', false], ['stream', true]])('goes on with only what is new in each request, over all workers (%s)', async (name, streamed) => {
    const model = `talk-${name}`
    const say1 = (words: string): Script => streamed ? answerStream(stream(words.split(/(?= )/))) : answerJson(completion(words))
    rig.upstream.on(model, say1('Hi Ada.'), say1('Your name is Ada.'), say1('Bye.'))
    const first = await say(model, 'new', [{ role: 'system', content: 'Be brief.' }, user('I am Ada. é')], { stream: streamed })
    expect([first.status, idOf(first)]).toEqual([200, expect.stringMatching(/^ctx_[\w-]{22}$/)])
    for (const words of ['What is my name?', 'Bye']) expect((await say(model, idOf(first), [user(words)], { stream: streamed })).complete).toBe(true)
    const begin = [{ role: 'system', content: 'Be brief.' }, user('I am Ada. é')]
    const then = [...begin, assistant('Hi Ada.'), user('What is my name?')]
    expect(asked(model)).toEqual([begin, then, [...then, assistant('Your name is Ada.'), user('Bye')]])
  })

  it('says what was said before in the same bytes each time, whoever serves it', async () => {
    rig.upstream.on('bytes', answerJson(completion('a "quoted" \u00e9 \ud83d\ude00')))
    const id = idOf(await say('bytes', 'new', [{ content: [{ type: 'text', text: 'x' }, { type: 'image_url', image_url: { url: 'https://example.com/a.png' } }], role: 'user' }]))
    for (let count = 0; count < 6; count++) await say('bytes', id, [user(`${count}`)])
    const bodies = rig.upstream.of('bytes').map(({ body }) => /"messages":\[(.*)\]/.exec(body.latin1Slice())?.[1] ?? '')
    for (const [index, body] of bodies.slice(1).entries()) expect(body.startsWith(`${bodies[index]},`)).toBe(true)
  })

  it('keeps tool calls with their results, and the tools until others are given', async () => {
    const call = { id: 'call_1', type: 'function', function: { name: 'look', arguments: '{ "b": 1.0, "a": 1e2 }' } }
    rig.upstream.on('tools', answerJson(completion('', { choices: [{ index: 0, message: { role: 'assistant', content: null, tool_calls: [call] }, finish_reason: 'tool_calls' }] })), answerJson(completion('It rains.')))
    const tools = [{ type: 'function', function: { name: 'look', description: 'd', parameters: { type: 'object', properties: {} } } }]
    const id = idOf(await say('tools', 'new', [user('Weather?')], { tools }))
    await say('tools', id, [{ role: 'tool', tool_call_id: 'call_1', content: 'rain' }])
    expect(asked('tools').at(-1)).toEqual([user('Weather?'), { role: 'assistant', content: null, tool_calls: [{ ...call, function: { name: 'look', arguments: '{"b":1.0,"a":1e2}' } }] }, { role: 'tool', tool_call_id: 'call_1', content: 'rain' }])
    expect(lastBody('tools')['tools']).toEqual(tools)
    await say('tools', id, [user('Thanks')], { tools: [] })
    expect(lastBody('tools')['tools']).toEqual([])
    await say('tools', id, [user('Bye')])
    expect(lastBody('tools')['tools']).toBeUndefined()
  })

  it('answers with the ETag of the turn, and refuses what was written against an older one, with what was missed', async () => {
    rig.upstream.on('etag', answerJson(completion('one')), answerStream(stream(['two'])), answerJson(completion('three')))
    const first = await say('etag', 'new', [user('1')])
    const second = await say('etag', idOf(first), [user('2')], { stream: true }, [['if-match', etagOf(first)]])
    expect([second.status, etagOf(first)]).toEqual([200, '"1-"'])
    const stale = await say('etag', idOf(first), [user('mine')], {}, [['if-match', etagOf(first)]])
    expect([stale.status, errorOf(stale).code, errorOf(stale).param, etagOf(stale)]).toEqual([412, 'context_stale', 'If-Match', etagOf(second)])
    expect((JSON.parse(stale.body.toString()) as { context: unknown }).context).toEqual({ etag: etagOf(second), seq: 4, from: 2, missed: [user('2'), assistant('two')] })
    expect((await say('etag', idOf(first), [user('3')], {}, [['if-match', etagOf(second)]])).status).toBe(200)
    expect((await say('etag', idOf(first), [user('4')], {}, [['if-match', '*']])).status).toBe(200)
    expect(rig.upstream.of('etag')).toHaveLength(4)
  })

  it('has a turn on file before its end is told: who reads the end and asks at once finds it', async () => {
    rig.upstream.on('quick', answerStream(stream(['yes'])))
    const client = new OpenAI({ baseURL: `http://127.0.0.1:${rig.headrace.port}/v1`, apiKey: API_KEY, maxRetries: 0 })
    const started = await client.chat.completions.create({ model: 'up/quick', messages: [{ role: 'user', content: '0' }] , stream: true }, { headers: { 'headrace-context': 'new' } }).withResponse()
    const id = started.response.headers.get('headrace-context') ?? ''
    for await (const _ of started.data);
    for (let count = 1; count <= 5; count++) {
      const answer = await client.chat.completions.create({ model: 'up/quick', messages: [{ role: 'user', content: `${count}` }], stream: true }, { headers: { 'headrace-context': id } })
      for await (const _ of answer);
    }
    expect((asked('quick').at(-1) as unknown[]).length).toBe(11)
  })

  it('keeps nothing of a turn that failed, broke off, or whose client left; the next one goes on as before', async () => {
    rig.upstream.on('broken', answerJson(completion('ok')), answerJson({ error: { message: 'no', type: 'invalid_request_error' } }, { status: 400 }), answerThenClose(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('half'))]), 'fin'), hang(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('for ever'))])), answerJson(completion('whole')))
    const id = idOf(await say('broken', 'new', [user('1')]))
    expect((await say('broken', id, [user('refused')])).status).toBe(400)
    const cut = await say('broken', id, [user('cut')], { stream: true })
    expect(cut.body.toString()).not.toContain('[DONE]')
    const leaving = new AbortController()
    const left = await fetch(`http://127.0.0.1:${rig.headrace.port}/v1/chat/completions`, {
      method: 'POST', signal: leaving.signal, body: JSON.stringify({ model: 'up/broken', stream: true, messages: [user('left')] }),
      headers: { 'authorization': `Bearer ${API_KEY}`, 'content-type': 'application/json', 'headrace-context': id },
    })
    expect(left.status).toBe(200)
    leaving.abort()
    await until('the context is free', async () => (await say('broken', id, [user('2')])).status === 200)
    const last = asked('broken').at(-1) as { content: string }[]
    expect(last.map(({ content }) => content)).toEqual(['1', 'ok', '2'])
  })

  it('keeps what looks like the end of a stream and is said by the model, and gives it as it comes', async () => {
    rig.upstream.on('looks', answerStream(stream(['the line data: [DONE]', ' ends it'])), answerJson(completion('ok')))
    const first = await say('looks', 'new', [user('how do streams end?')], { stream: true })
    expect(first.body.toString().match(/data: \[DONE\]/g)).toHaveLength(2)
    await say('looks', idOf(first), [user('thanks')])
    expect(asked('looks').at(-1)).toContainEqual(assistant('the line data: [DONE] ends it'))
  })

  it('lets one turn at a time work on it', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    const slow: Script = async (socket, request) => {
      await promise
      await answerJson(completion('slow'))(socket, request)
    }
    rig.upstream.on('busy', answerJson(completion('ok')), slow, answerJson(completion('third')))
    const id = idOf(await say('busy', 'new', [user('1')]))
    const running = say('busy', id, [user('2')])
    await rig.upstream.seen('busy', 2)
    const refused = await say('busy', id, [user('3')])
    expect([refused.status, errorOf(refused).code, refused.headers.get('retry-after')]).toEqual([409, 'context_busy', '1'])
    resolve()
    expect((await running).status).toBe(200)
    expect((await say('busy', id, [user('3')])).status).toBe(200)
    expect(asked('busy').at(-1)).toEqual([user('1'), assistant('ok'), user('2'), assistant('slow'), user('3')])
  })

  it('another tenant\'s context and one that never was look the same', async () => {
    rig.upstream.on('tenants', answerJson(completion('ok')))
    const id = idOf(await say('tenants', 'new', [user('secret')]))
    const foreign = await rig.post(JSON.stringify({ model: 'up/tenants', messages: [user('tell')] }), [['headrace-context', id]], { headers: [['authorization', `Bearer ${OTHER_TENANT}`], ['content-type', 'application/json'], ['headrace-context', id]] })
    for (const answer of [foreign, await say('tenants', 'ctx_AAAAAAAAAAAAAAAAAAAAAA', [user('x')]), await say('tenants', 'nonsense', [user('x')])]) expect([answer.status, errorOf(answer).code, errorOf(answer).param]).toEqual([404, 'not_found', 'headrace-context'])
    expect(rig.upstream.of('tenants')).toHaveLength(1)
  })

  it.each<[string, object, number, string]>([
    ['two answers', { n: 2 }, 400, 'n'],
    ['no messages', { messages: 'x' }, 400, 'messages'],
  ])('refuses %s before anything is asked', async (_, facts, status, param) => {
    const answer = await say('refused', 'new', [user('x')], facts)
    expect([answer.status, errorOf(answer).param, rig.upstream.of('refused')]).toEqual([status, param, []])
  })

  it('refuses to grow beyond its bound, and keeps what is there', async () => {
    rig.upstream.on('big', answerJson(completion('ok')))
    const id = idOf(await say('big', 'new', [user('x'.repeat(9_000))]))
    const refused = await say('big', id, [user('y'.repeat(9_000))])
    expect([refused.status, errorOf(refused).message]).toEqual([413, expect.stringContaining('contexts.max_size')])
    expect((await say('big', id, [user('small')])).status).toBe(200)
  })

  it('is not for other APIs', async () => {
    const answer = await rig.post(JSON.stringify({ model: 'up/x', input: 'x' }), [['headrace-context', 'new']], { path: '/v1/responses' })
    expect(answer.status).toBe(400)
  })
})

