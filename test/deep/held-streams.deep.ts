import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { startEngines, type EngineProcess } from '../harness/engine-processes.ts'
import { renderRequest, sendRaw } from '../harness/http-client.ts'
import { workerMemory } from '../harness/process-memory.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

const STREAMS = 4_000
const TOKENS = 24
const BEGUN_AT_ONCE = 100
const CONNECTS = 1_000

let engine: EngineProcess
let headrace: Headrace
beforeAll(async () => {
  [engine] = await startEngines(1) as [EngineProcess]
  headrace = await startHeadrace({
    args: ['--workers', '2', '--no-sandbox'],
    config: { providers: { up: { base_url: `${engine.url}/v1`, credentials: [] } }, server: { limits: { connections_per_address: 20_000 } } },
  })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  engine?.stop()
}, 20_000)

const request = (model: string, stream: boolean): Buffer => renderRequest({
  headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']], body: JSON.stringify({ model: `up/${model}`, stream, messages: [{ role: 'user', content: 'hi' }] }),
})

interface Held { readonly socket: Socket, begun: boolean, tail: string, events: number }

/** One stream, whose events are counted as they come. */
function hold(): Held {
  const held: Held = { socket: connect(headrace.port, '127.0.0.1'), begun: false, tail: '', events: 0 }
  held.socket.on('error', () => undefined)
  held.socket.on('data', (data: Buffer) => {
    held.begun = true
    const text = data.toString('latin1')
    held.events += text.split('"content":"').length - 1
    held.tail = (held.tail + text).slice(-64)
  })
  held.socket.write(request(`lorem:tokens=${TOKENS},gap=1s`, true))
  return held
}

it(`${STREAMS} streams are held at the same time, each for little memory, while ${CONNECTS} others come and go; all of them are whole (check O3)`, { timeout: 280_000 }, async () => {
  const before = workerMemory(headrace)
  const streams: Held[] = []
  while (streams.length < STREAMS) {
    const batch = Array.from({ length: BEGUN_AT_ONCE }, hold)
    streams.push(...batch)
    await until('a batch to begin', () => batch.every(({ begun }) => begun), 60_000)
  }
  const most = workerMemory(headrace)
  // All have begun, and the first of them are far from their end, unless the machine took longer than an answer lasts to begin them.
  const together = streams.filter(({ tail }) => !tail.includes('[DONE]')).length
  let next = 0
  const others = await Promise.all(Array.from({ length: 50 }, async () => {
    const failed: string[] = []
    while (next++ < CONNECTS) {
      const { status, complete, head } = await sendRaw(headrace.port, request('echo', false), 60_000)
      if (status !== 200 || !complete) failed.push(head)
    }
    return failed
  }))
  expect(others.flat()).toEqual([])
  await until('all streams to end', () => streams.every(({ tail }) => tail.endsWith('data: [DONE]\n\n\r\n0\r\n\r\n')), 120_000)
  // The role comes first, with no content.
  expect(streams.filter(({ events }) => events !== TOKENS + 1).map(({ events }) => events)).toEqual([])
  expect(together).toBeGreaterThan(STREAMS / 8)
  // `npm run bench -- relay` says how little it is; this is what would be another order.
  expect((most - before) / STREAMS).toBeLessThan(64 * 1_024)
  for (const { socket } of streams) socket.destroy()
})
