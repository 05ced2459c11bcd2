import { randomUUID } from 'node:crypto'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, DONE, finishEvent, stream, textEvent, usageEvent } from '../harness/completions.ts'
import { openRaw, parseAnswer, sendRaw, type RawAnswer, type RawRequest } from '../harness/http-client.ts'
import { answerJson, answerStream, chunk, LAST_CHUNK, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { ADMIN_KEY, API_KEY, isAlive, runHeadrace } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const COLLEAGUE = 'hr_test_colleague_0123456789abcdefgh'
const OTHER_TENANT = 'hr_test_other_tenant_0123456789abcde'
const POOR = 'hr_test_poor_0123456789abcdefghijklm'
const CONFIG = {
  keys: [{ name: 'colleague', key: COLLEAGUE }, { name: 'other', key: OTHER_TENANT, tenant: 'other' }, { name: 'poor', key: POOR, tenant: 'poor' }],
  limits: [{ name: 'few', per: 'key', match: { tenant: 'poor' }, requests: '5/h', tokens: '100000/h' }],
  models: { 'all-*': { targets: ['up/all-*'], coalesce: 'always' }, 'none-*': { targets: ['up/none-*'], coalesce: 'never' }, 'safe-*': { targets: ['up/safe-*'], rescue: 'continue' } },
}
let rig: Rig
beforeAll(async () => { rig = await startRig({ args: ['--workers', '2'], config: () => CONFIG }) }, 20_000)
afterAll(() => rig?.stop())

type Lines = NonNullable<RawRequest['headers']>
const body = (model: string, facts: Readonly<Record<string, unknown>> = {}): string => chatBody(/^(?:all|none|safe)-/.test(model) ? model : `up/${model}`, { temperature: 0, ...facts })
const as = (token: string, more: Lines = []): Lines => [['authorization', `Bearer ${token}`], ['content-type', 'application/json'], ...more]
const ask = (model: string, facts: Readonly<Record<string, unknown>> = {}, headers: Lines = as(API_KEY)): Promise<RawAnswer> => sendRaw(rig.headrace.port, { body: body(model, facts), headers })
const coalesced = (answer: RawAnswer): string => answer.headers.get('headrace-coalesced') ?? ''

/** A provider that tells a part of its answer, and the rest, another one each time, when it is told to. */
function gate(streamed = true): { readonly script: Script, open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return {
    open: resolve,
    script: async (socket, request) => {
      const id = randomUUID()
      if (streamed) socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent(`${id} begins`))]))
      await promise
      if (streamed) socket.write(Buffer.concat([...[textEvent(' and ends'), finishEvent(), usageEvent(), DONE].map(chunk), LAST_CHUNK]))
      else await answerJson(completion(id))(socket, request)
      request.answeredAt = performance.now()
    },
  }
}

/** What all workers together have counted under this name, by what they told last. */
async function counted(name: string): Promise<number> {
  const { body: text } = await sendRaw(rig.headrace.port, { method: 'GET', path: '/metrics', headers: [['authorization', `Bearer ${ADMIN_KEY}`]] })
  return text.toString().split('\n').filter(line => line.startsWith(name)).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}
