import { afterEach, describe, expect, test } from 'vitest'
import type { Socket } from 'node:net'
import type { ErrorKind, UpstreamRequest } from '@headrace/contract'
import { closing, onRequests, originAt, requestTo, scriptedServer, Witness, type ScriptedServer } from './scripted-server.ts'
import { createUpstream, type Upstream, type UpstreamOptions } from './upstream.ts'

const OK = 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi'
const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

async function serve(script: (socket: Socket, index: number) => void): Promise<ScriptedServer> {
  const server = await scriptedServer(script)
  stops.push(() => server.close())
  return server
}

function upstreamOf(options: Partial<UpstreamOptions> = {}): Upstream {
  const upstream = createUpstream(options)
  stops.push(() => upstream.close())
  return upstream
}

async function ask(upstream: Upstream, request: UpstreamRequest): Promise<Witness> {
  const witness = new Witness()
  witness.call = upstream.dispatch(request, witness)
  await witness.ended
  return witness
}

const answering = (answer: string) => (socket: Socket): void => onRequests(socket, () => { socket.write(answer, 'latin1') })

describe('requests', () => {
  test.each([
    ['a latin1 string', '{"a":"\u00c3\u00a9"}'],
    ['a small buffer', Buffer.from('{"a":"é"}')],
    ['a large buffer', Buffer.from('é'.repeat(200_000))],
  ])('leave whole, framed, with host and credential, for a body that is %s', async (_name, body) => {
    let seen = ''
    const server = await serve(socket => onRequests(socket, text => { seen = text; socket.write(OK) }))
    const upstream = upstreamOf()
    upstream.setCredentials(new Map([['k', { origin: server.origin, headerLine: 'authorization: Bearer s3cret\r\n' }]]))
    const witness = await ask(upstream, requestTo(server.origin, { body, credentialId: 'k', headers: 'x-a: 1\r\nx-b: 2\r\n' }))
    const bytes = typeof body === 'string' ? body : body.toString('latin1')
    expect(seen).toBe(`POST /v1/chat/completions HTTP/1.1\r\nhost: ${server.origin.authority}\r\nx-a: 1\r\nx-b: 2\r\n`
      + `authorization: Bearer s3cret\r\ncontent-length: ${bytes.length}\r\n\r\n${bytes}`)
    expect(witness.events).toEqual(['sent', 'head', 'data', 'end'])
    expect(witness).toMatchObject({ status: 200, body: 'hi' })
  })

  test('GET has no body and no framing', async () => {
    let seen = ''
    const server = await serve(socket => onRequests(socket, text => { seen = text; socket.write(OK) }))
    await ask(upstreamOf(), requestTo(server.origin, { method: 'GET', path: '/v1/models', headers: '', body: '' }))
    expect(seen).toBe(`GET /v1/models HTTP/1.1\r\nhost: ${server.origin.authority}\r\n\r\n`)
  })

  test.each<[string, Partial<UpstreamRequest>]>([
    ['CRLF in the path', { path: '/v1\r\nx: y' }],
    ['a blank in the path', { path: '/v1 HTTP/1.1' }],
    ['an empty line in the headers', { headers: 'a: b\r\n\r\nGET / HTTP/1.1\r\n' }],
    ['an unfinished header line', { headers: 'a: b' }],
    ['an unknown credential', { credentialId: 'nobody' }],
  ])('with %s never open a socket', async (_name, facts) => {
    const server = await serve(answering(OK))
    const witness = await ask(upstreamOf(), requestTo(server.origin, facts))
    expect(witness.error?.kind).toBe('internal')
    expect(server.sockets).toHaveLength(0)
  })
})

