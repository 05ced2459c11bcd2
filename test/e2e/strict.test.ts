import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { completion } from '../harness/completions.ts'
import { sendRaw } from '../harness/http-client.ts'
import { message } from '../harness/messages.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

/** `chat` speaks Chat Completions and `claude` Messages; both are the same scripted server. */
let rig: Rig
beforeAll(async () => {
  rig = await startRig({ config: upstream => ({
    providers: { up: { base_url: upstream.url, credentials: [] }, claude: { dialect: 'anthropic-messages', base_url: upstream.url, credentials: [] } },
    models: {
      'fit-*': ['claude/first-*', 'up/second-*'],
      'fall-*': ['up/first-*', 'claude/second-*'],
      'strict-*': { targets: ['claude/first-*', 'up/second-*'], strict: true },
      'strict-claude-*': { targets: ['claude/only-*'], strict: true },
      'loose-*': ['claude/only-*'],
    },
    relay: { max_attempts: 4 },
  }) })
}, 20_000)
afterAll(() => rig?.stop())

const text = [{ role: 'user', content: 'hi' }]
const audio = [{ role: 'user', content: [{ type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } }] }]
async function ask(model: string, more: Readonly<Record<string, unknown>> = {}): Promise<{ readonly status: number, readonly head: string, readonly text: string }> {
  const { status, head, body } = await rig.post(JSON.stringify({ model, messages: text, ...more }))
  return { status, head, text: body.toString() }
}
const rows = (model: string, count = 1): ReturnType<Rig['headrace']['logs']> => rig.headrace.logs(`model=${model}`, count)

describe('a target that cannot take a request', () => {
  it('is passed over for one that can, and has no row', async () => {
    rig.upstream.on('second-audio', answerJson(completion('heard')))
    expect((await ask('fit-audio', { messages: audio })).text).toContain('heard')
    expect(rig.upstream.of('first-audio')).toEqual([])
    expect(await rows('fit-audio')).toMatchObject([{ attempt: 1, outcome: 'settled', targetModel: 'second-audio' }])
  })

  it('after another one failed leaves the failure as the answer, in a row that names no provider', async () => {
    rig.upstream.on('first-gone', answerJson({ error: { message: 'x', type: 'server_error' } }, { status: 503 }))
    const answer = await ask('fall-gone', { messages: audio })
    expect([answer.status, answer.text]).toEqual([503, expect.stringContaining('upstream_overloaded')])
    expect(rig.upstream.of('second-gone')).toEqual([])
    const calls = (await rows('fall-gone', rig.upstream.of('first-gone').length + 1)).toSorted((one, other) => one.attempt - other.attempt)
    expect(calls.slice(0, -1).map(row => [row.outcome, row.targetModel, row.status])).toEqual(rig.upstream.of('first-gone').map(() => ['settled', 'first-gone', 0]))
    expect(calls.at(-1)).toMatchObject({ outcome: 'refused', provider: '', targetModel: '', status: 503, upstreamStatus: 0 })
  })

  it('and is the only one is told, and the row says that no provider saw it', async () => {
    const answer = await ask('loose-audio', { messages: audio })
    expect([answer.status, answer.text]).toEqual([400, expect.stringContaining('takes no audio')])
    expect(await rows('loose-audio')).toMatchObject([{ attempt: 0, outcome: 'refused', provider: '', status: 400, errorKind: 'invalid-request' }])
  })
})

describe('a strict model', () => {
  it('goes to the first target that loses nothing', async () => {
    rig.upstream.on('second-seed', answerJson(completion('exact')))
    const answer = await ask('strict-seed', { seed: 7 })
    expect(answer.text).toContain('exact')
    expect(answer.head).not.toMatch(/headrace-(dropped|approximated)/)
    expect(rig.upstream.of('first-seed')).toEqual([])
    rig.upstream.on('first-plain', answerJson(message([{ type: 'text', text: 'nothing lost' }])))
    expect((await ask('strict-plain')).text).toContain('nothing lost')
  })

  it('refuses by name what every target would lose', async () => {
    const answer = await ask('strict-claude-x', { seed: 7, logit_bias: { 5: 1 }, temperature: 1.5 })
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.text)).toMatchObject({ error: { param: 'logit_bias', message: expect.stringMatching(/would drop logit_bias, seed, and would only approximate temperature/) } })
    expect(rig.upstream.of('only-x')).toEqual([])
  })
})

