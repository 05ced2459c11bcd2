import { afterEach, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { churn } from '../harness/churn.ts'
import { answerJson, chunk, LAST_CHUNK, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
afterEach(() => rig?.stop(), 20_000)

const HEADERS = [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] as const
const STREAMS = 12
const [BEGIN = '', ...REST] = stream(['a', 'b', 'c'], false)

it.each([['is killed', 'SIGKILL'], ['hangs', 'SIGSTOP']] as const)('a worker that %s costs its own requests alone: no connection is refused, and its places come back', { timeout: 40_000 }, async (_what, signal) => {
  rig = await startRig({ args: ['--workers', '2'], config: () => ({ limits: [{ per: 'key', match: { model: 'up/long' }, concurrency: STREAMS }] }) })
  rig.upstream.on('quick', answerJson(completion('x')))
  const finish: (() => void)[] = []
  rig.upstream.on('long', async socket => {
    socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(BEGIN)]))
    await new Promise<void>(resolve => finish.push(resolve))
    for (const event of REST) socket.write(chunk(event))
    socket.write(LAST_CHUNK)
  })
  const ended: boolean[] = []
  const long = (): Promise<unknown> => rig.post(chatBody('up/long', { stream: true }), [], {}).then(answer => { ended.push(answer.complete) })
  // One at a time, so that both workers take some; more than one on each but for one chance in 2,000.
  const streams = Array.from({ length: STREAMS }, () => long)
  for (const [index, open] of streams.entries()) {
    void open()
    await until('a stream to begin', () => finish.length === index + 1)
  }
  expect((await rig.post(chatBody('up/long'))).status).toBe(429)

  const [victim = 0, survivor = 0] = rig.headrace.pids().workers
  process.kill(victim, signal)
  const cut = await until('the streams of the worker to be cut', () => ended.length > 0 ? ended : null, 15_000)
  expect(cut.every(complete => !complete)).toBe(true)
  const clients = churn({ port: () => rig.headrace.port, clients: 4, perConnection: () => 1, request: () => ({ headers: HEADERS, body: chatBody('up/quick') }) })
  await until('another worker', () => { const { workers } = rig.headrace.pids(); return workers.length === 2 && !workers.includes(victim) && workers.includes(survivor) })
  await until('more answers', () => clients.result.answered > 50)
  const { refused, reset, failed } = await clients.stop()
  expect({ refused, reset, failed }).toEqual({ refused: 0, reset: 0, failed: [] })

  // As many places are free as streams were cut, and no more.
  const lost = ended.length
  expect(lost).toBeLessThan(STREAMS)
  for (let count = 0; count < lost; count++) {
    const begun = finish.length
    void long()
    await until('a stream in a place that came back', () => finish.length === begun + 1)
  }
  expect((await rig.post(chatBody('up/long'))).status).toBe(429)
  for (const resolve of finish) resolve()
  await until('all others to finish', () => ended.length === STREAMS + lost)
  expect(ended.filter(complete => complete).length).toBe(STREAMS)
})
