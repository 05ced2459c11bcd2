import { afterAll, beforeAll, expect, it } from 'vitest'
import { chatBody, completion, stream, textEvent } from '../harness/completions.ts'
import { openRaw, type RawAnswer } from '../harness/http-client.ts'
import { messageStream } from '../harness/messages.ts'
import { answerJson, answerStream, answerThenClose, chunk, hang, pause, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

interface Step { readonly target?: string, readonly did: string, readonly why: string }

/** Models whose first targets are used until it is known how long they usually take, and their hedges are earned. */
const USUAL = ['h-fast', 'h-late', 'h-break', 'h-sick', 'three-both', 'c-to-claude', 'h-gone', 'three-mid', 'h-paid', 'one-alone', 'h-whole', 'h-canary'] as const
const hedge = { share: 20, at_least: '60ms' }
let rig: Rig
beforeAll(async () => {
  rig = await startRig({
    config: upstream => {
      const provider = { base_url: upstream.url, credentials: [PROVIDER_KEY], timeouts: { connect: '5s', first_token: '20s', idle: '20s', total: '60s' } }
      return {
        providers: { up: provider, claude: { ...provider, dialect: 'anthropic-messages' } },
        models: {
          'h-*': { targets: ['up/first-*', 'up/second-*'], hedge },
          'c-*': { targets: ['up/first-*', 'claude/second-*'], hedge },
          'three-*': { targets: ['up/first-*', 'up/second-*', 'up/third-*'], hedge, rescue: 'continue' },
          'one-*': { targets: ['up/first-*'], hedge },
          'plain-*': ['up/first-*', 'up/second-*'],
        },
        relay: { max_attempts: 4 },
        prices: { 'up/first-paid': { input: 1, output: 1 }, 'up/second-paid': { input: 1, output: 1 } },
      }
    },
  })
  for (const model of USUAL) await warm(model)
  await until('the worker to know how long its targets usually take', async () => {
    // Slow ones alone would become the usual.
    await warm('h-canary')
    rig.upstream.on('first-canary', slow(250, stream(['late'])))
    rig.upstream.on('second-canary', answerStream(stream(['soon'])))
    return steps(await ask('h-canary')).some(step => step.did === 'hedged')
  })
}, 60_000)
afterAll(() => rig?.stop())

const ask = (model: string, extra: Readonly<Record<string, unknown>> = { stream: true }): Promise<RawAnswer> => rig.post(chatBody(model, extra), [['headrace-explain', '1']])
const steps = (answer: RawAnswer): Step[] => JSON.parse(answer.headers.get('headrace-explain') ?? '[]') as Step[]
const slow = (ms: number, events: readonly string[]): Script => async (socket, request) => {
  await pause(ms)
  await answerStream(events)(socket, request)
}
const unwell = (status = 500): Script => answerJson({ error: { message: 'provider text', type: 'server_error', code: null, param: null } }, { status })

/** Fast answers, streamed or whole, as many as make a usual. */
async function warm(model: typeof USUAL[number]): Promise<void> {
  const whole = model === 'h-whole'
  rig.upstream.on(`first-${model.slice(model.indexOf('-') + 1)}`, whole ? answerJson(completion('warm')) : answerStream(stream(['warm'])))
  await Promise.all(Array.from({ length: 30 }, () => rig.post(chatBody(model, { stream: !whole }))))
}

const told = (model: string): Promise<boolean> => until(`${model} to be told`, () => (rig.upstream.of(model).at(-1)?.abortedAt ?? 0) > 0)

it('where the first target says nothing, the second one answers, the first is told to stop, and both have their rows', async () => {
  rig.upstream.on('first-fast', hang())
  rig.upstream.on('second-fast', answerStream(stream(['Hello'])))
  const answer = await ask('h-fast')
  expect(answer).toMatchObject({ status: 200, complete: true })
  expect(answer.body.toString()).toContain('Hello')
  expect(answer.headers.get('headrace-target')).toBe('up/second-fast')
  expect(steps(answer)).toMatchObject([{ target: 'up/first-fast', did: 'chosen' }, { target: 'up/second-fast', did: 'hedged' }])
  await told('first-fast')
  const [second, first] = (await rig.headrace.logs(`request_id=${answer.headers.get('x-request-id')}`, 2)).toSorted((left, right) => right.attempt - left.attempt)
  expect(first).toMatchObject({ attempt: 1, outcome: 'partial', errorKind: 'superseded', status: 0, targetModel: 'first-fast', inputTokens: -1 })
  expect(second).toMatchObject({ attempt: 2, outcome: 'settled', errorKind: '', status: 200, targetModel: 'second-fast', inputTokens: 11, outputTokens: 3 })
  expect(JSON.parse(second?.route ?? '')).toMatchObject([{ did: 'chosen' }, { did: 'hedged' }, { target: 'up/first-fast', did: 'left', why: 'superseded: the hedge was faster' }])
})

it('where the first is faster after all, it is the answer, and the second is told to stop', async () => {
  rig.upstream.on('second-late', async (socket, request) => {
    // Answers only after it was given up.
    await until('the second to be told', () => request.abortedAt > 0)
    socket.destroy()
  })
  rig.upstream.on('first-late', async (socket, request) => {
    await rig.upstream.seen('second-late')
    await answerStream(stream(['first', ' after', ' all']))(socket, request)
  })
  const answer = await ask('h-late')
  expect(answer.body.toString()).toContain(' after')
  expect(answer.headers.get('headrace-target')).toBe('up/first-late')
  await told('second-late')
  const rows = (await rig.headrace.logs(`request_id=${answer.headers.get('x-request-id')}`, 2)).toSorted((left, right) => left.attempt - right.attempt)
  expect(rows).toMatchObject([{ attempt: 1, outcome: 'settled', status: 200 }, { attempt: 2, outcome: 'partial', errorKind: 'superseded', status: 0 }])
})

it('where the first fails meanwhile, the second one goes on by itself', async () => {
  rig.upstream.on('first-break', async socket => {
    await rig.upstream.seen('second-break')
    socket.resetAndDestroy()
  })
  rig.upstream.on('second-break', async (socket, request) => {
    await until('the first to be gone', async () => (await rig.headrace.logs('model=h-break&error_kind=upstream-reset', 0)).length > 0)
    await answerStream(stream(['alone']))(socket, request)
  })
  const answer = await ask('h-break')
  expect(answer).toMatchObject({ status: 200, complete: true })
  expect(answer.body.toString()).toContain('alone')
  const rows = (await rig.headrace.logs(`request_id=${answer.headers.get('x-request-id')}`, 2)).toSorted((left, right) => left.attempt - right.attempt)
  expect(rows).toMatchObject([{ attempt: 1, outcome: 'settled', errorKind: 'upstream-reset' }, { attempt: 2, outcome: 'settled', errorKind: '', status: 200 }])
})

it('a hedge that fails is nobody\'s business but the record\'s', async () => {
  rig.upstream.on('second-sick', unwell(503))
  rig.upstream.on('first-sick', async (socket, request) => {
    await until('the second to have failed', async () => (await rig.headrace.logs('model=h-sick&error_kind=upstream-overloaded', 0)).length > 0)
    await answerStream(stream(['well']))(socket, request)
  })
  const answer = await ask('h-sick')
  expect(answer).toMatchObject({ status: 200, complete: true })
  const rows = (await rig.headrace.logs(`request_id=${answer.headers.get('x-request-id')}`, 2)).toSorted((left, right) => left.attempt - right.attempt)
  expect(rows).toMatchObject([{ attempt: 1, outcome: 'settled', status: 200 }, { attempt: 2, outcome: 'settled', errorKind: 'upstream-overloaded', upstreamStatus: 503, status: 0 }])
})

it('where both fail, the plan goes on with numbers of their own for all attempts, and not beyond `max_attempts`', async () => {
  rig.upstream.on('first-both', async (socket, request) => {
    await rig.upstream.seen('second-both')
    await unwell()(socket, request)
  })
  rig.upstream.on('second-both', async (socket, request) => {
    await until('the first to have failed', async () => (await rig.headrace.logs('model=three-both&error_kind=upstream-server-error', 0)).length > 0)
    await unwell()(socket, request)
  })
  rig.upstream.on('third-both', answerStream(stream(['third'])))
  const answer = await ask('three-both')
  expect(answer.body.toString()).toContain('third')
  const rows = (await rig.headrace.logs(`request_id=${answer.headers.get('x-request-id')}`, 4)).toSorted((left, right) => left.attempt - right.attempt)
  expect(rows.map(row => [row.attempt, row.targetModel, row.status])).toEqual([[1, 'first-both', 0], [2, 'second-both', 0], [3, 'second-both', 0], [4, 'third-both', 200]])
})

it('a second target of another dialect is asked in its own, and answers in the client\'s', async () => {
  rig.upstream.on('first-to-claude', hang())
  rig.upstream.on('second-to-claude', answerStream(messageStream(['Hel', 'lo'])))
  const answer = await ask('c-to-claude')
  expect(answer).toMatchObject({ status: 200, complete: true })
  expect(answer.headers.get('headrace-target')).toBe('claude/second-to-claude')
  expect(answer.body.toString()).toMatch(/"content":"Hel"[^]*"content":"lo"[^]*data: \[DONE\]/)
  await told('first-to-claude')
})

it('answers in one piece are hedged by how long those usually take', async () => {
  rig.upstream.on('first-whole', hang('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n'))
  rig.upstream.on('second-whole', answerJson(completion('in one piece')))
  const answer = await ask('h-whole', {})
  expect(answer.status).toBe(200)
  expect(answer.body.toString()).toContain('in one piece')
  await told('first-whole')
})

it('with one target the second attempt goes there too, on another connection', async () => {
  rig.upstream.on('first-alone', hang(), answerStream(stream(['again'])))
  const answer = await ask('one-alone')
  expect(answer).toMatchObject({ status: 200, complete: true })
  expect(answer.body.toString()).toContain('again')
  expect(rig.upstream.of('first-alone').slice(-2).map(request => request.abortedAt > 0)).toEqual([true, false])
})

it('a client that leaves ends both', async () => {
  rig.upstream.on('first-gone', hang())
  rig.upstream.on('second-gone', hang())
  const socket = await openRaw(rig.headrace.port, { body: chatBody('h-gone', { stream: true }), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
  await rig.upstream.seen('second-gone')
  socket.destroy()
  await Promise.all([told('first-gone'), told('second-gone')])
  const rows = await until('both rows', async () => {
    const found = await rig.headrace.logs('model=h-gone&error_kind=client-closed', 2)
    return found.length >= 2 ? found : null
  })
  expect(rows.map(row => [row.attempt, row.outcome]).toSorted()).toEqual([[1, 'partial'], [2, 'partial']])
})

it('a hedge that won and then breaks off is rescued like any other answer', async () => {
  rig.upstream.on('first-mid', hang())
  rig.upstream.on('second-mid', answerThenClose(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('The quick'))]), 'reset'), answerStream(stream([' brown', ' fox'])))
  const answer = await ask('three-mid')
  expect(answer.complete).toBe(true)
  expect(answer.body.toString()).toMatch(/The quick[^]*: headrace-rescue target=up\/second-mid[^]* brown[^]*\[DONE\]/)
  const rows = (await rig.headrace.logs(`request_id=${answer.headers.get('x-request-id')}`, 3)).toSorted((left, right) => left.attempt - right.attempt)
  expect(rows.map(row => [row.attempt, row.targetModel, row.errorKind])).toEqual([[1, 'first-mid', 'superseded'], [2, 'second-mid', 'upstream-truncated'], [3, 'second-mid', '']])
})

