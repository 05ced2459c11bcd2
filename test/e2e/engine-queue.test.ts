import type { Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { chatBody } from '../harness/completions.ts'
import { answerJson, hang, type Script } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
afterEach(() => rig?.stop())

const start = async (capacity: Readonly<Record<string, unknown>>, args: readonly string[] = [], server = {}): Promise<void> => {
  rig = await startRig({ config: () => ({ capacity, server }), args })
}

/** Answers to a model when it is told to. */
function held(model: string): { readonly release: () => void, readonly busy: () => number } {
  const waiting: (() => void)[] = []
  const script: Script = (socket, request) => { waiting.push(() => { void answerJson({ ok: true })(socket, request) }) }
  rig.upstream.on(model, script)
  return { release: () => waiting.shift()?.(), busy: () => waiting.length }
}

describe('an engine whose capacity is configured', () => {
  it('is never sent more than it takes by two workers, and everybody who waits is served', async () => {
    await start({ 'up/*': { concurrency: 3, wait: '60s', interval: '60s' } }, ['--workers', '2'])
    let now = 0
    let peak = 0
    rig.upstream.on('m', (socket, request) => {
      peak = Math.max(peak, ++now)
      setTimeout(() => {
        now--
        void answerJson({ ok: true })(socket, request)
      }, 20)
    })
    const answers = await Promise.all(Array.from({ length: 40 }, () => rig.post(chatBody('up/m'))))
    expect(answers.map(answer => answer.status)).toEqual(Array.from({ length: 40 }, () => 200))
    expect(peak).toBe(3)
    // The workers' queues are counted together.
    const metrics = await until('the queues to be counted', async () => {
      const text = await rig.headrace.metrics()
      return /headrace_queue_wait_seconds_count\{engine="up\/\*"\} [1-9]/.test(text) && /headrace_queue_depth\{engine="up\/\*"\} 0/.test(text) ? text : null
    })
    expect(metrics).toMatch(/headrace_engine_in_use\{engine="up\/\*"\} 0/)
  })

  it('and whose queue is full refuses in the dialect of the client, and says when to come back', async () => {
    await start({ 'up/single-a': { concurrency: 1, queue: 0 } })
    const engine = held('single-a')
    const first = rig.post(chatBody('single-a'))
    await rig.upstream.seen('single-a')
    const refused = await rig.post(chatBody('single-a'))
    expect(refused.status).toBe(503)
    expect(JSON.parse(refused.body.toString())).toMatchObject({ error: { code: 'overloaded', type: 'server_error' } })
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    const anthropic = await rig.post(JSON.stringify({ model: 'single-a', max_tokens: 5, messages: [{ role: 'user', content: 'hi' }] }), [['anthropic-version', '2023-06-01']], { path: '/v1/messages' })
    expect(anthropic.status).toBe(529)
    expect(JSON.parse(anthropic.body.toString())).toMatchObject({ type: 'error', error: { type: 'overloaded_error' } })
    expect(Number(anthropic.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    engine.release()
    expect((await first).status).toBe(200)
    const rows = await rig.headrace.logs('outcome=refused', 2)
    expect(rows.map(row => [row.errorKind, row.attempt, row.costNano])).toEqual([['overloaded', 0, -1], ['overloaded', 0, -1]])
    expect(rig.upstream.of('single-a')).toHaveLength(1)
  })

  it('and whose queue is full leaves its requests to the next target', async () => {
    await start({ 'up/first-x': { concurrency: 1, queue: 0 } })
    const engine = held('first-x')
    rig.upstream.on('second-x', answerJson({ ok: true }))
    const first = rig.post(chatBody('pair-x'))
    await rig.upstream.seen('first-x')
    const second = await rig.post(chatBody('pair-x'))
    expect([second.status, second.headers.get('headrace-target')]).toEqual([200, 'up/second-x'])
    engine.release()
    expect((await first).headers.get('headrace-target')).toBe('up/first-x')
  })

  it('sees nothing of a client that leaves while it waits: the place goes to the next', async () => {
    await start({ 'up/m': { concurrency: 1, wait: '60s', interval: '60s' } })
    const engine = held('m')
    const first = rig.post(chatBody('up/m', { user: 'first' }))
    await rig.upstream.seen('m')
    const depth = (count: number) => until(`${count} to wait`, async () => (await rig.headrace.metrics()).includes(`headrace_queue_depth{engine="up/m"} ${count}\n`))
    const leaving: Socket = await rig.open(chatBody('up/m', { user: 'leaving' }))
    await depth(1)
    const last = rig.post(chatBody('up/m', { user: 'last' }))
    await depth(2)
    leaving.destroy()
    await depth(1)
    engine.release()
    await until('the last one to be sent', () => engine.busy() === 1)
    engine.release()
    expect([(await first).status, (await last).status]).toEqual([200, 200])
    expect(rig.upstream.of('m').map(request => (JSON.parse(request.body.toString()) as { user: string }).user)).toEqual(['first', 'last'])
    expect(await rig.headrace.metrics()).toMatch(/headrace_queue_shed_total\{engine="up\/m",reason="left"\} 1/)
    const [row] = await rig.headrace.logs('outcome=refused')
    expect([row?.errorKind, row?.costNano]).toEqual(['client-closed', -1])
  })

  it('that fails a request has a place for its retry again', async () => {
    await start({ 'up/m': 1 })
    rig.upstream.on('m', answerJson({ error: { message: 'no' } }, { status: 503 }), answerJson({ ok: true }))
    expect((await rig.post(chatBody('up/m'))).status).toBe(200)
    expect((await rig.post(chatBody('up/m'))).status).toBe(200)
  })

  it('has its queue told at the end of a drain that the gateway is shutting down', async () => {
    await start({ 'up/m': { concurrency: 1, wait: '60s', interval: '60s' } }, [], { drain: '500ms' })
    rig.upstream.on('m', hang())
    const first = rig.post(chatBody('up/m'))
    await rig.upstream.seen('m')
    const waiting = rig.post(chatBody('up/m'))
    await until('it to wait', async () => (await rig.headrace.metrics()).includes('headrace_queue_depth{engine="up/m"} 1\n'))
    process.kill(rig.headrace.pids().supervisor, 'SIGTERM')
    const answer = await waiting
    expect([answer.status, JSON.parse(answer.body.toString())]).toMatchObject([503, { error: { code: 'shutting_down' } }])
    expect((await first).status).toBe(503)
    expect(rig.upstream.of('m')).toHaveLength(1)
  })
})
