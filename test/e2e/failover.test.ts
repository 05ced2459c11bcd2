import { createServer, type AddressInfo } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, DONE, finishEvent, stream, textEvent, USAGE, usageEvent } from '../harness/completions.ts'
import { answerJson, answerRaw, answerStream, answerThenClose, chunk, hang, LAST_CHUNK, pause, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
let deadPort = 0
beforeAll(async () => {
  deadPort = await closedPort()
  rig = await startRig({
    provider: { timeouts: { connect: '500ms', first_token: '500ms', idle: '500ms', total: '20s' } },
    config: upstream => ({
      providers: {
        up: { base_url: upstream.url, credentials: ['sk-up-credential'], timeouts: { connect: '500ms', first_token: '500ms', idle: '500ms', total: '20s' } },
        dead: { base_url: `http://127.0.0.1:${deadPort}/v1`, credentials: [] },
      },
      models: { 'pair-*': ['up/first-*', 'up/second-*'], 'single-*': ['up/single-*'], 'dead-*': ['dead/first-*', 'up/second-*'], 'all-dead': ['dead/x'] },
      relay: { max_attempts: 4 },
    }),
  })
}, 20_000)
afterAll(() => rig?.stop())

async function closedPort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

const refusal = (status: number, headers: Record<string, string> = {}, error: Record<string, unknown> = {}): Script =>
  answerJson({ error: { message: 'provider text', type: 'server_error', code: null, param: null, ...error } }, { status, headers })
const good = answerJson(completion('whole answer'))
const JSON_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n'

describe('before the first byte to the client (check U6)', () => {
  /** `first` and `second`: how many requests each target may have seen. */
  const cases: readonly { readonly id: string, readonly does: string, readonly first: readonly Script[], readonly attempts: readonly [least: number, most: number], readonly secondServes: boolean }[] = [
    { id: 'S01', does: '429 with Retry-After: 30 once: the next target serves', first: [refusal(429, { 'retry-after': '30' }), good], attempts: [1, 1], secondServes: true },
    { id: 'S02', does: '429 always, no header', first: [refusal(429)], attempts: [1, 4], secondServes: true },
    { id: 'S03', does: '500 once', first: [refusal(500), good], attempts: [2, 2], secondServes: false },
    { id: 'S04', does: '503 always', first: [refusal(503)], attempts: [1, 3], secondServes: true },
    { id: 'S05', does: 'reset before the head, once', first: [answerThenClose('', 'reset'), good], attempts: [2, 2], secondServes: false },
    { id: 'S06', does: 'accepts and never answers', first: [hang()], attempts: [1, 1], secondServes: true },
    { id: 'S07', does: 'head at once, then silence', first: [hang(STREAM_HEAD)], attempts: [1, 1], secondServes: true },
    { id: 'json-reset', does: 'a JSON answer reset in the middle, once', first: [answerThenClose(`${JSON_HEAD}{"id":"broken","cho`, 'reset'), good], attempts: [2, 2], secondServes: false },
    { id: 'json-cut', does: 'a JSON answer that ends in the middle', first: [answerThenClose(`${JSON_HEAD}{"id":"broken","cho`, 'fin')], attempts: [1, 2], secondServes: true },
    { id: 'json-stall', does: 'a JSON answer that stalls in the middle', first: [hang(`${JSON_HEAD}{"id":"broken","cho`)], attempts: [1, 1], secondServes: true },
    { id: 'not-http', does: 'something that is not HTTP', first: [answerThenClose('SSH-2.0-OpenSSH_9.9\r\n', 'fin')], attempts: [1, 2], secondServes: true },
    { id: 'html', does: 'an HTML page with status 200', first: [answerRaw('HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 21\r\n\r\n<html>captive</html>\n')], attempts: [1, 2], secondServes: true },
    { id: 'lying-200', does: 'an error body with status 200', first: [answerJson({ error: { message: 'overloaded', type: 'overloaded_error' } })], attempts: [1, 2], secondServes: true },
    { id: 'empty-200', does: 'an empty 200', first: [answerRaw('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 0\r\n\r\n')], attempts: [1, 2], secondServes: true },
    { id: 'S12', does: '400 because the prompt is longer than the window', first: [refusal(400, {}, { code: 'context_length_exceeded' })], attempts: [1, 1], secondServes: true },
    { id: 'auth', does: '401', first: [refusal(401)], attempts: [1, 1], secondServes: true },
    { id: 'quota', does: '429 because the quota is spent', first: [refusal(429, {}, { code: 'insufficient_quota', type: 'insufficient_quota' })], attempts: [1, 1], secondServes: true },
  ]
  it.each(cases)('$id: $does', async ({ id, first, attempts, secondServes }) => {
    rig.upstream.on(`first-${id}`, ...first)
    rig.upstream.on(`second-${id}`, answerJson(completion('from the second')))
    const start = performance.now()
    const answer = await rig.post(chatBody(`pair-${id}`))
    expect(performance.now() - start).toBeLessThan(15_000)
    expect(answer.status).toBe(200)
    expect(answer.body.toString()).toContain(secondServes ? 'from the second' : 'whole answer')
    expect(answer.body.toString()).not.toContain('broken')
    const seen = rig.upstream.of(`first-${id}`).length
    expect(seen).toBeGreaterThanOrEqual(attempts[0])
    expect(seen).toBeLessThanOrEqual(attempts[1])
    // S16: the reply names who served, and failed attempts carry no tokens.
    expect(answer.headers.get('headrace-target')).toBe(`up/${secondServes ? 'second' : 'first'}-${id}`)
    const rows = await rig.headrace.logs(`model=pair-${id}`, seen + (secondServes ? 1 : 0))
    expect(rows.length).toBe(seen + (secondServes ? 1 : 0))
    expect(rows.filter(row => row.outputTokens > 0).map(row => row.errorKind)).toEqual([''])
    expect(rows.map(row => row.attempt).sort()).toEqual(rows.map((_, index) => index + 1))
  })

  it('a stream that dies before its first event falls back too', async () => {
    rig.upstream.on('first-early-cut', answerThenClose(STREAM_HEAD, 'reset'))
    rig.upstream.on('second-early-cut', answerStream(stream(['saved'])))
    const answer = await rig.post(chatBody('pair-early-cut', { stream: true }))
    expect(answer.complete).toBe(true)
    expect(answer.body.toString()).toContain('saved')
  })

  it('a provider that nobody listens for falls back', async () => {
    rig.upstream.on('second-refused', good)
    const answer = await rig.post(chatBody('dead-refused'))
    expect(answer.status).toBe(200)
    expect(answer.headers.get('headrace-target')).toBe('up/second-refused')
  })

  it('S01 with one target: Retry-After is a minimum', async () => {
    rig.upstream.on('single-wait', refusal(429, { 'retry-after': '1' }), good)
    const answer = await rig.post(chatBody('single-wait'))
    expect(answer.status).toBe(200)
    const [one, two] = rig.upstream.of('single-wait')
    expect((two?.arrivedAt ?? 0) - (one?.arrivedAt ?? 0)).toBeGreaterThanOrEqual(950)
  })

  it('hands a Retry-After that is too long to wait for on to the client', async () => {
    rig.upstream.on('single-long-wait', refusal(429, { 'retry-after': '77' }))
    const answer = await rig.post(chatBody('single-long-wait'))
    expect(answer.status).toBe(429)
    expect(answer.headers.get('retry-after')).toBe('77')
    expect(rig.upstream.of('single-long-wait').length).toBe(1)
  })

  it.each([
    { id: 'S12', code: 'context_length_exceeded', model: 'single-S12', asked: 'single-S12' },
    { id: 'S13', code: 'content_policy_violation', model: 'pair-S13', asked: 'first-S13' },
  ])('$id: a 400 $code that nobody is left for, or that is no target\'s own, is asked exactly once, and its reason handed on', async ({ id, code, model, asked }) => {
    rig.upstream.on(asked, refusal(400, {}, { code, message: `because of ${code}`, type: 'invalid_request_error' }))
    if (id === 'S13') rig.upstream.on(`second-${id}`, good)
    const answer = await rig.post(chatBody(model))
    expect(rig.upstream.of(asked).length).toBe(1)
    if (id === 'S13') expect(rig.upstream.of(`second-${id}`).length).toBe(0)
    expect(answer.status).toBe(400)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code, message: `because of ${code}` } })
  })

  it('S15: a target that is down is stood in for, and serves again once it is back', async () => {
    rig.upstream.on('first-S15', ...Array.from({ length: 6 }, () => refusal(503)), answerJson(completion('back')))
    rig.upstream.on('second-S15', answerJson(completion('meanwhile')))
    const servers: string[] = []
    await until('the first target to serve again', async () => {
      const answer = await rig.post(chatBody('pair-S15'))
      expect(answer.status).toBe(200)
      servers.push(answer.headers.get('headrace-target') ?? '')
      return servers.at(-1) === 'up/first-S15'
    }, 30_000)
    expect(servers[0]).toBe('up/second-S15')
    // Out after five failures in a row, back by the sixth attempt's successor: no request in between was its business.
    expect(rig.upstream.of('first-S15').length).toBe(7)
  })

  it('when nothing is left the client gets one clear error, in our words', async () => {
    rig.upstream.on('first-hopeless', refusal(503))
    rig.upstream.on('second-hopeless', refusal(500))
    const answer = await rig.post(chatBody('pair-hopeless'))
    expect(answer.status).toBe(502)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'upstream_server_error' } })
    expect(answer.body.toString()).not.toContain('provider text')
    expect((await rig.post(chatBody('all-dead'))).status).toBe(502)
  })
})

