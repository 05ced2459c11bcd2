import { Worker } from 'node:worker_threads'
import { createServer, getCACertificates, setDefaultCACertificates, type TLSSocket } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Origin } from '@headrace/contract'
import { onRequests, originAt, requestTo, scriptedServer, Witness } from './scripted-server.ts'
import { TEST_CERT, TEST_KEY } from './test-certificate.ts'
import { createUpstream, type Upstream } from './upstream.ts'

const authorities = getCACertificates('default')
beforeAll(() => setDefaultCACertificates([...authorities, TEST_CERT]))
afterAll(() => setDefaultCACertificates(authorities))

async function ask(upstream: Upstream, origin: Origin): Promise<Witness> {
  const witness = new Witness()
  upstream.dispatch(requestTo(origin), witness)
  await witness.ended
  return witness
}

const seen: { servername: unknown, alpn: unknown, resumed: boolean }[] = []
const serve = (answer: string) => scriptedServer(socket => onRequests(socket, () => { socket.write(answer) }), listener =>
  createServer({ key: TEST_KEY, cert: TEST_CERT, ALPNProtocols: ['h2', 'http/1.1'] }, (socket: TLSSocket) => {
    seen.push({ servername: socket.servername, alpn: socket.alpnProtocol, resumed: socket.isSessionReused() })
    listener(socket)
  }).on('tlsClientError', () => undefined))
const local = (origin: Origin, host: string): Origin => ({ ...origin, tls: true, host, authority: `${host}:${origin.port}` })

/** A server that answers while this thread stands still; both counts are shared memory. */
async function serverInThread(): Promise<{ port: number, answered: Int32Array, connections: Int32Array, close(): Promise<unknown> }> {
  const memory = [new SharedArrayBuffer(4), new SharedArrayBuffer(4)].map(buffer => new Int32Array(buffer)) as [Int32Array, Int32Array]
  const worker = new Worker(`
    const { parentPort, workerData: { key, cert, memory: [answered, connections] } } = require('node:worker_threads')
    const server = require('node:tls').createServer({ key, cert }, socket => {
      Atomics.add(connections, 0, 1)
      socket.on('error', () => undefined)
      socket.on('data', bytes => {
        socket.write('HTTP/1.1 200 OK\\r\\ncontent-length: 2\\r\\n\\r\\nhi')
        Atomics.add(answered, 0, 1)
        Atomics.notify(answered, 0)
      })
    }).listen(0, '127.0.0.1', () => parentPort.postMessage(server.address().port))
  `, { eval: true, workerData: { key: TEST_KEY, cert: TEST_CERT, memory } })
  const port = await new Promise<number>(resolve => worker.once('message', resolve))
  return { port, answered: memory[0], connections: memory[1], close: () => worker.terminate() }
}

describe('over TLS', () => {
  test('calls share a connection, with SNI, ALPN and a checked certificate, and new connections resume the session', async () => {
    const server = await serve('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi')
    const upstream = createUpstream({ keepAliveMs: 60_000 })
    const origin = local(server.origin, 'localhost')
    seen.length = 0
    for (let round = 0; round < 5; round += 1) expect(await ask(upstream, origin)).toMatchObject({ body: 'hi', error: null })
    expect(seen).toEqual([{ servername: 'localhost', alpn: 'http/1.1', resumed: false }])
    await Promise.all([ask(upstream, origin), ask(upstream, origin)])
    expect(seen[1]?.resumed).toBe(true)
    expect((await ask(upstream, local(server.origin, '127.0.0.1'))).body).toBe('hi')
    await upstream.close()
    await server.close()
  })

  test('an answer that is there before TLS has told that its request is written leaves the connection in use', async () => {
    const server = await serverInThread()
    const upstream = createUpstream()
    const origin = local({ ...originAt(server.port), tls: true }, 'localhost')
    expect(await ask(upstream, origin)).toMatchObject({ body: 'hi', error: null })
    for (let round = 1; round < 5; round += 1) {
      const witness = new Witness()
      // As the call log does: after the loop's poll phase, so that the next thing to be polled is the answer.
      await new Promise(resolve => setImmediate(resolve))
      upstream.dispatch(requestTo(origin), witness)
      expect(Atomics.wait(server.answered, 0, round, 2_000)).not.toBe('timed-out')
      await witness.ended
      expect(witness).toMatchObject({ body: 'hi', error: null })
    }
    expect(server.connections[0]).toBe(1)
    await new Promise(resolve => setImmediate(resolve))
    expect(upstream.stats).toMatchObject({ open: 1, idle: 1 })
    await upstream.close()
    await server.close()
  })

  test('a large answer arrives whole through the shared read buffer, and pausing bounds it', async () => {
    const body = Array.from({ length: 400_000 }, (_, index) => String(index % 10)).join('').repeat(10)
    const server = await serve(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`)
    const upstream = createUpstream()
    const witness = new Witness()
    let text = ''
    witness.onData = chunk => {
      text += chunk.toString('latin1')
      setImmediate(() => call.resume())
      return false
    }
    const call = upstream.dispatch(requestTo(local(server.origin, 'localhost')), witness)
    await witness.ended
    expect(text === body).toBe(true)
    await upstream.close()
    await server.close()
  })

  test.each([
    ['a certificate for another name', (origin: Origin) => local(origin, '127.0.0.2')],
    ['an unknown authority', (origin: Origin) => { setDefaultCACertificates(authorities); return local(origin, 'localhost') }],
  ])('%s is upstream-connect, and nothing is sent', async (_name, make) => {
    let bytes = 0
    const server = await scriptedServer(socket => socket.on('data', chunk => { bytes += chunk.length }), listener =>
      createServer({ key: TEST_KEY, cert: TEST_CERT }, listener).on('tlsClientError', () => undefined))
    const upstream = createUpstream()
    expect((await ask(upstream, make(server.origin))).error?.kind).toBe('upstream-connect')
    setDefaultCACertificates([...authorities, TEST_CERT])
    expect(bytes).toBe(0)
    await upstream.close()
    await server.close()
  })

  test('garbage instead of a handshake is upstream-connect', async () => {
    const server = await scriptedServer(socket => { socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'.repeat(100)) })
    const upstream = createUpstream()
    expect((await ask(upstream, { ...server.origin, tls: true })).error?.kind).toBe('upstream-connect')
    await upstream.close()
    await server.close()
  })
})
