import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBlackHole, type BlackHole } from '../harness/black-hole.ts'
import { chatBody, completion, stream as streamed, textEvent } from '../harness/completions.ts'
import { answerJson, answerStream, chunk, hang, pause, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

const timeouts = { connect: '300ms', first_token: '500ms', idle: '700ms', total: '2s' }
let rig: Rig
let hole: BlackHole
beforeAll(async () => {
  hole = await startBlackHole()
  rig = await startRig({
    config: upstream => ({
      providers: {
        up: { base_url: upstream.url, credentials: ['sk-up-credential'], timeouts },
        hole: { base_url: `http://127.0.0.1:${hole.port}/v1`, credentials: [], timeouts },
        second: { base_url: upstream.url, credentials: ['sk-up-credential'] },
      },
      timeouts: { 'up/patient-*': { first_token: '60s', total: '60s' } },
      models: { hurried: { targets: ['up/hurried'], timeouts: { first_token: '250ms' } }, hard: ['up/hard-a', 'up/hard-b'], 'hole-*': ['hole/x-*', 'second/saved'], 'pair-*': ['up/*', 'second/saved'] },
    }),
  })
}, 20_000)
afterAll(async () => {
  await rig?.stop()
  hole?.stop()
})

/** One event every 200 ms, for as long as the gateway listens. */
const endless: Script = async socket => {
  socket.write(STREAM_HEAD)
  for (let turn = 0; turn < 100 && !socket.destroyed; turn++) {
    socket.write(chunk(textEvent(`${turn} `)))
    await pause(200)
  }
}
/** A head that never ends, byte by byte: something always comes, and nothing that could be used. */
const trickledHead: Script = async socket => {
  socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
  for (let turn = 0; turn < 400 && !socket.destroyed; turn++) {
    socket.write('y')
    await pause(25)
  }
}
const half = Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('half'))])
const JSON_HALF = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"id":'