describe('after the first byte to the client', () => {
  const tokens = ['one ', 'two ', 'three '].map(textEvent).join('')
  const cuts: readonly { readonly name: string, readonly script: Script }[] = [
    { name: 'S08: a reset in the middle', script: answerThenClose(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(tokens)]), 'reset') },
    { name: 'a close in the middle of the framing', script: answerThenClose(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(tokens)]), 'fin') },
    { name: 'clean framing, but no finish and no terminator', script: answerRaw(STREAM_HEAD, chunk(tokens), LAST_CHUNK) },
    { name: 'a close in the middle of an event', script: answerThenClose(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(`${tokens}data: {"choices":[{"del`)]), 'fin') },
    { name: 'S09: silence', script: hang(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(tokens)])) },
    { name: 'S10: an event that is not JSON', script: answerRaw(STREAM_HEAD, chunk(`${tokens}data: {"choices":[{"del\n\n${stream(['more']).join('')}`), LAST_CHUNK) },
    { name: 'an error event', script: answerRaw(STREAM_HEAD, chunk(`${tokens}data: {"error":{"message":"provider text","type":"server_error"}}\n\n`), chunk(DONE), LAST_CHUNK) },
    { name: 'bad chunked framing', script: async socket => {
      socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(tokens)]))
      // In one read with the rest, the nonsense would come to light before anything was committed.
      await pause(50)
      socket.write('zz\r\nnonsense\r\n')
    } },
  ]
  it.each(cuts.map((cut, index) => ({ ...cut, id: `cut${index}` })))('$name ends as an error and never as a clean end', async ({ script, id }) => {
    rig.upstream.on(`first-${id}`, script)
    rig.upstream.on(`second-${id}`, answerStream(stream(['unwanted'])))
    const answer = await rig.post(chatBody(`pair-${id}`, { stream: true }))
    const text = answer.body.toString()
    expect(text.startsWith(tokens)).toBe(true)
    const events = text.split('\n\n').filter(event => event !== '')
    expect(JSON.parse(events.at(-1)?.replace(/^data: /, '') ?? '')).toMatchObject({ error: { type: 'upstream_error', code: expect.stringMatching(/^upstream_/) as string } })
    expect(text).not.toContain('[DONE]')
    expect(text).not.toContain('provider text')
    expect(answer.complete).toBe(false)
    // Never silently on another target (invariant 3).
    expect(rig.upstream.of(`second-${id}`).length).toBe(0)
    expect((await rig.headrace.logs(`model=pair-${id}`))[0]).toMatchObject({ outcome: 'partial', status: 200 })
  })

  it('S11: a whole stream without [DONE] ends whole, with usage on record', async () => {
    rig.upstream.on('single-S11', answerStream([textEvent('all'), finishEvent(), usageEvent()]))
    const answer = await rig.post(chatBody('single-S11', { stream: true, stream_options: { include_usage: true } }))
    expect(answer.complete).toBe(true)
    expect(answer.body.toString().endsWith(DONE)).toBe(true)
    expect((await rig.headrace.logs('model=single-S11'))[0]).toMatchObject({ outcome: 'settled', outputTokens: USAGE.completion_tokens })
  })

  it('a long JSON answer that is cut after it began is not completed', async () => {
    const half = `{"id":"x","choices":[{"message":{"content":"${'long '.repeat(80_000)}`
    rig.upstream.on('single-long', answerThenClose(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900000\r\n\r\n${half}`, 'reset'))
    const answer = await rig.post(chatBody('single-long'))
    expect(answer.complete).toBe(false)
    expect((await rig.headrace.logs('model=single-long'))[0]).toMatchObject({ outcome: 'partial' })
  })

  it('an error in one body does not poison the next request', async () => {
    rig.upstream.on('single-after', good)
    for (let turn = 0; turn < 20; turn++) expect((await rig.post(chatBody('single-after'))).body.toString()).toContain('whole answer')
  })
})
