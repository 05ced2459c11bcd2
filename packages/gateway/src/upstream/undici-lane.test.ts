import { afterEach, describe, expect, test } from 'vitest'
import type { Socket } from 'node:net'
import type { Origin } from '@headrace/contract'
import { closing, LONG, onRequests, originAt, requestTo, scriptedServer, Witness, type ScriptedServer } from './scripted-server.ts'
import { createUpstream, type Upstream } from './upstream.ts'

const stops: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop()
})

/** A forward proxy that answers itself. The origin behind it does not exist: whatever arrives came through the proxy. */
async function behindProxy(script: (socket: Socket, text: string) => void): Promise<{ proxy: ScriptedServer, upstream: Upstream, origin: Origin }> {
  const proxy = await scriptedServer(socket => onRequests(socket, text => script(socket, text)))
  const upstream = createUpstream()
  stops.push(() => upstream.close(), () => proxy.close())
  return { proxy, upstream, origin: originAt(8080, { host: 'model.invalid', authority: 'model.invalid:8080', proxy: `http://${proxy.origin.authority}` }) }
}

describe('calls through a forward proxy', () => {
  test('send the same request and tell the same story', async () => {
    let seen = ''
    const { upstream, origin } = await behindProxy((socket, text) => { seen = text; socket.write('HTTP/1.1 201 OK\r\nX-A: 1\r\ncontent-length: 5\r\n\r\nhello') })
    upstream.setCredentials(new Map([['k', { origin, headerLine: 'x-api-key: s3cret\r\n' }]]))
    const witness = new Witness()
    upstream.dispatch(requestTo(origin, { credentialId: 'k', body: '\u00c3\u00a9' }), witness)
    await witness.ended
    expect(witness).toMatchObject({ status: 201, body: 'hello', error: null, events: ['sent', 'head', 'data', 'end'] })
    expect(witness.header('x-a')).toBe('1')
    expect(seen).toMatch(/^POST http:\/\/model\.invalid:8080\/v1\/chat\/completions HTTP\/1\.1\r\n/)
    expect(seen).toContain('host: model.invalid:8080\r\n')
    expect(seen).toContain('x-api-key: s3cret\r\n')
    expect(seen).toContain('content-length: 2\r\n\r\n\u00c3\u00a9')
    expect(upstream.stats.proxied).toBe(0)
  })

  test.each([
    ['a cut body', 'upstream-truncated', (socket: Socket) => { socket.end('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123') }],
    ['cut chunks', 'upstream-truncated', (socket: Socket) => { socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n') }],
    ['a closed connection', 'upstream-reset', (socket: Socket) => { socket.destroy() }],
    ['garbage', 'upstream-protocol', (socket: Socket) => { socket.write('nonsense\r\n\r\n') }],
    ['interim answers without end', 'upstream-protocol', (socket: Socket) => { socket.write('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(1_000)) }],
    ['silence', 'upstream-first-token-timeout', () => undefined],
    ['silence in mid-body', 'upstream-idle-timeout', (socket: Socket) => { socket.write('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123') }],
  ])('%s is %s', async (_name, kind, act) => {
    const { upstream, origin } = await behindProxy(act)
    const witness = new Witness()
    upstream.dispatch(requestTo(origin, { timeouts: { ...LONG, firstToken: 200, idle: 200 } }), witness)
    await witness.ended
    expect(witness.error?.kind).toBe(kind)
    expect(upstream.stats.proxied).toBe(0)
  })

  test('are aborted at the proxy, and pausing holds the answer back', async () => {
    const { proxy, upstream, origin } = await behindProxy(socket => { socket.write('HTTP/1.1 200 OK\r\n\r\n'); socket.write(Buffer.alloc(20_000_000)) })
    const witness = new Witness()
    witness.wantsMore = false
    const call = upstream.dispatch(requestTo(origin), witness)
    await witness.onFirst
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(witness.bytes).toBeLessThan(200_000)
    const closed = closing(await proxy.connection(0))
    call.abort()
    await closed
    expect(witness.events).toEqual(['sent', 'head', 'data'])
  })

  test('fail as upstream-connect when the proxy does not listen', async () => {
    const { proxy, upstream, origin } = await behindProxy(() => undefined)
    await proxy.close()
    const witness = new Witness()
    upstream.dispatch(requestTo(origin), witness)
    await witness.ended
    expect(witness.error?.kind).toBe('upstream-connect')
  })
})
