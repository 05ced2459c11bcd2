import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { churn } from '../harness/churn.ts'
import { answerJson, answerStream, chunk, LAST_CHUNK, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { copySources, type SecondCopy } from '../harness/second-copy.ts'
import { API_KEY, isAlive, runHeadrace, type PidFile } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig | null = null
let copy: SecondCopy | null = null
afterEach(async () => {
  await rig?.stop()
  copy?.remove()
  rig = copy = null
})

const HEADERS = [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] as const
const all = ({ supervisor, workers, control, sandbox }: PidFile): number[] => [supervisor, ...workers, control, sandbox ?? 0].filter(pid => pid > 0)
const commandOf = (pid: number): string => readFileSync(`/proc/${pid}/cmdline`, 'utf8')

describe('headrace upgrade', () => {
  it('puts another version in the place of the whole tree under a churn of connections: none is refused, reset or cut, no call is lost, no limit forgotten', { timeout: 60_000 }, async () => {
    const gateway = rig = await startRig({ args: ['--workers', '2'], config: () => ({
      limits: [{ per: 'key', match: { model: 'up/counted' }, requests: '40/h' }, { per: 'key', match: { model: 'up/long' }, concurrency: 1 }, { per: 'key', requests: '1000000/day' }],
    }) })
    copy = copySources('99.0.0')
    gateway.upstream.on('quick', answerJson(completion('x')))
    gateway.upstream.on('stream', answerStream(stream(['a', 'b', 'c']), 5))
    gateway.upstream.on('counted', answerJson(completion('x')))
    const [begin = '', ...rest] = stream(['a', 'b', 'c'], false)
    let finish = (): void => {}
    gateway.upstream.on('long', async socket => {
      socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(begin)]))
      await new Promise<void>(resolve => { finish = resolve })
      for (const event of rest) socket.write(chunk(event))
      socket.write(LAST_CHUNK)
    })
    for (let count = 0; count < 25; count++) expect((await gateway.post(chatBody('up/counted'))).status).toBe(200)
    const long = gateway.post(chatBody('up/long', { stream: true }))
    await gateway.upstream.seen('long')
    const before = gateway.headrace.pids()
    const clients = churn({
      port: () => gateway.headrace.port, clients: 8, perConnection: client => client % 2 === 0 ? 1 : 50,
      request: (client, turn) => (client + turn) % 4 === 0
        ? { headers: HEADERS, body: chatBody('up/stream', { stream: true }) }
        : { headers: HEADERS, body: chatBody('up/quick'), chunked: client % 4 === 3 },
    })
    await until('some answers', () => clients.result.answered > 20)
    const { code, output } = await runHeadrace(['upgrade', '--data', gateway.headrace.dataDirectory], { cli: copy.cli, limitMs: 30_000 })
    expect([code, output]).toEqual([0, expect.stringMatching(/^Process \d+ has taken over\.\n$/)])
    const after = gateway.headrace.pids()
    const answered = clients.result.answered
    await until('more answers', () => clients.result.answered > answered + 50)
    // A rate counts on, and so does a call that still runs on an old worker.
    const counted = await Promise.all(Array.from({ length: 30 }, async () => (await gateway.post(chatBody('up/counted'))).status))
    expect(counted.filter(status => status === 200).length).toBe(15)
    expect((await gateway.post(chatBody('up/long'))).status).toBe(429)
    finish()
    expect((await long).body.toString()).toBe([begin, ...rest].join(''))
    // Who started the first supervisor goes on waiting for it: it stays, with nothing to do but to wait.
    const old = all(before).filter(pid => pid !== before.supervisor)
    await until('the old tree to end', () => !old.some(isAlive), 15_000)
    const { refused, reset, failed } = await clients.stop()
    expect({ refused, reset, failed }).toEqual({ refused: 0, reset: 0, failed: [] })

    expect(all(after).filter(pid => all(before).includes(pid))).toEqual([])
    for (const pid of all(after)) expect(commandOf(pid)).toContain(copy.directory)
    expect(gateway.headrace.output()).toContain('Headrace 99.0.0 has taken over')
    const total = clients.result.answered
    expect(gateway.upstream.requests.length).toBe(total + 40 + 1)
    const rows = await until('every call to be in the log', async () => {
      const found = await gateway.headrace.logs('limit=1000&outcome=settled', 0)
      return found.length >= Math.min(total + 41, 1_000) ? found : null
    }, 15_000)
    expect(new Set(rows.map(row => row.callId)).size).toBe(rows.length)
    expect(await gateway.headrace.logs('limit=10&outcome=unknown', 0)).toEqual([])
  })

  it('leaves everything as it is where the new version cannot serve', { timeout: 40_000 }, async () => {
    const gateway = rig = await startRig()
    copy = copySources('99.0.0')
    writeFileSync(join(copy.directory, 'packages/control/src/main.ts'), 'process.exit(3)\n')
    gateway.upstream.on('quick', answerJson(completion('x')))
    const before = gateway.headrace.pids()
    const { code, output } = await runHeadrace(['upgrade', '--data', gateway.headrace.dataDirectory], { cli: copy.cli, limitMs: 30_000 })
    expect(code).toBe(1)
    expect(output).toMatch(/does not take over: the control process ended with code 3 before it was ready\..* This one goes on/)
    expect((await gateway.post(chatBody('up/quick'))).status).toBe(200)
    await until('the admin API', async () => (await gateway.headrace.admin('/status')).status === 200)
    const after = gateway.headrace.pids()
    expect([after.supervisor, after.workers]).toEqual([before.supervisor, before.workers])
    // And the next one can.
    const again = await runHeadrace(['upgrade', '--data', gateway.headrace.dataDirectory], { limitMs: 30_000 })
    expect(again.code).toBe(0)
    const { supervisor } = gateway.headrace.pids()
    expect(supervisor).not.toBe(before.supervisor)
    // SIGTERM to who was started first ends the tree that runs now, and then itself.
    const tree = all(gateway.headrace.pids())
    process.kill(before.supervisor, 'SIGTERM')
    await until('every process to end', () => ![...tree, before.supervisor].some(isAlive), 15_000)
  })
})
