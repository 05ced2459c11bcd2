import { connect } from 'node:net'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { frontDoorVectors } from '../../packages/gateway/src/edge/front-door-vectors.ts'
import { chatBody, completion, textEvent } from '../harness/completions.ts'
import { startProbe } from '../harness/probe.ts'
import { MIB, watchMemory } from '../harness/process-memory.ts'
import { answerJson, chunk, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { startSlowClients } from '../harness/slow-clients.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig({ config: () => ({ server: { limits: { head_timeout: '1s', request_timeout: '2s', stall: '1s', body: '1MiB' } } }) })
}, 20_000)
afterAll(() => rig?.stop())

/** Sends bytes on a connection of its own and gives back all that comes until the gateway closes, or until an answer that keeps the connection is whole. */
function exchange(bytes: string, whole: (text: string) => boolean = () => false): Promise<string> {
  return new Promise(resolve => {
    const socket = connect(rig.headrace.port, '127.0.0.1')
    let text = ''
    const finish = (): void => {
      socket.destroy()
      resolve(text)
    }
    socket.on('data', data => {
      text += data.toString('latin1')
      if (whole(text)) finish()
    })
    socket.on('error', () => undefined)
    socket.on('close', finish)
    socket.write(Buffer.from(bytes, 'latin1'))
  })
}

describe('requests that could be read in two ways (check H2)', () => {
  it('reach no provider, and those that only look odd reach it once and unchanged', { timeout: 30_000 }, async () => {
    const body = chatBody('up/vector')
    const { refused, served } = frontDoorVectors(body, [`Authorization: Bearer ${API_KEY}`])
    rig.upstream.on('vector', answerJson(completion('served')))
    const answers = await Promise.all(Object.entries(refused).map(async ([name, [text, ...statuses]]) => ({ name, statuses, answer: await exchange(text) })))
    const wrong = answers.filter(({ answer, statuses }) => !statuses.includes(Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1])) || answer.match(/^HTTP\/1\.1/gm)?.length !== 1)
    expect(wrong.map(({ name, answer }) => `${name}: ${answer.slice(0, 100)}`)).toEqual([])
    expect(rig.upstream.requests).toEqual([])

    for (const [name, text] of Object.entries(served)) {
      const answer = await exchange(text, seen => seen.includes('"served"'))
      expect(answer, name).toContain('HTTP/1.1 200 OK')
    }
    expect(rig.upstream.requests.map(request => request.body.toString())).toEqual(Object.keys(served).map(() => chatBody('vector')))
    expect(rig.upstream.requests.filter(request => !request.head.startsWith('POST /v1/chat/completions HTTP/1.1\r\n'))).toEqual([])
  })

  it('a second request inside a first one\'s body stays a body', async () => {
    rig.upstream.on('inner', answerJson(completion('inner')))
    const inner = `POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${API_KEY}\r\ncontent-length: 2\r\n\r\n{}`
    const answer = await exchange(`POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\nauthorization: Bearer ${API_KEY}\r\ncontent-length: ${inner.length}\r\nconnection: close\r\n\r\n${inner}`)
    expect(answer.match(/HTTP\/1\.1 \d+/g)).toEqual(['HTTP/1.1 400'])
  })
})

it('no odd spelling of path, host or credential is answered with more than a refusal where there is no key', { timeout: 30_000 }, async () => {
  const request = (method: string, path: string, lines: readonly string[] = []): string => `${method} ${path} HTTP/1.1\r\n${[...lines.some(line => /^host:/i.test(line)) ? [] : ['host: localhost'], ...lines, 'connection: close'].join('\r\n')}\r\n\r\n`
  const paths = ['/admin/v1/keys', '/admin/v1/logs', '/admin/v1/status', '/metrics', '/v1/models']
  const spellings = (path: string): string[] => [
    path, `/${path}`, path.toUpperCase(), `${path}/`, `${path};x`, `${path}?x=1`, `${path}#x`, `${path}%00`, `${path}%2f`, `/.${path}`, `/healthz/..${path}`, `/healthz/%2e%2e${path}`, `/readyz/..;${path}`,
    path.replaceAll('/', '%2f'), path.replace('/v1', '/%76%31'), path.replaceAll('/', '\\'), `/healthz?${path}`.replace('?', '%3f'), `http://localhost${path}`, `http://admin${path}`, `//localhost${path}`, `*${path}`,
  ]
  const odd: readonly (readonly string[])[] = [
    [], ['host: a/#@localhost'], ['host: 127.0.0.1'], ['host: localhost', 'host: admin'], ['x-forwarded-for: 127.0.0.1'], ['x-original-url: /healthz'], ['x-rewrite-url: /healthz'], ['x-http-method-override: OPTIONS'],
    ['authorization: Bearer'], ['authorization: Bearer '], ['authorization: Bearer null'], ['authorization: Basic Og=='], ['authorization: Bearer x', 'authorization: Bearer y'], ['x-api-key:'], ['cookie: token=x'],
  ]
  const requests = [
    ...paths.flatMap(path => spellings(path).flatMap(spelling => ['GET', 'HEAD'].map(method => request(method, spelling)))),
    ...paths.flatMap(path => odd.map(lines => request('GET', path, lines))),
    ...odd.map(lines => request('POST', '/v1/chat/completions', [...lines, 'content-length: 2'])),
  ]
  const answered: string[] = []
  for (let at = 0; at < requests.length; at += 16) {
    await Promise.all(requests.slice(at, at + 16).map(async text => {
      const answer = await exchange(text)
      const status = Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1])
      if (!(status >= 400 && status < 500)) answered.push(`${text.split('\r\n\r\n')[0]}: ${answer.slice(0, 80)}`)
    }))
  }
  expect(answered).toEqual([])
})

