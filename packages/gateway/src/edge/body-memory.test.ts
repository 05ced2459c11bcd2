import { gatewayError } from '@headrace/contract'
import { afterEach, expect, it } from 'vitest'
import type { BodyMemory } from './door.ts'
import { eventually, LIMITS, PATH, RawClient, startEdge, type Harness } from './edge-harness.ts'

let harness: Harness | null = null
afterEach(async () => { await harness?.close() })

/** So many bytes for all bodies together. `arrived`: how many of them were whole when their calls had begun. */
class Room implements BodyMemory {
  left: number
  arrived = 0
  constructor(left: number) { this.left = left }
  setAside(bytes: number) {
    let held = 0
    const grow = (more: number) => {
      if (more > this.left) return gatewayError('overloaded', 'short of memory', { retryAfterMs: 1_500 })
      this.left -= more
      held += more
      return null
    }
    return grow(bytes) ?? { grow, arrived: () => { this.arrived++ }, end: () => { this.left += held } }
  }
}

const head = (framing: string): string => `POST ${PATH} HTTP/1.1\r\nhost: x\r\n${framing}\r\n\r\n`
const lasting = 'content-length: 30000'
const chunked = (bytes: number): string => `${bytes.toString(16)}\r\n${'x'.repeat(bytes)}\r\n`

it.each([
  ['fast', 'content-length: 60000'],
  ['slow', 'content-length: 60000\r\nexpect: 100-continue'],
])('on the %s lane a body for which there is no memory is refused unread, with a time to come back', async (_lane, framing) => {
  const memory = new Room(50_000)
  harness = await startEdge({ memory })
  const answer = await RawClient.to(harness.port).send(head(framing)).rest()
  expect(answer).toMatch(/^HTTP\/1\.1 503 [^\r]*\r\n/)
  expect(answer).toContain('retry-after: 2\r\n')
  expect(answer).not.toContain('100 Continue')
  expect([memory.left, harness.seen.length]).toEqual([50_000, 0])
})

it('a body that comes in pieces of unknown number is read as far as there is memory', async () => {
  const memory = new Room(100_000)
  harness = await startEdge({ memory, limits: { ...LIMITS, bodyBytes: 1_000_000 } })
  const client = RawClient.to(harness.port).send(head('transfer-encoding: chunked')).send(chunked(200_000))
  expect(await client.rest()).toMatch(/^HTTP\/1\.1 503 /)
  expect([memory.left, harness.seen.length]).toEqual([100_000, 0])
})

it.each([
  ['fast', 'with its head', lasting, 'x'.repeat(30_000)],
  ['fast', 'in two pieces', lasting, null],
  ['slow', 'with its length', `${lasting}\r\nexpect: 100-continue`, null],
  ['slow', 'in chunks', 'transfer-encoding: chunked', `${chunked(30_000)}0\r\n\r\n`],
])('on the %s lane memory for a body that comes %s is held until its answer is out, over many requests of a connection', async (_lane, _how, framing, whole) => {
  const memory = new Room(30_000)
  const during: number[] = []
  harness = await startEdge({ memory, serve: (_dialect, _operation, _head, body, sink) => {
    during.push(memory.left)
    setImmediate(() => sink.respond(200, 'x-length: ' + body.length + '\r\n', ''))
  } })
  const client = RawClient.to(harness.port)
  for (let turn = 1; turn <= 3; turn++) {
    client.send(head(framing) + (whole ?? 'x'.repeat(10)))
    if (whole === null) client.send('x'.repeat(29_990))
    await client.until(() => client.text.split('x-length: 30000').length > turn)
  }
  expect([during, memory.left, memory.arrived]).toEqual([[0, 0, 0], 30_000, 3])
  client.socket.destroy()
})

it.each([
  ['fast', lasting],
  ['slow', 'transfer-encoding: chunked'],
])('on the %s lane a client that leaves gives its memory back, in the middle of its body and while it waits', async (_lane, framing) => {
  const memory = new Room(30_000)
  const { promise: served, resolve } = Promise.withResolvers<void>()
  harness = await startEdge({ memory, serve: () => resolve() })
  const body = framing === lasting ? ['x'.repeat(20_000), 'x'.repeat(10_000)] : [chunked(20_000), `${chunked(10_000)}0\r\n\r\n`]
  const leaver = RawClient.to(harness.port).send(head(framing) + (body[0] ?? ''))
  await eventually(() => memory.left < 30_000)
  leaver.socket.destroy()
  await eventually(() => memory.left === 30_000)
  const waiter = RawClient.to(harness.port).send(head(framing) + body.join(''))
  await served
  expect(memory.left).toBe(0)
  waiter.socket.destroy()
  await eventually(() => memory.left === 30_000)
})

it('a small body that comes with its head asks nobody', async () => {
  harness = await startEdge({ memory: new Room(-1) })
  const answer = await RawClient.to(harness.port).send(`${head('content-length: 2\r\nconnection: close')}{}`).rest()
  expect(answer).toMatch(/^HTTP\/1\.1 200 /)
})
