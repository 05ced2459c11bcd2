import type { Socket } from 'node:net'
import { expect, test, describe } from 'vitest'
import type { Origin, UpstreamRequest } from '@headrace/contract'
import { onRequests, requestTo, scriptedServer, Witness } from './scripted-server.ts'
import { createUpstream, type Upstream } from './upstream.ts'

/** Writes `piece` as fast as it is taken, until the connection closes or `bytes` are written. */
function flood(socket: Socket, start: string, piece: string, bytes: number): void {
  socket.write(start)
  let left = bytes
  const more = (): void => {
    while (left > 0 && !socket.destroyed) {
      left -= piece.length
      if (!socket.write(piece)) return
    }
  }
  socket.on('drain', more)
  more()
}

const OK = 'HTTP/1.1 200 OK\r\n'
const FLOOD = 64 * 1024 * 1024
const ATTACKS: readonly [name: string, act: (socket: Socket) => void][] = [
  ['a 64 MiB head line', socket => flood(socket, `${OK}x: `, 'y'.repeat(65_536), FLOOD)],
  ['endless headers', socket => flood(socket, OK, 'a: b\r\n'.repeat(10_000), FLOOD)],
  ['endless interim answers', socket => flood(socket, '', 'HTTP/1.1 100 Continue\r\n\r\n'.repeat(1000), FLOOD)],
  ['an endless chunk extension', socket => flood(socket, `${OK}transfer-encoding: chunked\r\n\r\n5;`, 'y'.repeat(65_536), FLOOD)],
  ['endless trailers', socket => flood(socket, `${OK}transfer-encoding: chunked\r\n\r\n0\r\n`, 'a: b\r\n'.repeat(10_000), FLOOD)],
  ['a bad chunk', socket => flood(socket, `${OK}transfer-encoding: chunked\r\n\r\nzz\r\n`, 'y'.repeat(65_536), FLOOD)],
  ['TLS bytes on a plain connection', socket => flood(socket, '\x15\x03\x01\x00\x02\x02\x46', 'y'.repeat(65_536), FLOOD)],
  ['a body far beyond its length', socket => flood(socket, `${OK}content-length: 5\r\n\r\n`, 'y'.repeat(65_536), FLOOD)],
]

function ask(upstream: Upstream, origin: Origin, facts: Partial<UpstreamRequest> = {}): Promise<Witness> {
  const witness = new Witness()
  upstream.dispatch(requestTo(origin, facts), witness)
  return witness.ended.then(() => witness)
}

describe('a hostile upstream gets an error quickly and no memory (check U4)', () => {
  test.each(ATTACKS)('%s', async (_name, act) => {
    const server = await scriptedServer(socket => onRequests(socket, () => act(socket)))
    const upstream = createUpstream()
    const begun = performance.now()
    const witness = await ask(upstream, server.origin)
    expect(witness.error?.kind).toBe('upstream-protocol')
    expect(witness.error?.message).not.toContain('yyy')
    expect(performance.now() - begun).toBeLessThan(10_000)
    expect((await server.connection(0)).bytesWritten).toBeLessThan(16 * 1024 * 1024)
    expect(upstream.stats.open).toBe(0)
    await upstream.close()
    await server.close()
  })
})

test('over pooled connections to a server that misframes at random, no call sees bytes of another (check H8)', async () => {
  let seed = 1
  const random = (): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed / 2_147_483_647
  }
  const server = await scriptedServer(socket => onRequests(socket, text => {
    const body = text.slice(text.indexOf('\r\n\r\n') + 4)
    const honest = `${OK}content-length: ${body.length}\r\n\r\n${body}`
    const dice = Math.floor(random() * 14)
    switch (dice) {
      case 0: socket.write(`${OK}content-length: ${body.length - 3}\r\n\r\n${body}`); break
      case 1: socket.write(honest + honest); break
      case 2: socket.write(`${honest}surplus`); break
      case 3: socket.write(honest); setImmediate(() => socket.write('late surplus')); break
      case 4: socket.end(`${OK}content-length: ${body.length + 9}\r\n\r\n${body}`); break
      case 5: socket.write(`${OK}transfer-encoding: chunked\r\n\r\n${body.length.toString(16)}\r\n${body}\r\n0\r\n\r\n${honest}`); break
      case 6: socket.write('HTTP/1.1 100 Continue\r\n\r\n'.repeat(5) + honest); break
      case 7: socket.write(`${OK}content-length: 1\r\ncontent-length: ${body.length}\r\n\r\n${body}`); break
      case 8: socket.write(`${OK}content-length: ${body.length}\r\ntransfer-encoding: chunked\r\n\r\n${body}`); break
      case 9: socket.write(honest.slice(0, 50)); setImmediate(() => socket.write(honest.slice(50))); break
      default: socket.write(honest)
    }
  }))
  const upstream = createUpstream()
  let answered = 0
  let failed = 0
  let foreign = 0
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < 2000) {
      const own = `canary-${String(next++).padStart(6, '0')}`
      const witness = await ask(upstream, server.origin, { body: own })
      if (!own.startsWith(witness.body)) foreign += 1
      if (witness.error !== null) failed += 1
      else if (witness.body === own) answered += 1
      else foreign += 1
    }
  }
  await Promise.all(Array.from({ length: 16 }, worker))
  expect(foreign).toBe(0)
  expect(answered).toBeGreaterThan(800)
  expect(failed).toBeGreaterThan(400)
  expect(server.sockets.length).toBeLessThan(1500)
  await upstream.close()
  await server.close()
})
