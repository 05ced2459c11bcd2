import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chatBody, stream, textEvent } from '../harness/completions.ts'
import { answerStream, chunk, hang, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { isAlive } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const DRAIN_MS = 1_500
let rig: Rig
beforeEach(async () => { rig = await startRig({ config: () => ({ server: { drain: `${DRAIN_MS}ms` } }) }) }, 20_000)
afterEach(() => rig?.stop())

describe('SIGTERM', () => {
  it('lets a stream finish that can finish in the grace period, and takes no new work', async () => {
    const events = stream(['a', 'b', 'c', 'd', 'e'], false)
    rig.upstream.on('short', answerStream(events, 100))
    const running = rig.post(chatBody('up/short', { stream: true }))
    await rig.upstream.seen('short')
    const { supervisor, workers, control } = rig.headrace.pids()
    process.kill(supervisor, 'SIGTERM')
    const answer = await running
    expect(answer.complete).toBe(true)
    expect(answer.body.toString()).toBe(events.join(''))
    await until('every process to end', () => [supervisor, ...workers, control].every(pid => !isAlive(pid)), 5_000)
    await expect(fetch(`${rig.headrace.url}/healthz`)).rejects.toThrow()
  })

  it('breaks a longer one off with an error, and is gone by the end of the grace period', async () => {
    rig.upstream.on('endless', hang(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('begun'))])))
    const running = rig.post(chatBody('up/endless', { stream: true }))
    const [seen] = await rig.upstream.seen('endless')
    const { supervisor } = rig.headrace.pids()
    const start = performance.now()
    process.kill(supervisor, 'SIGTERM')
    const answer = await running
    expect(answer.complete).toBe(false)
    expect(answer.body.toString()).toContain('begun')
    expect(answer.body.toString()).toMatch(/\ndata: \{"error":\{[^\n]*"code":"shutting_down"[^\n]*\n\n$/)
    expect(answer.body.toString()).not.toContain('[DONE]')
    await until('the supervisor to end', () => !isAlive(supervisor), DRAIN_MS + 12_000)
    expect(performance.now() - start).toBeLessThan(DRAIN_MS + 10_000)
    expect(seen?.abortedAt).toBeGreaterThan(0)
  })

  it('answers a request that got nothing from its provider yet with 503, at the end of the grace period', async () => {
    rig.upstream.on('silent', hang())
    const running = rig.post(chatBody('up/silent'))
    const [seen] = await rig.upstream.seen('silent')
    process.kill(rig.headrace.pids().supervisor, 'SIGTERM')
    const answer = await running
    expect(answer.status).toBe(503)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'shutting_down' } })
    expect(seen?.abortedAt).toBeGreaterThan(0)
  })
})