describe('credentials', () => {
  test('a key goes to its own origin only, also when a reload makes an equal one', async () => {
    const trapped: string[] = []
    const home = await serve(answering(OK))
    const trap = await serve(socket => onRequests(socket, text => { trapped.push(text); socket.write(OK) }))
    const upstream = upstreamOf()
    upstream.setCredentials(new Map([['k', { origin: home.origin, headerLine: 'x-api-key: s3cret\r\n' }]]))
    const astray = await ask(upstream, requestTo(trap.origin, { credentialId: 'k' }))
    expect(astray.error?.kind).toBe('internal')
    expect(astray.error?.message).not.toContain('s3cret')
    expect((await ask(upstream, requestTo({ ...home.origin, tls: true }, { credentialId: 'k' }))).error?.kind).toBe('internal')
    expect(trap.sockets).toHaveLength(0)
    expect((await ask(upstream, requestTo({ ...home.origin }, { credentialId: 'k' }))).status).toBe(200)
    expect((await ask(upstream, requestTo({ ...home.origin }, { credentialId: 'k' }))).status).toBe(200)
    expect(home.sockets).toHaveLength(1)
    await ask(upstream, requestTo(trap.origin))
    expect(trapped.join()).not.toContain('s3cret')
  })

  test.each(['a: b', 'a: b\r\nc: d\r\n', 'a b: c\r\n', 'a: b\0\r\n', ''])('the line %j is refused without being quoted', headerLine => {
    const upstream = upstreamOf()
    const set = (): void => upstream.setCredentials(new Map([['k', { origin: originAt(1), headerLine }]]))
    expect(set).toThrow('credential k does not render to one clean header line')
  })

  test('a redirect is an answer, not an order', async () => {
    const trap = await serve(answering(OK))
    const server = await serve(answering(`HTTP/1.1 307 Away\r\nlocation: http://${trap.origin.authority}/\r\ncontent-length: 0\r\n\r\n`))
    expect((await ask(upstreamOf(), requestTo(server.origin))).status).toBe(307)
    expect(trap.sockets).toHaveLength(0)
  })
})

describe('the pool', () => {
  test('one connection serves calls that follow each other', async () => {
    const server = await serve(answering(OK))
    const upstream = upstreamOf()
    for (let round = 0; round < 20; round += 1) expect((await ask(upstream, requestTo(server.origin))).body).toBe('hi')
    expect(server.sockets).toHaveLength(1)
    expect(upstream.stats).toEqual({ open: 1, idle: 1, waiting: 0, proxied: 0 })
  })

  test.each([
    ['connection: close', 'HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nhi'],
    ['HTTP/1.0', 'HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi'],
    ['a keep-alive of one second', 'HTTP/1.1 200 OK\r\nkeep-alive: timeout=1\r\ncontent-length: 2\r\n\r\nhi'],
  ])('%s is not kept', async (_name, answer) => {
    const server = await serve(answering(answer))
    const upstream = upstreamOf()
    expect((await ask(upstream, requestTo(server.origin))).body).toBe('hi')
    expect(upstream.stats).toMatchObject({ open: 0, idle: 0 })
  })

  test.each([['FIN', (socket: Socket) => { socket.end() }], ['unasked bytes', (socket: Socket) => { socket.write(OK) }]])('%s on an idle connection removes it at once', async (_name, act) => {
    const server = await serve(answering(OK))
    const upstream = upstreamOf()
    await ask(upstream, requestTo(server.origin))
    const socket = await server.connection(0)
    const closed = closing(socket)
    act(socket)
    await closed
    expect(upstream.stats).toMatchObject({ open: 0, idle: 0 })
    expect((await ask(upstream, requestTo(server.origin))).body).toBe('hi')
    expect(server.sockets).toHaveLength(2)
  })

  test('idle connections leave when their time is over', async () => {
    const server = await serve(answering(OK))
    const upstream = upstreamOf({ keepAliveMs: 60 })
    await ask(upstream, requestTo(server.origin))
    await closing(await server.connection(0))
    expect(upstream.stats.open).toBe(0)
  })

  test('calls beyond the connection limit wait in order and are served, and may give up', async () => {
    const order: string[] = []
    const server = await serve(socket => onRequests(socket, text => { order.push(text.slice(-1)); setImmediate(() => socket.write(OK)) }))
    const upstream = upstreamOf({ maxConnectionsPerOrigin: 1 })
    const witnesses = [...'abcd'].map(body => {
      const witness = new Witness()
      witness.call = upstream.dispatch(requestTo(server.origin, { body }), witness)
      return witness
    })
    expect(upstream.stats).toMatchObject({ open: 1, waiting: 3 })
    witnesses[1]?.call?.abort()
    await Promise.all([0, 2, 3].map(index => witnesses[index]?.ended))
    expect(order).toEqual(['a', 'c', 'd'])
    expect(witnesses[1]?.events).toEqual([])
    expect(server.sockets).toHaveLength(1)
  })

  test('the queue is bounded: one call too many is upstream-overloaded at once', async () => {
    const server = await serve(() => undefined)
    const upstream = upstreamOf({ maxConnectionsPerOrigin: 1 })
    for (let index = 0; index < 4097; index += 1) upstream.dispatch(requestTo(server.origin), new Witness())
    expect((await ask(upstream, requestTo(server.origin))).error?.kind).toBe('upstream-overloaded')
    expect(upstream.stats).toMatchObject({ open: 1, waiting: 4096 })
  })

  test('no more than the allowed number of idle connections is kept', async () => {
    const server = await serve(answering(OK))
    const upstream = upstreamOf({ maxIdlePerOrigin: 2 })
    await Promise.all(Array.from({ length: 5 }, () => ask(upstream, requestTo(server.origin))))
    expect(upstream.stats).toMatchObject({ open: 2, idle: 2 })
  })

  test('a call that waits gets a new connection when the busy one breaks', async () => {
    const server = await serve((socket, index) => onRequests(socket, () => { if (index === 0) socket.resetAndDestroy(); else socket.write(OK) }))
    const upstream = upstreamOf({ maxConnectionsPerOrigin: 1 })
    const [first, second] = await Promise.all([ask(upstream, requestTo(server.origin)), ask(upstream, requestTo(server.origin))])
    expect(first.error?.kind).toBe('upstream-reset')
    expect(second.body).toBe('hi')
  })
})