const JOINED = 'headrace_coalesce_requests_total{role="joined"'
/** A request whose connection the test holds, and its answer. */
interface Held { readonly socket: Socket, readonly answer: Promise<RawAnswer>, readonly worker: number }
async function hold(model: string, facts: Readonly<Record<string, unknown>> = {}): Promise<Held> {
  const socket = await openRaw(rig.headrace.port, { body: body(model, facts), headers: as(API_KEY) })
  return { socket, answer: readToEnd(socket), worker: await until('a worker to accept', () => workerOf(socket)) }
}
/** Reads one answer to its end or the connection's. */
function readToEnd(socket: Socket): Promise<RawAnswer> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    const finish = (): void => { socket.destroy(); resolve(parseAnswer(Buffer.concat(chunks))) }
    socket.on('data', (data: Buffer) => {
      chunks.push(data)
      if (data.includes('0\r\n\r\n') || chunks.length < 3) if (parseAnswer(Buffer.concat(chunks)).complete) finish()
    })
    socket.on('close', finish)
  })
}
/** The process that has accepted this connection, by the kernel's tables; null = none has yet. */
function workerOf(socket: Socket): number | null {
  const port = (number: number | undefined): string => `:${(number ?? 0).toString(16).toUpperCase().padStart(4, '0')}`
  const line = readFileSync('/proc/net/tcp', 'utf8').split('\n').map(text => text.trim().split(/\s+/)).find(fields => fields[1]?.endsWith(port(socket.remotePort)) && fields[2]?.endsWith(port(socket.localPort)))
  const name = `socket:[${line?.[9] ?? ''}]`
  return rig.headrace.pids().workers.find(pid => readdirSync(`/proc/${pid}/fd`).some(descriptor => linkOf(`/proc/${pid}/fd/${descriptor}`) === name)) ?? null
}
function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return ''
  }
}
/** After one has died. */
async function bothWorkers(): Promise<void> {
  const accepting = new Set<number>()
  await until('both workers to be there', async () => {
    const { socket, worker } = await hold('none-at-all', {})
    socket.destroy()
    return accepting.add(worker).size >= 2 && rig.headrace.pids().workers.every(pid => accepting.has(pid))
  })
}
/** Requests that are the same: the first leads, and then as many as it takes for each worker to have two. */
async function spread(model: string, facts: Readonly<Record<string, unknown>> = {}): Promise<readonly [Held, ...Held[]]> {
  await until('what went before to be over', async () => await counted('headrace_in_flight') === 0)
  const first = await hold(model, facts)
  await rig.upstream.seen(model)
  const all: [Held, ...Held[]] = [first]
  const share = (pid: number): number => all.filter(({ worker }) => worker === pid).length
  for (const { workers } = rig.headrace.pids(); all.length < 300 && workers.some(pid => share(pid) < 2);) all.push(await hold(model, facts))
  expect(rig.headrace.pids().workers.map(share).every(count => count >= 2)).toBe(true)
  await until('all to have joined', async () => (await counted('headrace_in_flight')) >= all.length)
  return all
}

/** Runs `work` and waits until so many more have joined. Whatever joins must be waited for: the metrics tell it late, and the next test would take it for its own. */
async function joining<T>(count: number, work: () => T): Promise<T> {
  const before = await counted(JOINED)
  const result = work()
  await until(`${count} that join`, async () => await counted(JOINED) - before >= count)
  return result
}