it('what the loser was sent is paid for, as its own call', async () => {
  rig.upstream.on('first-paid', hang())
  rig.upstream.on('second-paid', answerStream(stream(['Hello'])))
  const answer = await ask('h-paid')
  const rows = (await rig.headrace.logs(`request_id=${answer.headers.get('x-request-id')}`, 2)).toSorted((left, right) => left.attempt - right.attempt)
  expect(rows[0]?.costNano).toBeGreaterThan(0)
  expect(rows[1]?.costNano).toBe(14_000)
})

it('a model that does not hedge waits, and the metrics tell how hedges ended', async () => {
  rig.upstream.on('first-patient', slow(300, stream(['in the end'])))
  expect((await ask('plain-patient')).body.toString()).toContain('in the end')
  expect(rig.upstream.of('second-patient')).toEqual([])
  const metrics = await until('the counts', async () => {
    const text = await rig.headrace.metrics()
    return /headrace_hedges_total\{model="three-\*",result="won"\} 1/.test(text) ? text : null
  })
  expect(metrics).toMatch(/headrace_hedges_total\{model="h-\*",result="lost"\} \d/)
  expect(metrics).toMatch(/headrace_hedges_total\{model="h-\*",result="failed"\} 1/)
  expect(metrics).toMatch(/headrace_hedges_total\{model="h-\*",result="took-over"\} 1/)
  expect(metrics).toMatch(/headrace_attempts_total\{model="h-fast",provider="up",result="superseded"\} 1/)
})
