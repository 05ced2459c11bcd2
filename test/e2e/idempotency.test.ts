import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { openRaw, parseAnswer, sendRaw, type RawAnswer, type RawRequest } from '../harness/http-client.ts'
import { answerJson, answerStream, answerThenClose, chunk, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { copySources } from '../harness/second-copy.ts'
import { ADMIN_KEY, API_KEY, isAlive, runHeadrace, startHeadrace } from '../harness/start-headrace.ts'
import { rigConfig, startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const OTHER_TENANT = 'hr_test_other_tenant_0123456789abcde'
const COLLEAGUE = 'hr_test_colleague_0123456789abcdefgh'
const CONFIG = { idempotency: { max_answer: '4KiB' }, keys: [{ name: 'other', key: OTHER_TENANT, tenant: 'other' }, { name: 'colleague', key: COLLEAGUE }] }
let rig: Rig
beforeAll(async () => { rig = await startRig({ args: ['--workers', '2'], config: () => CONFIG }) }, 20_000)
afterAll(() => rig?.stop())

/** A different answer each time: one that comes twice was kept. */
const unique: Script = (socket, request) => answerJson(completion(randomUUID()))(socket, request)
const uniqueStream: Script = (socket, request) => answerStream(stream([randomUUID(), ' ', randomUUID()]))(socket, request)
/** Answers when told to. */
function gate(): { readonly script: Script, open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>()
  return { script: async (socket, request) => { await promise; await unique(socket, request) }, open: resolve }
}
const as = (token: string, more: RawRequest['headers'] = []): Partial<RawRequest> => ({ headers: [['authorization', `Bearer ${token}`], ['content-type', 'application/json'], ...more] })
const ask = (key: string, model: string, facts: Readonly<Record<string, unknown>> = {}, more: Partial<RawRequest> = {}): Promise<RawAnswer> => rig.post(chatBody(`up/${model}`, facts), [['idempotency-key', key]], more)
const replayed = (answer: RawAnswer): boolean => answer.headers.get('idempotent-replayed') === 'true'
const codeOf = (answer: RawAnswer): unknown => (JSON.parse(answer.body.toString()) as { error: { code: unknown } }).error.code

/** Every file of the data directory by its name. One that goes away meanwhile is not there. */
function dataFiles({ headrace: { dataDirectory } }: Rig): ReadonlyMap<string, Buffer> {
  return new Map(readdirSync(dataDirectory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name)).filter(path => existsSync(path))
    .map(path => [path.slice(dataDirectory.length + 1), readFileSync(path)]))
}
/** The names of those that hold one of these texts, as it is, in base64 or in hex. */
const holding = (files: ReadonlyMap<string, Buffer>, texts: readonly string[]): string[] => [...files].filter(([, bytes]) => texts.some(text =>
  [text, ...[0, 1, 2].map(offset => Buffer.from('x'.repeat(offset) + text).toString('base64').slice(offset === 0 ? 0 : 4, -4)), Buffer.from(text).toString('hex')].some(form => bytes.includes(form)))).map(([name]) => name)

/** Who runs the requests of these keys, by the identity that stands in the file. */
function leaders(of: Rig = rig): number[] {
  const database = new DatabaseSync(join(of.headrace.dataDirectory, 'idempotency.db'), { readOnly: true, timeout: 5_000 })
  try {
    return database.prepare('SELECT owner FROM key WHERE state = \'running\'').all().map(row => Number.parseInt(String(row['owner']), 10))
  } finally {
    database.close()
  }
}
/** By what the workers told of themselves; asked on a new connection, which goes to a worker that lives. */
async function countWaiting(of: Rig): Promise<number> {
  const { body } = await sendRaw(of.headrace.port, { method: 'GET', path: '/metrics', headers: [['authorization', `Bearer ${ADMIN_KEY}`]] })
  const lines = body.toString().match(/^headrace_idempotency_waiting.* (\d+)$/gm) ?? []
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)
}

const waiting = async (of: Rig, count: number): Promise<unknown> => until(`${count} requests that wait`, async () => await countWaiting(of) >= count)