describe('requests that are the same', () => {
  it.each([[1_000, true], [100, false]])('share one call: %i of them, over two workers (stream: %s), each byte for byte', { timeout: 60_000 }, async (count, streamed) => {
    const { script, open } = gate(streamed)
    const model = `many${count}`
    rig.upstream.on(model, script)
    const answers = await joining(count - 1, () => Array.from({ length: count }, () => ask(model, { stream: streamed })))
    open()
    const all = await Promise.all(answers)
    expect(rig.upstream.of(model)).toHaveLength(1)
    expect(new Set(all.map(({ status, complete }) => `${status} ${complete}`))).toEqual(new Set(['200 true']))
    expect(new Set(all.map(answer => answer.body.toString())).size).toBe(1)
    expect(all[0]?.body.toString()).toContain(streamed ? ' and ends' : 'choices')
    const followers = all.filter(answer => coalesced(answer) !== '')
    expect(followers).toHaveLength(count - 1)
    expect(new Set(followers.map(coalesced)).size).toBe(1)
    expect(new Set(all.map(answer => answer.headers.get('x-request-id'))).size).toBe(count)
    const rows = await rig.headrace.logs(`model=up/${model}&limit=1000`, count)
    const settled = rows.filter(row => row.outcome === 'settled')
    expect(settled).toHaveLength(1)
    expect(settled[0]).toMatchObject({ inputTokens: 11, outputTokens: 3 })
    const joined = rows.filter(row => row.outcome === 'coalesced')
    expect(joined).toHaveLength(count - 1)
    expect(new Set(joined.map(row => row.route))).toEqual(new Set([`[{"did":"joined","why":"the same request ran already","exchange":"${settled[0]?.exchangeId}"}]`]))
    expect(new Set(followers.map(coalesced))).toEqual(new Set([settled[0]?.exchangeId]))
    expect(joined.every(row => row.inputTokens === -1 && row.costNano === -1)).toBe(true)
    await until('nothing of it to be kept', async () => await counted('headrace_coalesce_kept_bytes') === 0)
  })

  it.each<[string, number, (model: string) => readonly [Promise<RawAnswer>, Promise<RawAnswer>]]>([
    ['a seed', 1, model => [ask(model, { temperature: 1, seed: 7 }), ask(model, { temperature: 1, seed: 7 })]],
    ['a model of which all may share', 1, model => [ask(`all-${model}`, { temperature: 1 }), ask(`all-${model}`, { temperature: 1 })]],
    ['a model of which none may share', 2, model => [ask(`none-${model}`), ask(`none-${model}`)]],
    ['chance', 2, model => [ask(model, { temperature: 0.1 }), ask(model, { temperature: 0.1 })]],
    ['a seed that is null', 2, model => [ask(model, { temperature: 1, seed: null }), ask(model, { temperature: 1, seed: null })]],
    ['another byte', 2, model => [ask(model), sendRaw(rig.headrace.port, { body: ` ${body(model)}`, headers: as(API_KEY) })]],
    ['another key of the tenant', 2, model => [ask(model), ask(model, {}, as(COLLEAGUE))]],
    ['another tenant', 2, model => [ask(model), ask(model, {}, as(OTHER_TENANT))]],
    ['another path', 2, model => [ask(model), sendRaw(rig.headrace.port, { path: '/v1/completions', body: body(model), headers: as(API_KEY) })]],
    ['a client that wants a call of its own', 2, model => [ask(model), ask(model, {}, as(API_KEY, [['headrace-coalesce', '0']]))]],
    ['a deadline of its own', 2, model => [ask(model, {}, as(API_KEY, [['headrace-timeout', '9s']])), ask(model, {}, as(API_KEY, [['headrace-timeout', '9s']]))]],
    ['a client that asks for the way', 2, model => [ask(model), ask(model, {}, as(API_KEY, [['headrace-explain', '1']]))]],
    ['other tags', 1, model => [ask(model, {}, as(API_KEY, [['headrace-tags', 'a=1']])), ask(model, {}, as(API_KEY, [['headrace-tags', 'a=2'], ['x-request-id', 'mine']]))]],
  ])('with %s take %i call(s)', async (what, calls, both) => {
    const { script, open } = gate(false)
    const name = `eligible-${what.replaceAll(/\W/g, '')}`
    rig.upstream.on('*', script)
    const seen = (): number => rig.upstream.requests.filter(({ model }) => model.endsWith(name)).length
    const joined = await counted(JOINED)
    const answers = both(name)
    await until('both to have arrived', async () => seen() + (await counted(JOINED)) - joined >= 2)
    open()
    const [one, two] = await Promise.all(answers)
    expect([one.status, two.status, seen()]).toEqual([200, 200, calls])
    expect(one.body.equals(two.body)).toBe(calls === 1)
    expect([one, two].filter(answer => coalesced(answer) !== '')).toHaveLength(2 - calls)
  })
})

