import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { PATH, RawClient, startEdge, type Harness } from './edge-harness.ts'

const TE = (value: string): string => request([`Transfer-Encoding: ${value}`], '2\r\nhi\r\n0\r\n\r\n')
const CL = (...lines: string[]): string => request(lines, 'hi')

function request(lines: readonly string[], body = '', first = `POST ${PATH} HTTP/1.1`): string {
  return [first, 'Host: localhost', ...lines, '', body].join('\r\n')
}

/** What is sent -> the statuses that may come back, with the connection closed and nothing served. */
const REFUSED: Readonly<Record<string, readonly [text: string, ...statuses: number[]]>> = {
  'CL and TE': [request(['Content-Length: 2', 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400],
  'TE and CL': [request(['Transfer-Encoding: chunked', 'Content-Length: 2'], '0\r\n\r\n'), 400],
  'the same CL twice': [CL('Content-Length: 2', 'Content-Length: 2'), 400],
  'two CLs': [CL('Content-Length: 2', 'Content-Length: 3'), 400],
  'CL list': [CL('Content-Length: 2, 2'), 400],
  'CL with plus': [CL('Content-Length: +2'), 400],
  'negative CL': [CL('Content-Length: -1'), 400],
  'hexadecimal CL': [CL('Content-Length: 0x2'), 400],
  'CL of 2^64': [CL('Content-Length: 18446744073709551616'), 400],
  'space before the colon': [CL('Content-Length : 2'), 400],
  'TE xchunked': [TE('xchunked'), 400, 501],
  'TE identity': [TE('identity'), 400, 501],
  'TE chunked, identity': [TE('chunked, identity'), 400, 501],
  'TE twice': [request(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], '0\r\n\r\n'), 400, 501],
  'TE with VT': [TE('\x0bchunked'), 400],
  'TE gzip, chunked': [TE('gzip, chunked'), 501],
  'TE identity, chunked': [TE('identity, chunked'), 501],
  'TE with an empty member': [TE(',chunked'), 400, 501],
  'HTTP/1.0 with TE': [request(['Transfer-Encoding: chunked'], '0\r\n\r\n', `POST ${PATH} HTTP/1.0`), 400],
  'obs-fold': [CL('X: a\r\n b', 'Content-Length: 2'), 400],
  'bare LF': [CL('X: a\nContent-Length: 2'), 400],
  'bare CR': [CL('X: a\rb', 'Content-Length: 2'), 400],
  'NUL in a value': [CL('X: a\0b', 'Content-Length: 2'), 400],
  'NUL in a name': [CL('X\0: a', 'Content-Length: 2'), 400],
  'space before the first header': [CL(' X: a', 'Content-Length: 2').replace('Host: localhost\r\n', '') , 400],
  'empty name': [CL(': a', 'Content-Length: 2'), 400],
  'chunk extension with bare LF': [request(['Transfer-Encoding: chunked'], '2;a\nhi\r\n0\r\n\r\n'), 400],
  'chunk size 0x2': [request(['Transfer-Encoding: chunked'], '0x2\r\nhi\r\n0\r\n\r\n'), 400],
  'chunk size +2': [request(['Transfer-Encoding: chunked'], '+2\r\nhi\r\n0\r\n\r\n'), 400],
  'chunk size with a space': [request(['Transfer-Encoding: chunked'], ' 2\r\nhi\r\n0\r\n\r\n'), 400],
  'chunk size overflow': [request(['Transfer-Encoding: chunked'], 'fffffffffffffffff\r\nhi\r\n0\r\n\r\n'), 400],
  'chunk without CRLF': [request(['Transfer-Encoding: chunked'], '2\r\nhi0\r\n\r\n'), 400],
  'Content-Length as trailer': [request(['Transfer-Encoding: chunked'], '2\r\nhi\r\n0\r\nContent-Length: 5\r\n\r\n'), 400],
  'no Host': [CL('Content-Length: 2').replace('Host: localhost\r\n', ''), 400],
  'two Hosts': [CL('Host: other', 'Content-Length: 2'), 400],
  'odd Host': [CL('Content-Length: 2').replace('localhost', 'a/#@b'), 400],
  'absolute-form, foreign authority': [CL('Content-Length: 2').replace(PATH, `http://evil.example${PATH}`), 400],
  'two Authorizations': [CL('Authorization: Bearer a', 'authorization: Bearer b', 'Content-Length: 2'), 400],
  'two x-api-keys': [CL('x-api-key: a', 'X-Api-Key: b', 'Content-Length: 2'), 400],
  'HTTP/2.0 in text': [request(['Content-Length: 2'], 'hi', `POST ${PATH} HTTP/2.0`), 505, 400],
  'two spaces before the target': [request(['Content-Length: 2'], 'hi', `POST  ${PATH} HTTP/1.1`), 400],
  'two spaces after the target': [request(['Content-Length: 2'], 'hi', `POST ${PATH}  HTTP/1.1`), 400],
  'TRACE': [request([], '', 'TRACE / HTTP/1.1'), 405],
  'CONNECT': [request([], '', 'CONNECT localhost:80 HTTP/1.1'), 405],
  'Upgrade: websocket with early bytes': [request(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Key: a'], 'POST / HTTP/1.1\r\n\r\n', 'GET / HTTP/1.1'), 400],
  'head over 16 KiB': [CL(`X: ${'a'.repeat(17_000)}`, 'Content-Length: 2'), 431],
  'the HTTP/2 preface': ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505],
  'Expect that is not known': [CL('Expect: a-miracle', 'Content-Length: 2'), 417],
  '*': [request([], '', 'OPTIONS * HTTP/1.1'), 400],
}

/** What is sent -> body that `serve` must see. */
const SERVED: Readonly<Record<string, readonly [text: string, body: string]>> = {
  'the plain shape': [CL('Content-Length: 2'), 'hi'],
  'chunked': [TE('chunked'), 'hi'],
  'chunk extension': [request(['Transfer-Encoding: chunked'], '2;a=b\r\nhi\r\n0\r\n\r\n'), 'hi'],
  'obs-text in a value': [CL('X: \xe9', 'Content-Length: 2'), 'hi'],
  '__proto__ header': [CL('__proto__: x', 'Content-Length: 2'), 'hi'],
  'absolute-form, own authority': [CL('Content-Length: 2').replace(PATH, `http://localhost${PATH}`), 'hi'],
  'Expect: 100-continue': [CL('Expect: 100-continue', 'Content-Length: 2'), 'hi'],
  'Upgrade: h2c': [CL('Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'Content-Length: 2'), 'hi'],
  'HTTP/1.0': [request(['Content-Length: 2'], 'hi', `POST ${PATH} HTTP/1.0`), 'hi'],
  'IPv6 Host': [CL('Content-Length: 2').replace('localhost', '[::1]:8787'), 'hi'],
}

describe.each(['fast', 'node-http'] as const)('front door, %s', listener => {
  let harness: Harness
  beforeAll(async () => { harness = await startEdge({ listener }) })
  afterAll(() => harness.close())

  test.each(Object.entries(REFUSED))('refuses and closes: %s', async (_name, [text, ...statuses]) => {
    harness.seen.length = 0
    const answer = await RawClient.to(harness.port).send(text).rest()
    expect(statuses).toContain(Number(/^HTTP\/1\.1 (\d+) /.exec(answer)?.[1]))
    expect(answer.match(/^HTTP\/1\.1/gm)).toHaveLength(1)
    expect(answer.toLowerCase()).toContain('connection: close')
    expect(harness.seen).toEqual([])
  })

  test.each(Object.entries(SERVED))('serves: %s', async (_name, [text, body]) => {
    harness.seen.length = 0
    const client = RawClient.to(harness.port).send(text)
    expect(await client.until(seen => seen.includes(`serve ${PATH}`))).toContain('HTTP/1.1 200 OK')
    client.socket.destroy()
    expect(harness.seen.map(seen => [seen.kind, seen.body])).toEqual([['serve', body]])
  })

  test('drops trailers before anybody could ask for them', async () => {
    harness.seen.length = 0
    const client = RawClient.to(harness.port).send(request(['Transfer-Encoding: chunked'], '2\r\nhi\r\n0\r\nAuthorization: Bearer x\r\n\r\n'))
    await client.until(seen => seen.includes('serve'))
    client.socket.destroy()
    expect(harness.seen[0]?.head.header('authorization')).toBeUndefined()
  })
})