it('the record of a call lists what was dropped and approximated, for each attempt its own', async () => {
  rig.upstream.on('only-lossy', answerJson(message([{ type: 'text', text: 'hm' }])))
  const answer = await ask('loose-lossy', { seed: 7, temperature: 1.5 })
  expect(answer.head).toMatch(/headrace-dropped: seed\r\nheadrace-approximated: temperature/)
  expect(await rows('loose-lossy')).toMatchObject([{ dropped: 'seed', approximated: 'temperature' }])
  rig.upstream.on('first-mixed', answerJson({ error: { message: 'x', type: 'server_error' } }, { status: 503 }))
  rig.upstream.on('second-mixed', answerJson(message([{ type: 'text', text: 'hm' }])))
  await ask('fall-mixed', { seed: 7 })
  const seen = await rows('fall-mixed', rig.upstream.of('first-mixed').length + 1)
  expect(seen.filter(row => row.targetModel === 'first-mixed').map(row => row.dropped)).not.toContain('seed')
  expect(seen.filter(row => row.targetModel === 'second-mixed').map(row => row.dropped)).toEqual(['seed'])
})

describe('thoughts that another vendor sealed, where client and provider speak the same dialect', () => {
  const foreign = { type: 'thinking', thinking: 'hm', signature: 'headrace:google-gemini:signature:c2ln' }
  const own = { type: 'thinking', thinking: 'hm', signature: 'c2ln' }
  const say = { type: 'text', text: 'Yes.' }
  const askMessages = (model: string, thought: object): ReturnType<typeof sendRaw> => sendRaw(rig.headrace.port, {
    path: '/v1/messages', headers: [['x-api-key', API_KEY], ['content-type', 'application/json']],
    body: JSON.stringify({ model, max_tokens: 9, messages: [{ role: 'user', content: 'a' }, { role: 'assistant', content: [thought, say] }, { role: 'user', content: 'b' }] }),
  })
  const thoughtsSent = (model: string): unknown => (JSON.parse(rig.upstream.of(model)[0]?.body.toString() ?? '') as { messages: { content: unknown }[] }).messages[1]?.content

  it('stay behind, and that is told and on record', async () => {
    rig.upstream.on('only-foreign', answerJson(message([{ type: 'text', text: 'ok' }])))
    const answer = await askMessages('loose-foreign', foreign)
    expect([answer.status, answer.headers.get('headrace-dropped'), answer.headers.get('headrace-approximated')]).toEqual([200, 'messages[].content[].thinking', undefined])
    expect(thoughtsSent('only-foreign')).toEqual([say])
    expect(await rows('loose-foreign')).toMatchObject([{ dropped: 'messages[].content[].thinking', approximated: '' }])
  })

  it('are refused by a strict model', async () => {
    const answer = await askMessages('strict-claude-sealed', foreign)
    expect([answer.status, answer.body.toString()]).toEqual([400, expect.stringContaining('would drop messages[].content[].thinking.')])
    expect(rig.upstream.of('only-sealed')).toEqual([])
  })

  it('are not taken for those of its own', async () => {
    rig.upstream.on('only-own', answerJson(message([{ type: 'text', text: 'ok' }])))
    const answer = await askMessages('strict-claude-own', own)
    expect([answer.status, answer.headers.get('headrace-dropped')]).toEqual([200, undefined])
    expect(thoughtsSent('only-own')).toEqual([own, say])
    expect(await rows('strict-claude-own')).toMatchObject([{ dropped: '', approximated: '' }])
  })
})
