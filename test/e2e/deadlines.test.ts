import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBlackHole, type BlackHole } from '../harness/black-hole.ts'
import { chatBody, textEvent } from '../harness/completions.ts'
import { chunk, hang, pause, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
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
      },
      relay: { max_attempts: 1 },
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
const half = Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('half'))])
const JSON_HALF = 'HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"id":'

describe('each deadline ends at its own time with its own code (check U5)', () => {
  const cases: readonly { readonly name: string, readonly model: string, readonly script: Script, readonly stream: boolean, readonly code: string, readonly status: number, readonly ms: number }[] = [
    { name: 'connect', model: 'hole/connect', script: hang(), stream: false, code: 'upstream_connect_timeout', status: 504, ms: 300 },
    { name: 'first token, no head', model: 'up/first-a', script: hang(), stream: true, code: 'upstream_first_token_timeout', status: 504, ms: 500 },
    { name: 'first token, head only', model: 'up/first-b', script: hang(STREAM_HEAD), stream: true, code: 'upstream_first_token_timeout', status: 504, ms: 500 },
    { name: 'first token, JSON', model: 'up/first-c', script: hang(), stream: false, code: 'upstream_first_token_timeout', status: 504, ms: 500 },
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
