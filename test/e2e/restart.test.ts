import { afterEach, describe, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { churn } from '../harness/churn.ts'
import { renderRequest } from '../harness/http-client.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY, isAlive, runHeadrace } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
afterEach(() => rig?.stop())

const HEADERS = [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] as const
const restart = (): Promise<{ readonly code: number | null, readonly output: string }> => runHeadrace(['restart', '--data', rig.headrace.dataDirectory])

describe('headrace restart', () => {
  it('replaces every worker under a churn of connections: none is refused, reset or cut', { timeout: 60_000 }, async () => {
    rig = await startRig({ args: ['--workers', '2'] })
    rig.upstream.on('quick', answerJson(completion('x')))
    rig.upstream.on('stream', answerStream(stream(['a', 'b', 'c']), 5))
    const clients = churn({
      port: () => rig.headrace.port, clients: 8,
      perConnection: client => client % 2 === 0 ? 1 : 50,
      request: (client, turn) => (client + turn) % 4 === 0
        ? { headers: HEADERS, body: chatBody('up/stream', { stream: true }) }
        : { headers: HEADERS, body: chatBody('up/quick'), chunked: client % 4 === 3 },
    })
    for (let round = 0; round < 2; round++) {
      const before = rig.headrace.pids().workers
      const answered = clients.result.answered
      const { code, output } = await restart()
      expect([code, output]).toEqual([0, 'Every worker was replaced (2).\n'])
      const after = rig.headrace.pids().workers
      expect(after.filter(pid => before.includes(pid))).toEqual([])
      await until('the old workers to end', () => !before.some(isAlive))
      await until('more answers', () => clients.result.answered > answered + 100)
    }
    const { answered, announced, refused, reset, failed } = await clients.stop()
    expect({ refused, reset, failed }).toEqual({ refused: 0, reset: 0, failed: [] })
    expect(answered).toBeGreaterThan(200)
    expect(announced).toBeGreaterThan(0)
    // Nothing went twice or got lost on the way either.
    expect(rig.upstream.requests.length).toBe(answered)
  })

  it('lets a running stream finish on the old worker, while the new one serves', async () => {
    rig = await startRig()
    const events = stream(['a', 'b', 'c', 'd', 'e', 'f'], false)
    rig.upstream.on('long', answerStream(events, 300))
    rig.upstream.on('quick', answerJson(completion('x')))
    const [old = 0] = rig.headrace.pids().workers
    const running = rig.post(chatBody('up/long', { stream: true }))
    await rig.upstream.seen('long')
    expect((await restart()).code).toBe(0)
    expect((await rig.post(chatBody('up/quick'))).status).toBe(200)
    expect(isAlive(old)).toBe(true)
    const { complete, body } = await running
    expect([complete, body.toString()]).toEqual([true, events.join('')])
    await until('the old worker to end', () => !isAlive(old))
  })

  it('answers one more request on an idle connection, and says that it is the last', async () => {
    rig = await startRig()
    rig.upstream.on('quick', answerJson(completion('x')))
    const kept = await rig.open(chatBody('up/quick'))
    let received = ''
    kept.on('data', chunk => { received += String(chunk) })
    const answers = (): number => received.split('HTTP/1.1 200').length - 1
    await until('the first answer', () => answers() === 1)
    const [old = 0] = rig.headrace.pids().workers
    expect((await restart()).code).toBe(0)
    expect(received).not.toContain('connection: close')
    const ended = new Promise(resolve => kept.once('end', resolve))
    kept.write(renderRequest({ headers: HEADERS, body: chatBody('up/quick') }))
    await ended
    expect(answers()).toBe(2)
    expect(received).toMatch(/HTTP\/1\.1 200[^]*HTTP\/1\.1 200[^]*\r\nconnection: close\r\n/)
    await until('the old worker to end', () => !isAlive(old))
  })

  it('says what is wrong where nothing runs', async () => {
    rig = await startRig()
    const { code, output } = await runHeadrace(['restart', '--data', `${rig.headrace.directory}/elsewhere`])
    expect(code).toBe(1)
    expect(output).toContain('No Headrace runs on')
  })
})