describe('failures have their own kinds', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n'
  test.each<[string, ErrorKind, (socket: Socket) => void]>([
    ['FIN before the head', 'upstream-reset', socket => { socket.end() }],
    ['RST before the head', 'upstream-reset', socket => { socket.resetAndDestroy() }],
    ['FIN within the head', 'upstream-reset', socket => { socket.end('HTTP/1.1 200 OK\r\nconte') }],
    ['FIN within the body', 'upstream-truncated', socket => { socket.end(`${head}12345`) }],
    ['FIN right after the head', 'upstream-truncated', socket => { socket.end(head) }],
    ['FIN between chunks', 'upstream-truncated', socket => { socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n') }],
    ['RST within the body', 'upstream-truncated', socket => { socket.write(`${head}12345`, () => setTimeout(() => socket.resetAndDestroy(), 20)) }],
    ['RST within a body that ends with the connection', 'upstream-truncated', socket => { socket.write('HTTP/1.1 200 OK\r\n\r\n12345', () => setTimeout(() => socket.resetAndDestroy(), 20)) }],
    ['a body longer than announced', 'upstream-protocol', socket => { socket.write(`${head}12345678901`) }],
    ['garbage', 'upstream-protocol', socket => { socket.write('\x16\x03\x01 nonsense') }],
  ])('%s is %s', async (_name, kind, act) => {
    const server = await serve(socket => onRequests(socket, () => act(socket)))
    const upstream = upstreamOf()
    const witness = await ask(upstream, requestTo(server.origin))
    expect(witness.error?.kind).toBe(kind)
    expect(witness.events.filter(event => event === 'error' || event === 'end')).toEqual(['error'])
    expect(upstream.stats.open).toBe(0)
    expect(server.sockets).toHaveLength(1)
  })

  test('a refused connection and an unknown host are upstream-connect', async () => {
    const server = await scriptedServer(() => undefined)
    await server.close()
    const upstream = upstreamOf()
    expect((await ask(upstream, requestTo(server.origin))).error).toMatchObject({ kind: 'upstream-connect', message: expect.stringContaining('ECONNREFUSED') })
    expect((await ask(upstream, requestTo(originAt(80, { host: 'nowhere.invalid', authority: 'nowhere.invalid' })))).error?.kind).toBe('upstream-connect')
  })

  test('a pooled connection that dies under a request is reported, not retried in secret', async () => {
    let requests = 0
    const server = await serve(socket => onRequests(socket, () => { requests += 1; if (requests === 2) socket.destroy(); else socket.write(OK) }))
    const upstream = upstreamOf()
    await ask(upstream, requestTo(server.origin))
    expect((await ask(upstream, requestTo(server.origin))).error?.kind).toBe('upstream-reset')
    expect(requests).toBe(2)
  })

  test('an answer that overtakes its request is told, and its connection is not used again', async () => {
    const server = await serve(socket => {
      socket.once('data', () => { socket.pause(); socket.write('HTTP/1.1 413 Large\r\ncontent-length: 2\r\n\r\nno') })
    })
    const upstream = upstreamOf()
    const witness = await ask(upstream, requestTo(server.origin, { body: Buffer.alloc(20_000_000, 'x') }))
    expect(witness).toMatchObject({ status: 413, body: 'no', error: null })
    expect(witness.events).not.toContain('sent')
    await new Promise(resolve => setImmediate(resolve))
    expect(upstream.stats).toMatchObject({ open: 0, idle: 0 })
  })
})

describe('abort closes the connection in every phase and silences the handler', () => {
  test('while connecting', async () => {
    const server = await serve(() => undefined)
    const upstream = upstreamOf()
    const witness = new Witness()
    upstream.dispatch(requestTo(server.origin), witness).abort()
    expect(upstream.stats.open).toBe(0)
    await upstream.close()
    expect(witness.events).toEqual([])
  })

  test.each([
    ['awaiting the head', '', 'sent'],
    ['awaiting the body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n', 'head'],
    ['in mid-body', 'HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n12', 'data'],
  ])('while %s', async (_name, answer, last) => {
    const asked = Promise.withResolvers<void>()
    const server = await serve(socket => onRequests(socket, () => { if (answer !== '') socket.write(answer); asked.resolve() }))
    const upstream = upstreamOf()
    const witness = new Witness()
    const call = upstream.dispatch(requestTo(server.origin), witness)
    const socket = await server.connection(0)
    await asked.promise
    while (witness.events.at(-1) !== last) await new Promise(resolve => setImmediate(resolve))
    const closed = closing(socket)
    call.abort()
    call.abort()
    expect(upstream.stats.open).toBe(0)
    await closed
    expect(witness.events.at(-1)).toBe(last)
  })

  test.each(['onSent', 'onHead', 'onData', 'onEnd'] as const)('from within %s, and a late abort or resume harms nobody', async method => {
    const server = await serve(answering(OK))
    const upstream = upstreamOf()
    const witness = new Witness()
    const told = Promise.withResolvers<void>()
    const original = witness[method].bind(witness) as (...facts: unknown[]) => unknown
    let call: ReturnType<Upstream['dispatch']> | null = null
    Object.assign(witness, { [method](...facts: unknown[]) { original(...facts); call?.abort(); told.resolve(); return true } })
    call = upstream.dispatch(requestTo(server.origin), witness)
    await told.promise
    const other = ask(upstream, requestTo(server.origin))
    call.abort()
    call.resume()
    expect((await other).body).toBe('hi')
    expect(witness.events.at(-1)).toBe({ onSent: 'sent', onHead: 'head', onData: 'data', onEnd: 'end' }[method])
  })
})

describe('back-pressure', () => {
  test('a paused call takes no more than one read of a 50 MB flood, and gets all of it once resumed', async () => {
    const total = 50_000_000
    const server = await serve(socket => onRequests(socket, () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: ${total}\r\n\r\n`)
      socket.write(Buffer.alloc(total, 'x'))
    }))
    const upstream = upstreamOf()
    const witness = new Witness()
    witness.wantsMore = false
    const call = upstream.dispatch(requestTo(server.origin), witness)
    await witness.onFirst
    const taken = witness.bytes
    expect(taken).toBeLessThanOrEqual(65_536)
    const memory = process.memoryUsage().external
    for (let turn = 0; turn < 50; turn += 1) await new Promise(resolve => setTimeout(resolve, 2))
    expect(witness.bytes).toBe(taken)
    expect((await server.connection(0)).writableLength).toBeGreaterThan(30_000_000)
    expect(process.memoryUsage().external - memory).toBeLessThan(5_000_000)
    witness.wantsMore = true
    call.resume()
    await witness.ended
    expect(witness).toMatchObject({ bytes: total, error: null })
  })

  test('a resume from within onData is not lost', async () => {
    const server = await serve(socket => onRequests(socket, () => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-length: 300000\r\n\r\n${'x'.repeat(300_000)}`)
    }))
    const witness = new Witness()
    const upstream = upstreamOf()
    witness.onData = chunk => { witness.bytes += chunk.length; call.resume(); return false }
    const call = upstream.dispatch(requestTo(server.origin), witness)
    await witness.ended
    expect(witness.bytes).toBe(300_000)
  })
})

test('close fails what runs, refuses what comes and resolves when the sockets are closed', async () => {
  const server = await serve(() => undefined)
  const upstream = createUpstream({ maxConnectionsPerOrigin: 1 })
  const running = ask(upstream, requestTo(server.origin))
  const waiting = ask(upstream, requestTo(server.origin))
  await server.connection(0)
  await upstream.close()
  expect((await running).error?.kind).toBe('shutting-down')
  expect((await waiting).error?.kind).toBe('shutting-down')
  expect((await ask(upstream, requestTo(server.origin))).error?.kind).toBe('shutting-down')
  expect(upstream.stats).toEqual({ open: 0, idle: 0, waiting: 0, proxied: 0 })
})