describe('each deadline ends at its own time with its own code (check U5)', () => {
  const cases: readonly { readonly name: string, readonly model: string, readonly script: Script, readonly stream: boolean, readonly code: string, readonly status: number, readonly ms: number }[] = [
    { name: 'connect', model: 'hole/connect', script: hang(), stream: false, code: 'upstream_connect_timeout', status: 504, ms: 300 },
    { name: 'first token, no head', model: 'up/first-a', script: hang(), stream: true, code: 'upstream_first_token_timeout', status: 504, ms: 500 },
    { name: 'first token, head only', model: 'up/first-b', script: hang(STREAM_HEAD), stream: true, code: 'upstream_first_token_timeout', status: 504, ms: 500 },
    { name: 'first token, JSON', model: 'up/first-c', script: hang(), stream: false, code: 'upstream_first_token_timeout', status: 504, ms: 500 },
    { name: 'first token, a head that trickles', model: 'up/first-d', script: trickledHead, stream: true, code: 'upstream_first_token_timeout', status: 504, ms: 500 },
    { name: 'idle, JSON', model: 'up/idle-a', script: hang(JSON_HALF), stream: false, code: 'upstream_idle_timeout', status: 504, ms: 700 },
    { name: 'idle, in a stream', model: 'up/idle-b', script: hang(half), stream: true, code: 'upstream_idle_timeout', status: 200, ms: 700 },
    { name: 'total, in a stream that never pauses', model: 'up/total', script: endless, stream: true, code: 'upstream_total_timeout', status: 200, ms: 2_000 },
  ]
  it.each(cases)('$name: $code', async ({ model, script, stream, code, status, ms }) => {
    rig.upstream.on(model.replace(/^up\//, ''), script)
    const start = performance.now()
    const answer = await rig.post(chatBody(model, { stream }))
    const took = performance.now() - start
    expect(took).toBeGreaterThanOrEqual(ms - 20)
    expect(took).toBeLessThan(ms + 8_000)
    expect(answer.status).toBe(status)
    const last = answer.body.toString().trim().split('\n\n').at(-1)?.replace(/^data: /, '') ?? ''
    expect(JSON.parse(last)).toMatchObject({ error: { code } })
    expect(answer.body.toString()).not.toContain('[DONE]')
    expect((await rig.headrace.logs(`model=${model}`))[0]).toMatchObject({ errorKind: code.replaceAll('_', '-'), outcome: status === 200 ? 'partial' : 'settled' })
    for (const request of rig.upstream.of(model.replace(/^up\//, ''))) expect(request.abortedAt).toBeGreaterThan(0)
  })
})

describe('before the first byte has gone to the client, the next target stands in for one that is too late', () => {
  it.each([
    ['no connection', 'hole-a', hang(), false], ['no head', 'pair-no-head', hang(), false], ['no first event', 'pair-head-only', hang(STREAM_HEAD), true], ['a head that trickles', 'pair-trickles', trickledHead, true],
    ['half a JSON answer', 'pair-half', hang(JSON_HALF), false],
  ] as const)('%s', async (_what, model, script, stream) => {
    rig.upstream.on(model.replace('pair-', ''), script)
    rig.upstream.on('saved', stream ? answerStream(streamed(['saved'])) : answerJson(completion('saved')))
    const answer = await rig.post(chatBody(model, { stream }))
    expect([answer.status, answer.complete, answer.headers.get('headrace-target')]).toEqual([200, true, 'second/saved'])
    expect(answer.body.toString()).toContain('"content":"saved"')
    for (const request of rig.upstream.of(model.replace('pair-', ''))) expect(request.abortedAt).toBeGreaterThan(0)
  })
})

describe('a deadline of the model, and of the request (headrace-timeout)', () => {
  const code = (body: Buffer): unknown => (JSON.parse(body.toString()) as { error: { code: string } }).error.code

  it('the model\'s own goes over its target\'s', async () => {
    rig.upstream.on('hurried', hang())
    const start = performance.now()
    const answer = await rig.post(chatBody('hurried'))
    expect([answer.status, code(answer.body)]).toEqual([504, 'upstream_first_token_timeout'])
    expect(performance.now() - start).toBeGreaterThanOrEqual(230)
  })

  it.each([
    ['300ms', 'upstream_total_timeout', 300],
    ['first_token=200ms', 'upstream_first_token_timeout', 200],
    ['total=10s, first_token=300ms', 'upstream_first_token_timeout', 300],
  ])('%s ends what would take a minute: %s', async (timeout, expected, ms) => {
    rig.upstream.on('patient-a', hang())
    const start = performance.now()
    const answer = await rig.post(chatBody('up/patient-a'), [['headrace-timeout', timeout], ['headrace-explain', '1']])
    expect([answer.status, code(answer.body)]).toEqual([504, expected])
    expect(performance.now() - start).toBeGreaterThanOrEqual(ms - 20)
    expect(performance.now() - start).toBeLessThan(30_000)
    expect(answer.headers.get('headrace-explain')).toContain('"did":"limited"')
    expect((await rig.headrace.logs('model=up/patient-a'))[0]).toMatchObject({ route: expect.stringContaining('headrace-timeout: ') as string })
  })

  it('is never lengthened by the client', async () => {
    rig.upstream.on('first-a', hang())
    const answer = await rig.post(chatBody('up/first-a'), [['headrace-timeout', '1h, first_token=1h']])
    expect([answer.status, code(answer.body)]).toEqual([504, 'upstream_first_token_timeout'])
  })

  it('that nobody understands is refused, with what is wrong', async () => {
    const answer = await rig.post(chatBody('up/bad'), [['headrace-timeout', '30']])
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { param: 'headrace-timeout', message: expect.stringContaining('"30" is no duration with a unit') as string } })
    expect(rig.upstream.of('bad')).toHaveLength(0)
  })

  it('goes on with the next target within the total, and puts nobody out that is only too slow for one client', async () => {
    rig.upstream.on('hard-a', hang())
    rig.upstream.on('hard-b', answerJson(completion('well')))
    for (let turn = 0; turn < 8; turn++) {
      const answer = await rig.post(chatBody('hard'), [['headrace-timeout', 'first_token=200ms']])
      expect(answer.status).toBe(200)
      expect(answer.headers.get('headrace-target')).toBe('up/hard-b')
    }
    expect(rig.upstream.of('hard-a')).toHaveLength(8)
  })
})
