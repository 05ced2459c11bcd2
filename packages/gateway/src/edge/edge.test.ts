import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as connectTls } from 'node:tls'
import { gatewayError, type ClientListener, type ClientSink, type ServerLimits } from '@headrace/contract'
import { afterEach, describe, expect, test } from 'vitest'
import { eventually, LIMITS, PATH, post, RawClient, startEdge, type Harness } from './edge-harness.ts'
import type { EdgeOptions } from './edge.ts'

const LANES = ['fast', 'node-http'] as const
const started: Harness[] = []
afterEach(async () => { for (const harness of started.splice(0)) await harness.close() })

async function start(options: Partial<EdgeOptions> = {}): Promise<Harness> {
  const harness = await startEdge(options)
  started.push(harness)
  return harness
}

const limited = (limits: Partial<ServerLimits>): ServerLimits => ({ ...LIMITS, ...limits })
const quiet = (events: string[]): ClientListener => ({ onDrain: () => { events.push('drain') }, onClose: () => { events.push('close') }, onShutdown: () => { events.push('shutdown') } })
const count = (text: string, part: string): number => text.split(part).length - 1

describe.each(LANES)('%s lane', listener => {
  test('a request split at any byte is read whole', async () => {
    const { port, seen } = await start({ listener })
    const bytes = Buffer.from(post('{"a":1}', ['X-A: b']))
    for (let at = 1; at < bytes.length; at++) {
      const client = RawClient.to(port).send(bytes.subarray(0, at))
      await new Promise(resolve => setImmediate(resolve))
      client.send(bytes.subarray(at))
      await client.until(text => text.includes('serve'))
      client.socket.destroy()
    }
    expect(seen).toHaveLength(bytes.length - 1)
    expect(seen.every(one => one.body === '{"a":1}' && one.head.header('x-a') === 'b')).toBe(true)
  })

  test('a body in many reads is collected once admitted', async () => {
    let asked = 0
    const { port, seen } = await start({ listener, admit: () => { asked++; return null } })
    const body = 'x'.repeat(90_000)
    const client = RawClient.to(port)
    for (const piece of post(body).match(/[^]{1,7000}/g) ?? []) client.send(piece)
    await client.until(text => text.includes('serve'))
    client.socket.destroy()
    expect(seen[0]?.body).toBe(body)
    expect(asked).toBe(1)
  })

  test('pipelined requests are served one at a time and answered in order', async () => {
    const sinks: ClientSink[] = []
    const { port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => { sinks.push(sink) } })
    const client = RawClient.to(port).send(post('1') + post('2') + post('3'))
    for (let turn = 1; turn <= 3; turn++) {
      await eventually(() => sinks.length === turn)
      sinks[turn - 1]?.respond(200, '', `answer ${turn}`)
      await client.until(text => text.includes(`answer ${turn}`))
    }
    client.socket.destroy()
    expect(client.text.match(/answer \d/g)).toEqual(['answer 1', 'answer 2', 'answer 3'])
  })

  test('a streamed answer is chunked, and its end is the terminal chunk', async () => {
    const { port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => { sink.begin(200, 'content-type: text/event-stream\r\n'); sink.write('one'); sink.write(Buffer.from('two')); sink.end() } })
    const client = RawClient.to(port).send(post(''))
    const text = await client.until(seen => seen.endsWith('\r\n0\r\n\r\n'))
    expect(text.toLowerCase()).toContain('transfer-encoding: chunked\r\n')
    expect(text.slice(text.indexOf('\r\n\r\n') + 2).replaceAll(/\r\n\d\r\n/g, '').replaceAll('\r\n', '')).toBe('onetwo')
    client.socket.destroy()
  })

  test('an aborted answer sends what was written, no terminal chunk, and closes', async () => {
    const { port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => { sink.begin(200, ''); sink.write('part'); sink.abort() } })
    const text = await RawClient.to(port).send(post('')).rest()
    expect(text).toContain('4\r\npart\r\n')
    expect(text).not.toContain('0\r\n\r\n')
  })

  test.each([['closes', (client: RawClient) => client.socket.destroy()], ['resets', (client: RawClient) => client.socket.resetAndDestroy()], ['half-closes', (client: RawClient) => client.socket.end()]])('a client that %s is heard of at once, before and during the answer', async (_how, leave) => {
    for (const begun of [false, true]) {
      const events: string[] = []
      let held: ClientSink | null = null
      const { port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => { held = sink; sink.listener = quiet(events); if (begun) { sink.begin(200, ''); sink.write('x') } } })
      const client = RawClient.to(port).send(post(''))
      await eventually(() => held !== null)
      leave(client)
      await eventually(() => events.length > 0)
      expect(events).toEqual(['close'])
      expect((held as ClientSink | null)?.closed).toBe(true)
      client.socket.destroy()
    }
  })

  test('a client that stops reading makes write say no; it is evicted after stallMs', async () => {
    const events: string[] = []
    let sent = 0
    const { port } = await start({ listener, limits: limited({ stallMs: 100 }), serve: (_d, _o, _head, _body, sink) => {
      const fill = (): void => { while (sink.write('x'.repeat(60_000))) sent++ }
      sink.listener = { ...quiet(events), onDrain: fill }
      sink.begin(200, '')
      fill()
    } })
    const client = RawClient.to(port)
    client.socket.pause()
    client.send(post(''))
    await eventually(() => events.includes('close'))
    expect(sent).toBeLessThan(1_000)
    client.socket.destroy()
  })

  test('a reader that goes on gets every byte, and the writer hears of drain', async () => {
    let sent = 0
    const { port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => {
      const fill = (): void => {
        while (sent < 200) {
          sent++
          if (!sink.write('y'.repeat(65_536))) return
        }
        sink.end()
      }
      sink.listener = { ...quiet([]), onDrain: fill }
      sink.begin(200, '')
      fill()
    } })
    const client = RawClient.to(port)
    client.socket.pause()
    client.send(post(''))
    await eventually(() => sent > 1)
    expect(sent).toBeLessThan(200)
    client.socket.resume()
    await client.until(text => text.endsWith('\r\n0\r\n\r\n'))
    expect(count(client.text, 'y'.repeat(65_536))).toBe(200)
    client.socket.destroy()
  })

  test.each([
    ['a body announced too large', limited({ bodyBytes: 10 }), post('x'.repeat(11)), 413, 'body-too-large'],
    ['a chunked body too large', limited({ bodyBytes: 10 }), `POST ${PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n${'x'.repeat(255)}`, 413, 'body-too-large'],
    ['a head too large', limited({ headBytes: 1_000 }), post('', [`X: ${'x'.repeat(1_500)}`]), 431, 'head-too-large'],
    ['a head that does not end', limited({ headMs: 80 }), `POST ${PATH} HTTP/1.1\r\nHost: a\r\n`, 408, 'client-timeout'],
    ['a body that does not end', limited({ requestMs: 80 }), `POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab`, 408, 'client-timeout'],
    ['no room for another connection', limited({ connections: 0 }), '', 503, 'overloaded'],
    ['no room for another connection from its address', limited({ connectionsPerAddress: 0 }), '', 503, 'overloaded'],
  ])('%s gets its own error and the end of the connection', async (_name, limits, text, status, kind) => {
    const { port, seen } = await start({ listener, limits })
    const answer = await RawClient.to(port).send(text).rest()
    expect(answer).toContain(`HTTP/1.1 ${status} `)
    expect(answer).toContain(`"kind":"${kind}"`)
    expect(answer).toContain('connection: close')
    if (status === 503) expect(answer).toContain('retry-after: 1\r\n')
    expect(seen).toEqual([])
  })

  test('an address holds so many connections and no more; closing one makes room for the next', async () => {
    const { edge, port } = await start({ listener, limits: limited({ connectionsPerAddress: 2 }) })
    const held = [RawClient.to(port).send(post('')), RawClient.to(port).send(post(''))]
    for (const client of held) await client.until(text => text.includes('serve'))
    expect(await RawClient.to(port).send(post('')).rest()).toContain('Your address holds as many connections as it may (2)')
    held[0]?.socket.destroy()
    await eventually(() => edge.connections === 1)
    const next = RawClient.to(port).send(post(''))
    expect(await next.until(text => text.includes('serve'))).toContain('HTTP/1.1 200 ')
    for (const client of [...held, next]) client.socket.destroy()
  })

  test('connections that never finish their handshake count as connections, and the surplus is closed', async () => {
    const { edge, port } = await start({ listener, tls: certificate('first.test'), limits: limited({ connections: 3, connectionsPerAddress: 3 }) })
    const silent = Array.from({ length: 10 }, () => RawClient.to(port))
    await eventually(() => silent.filter(client => client.ended).length === 7)
    expect(edge.connections).toBe(0)
    for (const client of silent) client.socket.resetAndDestroy()
    await eventually(() => silent.every(client => client.ended))
    const visit = async (): Promise<string> => {
      const visitor = new RawClient(connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })).send(post('', ['Connection: close']))
      return visitor.rest()
    }
    let answer = ''
    // Once the gateway has heard that they are gone there is room again, for as many as ever.
    for (let look = 0; look < 100 && !answer.includes('serve'); look++) answer = await visit()
    for (let round = 0; round < 10; round++) expect(await visit()).toContain('serve')
  })

  test('a head that trickles in is cut off in time', async () => {
    const { port } = await start({ listener, limits: limited({ headMs: 100 }) })
    const client = RawClient.to(port).send('POST / HT')
    const trickle = setInterval(() => client.send('T'), 20)
    await client.rest()
    clearInterval(trickle)
    expect(client.ended).toBe(true)
  })

  test('an idle connection is closed after keepAliveMs', async () => {
    const { port } = await start({ listener, limits: limited({ keepAliveMs: 80 }) })
    expect(count(await RawClient.to(port).send(post('')).rest(), 'HTTP/1.1 200')).toBe(1)
  })

  test('the last request that a connection may make is answered with Connection: close', async () => {
    const { port, seen } = await start({ listener, limits: limited({ requestsPerConnection: 2 }) })
    const answer = await RawClient.to(port).send(post('1') + post('2') + post('3')).rest()
    expect(seen.map(one => one.body)).toEqual(['1', '2'])
    expect(count(answer.toLowerCase(), 'connection: close')).toBe(1)
  })

  test('a request that is not admitted is refused before its body is read', async () => {
    const { port, seen } = await start({ listener, admit: () => gatewayError('unauthenticated', 'No.') })
    const answer = await RawClient.to(port).send(`POST ${PATH} HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\nab`).rest()
    expect(answer).toContain('HTTP/1.1 401 ')
    expect(seen).toEqual([])
  })

  test('header text with a bare line end or a blank line never reaches the client', async () => {
    for (const bad of ['x-a: b\nc: d\r\n', 'x: y\r\n\r\n', 'x: \0\r\n', 'no colon\r\n']) {
      const { port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => sink.respond(200, bad, 'body') })
      const answer = await RawClient.to(port).send(post('')).rest()
      expect(answer).toContain('HTTP/1.1 500 ')
      expect(answer).not.toContain(bad)
    }
  })

  test('a late call of an answer that is over does nothing', async () => {
    const sinks: ClientSink[] = []
    const { port } = await start({ listener, serve: (_d, _o, _head, body, sink) => { sinks.push(sink); sink.respond(200, '', `answer ${body.toString()}`) } })
    const client = RawClient.to(port).send(post('1'))
    await client.until(text => text.includes('answer 1'))
    sinks[0]?.respond(200, '', 'again')
    sinks[0]?.abort()
    client.send(post('2'))
    expect(await client.until(text => text.includes('answer 2'))).not.toContain('again')
    client.socket.destroy()
  })

  test('an answer larger than the socket takes is whole, and the next request waits for it', async () => {
    const body = 'x'.repeat(8_000_000)
    const { port } = await start({ listener, serve: (_d, _o, _head, request, sink) => { sink.respond(200, '', request.length === 1 ? body : 'small') } })
    const client = RawClient.to(port)
    client.socket.pause()
    client.send(post('a') + post('ab'))
    await new Promise(resolve => setTimeout(resolve, 50))
    client.socket.resume()
    const text = await client.until(received => received.endsWith('small'))
    client.socket.destroy()
    expect(text.split('HTTP/1.1 200 OK\r\n')).toHaveLength(3)
    expect(text).toContain(`content-length: 8000000\r\n\r\n${body}HTTP/1.1 200 OK\r\n`)
  })

  test.each([
    ['HEAD has the length and no body', 'HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n', /^HTTP\/1\.1 200 OK\r\n[^]*content-length: 8\r\n\r\n$/],
    ['HTTP/1.0 is closed', 'GET /x HTTP/1.0\r\n\r\n', /^HTTP\/1\.1 200 OK\r\n[^]*connection: close\r\n[^]*\r\n\r\nlocal \/x$/],
    ['HTTP/1.0 that asks for it is kept, and told so', 'GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n', /^HTTP\/1\.1 200 OK\r\n[^]*connection: keep-alive\r\n[^]*\r\n\r\nlocal \/x$/],
    ['Expect: 100-continue is told to go on, once', post('{}', ['Expect: 100-continue']), /^HTTP\/1\.1 100 Continue\r\n\r\nHTTP\/1\.1 200 OK\r\n(?:(?!HTTP)[^])*serve/],
    ['chunks and trailers are a body', `POST ${PATH} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\nX-T: v\r\n\r\n`, /^HTTP\/1\.1 200 OK\r\n[^]*serve/],
  ])('whole answers: %s; a request after it is answered too where the connection stays', async (name, request, expected) => {
    const { port, seen } = await start({ listener })
    const client = RawClient.to(port).send(request)
    await client.until(text => expected.test(text))
    expect(client.text).toMatch(expected)
    if (name.includes('closed')) return void await client.rest()
    const before = client.text.length
    client.send(post('after'))
    await client.until(text => text.length > before && text.endsWith(`serve ${PATH}`))
    client.socket.destroy()
    expect(seen.map(one => one.body)).toEqual([name.startsWith('chunks') ? 'ab' : name.startsWith('Expect') ? '{}' : '', 'after'])
  })

  test('draining finishes what is in flight, closes what is idle and takes nothing new', async () => {
    let held: ClientSink | null = null
    const { edge, port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => { held = sink } })
    const idle = RawClient.to(port)
    const busy = RawClient.to(port).send(post(''))
    await eventually(() => held !== null && edge.connections === 2)
    const drained = edge.drain(5_000, false)
    await idle.rest()
    const sink = held as ClientSink | null
    sink?.respond(200, '', 'late')
    const answer = await busy.rest()
    await drained
    expect(answer).toContain('late')
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(edge.connections).toBe(0)
    expect(await RawClient.to(port).rest()).toBe('')
  })

  test('draining cuts what does not end within its grace', async () => {
    const events: string[] = []
    const { edge, port } = await start({ listener, serve: (_d, _o, _head, _body, sink) => { sink.listener = quiet(events) } })
    const client = RawClient.to(port).send(post(''))
    await eventually(() => edge.connections === 1)
    await edge.drain(50, false)
    await client.rest()
    expect(events).toEqual(['shutdown', 'close'])
  })

  test('draining tells whoever still answers when the grace is over, lets the last words out, and refuses what is still arriving', async () => {
    const { edge, port } = await start({
      listener,
      serve: (_d, _o, _head, _body, sink) => {
        sink.listener = { ...quiet([]), onShutdown: () => { sink.write('last words'); sink.abort() } }
        sink.begin(200, '')
        sink.write('begun')
      },
    })
    const client = RawClient.to(port).send(post(''))
    const half = RawClient.to(port).send(post('whole').slice(0, -1))
    await client.until(text => text.includes('begun'))
    await eventually(() => edge.connections === 2)
    const drained = edge.drain(50, false)
    const [answer, refused] = await Promise.all([client.rest(), half.rest()])
    await drained
    expect(answer).toContain('last words')
    expect(answer).not.toMatch(/0\r\n\r\n$/)
    expect(refused).toContain('HTTP/1.1 503 ')
    expect(refused).toContain('connection: close\r\n')
  })

  test('CORS: an allowed origin gets its lines and a preflight answer, another gets none', async () => {
    const { port } = await start({ listener, corsOrigins: ['https://a.example'] })
    const ask = async (origin: string): Promise<string> => RawClient.to(port).send(post('', [`Origin: ${origin}`, 'Connection: close'])).rest()
    expect(await ask('https://a.example')).toContain('access-control-allow-origin: https://a.example\r\n')
    expect(await ask('https://b.example')).not.toContain('access-control-allow-origin')
    const preflight = await RawClient.to(port).send(`OPTIONS ${PATH} HTTP/1.1\r\nHost: a\r\nOrigin: https://a.example\r\nAccess-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization, x-b\r\nConnection: close\r\n\r\n`).rest()
    expect(preflight).toContain('HTTP/1.1 204 ')
    expect(preflight).toContain('access-control-allow-headers: authorization, x-b\r\n')
  })

  test('TLS: answers, and a reloaded certificate is used for the next connection', async () => {
    const [first, second] = [certificate('first.test'), certificate('second.test')]
    const { edge, port } = await start({ listener, tls: first })
    const visit = async (): Promise<{ subject: unknown, text: string }> => {
      const socket = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false })
      const client = new RawClient(socket).send(post('x', ['Connection: close']))
      const text = await client.until(seen => seen.includes('serve'))
      const subject = socket.getPeerX509Certificate()?.subject
      socket.destroy()
      return { subject, text }
    }
    expect((await visit()).subject).toBe('CN=first.test')
    edge.reload({ limits: LIMITS, tls: second, corsOrigins: [], controlSocket: null })
    const visited = await visit()
    expect(visited.subject).toBe('CN=second.test')
    expect(visited.text).toContain('HTTP/1.1 200 ')
  })
})

function certificate(name: string): { cert: string, key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'headrace-edge-'))
  try {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', `/CN=${name}`, '-keyout', join(folder, 'key'), '-out', join(folder, 'cert')], { stdio: 'ignore' })
    return { cert: readFileSync(join(folder, 'cert'), 'utf8'), key: readFileSync(join(folder, 'key'), 'utf8') }
  } finally {
    rmSync(folder, { recursive: true })
  }
}