it('nothing that a client writes becomes a header line, a path or a request of its own at the provider (check H7)', async () => {
  const marks = ['\r\nx-injected: 1', '\n x-injected: 1', '\0x-injected', 'ĊX-Injected: 1', '\u2028x-injected: 1', ' HTTP/1.1\r\nx-injected: 1\r\n\r\nPOST /evil']
  rig.upstream.on('*', answerJson(completion('x')))
  const before = rig.upstream.requests.length
  for (const mark of marks) {
    const answer = await rig.post(JSON.stringify({ model: `up/a${mark}`, messages: [], user: mark, metadata: { a: mark, [mark]: 'b' } }), [
      ['cookie', 'session=client-cookie'], ['x-forwarded-for', '203.0.113.9'], ['connection', 'keep-alive, x-secret'], ['x-secret', 'client-secret'],
      ['headrace-tags', 'a=b'], ['te', 'trailers'], ['proxy-authorization', 'Basic client'], ['x-api-key-2', 'client'], ['forwarded', 'for=203.0.113.9'],
    ])
    // A model's name has no control characters; the others reach the provider as text.
    expect([200, 400, 404]).toContain(answer.status)
    expect(answer.head.toLowerCase()).not.toMatch(/\r\nx-injected/)
  }
  const seen = rig.upstream.requests.slice(before)
  expect(seen.length).toBeLessThanOrEqual(marks.length)
  for (const { head } of seen) {
    expect(head.split('\r\n')[0]).toBe('POST /v1/chat/completions HTTP/1.1')
    expect(head.toLowerCase()).not.toMatch(/x-injected|cookie|forwarded|x-secret|client|connection|^te:|hr_test/m)
  }
})

it('a compressed body is unpacked up to what a body may be: a bomb is refused, in every lane, and costs no memory', async () => {
  const bomb = gzipSync(Buffer.alloc(200 * MIB, ' '), { level: 9 })
  const memory = watchMemory(rig.headrace)
  const before = rig.upstream.requests.length
  for (const chunked of [false, true]) {
    const answer = await rig.post(bomb, [['content-encoding', 'gzip']], { chunked })
    expect(answer.status).toBe(413)
    expect(JSON.parse(answer.body.toString())).toMatchObject({ error: { code: 'body_too_large' } })
  }
  expect(rig.upstream.requests.length).toBe(before)
  expect(memory.stop()).toBeLessThan(64 * MIB)
})

it.each<[string, string, (text: string) => Buffer]>([['gzip', 'gzip', text => gzipSync(text)], ['zstd', 'zstd', text => zstdCompressSync(text)], ['no coding', 'identity', text => Buffer.from(text)]])('a body in %s reaches the provider as it is', async (_, coding, pack) => {
  const body = chatBody('up/single-packed', { note: '\u00e9' })
  rig.upstream.on('single-packed', answerJson(completion('ok')))
  for (const chunked of [false, true]) expect((await rig.post(pack(body), [['content-encoding', coding]], { chunked })).status).toBe(200)
  for (const { body: got } of rig.upstream.of('single-packed').splice(-2)) expect(JSON.parse(got.toString())).toMatchObject({ note: '\u00e9' })
})

it.each<[string, string, Buffer, number]>([
  ['an unknown coding', 'br', Buffer.from('{}'), 415], ['two codings', 'gzip, gzip', gzipSync('{}'), 415], ['what it is not', 'gzip', Buffer.from('{"model":"x"}'), 400], ['a part of it', 'gzip', gzipSync(chatBody('up/x')).subarray(0, -9), 400],
])('a body in %s is refused', async (_, coding, body, status) => {
  expect((await rig.post(body, [['content-encoding', coding]])).status).toBe(status)
})

/** As fast as the gateway takes it, without end. */
const flood: Script = socket => {
  const big = chunk(textEvent('x'.repeat(16_000)).repeat(4))
  const more = (): void => { while (!socket.destroyed && socket.write(big)) continue }
  socket.on('drain', more)
  socket.write(STREAM_HEAD)
  more()
}

/** A worker that has relayed much has the memory that relaying takes; what slow clients cost comes on top. */
async function warmUp(): Promise<void> {
  const socket = await rig.open(chatBody('up/flood', { stream: true }))
  let size = 0
  await new Promise<void>(resolve => socket.on('data', data => { if ((size += data.length) > 300 * MIB) resolve() }))
  socket.destroy()
}

describe('slow clients are let go in time, and others hear nothing of them (check H4)', () => {
  it.each([['head', 200], ['body', 200], ['read', 50]] as const)('slow %s, %d of them', { timeout: 30_000 }, async (how, count) => {
    rig.upstream.on('probe', answerJson(completion('x')))
    rig.upstream.on('flood', flood)
    if (how === 'read') await warmUp()
    rig.upstream.requests.length = 0
    const memory = watchMemory(rig.headrace)
    const probe = startProbe(rig.headrace.port, chatBody('up/probe'), 50)
    const slow = await startSlowClients(rig.headrace.port, how, count, 100, 'up/flood')
    try {
      // Those that wait for an answer that they do not read can only see that they were let go by reading.
      if (how === 'read') await until('the providers of slow readers to be let go', () => rig.upstream.of('flood').filter(request => request.abortedAt > 0).length >= count, 20_000)
      else await until('the slow ones to be let go', () => slow.closed() === count, 20_000)
    } finally {
      slow.stop()
    }
    const { failures, times } = await probe.stop()
    expect(failures).toEqual([])
    expect(times.length).toBeGreaterThan(0)
    expect(memory.stop()).toBeLessThan(64 * MIB)
  })
})