describe('a shared call', () => {
  it('goes on without the client that it was made for, and ends with the last one', { timeout: 30_000 }, async () => {
    const { script, open } = gate()
    rig.upstream.on('leaves', script)
    const [first, ...others] = await spread('leaves', { stream: true })
    first.socket.destroy()
    const second = others.pop()
    second?.socket.destroy()
    await rig.headrace.logs('model=up/leaves&outcome=coalesced')
    open()
    const answers = await Promise.all(others.map(({ answer }) => answer))
    expect(new Set(answers.map(answer => `${answer.status} ${answer.complete} ${answer.body.toString()}`)).size).toBe(1)
    expect(answers[0]?.complete).toBe(true)
    const [settled] = await rig.headrace.logs('model=up/leaves&outcome=settled')
    expect([settled?.status, settled?.outputTokens, rig.upstream.of('leaves').length]).toEqual([200, 3, 1])

    rig.upstream.on('abandoned', gate().script)
    const all = await spread('abandoned', { stream: true })
    for (const { socket } of all.slice(1)) socket.destroy()
    await rig.headrace.logs('model=up/abandoned&outcome=coalesced&limit=1000', all.length - 1)
    expect(rig.upstream.of('abandoned')[0]?.abortedAt).toBe(0)
    all[0].socket.destroy()
    await until('the call to be given up', () => rig.upstream.of('abandoned')[0]?.abortedAt !== 0)
  })

  it('is not held up by a reader that takes nothing; that one gets all of it later', { timeout: 30_000 }, async () => {
    const words = Array.from({ length: 300 }, (_, index) => `${index} ${'x'.repeat(10_000)}`)
    const { promise, resolve } = Promise.withResolvers<void>()
    rig.upstream.on('slow', async (socket, request) => {
      await promise
      await answerStream(stream(words))(socket, request)
    })
    const all = await spread('slow', { stream: true })
    const slow = [all[1], all.findLast(({ worker }) => worker !== all[1]?.worker)].filter(held => held !== undefined)
    for (const { socket } of slow) socket.pause()
    resolve()
    const fast = await Promise.all(all.filter(held => !slow.includes(held)).map(({ answer }) => answer))
    expect(new Set(fast.map(answer => `${answer.complete} ${answer.body.length}`)).size).toBe(1)
    expect(fast[0]?.body.includes('299 xxx')).toBe(true)
    for (const { socket } of slow) socket.resume()
    for (const { answer } of slow) expect((await answer).body.equals(fast[0]?.body ?? Buffer.alloc(0))).toBe(true)
    expect(rig.upstream.of('slow')).toHaveLength(1)
  })

  it.each<[string, Script, number, number]>([
    ['the provider refuses the request', answerJson({ error: { message: 'no such tool', type: 'invalid_request_error' } }, { status: 400 }), 400, 1],
    ['no target is left', answerJson({ error: { message: 'down', type: 'server_error' } }, { status: 500 }), 502, 3],
  ])('that fails is not made again by those who joined: %s', { timeout: 30_000 }, async (what, fail, status, calls) => {
    const model = `fails-${status}`
    const { promise, resolve } = Promise.withResolvers<void>()
    rig.upstream.on(model, async (socket, request) => { await promise; await fail(socket, request) })
    const all = await spread(model)
    resolve()
    const answers = await Promise.all(all.map(({ answer }) => answer))
    expect(new Set(answers.map(answer => answer.status))).toEqual(new Set([status]))
    expect(new Set(answers.map(answer => answer.headers.get('x-request-id'))).size).toBe(all.length)
    expect(rig.upstream.of(model)).toHaveLength(calls)
    const rows = await rig.headrace.logs(`model=up/${model}&outcome=coalesced&limit=1000`, all.length - 1)
    expect(new Set(rows.map(row => `${row.status} ${row.errorKind}`))).toEqual(new Set([`${status} ${status === 400 ? 'upstream-invalid-request' : 'upstream-server-error'}`]))
  })

  it('counts each request as one, and its tokens once', async () => {
    const { script, open } = gate(false)
    rig.upstream.on('poor', script)
    const refused: RawAnswer[] = []
    const answers = await joining(4, () => Array.from({ length: 7 }, async () => {
      const answer = await ask('poor', { max_tokens: 60_000 }, as(POOR))
      if (answer.status !== 200) refused.push(answer)
      return answer
    }))
    // 60,000 tokens are reserved once: five times would be more than there are.
    await until('two to be refused', () => refused.length >= 2)
    open()
    const all = await Promise.all(answers)
    expect(all.map(({ status }) => status).sort()).toEqual([200, 200, 200, 200, 200, 429, 429])
    for (const answer of refused) expect(answer.body.toString()).toContain('limit \\"few\\" of 5 requests')
    expect(rig.upstream.of('poor')).toHaveLength(1)
    expect(all.filter(answer => coalesced(answer) !== '')).toHaveLength(4)
  })

  it('is kept for every Idempotency-Key it is asked under', async () => {
    const { script, open } = gate()
    rig.upstream.on('keyed', script)
    const keys = [randomUUID(), randomUUID()]
    const keyed = (key: string): Promise<RawAnswer> => ask('keyed', { stream: true }, as(API_KEY, [['idempotency-key', key]]))
    const answers = await joining(1, () => keys.map(keyed))
    open()
    const [one, two] = await Promise.all(answers)
    expect(one?.body.equals(two?.body ?? Buffer.alloc(0))).toBe(true)
    for (const key of keys) {
      const again = await keyed(key)
      expect([again.headers.get('idempotent-replayed'), again.body.equals(one?.body ?? Buffer.alloc(0))]).toEqual(['true', true])
    }
    expect(rig.upstream.of('keyed')).toHaveLength(1)
  })
})