describe('a request with an Idempotency-Key (check U9)', () => {
  it('is run once, and answered the same again, byte for byte, over all workers and on both lanes', async () => {
    rig.upstream.on('once', unique)
    const key = randomUUID()
    const first = await ask(key, 'once')
    expect(first.status).toBe(200)
    expect(replayed(first)).toBe(false)
    for (let count = 0; count < 4; count++) {
      const again = await ask(key, 'once', {}, count % 2 === 0 ? {} : { chunked: true })
      expect(again.body.equals(first.body)).toBe(true)
      expect(replayed(again)).toBe(true)
      expect([again.status, again.headers.get('content-type'), again.headers.get('headrace-target')]).toEqual([200, first.headers.get('content-type'), 'up/once'])
      expect(again.headers.get('x-request-id')).not.toBe(first.headers.get('x-request-id'))
    }
    expect(rig.upstream.of('once')).toHaveLength(1)
    const rows = await rig.headrace.logs('model=up/once', 5)
    expect(rows.map(row => row.outcome).sort()).toEqual(['answered', 'answered', 'answered', 'answered', 'settled'])
    expect(rows.find(row => row.outcome === 'answered')?.route).toContain('idempotency key')
  })

  it('gets the same stream again', async () => {
    rig.upstream.on('flow', uniqueStream)
    const key = randomUUID()
    const first = await ask(key, 'flow', { stream: true })
    expect(first.complete).toBe(true)
    for (let count = 0; count < 3; count++) {
      const again = await ask(key, 'flow', { stream: true })
      expect(again.body.equals(first.body)).toBe(true)
      expect([again.complete, replayed(again), again.headers.get('content-type'), again.headers.get('transfer-encoding')]).toEqual([true, true, 'text/event-stream', 'chunked'])
    }
    expect(rig.upstream.of('flow')).toHaveLength(1)
  })

  it('is joined by fifty others that come while it runs', async () => {
    const { script, open } = gate()
    rig.upstream.on('joined', script)
    const key = randomUUID()
    const all = Array.from({ length: 50 }, () => ask(key, 'joined'))
    await rig.upstream.seen('joined')
    await waiting(rig, 49)
    open()
    const answers = await Promise.all(all)
    expect(answers.map(answer => answer.status)).toEqual(Array.from({ length: 50 }, () => 200))
    expect(new Set(answers.map(answer => answer.body.toString())).size).toBe(1)
    expect(answers.filter(replayed)).toHaveLength(49)
    expect(rig.upstream.of('joined')).toHaveLength(1)
  })

  it.each<[string, string, (key: string) => Promise<RawAnswer>]>([
    ['another body', 'mismatch-a', key => ask(key, 'mismatch-a', { temperature: 1 })],
    ['the same words, differently written', 'mismatch-b', key => rig.post(` ${chatBody('up/mismatch-b')}`, [['idempotency-key', key]])],
    ['another path', 'mismatch-c', key => ask(key, 'mismatch-c', {}, { path: '/v1/completions' })],
    ['another dialect', 'mismatch-d', key => ask(key, 'mismatch-d', {}, { path: '/v1/messages' })],
  ])('is refused with 422 under the key of %s', async (_, model, again) => {
    rig.upstream.on(model, unique)
    const key = randomUUID()
    await ask(key, model)
    const answer = await again(key)
    expect(answer.status).toBe(422)
    expect(answer.body.toString()).toContain('Idempotency-Key')
    expect(rig.upstream.of(model)).toHaveLength(1)
    expect(replayed(await ask(key, model))).toBe(true)
  })

  it.each([['another tenant', OTHER_TENANT], ['another key of the tenant', COLLEAGUE]])('of %s is another request', async (_, token) => {
    rig.upstream.on(token, unique)
    const key = randomUUID()
    const mine = await ask(key, token)
    const theirs = await ask(key, token, {}, as(token, [['idempotency-key', key]]))
    expect([mine.status, theirs.status, replayed(theirs)]).toEqual([200, 200, false])
    expect(theirs.body.equals(mine.body)).toBe(false)
    expect(rig.upstream.of(token)).toHaveLength(2)
  })

  it.each<[string, readonly Script[], Readonly<Record<string, unknown>>, number]>([
    ['was refused by the provider', [answerJson({ error: { message: 'no', type: 'invalid_request_error' } }, { status: 400 }), unique], {}, 400],
    ['met an exhausted provider', [answerJson({ error: { message: 'no', code: 'insufficient_quota', type: 'insufficient_quota' } }, { status: 429 }), unique], {}, 429],
    ['broke off in the middle of its stream', [answerThenClose(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(stream(['half'])[0] ?? '')]), 'reset'), uniqueStream], { stream: true }, 200],
  ])('is run again when it %s', async (what, scripts, facts, status) => {
    const model = `again-${what.length}`
    rig.upstream.on(model, ...scripts)
    const key = randomUUID()
    const first = await ask(key, model, facts)
    expect([first.status, replayed(first)]).toEqual([status, false])
    const second = await ask(key, model, facts)
    expect([second.status, replayed(second), second.complete]).toEqual([200, false, true])
    const third = await ask(key, model, facts)
    expect([third.status, replayed(third)]).toEqual([200, true])
    expect(third.body.equals(second.body)).toBe(true)
    expect(rig.upstream.of(model)).toHaveLength(2)
  })

  it('is run by the next in line when its client leaves', async () => {
    const { script, open } = gate()
    rig.upstream.on('left', script)
    const key = randomUUID()
    const headers = [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json'], ['idempotency-key', key]] as const
    const first = await openRaw(rig.headrace.port, { body: chatBody('up/left'), headers })
    await rig.upstream.seen('left')
    const others = [ask(key, 'left'), ask(key, 'left')]
    await waiting(rig, 2)
    first.destroy()
    await rig.upstream.seen('left', 2)
    open()
    const answers = await Promise.all(others)
    expect(answers.map(answer => answer.status)).toEqual([200, 200])
    expect(answers.filter(replayed)).toHaveLength(1)
    expect(rig.upstream.of('left')).toHaveLength(2)
  })

  it.each([false, true])('whose answer is longer than is kept is not given again, and not run again either (stream: %s)', async streamed => {
    const model = `long-${streamed}`
    rig.upstream.on(model, streamed ? answerStream(stream(['x'.repeat(5_000)])) : answerJson(completion('x'.repeat(5_000))))
    const key = randomUUID()
    const first = await ask(key, model, { stream: streamed })
    expect([first.status, first.complete, first.body.length > 5_000]).toEqual([200, true, true])
    const second = await ask(key, model, { stream: streamed })
    expect([second.status, codeOf(second)]).toEqual([409, 'idempotency_conflict'])
    expect(second.body.toString()).toContain('4096')
    expect(rig.upstream.of(model)).toHaveLength(1)
  })

  it.each([['', 400], ['two words', 400], ['x'.repeat(256), 400], ['x'.repeat(255), 200], ['"in-quotes"', 200]])('with the key %j is answered with %i', async (key, status) => {
    rig.upstream.on('well-formed', unique)
    const answer = await ask(key, 'well-formed')
    expect(answer.status).toBe(status)
    if (status === 400) expect(answer.body.toString()).toContain('Idempotency-Key')
  })

  it('may be written with the quotation marks of the draft or without', async () => {
    rig.upstream.on('quoted', unique)
    const key = randomUUID()
    const first = await ask(`"${key}"`, 'quoted')
    const second = await ask(key, 'quoted')
    expect(second.body.equals(first.body)).toBe(true)
  })

  it('is what the official SDK sends again', async () => {
    rig.upstream.on('sdk', unique)
    const client = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
    const create = () => client.chat.completions.create({ model: 'up/sdk', messages: [{ role: 'user', content: 'hi' }] }, { headers: { 'Idempotency-Key': 'the-key-that-the-sdk-sends' } }).withResponse()
    const [first, second] = [await create(), await create()]
    expect(second.data).toEqual(first.data)
    expect(second.response.headers.get('idempotent-replayed')).toBe('true')
  })

  it('is counted by what its key was; the key itself is in no file', async () => {
    await until('the metrics', async () => {
      const metrics = await rig.headrace.metrics()
      return ['won', 'kept', 'unkept', 'other-request'].every(state => new RegExp(`headrace_idempotency_keys_total\\{state="${state}"\\} \\d+`).test(metrics))
    })
    const files = dataFiles(rig)
    expect(files.get('idempotency.db')?.length).toBeGreaterThan(0)
    expect(holding(files, ['the-key-that-the-sdk-sends', API_KEY])).toEqual([])
  })

  it('leaves nothing in any file that could be read without it: not what was asked, nor what was answered, nor the key', async () => {
    const asked = 'canary-of-the-question'
    const answered = 'canary-of-the-answer'
    const keys = ['canary-of-the-key-1', 'canary-of-the-key-2']
    rig.upstream.on('canary', answerJson(completion(answered)), answerStream(stream([answered, ' and more'])))
    for (const [index, key] of keys.entries()) {
      const facts = { stream: index === 1, messages: [{ role: 'user', content: asked }] }
      const first = await ask(key, 'canary', facts)
      expect(first.body.toString()).toContain(answered)
      const again = await ask(key, 'canary', facts)
      expect([replayed(again), again.body.equals(first.body)]).toEqual([true, true])
    }
    await rig.headrace.logs('model=up/canary', 4)
    expect(rig.upstream.of('canary')).toHaveLength(2)
    const files = dataFiles(rig)
    // What is looked through is where the call went: its model's name stands there.
    expect([...files.values()].some(bytes => bytes.includes('up/canary'))).toBe(true)
    expect(files.get('idempotency.db')?.length).toBeGreaterThan(0)
    expect(holding(files, [asked, answered, ...keys, API_KEY])).toEqual([])
  })
})

