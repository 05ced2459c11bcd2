import { createServer } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import type { Socket } from 'node:net'
import type { ErrorKind, Timeouts } from '@headrace/contract'
import { CallTimer, Deadlines } from './deadlines.ts'
import { closing, LONG, onRequests, requestTo, scriptedServer, Witness } from './scripted-server.ts'
import { createUpstream } from './upstream.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

const HEAD = 'HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n'
/** Sends a byte every 20 ms until the connection closes. */
function trickle(socket: Socket, head: string, byte: string): void {
  socket.write(head)
  const timer = setInterval(() => socket.write(byte), 20)
  socket.on('close', () => clearInterval(timer))
}

const CASES: readonly [name: string, kind: ErrorKind, limits: Partial<Timeouts>, act: (socket: Socket) => void][] = [
  ['silence after the request', 'upstream-first-token-timeout', { firstToken: 200 }, () => undefined],
  ['a head alone', 'upstream-first-token-timeout', { firstToken: 200 }, socket => { socket.write(HEAD) }],
  ['a head that trickles', 'upstream-first-token-timeout', { firstToken: 200 }, socket => trickle(socket, 'HTTP/1.1 200 OK\r\nx: ', 'y')],
  ['silence in mid-body', 'upstream-idle-timeout', { idle: 200 }, socket => { socket.write(`${HEAD}x`) }],
  ['a body that trickles', 'upstream-total-timeout', { total: 200, idle: 150 }, socket => trickle(socket, HEAD, 'x')],
]

describe('each deadline ends at its own limit with its own kind (check U5)', () => {
  test.each(CASES)('%s: %s', async (_name, kind, limits, act) => {
    const server = await scriptedServer(socket => onRequests(socket, () => act(socket)))
    const upstream = createUpstream()
    stops.push(() => upstream.close(), () => server.close())
    const witness = new Witness()
    const begun = performance.now()
    upstream.dispatch(requestTo(server.origin, { timeouts: { ...LONG, ...limits }, deadline: begun + (limits.total ?? 60_000) }), witness)
    const closed = closing(await server.connection(0))
    await witness.ended
    const took = performance.now() - begun
    expect(witness.error?.kind).toBe(kind)
    expect(took).toBeGreaterThanOrEqual(199)
    expect(took).toBeLessThan(10_000)
    await closed
    expect(upstream.stats.open).toBe(0)
  })

  test('a server that takes connections but no bytes: upstream-first-token-timeout', async () => {
    const server = await scriptedServer(socket => { socket.pause() })
    const upstream = createUpstream()
    stops.push(() => upstream.close(), () => server.close())
    const witness = new Witness()
    upstream.dispatch(requestTo(server.origin, { body: Buffer.alloc(20_000_000), timeouts: { ...LONG, firstToken: 200 } }), witness)
    await witness.ended
    expect(witness).toMatchObject({ events: ['error'], error: { kind: 'upstream-first-token-timeout' } })
  })

  test('no connection in time, on the network or in the queue: upstream-connect-timeout', async () => {
    // A TLS handshake that is never answered is a connection that never comes to be.
    const silent = createServer(socket => socket.on('error', () => undefined))
    const server = await scriptedServer(() => undefined, listener => silent.on('connection', listener))
    const upstream = createUpstream({ maxConnectionsPerOrigin: 1 })
    stops.push(() => upstream.close(), () => server.close())
    const timeouts = { ...LONG, connect: 200 }
    const [handshake, queued] = [new Witness(), new Witness()]
    upstream.dispatch(requestTo({ ...server.origin, tls: true }, { timeouts }), handshake)
    upstream.dispatch(requestTo(server.origin), new Witness())
    upstream.dispatch(requestTo(server.origin, { timeouts }), queued)
    await Promise.all([handshake.ended, queued.ended])
    expect(handshake.error?.kind).toBe('upstream-connect-timeout')
    expect(queued.error?.kind).toBe('upstream-connect-timeout')
    expect(upstream.stats).toMatchObject({ open: 1, waiting: 0 })
  })

  test('the idle limit stands still while we are the ones who pause', async () => {
    const server = await scriptedServer(socket => onRequests(socket, () => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab') }))
    const upstream = createUpstream()
    stops.push(() => upstream.close(), () => server.close())
    const witness = new Witness()
    witness.wantsMore = false
    const call = upstream.dispatch(requestTo(server.origin, { timeouts: { ...LONG, idle: 150 } }), witness)
    await witness.onFirst
    // What is tested is that nothing happens in this time.
    await new Promise(resolve => setTimeout(resolve, 500))
    expect(witness.error).toBeNull()
    call.resume()
    ;(await server.connection(0)).write('cd')
    await witness.ended
    expect(witness).toMatchObject({ body: 'abcd', error: null })
  })
})

test('a timer dates a phase at the sweep that follows, so it is late at most and never early', () => {
  const timer = new CallTimer({ connect: 100, firstToken: 200, idle: 300, total: 0 }, 10_000)
  expect([timer.overdue(1000), timer.overdue(1099), timer.overdue(1100)]).toEqual([null, null, 'upstream-connect-timeout'])
  timer.enter('idle')
  expect([timer.overdue(2000), timer.overdue(2299)]).toEqual([null, null])
  timer.touch()
  expect([timer.overdue(2300), timer.overdue(2600)]).toEqual([null, 'upstream-idle-timeout'])
  timer.enter('paused')
  expect([timer.overdue(3000), timer.overdue(9999), timer.overdue(10_000)]).toEqual([null, null, 'upstream-total-timeout'])
})

test('the sweep reaches everything that is registered, also when each removes itself in its midst', async () => {
  const deadlines = new Deadlines()
  const swept: number[] = []
  const done = Promise.withResolvers<void>()
  const timed = Array.from({ length: 10 }, (_, index) => ({
    slot: -1,
    sweep() {
      swept.push(index)
      deadlines.remove(this)
      if (swept.length === 10) done.resolve()
    },
  }))
  for (const one of timed) deadlines.add(one)
  await done.promise
  expect(swept.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  expect(timed.every(one => one.slot === -1)).toBe(true)
  deadlines.stop()
})