describe('in Anthropic\'s dialect', () => {
  const messages = (model: string, facts: Readonly<Record<string, unknown>> = {}, headers: Lines = []): Promise<RawAnswer> =>
    sendRaw(rig.headrace.port, { path: '/v1/messages', body: body(model, { max_tokens: 9, ...facts }), headers: as(API_KEY, headers) })

  it('a translated stream is shared; other features are another request', async () => {
    const { script, open } = gate()
    rig.upstream.on('claude', script)
    const answers = await joining(1, () => [messages('claude', { stream: true }), messages('claude', { stream: true }), messages('claude', { stream: true }, [['anthropic-beta', 'x-2026-01-01']])])
    await rig.upstream.seen('claude', 2)
    open()
    const [one, two, other] = await Promise.all(answers)
    expect([one, two, other].map(answer => answer?.complete)).toEqual([true, true, true])
    expect(one?.body.toString()).toContain('message_stop')
    expect([one?.body.equals(two?.body ?? Buffer.alloc(0)), one?.body.equals(other?.body ?? Buffer.alloc(0))]).toEqual([true, false])
    expect(rig.upstream.of('claude')).toHaveLength(2)
  })

  it('an error has the request id of whoever gets it, in its body too', async () => {
    const { promise, resolve } = Promise.withResolvers<void>()
    rig.upstream.on('claude-down', async (socket, request) => { await promise; await answerJson({ error: { message: 'down' } }, { status: 500 })(socket, request) })
    const answers = await joining(2, () => [messages('claude-down'), messages('claude-down'), messages('claude-down', {}, [['x-request-id', 'mine']])])
    resolve()
    for (const answer of await Promise.all(answers)) {
      expect((JSON.parse(answer.body.toString()) as { request_id: unknown }).request_id).toBe(answer.headers.get('request-id'))
    }
  })
})

describe('when the workers are replaced', () => {
  it('a shared call goes on for all who read it, in whichever worker, also without the client that it was made for', { timeout: 60_000 }, async () => {
    const own = rig
    const { script, open } = gate()
    rig.upstream.on('rolled', script)
    const all = await spread('rolled', { stream: true })
    const before = rig.headrace.pids().workers
    // Whoever leads has no client left, so that nothing but those who read elsewhere keeps its worker.
    const readers = all.filter(({ worker }) => worker !== all[0].worker)
    for (const held of all) if (!readers.includes(held)) held.socket.destroy()
    const { code, output } = await runHeadrace(['restart', '--data', own.headrace.dataDirectory], { limitMs: 30_000 })
    expect([code, output]).toEqual([0, expect.any(String)])
    expect(rig.headrace.pids().workers.filter(pid => before.includes(pid))).toEqual([])
    open()
    const answers = await Promise.all(readers.map(({ answer }) => answer))
    expect(new Set(answers.map(answer => `${answer.complete} ${answer.body.toString().includes(' and ends')}`))).toEqual(new Set(['true true']))
    expect(rig.upstream.of('rolled')).toHaveLength(1)
  })
})

