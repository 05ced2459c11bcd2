import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion } from '../harness/completions.ts'
import { block, message, MESSAGE_START, messageEnd, messageStream, textBlock } from '../harness/messages.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
let client: Anthropic
beforeAll(async () => {
  rig = await startRig({ args: ['--workers', '2'], config: upstream => ({
    providers: { up: { base_url: upstream.url, credentials: [PROVIDER_KEY] }, claude: { dialect: 'anthropic-messages', base_url: upstream.url, credentials: [PROVIDER_KEY] } }, contexts: {},
  }) })
  client = new Anthropic({ baseURL: rig.headrace.url, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

type Body = { readonly system?: unknown, readonly messages: unknown, readonly tools?: unknown }
const asked = (model: string): Body[] => rig.upstream.of(model).map(({ body }) => JSON.parse(body.toString()) as Body)
const user = (content: string): Anthropic.MessageParam => ({ role: 'user', content })
const said = (text: string) => answerJson(message([{ type: 'text', text }]))
/** One turn; returns the context's id. */
async function turn(model: string, context: string, messages: Anthropic.MessageParam[], facts: Partial<Anthropic.MessageCreateParamsNonStreaming> = {}): Promise<string> {
  const { response } = await client.messages.create({ model, max_tokens: 100, messages, ...facts }, { headers: { 'headrace-context': context } }).withResponse()
  return response.headers.get('headrace-context') ?? ''
}

describe('a remembered conversation on the wire of Messages', () => {
  it('goes on with only what is new; the system prompt of the first turn holds on, one of a later turn is for that turn', async () => {
    rig.upstream.on('talk', said('Hi Ada.'), said('Ada.'), said('Arr.'), said('Bye.'))
    const id = await turn('claude/talk', 'new', [user('I am Ada.')], { system: 'Be brief.' })
    await turn('claude/talk', id, [user('Who am I?')])
    await turn('claude/talk', id, [user('And now?')], { system: 'Be a pirate.' })
    await turn('claude/talk', id, [user('Bye')])
    const first = [user('I am Ada.'), { role: 'assistant', content: 'Hi Ada.' }, user('Who am I?')]
    expect(asked('talk').map(({ system }) => system)).toEqual(['Be brief.', 'Be brief.', 'Be a pirate.', 'Be brief.'])
    expect(asked('talk')[1]?.messages).toEqual(first)
    expect(asked('talk')[3]?.messages).toEqual([...first, { role: 'assistant', content: 'Ada.' }, user('And now?'), { role: 'assistant', content: 'Arr.' }, user('Bye')])
  })

  it('keeps signed thoughts before the tool call that they led to, and puts results and words behind them in one turn; tools hold on', async () => {
    const tools: Anthropic.Tool[] = [{ name: 'look', description: 'd', input_schema: { type: 'object', properties: {} } }]
    const thinking = { type: 'thinking', thinking: 'hm', signature: 'c2lnbmVk' }, call = { type: 'tool_use', id: 'toolu_1', name: 'look', input: { a: 1 } }
    rig.upstream.on('tools', answerJson(message([thinking, call], { stop_reason: 'tool_use' })), said('Rain.'))
    const id = await turn('claude/tools', 'new', [user('Weather?')], { tools })
    await turn('claude/tools', id, [{ role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'rain' }, { type: 'text', text: 'In one word.' }] }])
    expect(asked('tools')[1]).toMatchObject({ tools, messages: [
      user('Weather?'), { role: 'assistant', content: [thinking, call] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content: 'rain' }, { type: 'text', text: 'In one word.' }] },
    ] })
  })

  it('has a streamed turn on file before its end is told', async () => {
    rig.upstream.on('stream', answerStream([MESSAGE_START, ...block(0, { type: 'thinking', thinking: '', signature: '' }, [{ type: 'thinking_delta', thinking: 'hm' }, { type: 'signature_delta', signature: 'c2ln' }]), ...textBlock(1, ['Hel', 'lo']), messageEnd()]), answerStream(messageStream(['again'])))
    const streamed = client.messages.stream({ model: 'claude/stream', max_tokens: 100, messages: [user('1')] }, { headers: { 'headrace-context': 'new' } })
    const { response } = await streamed.withResponse()
    expect((await streamed.finalMessage()).content).toMatchObject([{ type: 'thinking', signature: 'c2ln' }, { type: 'text', text: 'Hello' }])
    const again = client.messages.stream({ model: 'claude/stream', max_tokens: 100, messages: [user('2')] }, { headers: { 'headrace-context': response.headers.get('headrace-context') ?? '' } })
    expect(await again.finalText()).toBe('again')
    expect(asked('stream')[1]?.messages).toEqual([user('1'), { role: 'assistant', content: [{ type: 'thinking', thinking: 'hm', signature: 'c2ln' }, { type: 'text', text: 'Hello' }] }, user('2')])
  })

  it('keeps an answer in one piece that is too large to be held back whole', async () => {
    const long = 'word '.repeat(80_000)
    rig.upstream.on('long', said(long), said('ok'))
    const id = await turn('claude/long', 'new', [user('1')])
    await turn('claude/long', id, [user('2')])
    expect(asked('long')[1]?.messages).toEqual([user('1'), { role: 'assistant', content: long }, user('2')])
  })

  it('refuses a stale version with what was missed, in the words of this API', async () => {
    rig.upstream.on('stale', said('one'), said('two'))
    const id = await turn('claude/stale', 'new', [user('1')])
    await turn('claude/stale', id, [user('2')])
    const refused = client.messages.create({ model: 'claude/stale', max_tokens: 100, messages: [user('mine')] }, { headers: { 'headrace-context': id, 'if-match': '"1-"' } })
    await expect(refused).rejects.toMatchObject({ status: 412, error: { type: 'error', context: { from: 2, missed: [user('2'), { role: 'assistant', content: 'two' }] } } })
  })

  it('goes on with what was said in Chat Completions, and the other way round, whichever provider answers', async () => {
    rig.upstream.on('mixed-chat', answerJson(completion('Hi Ada.')), answerJson(completion('Ada, still.')))
    rig.upstream.on('mixed-claude', said('You are Ada.'))
    const chat = (context: string, model: string, messages: object[]) => rig.post(JSON.stringify({ model, messages }), [['headrace-context', context]])
    const id = (await chat('new', 'up/mixed-chat', [{ role: 'system', content: 'Be brief.' }, user('I am Ada.')])).headers.get('headrace-context') ?? ''
    await turn('claude/mixed-claude', id, [user('Who am I?')])
    await chat(id, 'up/mixed-chat', [user('Still?')])
    const talk = [user('I am Ada.'), { role: 'assistant', content: 'Hi Ada.' }, user('Who am I?')]
    expect(asked('mixed-claude')).toMatchObject([{ system: 'Be brief.', messages: talk }])
    expect(asked('mixed-chat')[1]?.messages).toEqual([{ role: 'system', content: 'Be brief.' }, ...talk, { role: 'assistant', content: 'You are Ada.' }, user('Still?')])
  })
})