describe('a crash (check U9)', () => {
  it('of the worker that runs a request lets one of those who wait run it, in another worker', { timeout: 30_000 }, async () => {
    const { script, open } = gate()
    rig.upstream.on('crash', script)
    const key = randomUUID()
    const headers = [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json'], ['idempotency-key', key]] as const
    const sockets = [await openRaw(rig.headrace.port, { body: chatBody('up/crash'), headers })]
    await rig.upstream.seen('crash')
    const [leader = 0] = leaders()
    // A worker that stands still accepts nothing: all others go to the other one.
    process.kill(leader, 'SIGSTOP')
    for (let count = 0; count < 5; count++) sockets.push(await openRaw(rig.headrace.port, { body: chatBody('up/crash'), headers }))
    const answers = sockets.map(readToEnd)
    // On a slow machine the supervisor finds the leader hung (after 3 s) and kills it first, which is the same crash.
    await until('5 requests that wait, or one of them that runs', async () => await countWaiting(rig) >= 5 || rig.upstream.of('crash').length > 1)
    if (isAlive(leader)) process.kill(leader, 'SIGKILL')
    await until('the leader to be gone', () => !isAlive(leader))
    await rig.upstream.seen('crash', 2)
    open()
    const whole = (await Promise.all(answers)).filter(answer => answer.status === 200)
    expect(whole).toHaveLength(5)
    expect(new Set(whole.map(answer => answer.body.toString())).size).toBe(1)
    const again = await ask(key, 'crash')
    expect([again.status, replayed(again)]).toEqual([200, true])
    expect(again.body.equals(whole[0]?.body ?? Buffer.alloc(0))).toBe(true)
    expect(rig.upstream.of('crash')).toHaveLength(2)
  })

  it('of the control process costs no answer: the request waits for it, and is run once', { timeout: 30_000 }, async () => {
    const { script, open } = gate()
    rig.upstream.on('control', script)
    const key = randomUUID()
    const first = ask(key, 'control')
    await rig.upstream.seen('control')
    const second = ask(key, 'control')
    await rig.headrace.kill9('control')
    open()
    const [one, two] = await Promise.all([first, second])
    expect([one.status, two.status]).toEqual([200, 200])
    expect(two.body.equals(one.body)).toBe(true)
    expect(rig.upstream.of('control')).toHaveLength(1)
    const third = await ask(key, 'control')
    expect([third.status, replayed(third)]).toEqual([200, true])
  })

  it('of everything, just after the answer was there, loses no answer; nor does a stop', { timeout: 40_000 }, async () => {
    rig.upstream.on('kept', unique)
    const key = randomUUID()
    const first = await ask(key, 'kept')
    await rig.headrace.kill9('everything')
    for (const how of ['killed', 'stopped'] as const) {
      const next = await startHeadrace({ directory: rig.headrace.directory, args: ['--workers', '2'] })
      rig = { ...rig, headrace: next, stop: async () => { await next.stop(); await rig.upstream.stop() } }
      const again = await askAt(next.port, 'kept', key)
      expect([how, again.status, replayed(again)]).toEqual([how, 200, true])
      expect(again.body.equals(first.body)).toBe(true)
      if (how === 'killed') await next.stop({ keep: true })
    }
    expect(rig.upstream.of('kept')).toHaveLength(1)
  })

  it.each([['retry', 200, 2], ['conflict', 409, 1]] as const)('of everything while a request runs: with after_crash %s it is answered with %i', { timeout: 30_000 }, async (afterCrash, status, calls) => {
    rig.upstream.on(afterCrash, () => undefined, unique)
    const key = randomUUID()
    const lost = askAt(rig.headrace.port, afterCrash, key)
    await rig.upstream.seen(afterCrash)
    await rig.headrace.kill9('everything')
    expect((await lost).status).toBe(0)
    const next = await startHeadrace({ directory: rig.headrace.directory, args: ['--workers', '2'], config: { ...rigConfig(rig.upstream), idempotency: { after_crash: afterCrash } } })
    rig = { ...rig, headrace: next, stop: async () => { await next.stop(); await rig.upstream.stop() } }
    expect((await askAt(next.port, afterCrash, key)).status).toBe(status)
    expect(rig.upstream.of(afterCrash)).toHaveLength(calls)
  })
})

describe('a request that runs while Headrace is replaced (check U9)', () => {
  it.each(['restart', 'upgrade'] as const)('by %s is joined by those who come to the new one, and answered once', { timeout: 60_000 }, async how => {
    const old = await startRig({ args: ['--workers', '2'] })
    const copy = how === 'upgrade' ? copySources('99.0.0') : null
    try {
      const { script, open } = gate()
      old.upstream.on('running', script)
      const key = randomUUID()
      const first = askAt(old.headrace.port, 'running', key)
      await old.upstream.seen('running')
      const before = old.headrace.pids().workers
      const { code, output } = await runHeadrace([how, '--data', old.headrace.dataDirectory], copy === null ? { limitMs: 30_000 } : { cli: copy.cli, limitMs: 30_000 })
      expect([code, output]).toEqual([0, expect.any(String)])
      expect(old.headrace.pids().workers.filter(pid => before.includes(pid))).toEqual([])
      const second = askAt(old.headrace.port, 'running', key)
      await waiting(old, 1)
      open()
      const [one, two] = await Promise.all([first, second])
      expect([one.status, replayed(one), two.status, replayed(two)]).toEqual([200, false, 200, true])
      expect(two.body.equals(one.body)).toBe(true)
      expect(old.upstream.of('running')).toHaveLength(1)
    } finally {
      await old.stop()
      copy?.remove()
    }
  })
})

async function askAt(port: number, model: string, key: string): Promise<RawAnswer> {
  return readToEnd(await openRaw(port, { body: chatBody(`up/${model}`), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json'], ['idempotency-key', key]] }))
}

/** Reads one answer from a socket that is open, to its end or the connection's. */
function readToEnd(socket: Socket): Promise<RawAnswer> {
  return new Promise(resolve => {
    let bytes: Buffer = Buffer.alloc(0)
    const finish = (): void => { socket.destroy(); resolve(parseAnswer(bytes)) }
    socket.on('data', (data: Buffer) => {
      bytes = Buffer.concat([bytes, data])
      if (parseAnswer(bytes).complete) finish()
    })
    socket.on('close', finish)
  })
}