describe('when the worker stands still that makes the call', () => {
  it('nobody who comes then waits for it', { timeout: 60_000 }, async () => {
    const { script, open } = gate(false)
    rig.upstream.on('frozen', script)
    const first = await hold('frozen')
    await rig.upstream.seen('frozen')
    process.kill(first.worker, 'SIGSTOP')
    try {
      const second = await hold('frozen')
      await rig.upstream.seen('frozen', 2)
      open()
      expect((await second.answer).status).toBe(200)
    } finally {
      await until('it to be taken for dead', () => !isAlive(first.worker), 20_000)
      await bothWorkers()
    }
  })
})

describe('when the worker dies that makes the call', () => {
  it('those who have nothing of the answer yet get another one, together', { timeout: 30_000 }, async () => {
    const { script, open } = gate(false)
    rig.upstream.on('dies', script)
    const all = await spread('dies')
    const left = all.filter(({ worker }) => worker !== all[0].worker)
    process.kill(all[0].worker, 'SIGKILL')
    await until('the leader to be gone', () => !isAlive(all[0].worker))
    await rig.upstream.seen('dies', 2)
    open()
    const answers = await Promise.all(left.map(({ answer }) => answer))
    expect(new Set(answers.map(answer => `${answer.status} ${answer.body.toString()}`)).size).toBe(1)
    expect(answers[0]?.status).toBe(200)
    expect(rig.upstream.of('dies')).toHaveLength(2)
  })

  it('those who have a part of it get the rest from one of them, together, where the model says so', { timeout: 30_000 }, async () => {
    await bothWorkers()
    rig.upstream.on('safe-one', gate().script, answerStream(stream([' and goes', ' on'])))
    const all = await spread('safe-one', { stream: true })
    const left = all.filter(({ worker }) => worker !== all[0].worker)
    process.kill(all[0].worker, 'SIGKILL')
    const answers = await Promise.all(left.map(({ answer }) => answer))
    expect(new Set(answers.map(answer => answer.body.toString())).size).toBe(1)
    const text = answers[0]?.body.toString() ?? ''
    expect([answers[0]?.complete, text.includes(': headrace-rescue target=up/safe-one'), text.endsWith('data: [DONE]\n\n')]).toEqual([true, true, true])
    const said = text.split('\n').filter(line => line.startsWith('data: {')).map(line => (JSON.parse(line.slice(6)) as { choices: { delta?: { content?: string } }[] }).choices[0]?.delta?.content ?? '').join('')
    expect(said).toMatch(/^[0-9a-f-]{36} begins and goes on$/)
    expect(rig.upstream.of('safe-one')).toHaveLength(2)
    const [made] = await rig.headrace.logs('model=safe-one&outcome=settled')
    expect([made?.attempt, made?.outputTokens]).toEqual([2, 3])
    expect(await rig.headrace.logs('model=safe-one&outcome=coalesced', left.length - 1)).toHaveLength(left.length - 1)
  })

  it('those who have a part of it are told in the stream', { timeout: 30_000 }, async () => {
    await bothWorkers()
    rig.upstream.on('cut', gate().script)
    const all = await spread('cut', { stream: true })
    const left = all.filter(({ worker }) => worker !== all[0].worker)
    process.kill(all[0].worker, 'SIGKILL')
    for (const { answer } of left) {
      const { status, complete, body: text } = await answer
      expect([status, complete]).toEqual([200, false])
      expect(text.toString()).toMatch(/begins.*\n\ndata: \{"error":.*\n\n$/s)
      expect(text.toString()).not.toContain('[DONE]')
    }
    expect(rig.upstream.of('cut')).toHaveLength(1)
  })
})
