import { describe, expect, test } from 'vitest'
import { BAD, BODY, END, HEAD, ResponseParser } from './response-parser.ts'

interface Seen { status: number, type: string | undefined, body: string, end: boolean, problem: string, reusable: boolean }

/** Feeds pieces, each in a buffer of its own content that is overwritten afterwards, as the shared read buffer is. */
function read(pieces: readonly Buffer[], closes = false): Seen {
  const parser = new ResponseParser()
  const seen: Seen = { status: 0, type: undefined, body: '', end: false, problem: '', reusable: false }
  for (const piece of pieces) {
    const buffer = Buffer.alloc(piece.length + 8, 'X')
    piece.copy(buffer)
    const flags = parser.feed(buffer, piece.length)
    if (flags === BAD) return { ...seen, problem: parser.problem }
    if ((flags & HEAD) !== 0) seen.status = parser.status
    if ((flags & BODY) !== 0) seen.body += buffer.toString('latin1', parser.bodyStart, parser.bodyEnd)
    if ((flags & END) !== 0) seen.end = true
    buffer.fill('X')
  }
  if (closes && parser.finish() === 'complete') seen.end = true
  seen.type = parser.head?.header('content-type')
  seen.reusable = parser.reusable
  return seen
}

const GOLDEN: readonly { name: string, bytes: string, body: string, status?: number, reusable: boolean, closes?: boolean }[] = [
  { name: 'content-length', bytes: 'HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 11\r\n\r\nhello world', body: 'hello world', reusable: true },
  { name: 'no body', bytes: 'HTTP/1.1 204 No Content\r\ncontent-type:text/plain\r\n\r\n', body: '', status: 204, reusable: true },
  { name: 'an empty body', bytes: 'HTTP/1.1 500\r\ncontent-type:\t text/plain \r\ncontent-length: 0\r\n\r\n', body: '', status: 500, reusable: true },
  { name: 'chunks with extensions and trailers', bytes: 'HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: Chunked\r\nCONTENT-TYPE: text/plain\r\n\r\n5;a=b\r\nhello\r\n001 ; q="x"\r\n \r\nA\r\n0123456789\r\n0;last\r\nx-check: 1\r\ny: 2\r\n\r\n', body: 'hello 0123456789', reusable: true },
  { name: 'chunks as providers send them', bytes: 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n7\r\ndata: \xe9\r\n2\r\n\r\n\r\nE\r\ndata: [DONE]\r\n\r\n0\r\n\r\n', body: 'data: \xe9\r\ndata: [DONE]\r\n', reusable: true },
  { name: 'until close', bytes: 'HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\nconnection: foo, Close\r\n\r\nall of this', body: 'all of this', reusable: false, closes: true },
  { name: 'HTTP/1.0', bytes: 'HTTP/1.0 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi', body: 'hi', reusable: false },
  { name: 'interim answers before it', bytes: 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\ncontent-length: 99\r\n\r\nHTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 2\r\n\r\nhi', body: 'hi', reusable: true },
]

describe('an answer reads the same however it is cut', () => {
  test.each(GOLDEN)('$name', ({ bytes, body, status, reusable, closes }) => {
    const all = Buffer.from(bytes, 'latin1')
    const expected: Seen = { status: status ?? 200, type: 'text/plain', body, end: true, problem: '', reusable }
    expect(read([all], closes)).toEqual(expected)
    for (let first = 1; first < all.length; first += 1) {
      expect(read([all.subarray(0, first), all.subarray(first)], closes), `cut at ${first}`).toEqual(expected)
      for (let second = first + 1; second < Math.min(all.length, first + 7); second += 1) {
        expect(read([all.subarray(0, first), all.subarray(first, second), all.subarray(second)], closes), `cut at ${first} and ${second}`).toEqual(expected)
      }
    }
    expect(read([...all].map(byte => Buffer.from([byte])), closes), 'byte by byte').toEqual(expected)
  })
})

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`
const MALFORMED: readonly [name: string, bytes: string][] = [
  ['another protocol', 'SSH-2.0-OpenSSH_9\r\n'],
  ['HTTP/2.0 in the status line', 'HTTP/2.0 200 OK\r\n\r\n'],
  ['a status of two digits', 'HTTP/1.1 20 OK\r\n\r\n'],
  ['a status with letters', 'HTTP/1.1 2x0 OK\r\n\r\n'],
  ['an empty line first', '\r\nHTTP/1.1 200 OK\r\n\r\n'],
  ['a bare LF after the status line', 'HTTP/1.1 200 OK\ncontent-length: 0\n\n'],
  ['a bare LF after a header', `${OK}a: b\nc: d\r\n\r\n`],
  ['a bare CR in a header', `${OK}a: b\rc: d\r\n\r\n`],
  ['NUL in a header', `${OK}a: b\0c\r\n\r\n`],
  ['folding', `${OK}a: b\r\n c\r\n\r\n`],
  ['a blank before the colon', `${OK}content-length : 5\r\n\r\nhello`],
  ['no colon', `${OK}nonsense\r\n\r\n`],
  ['no name', `${OK}: x\r\n\r\n`],
  ['content-length twice', `${OK}content-length: 2\r\nContent-Length: 2\r\n\r\nhi`],
  ['a list of content-lengths', `${OK}content-length: 2, 2\r\n\r\nhi`],
  ['a signed content-length', `${OK}content-length: +2\r\n\r\nhi`],
  ['an empty content-length', `${OK}content-length:\r\n\r\nhi`],
  ['a content-length beyond 2^53', `${OK}content-length: 99999999999999999999\r\n\r\n`],
  ['content-length and transfer-encoding', `${OK}content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`],
  ['transfer-encoding twice', `${OK}transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`],
  ['another transfer-encoding', `${OK}transfer-encoding: gzip, chunked\r\n\r\n`],
  ['transfer-encoding in HTTP/1.0', 'HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['an upgrade', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
  ['a body longer than its content-length', `${OK}content-length: 2\r\n\r\nhi!`],
  ['a second answer', `${OK}content-length: 2\r\n\r\nhi${OK}content-length: 2\r\n\r\nho`],
  ['a body after 204', 'HTTP/1.1 204 No Content\r\ncontent-length: 2\r\n\r\nhi'],
  ['bytes after the last chunk', `${CHUNKED}2\r\nhi\r\n0\r\n\r\nx`],
  ['a chunk size that is not hexadecimal', `${CHUNKED}xyz\r\n`],
  ['a chunk size with a prefix', `${CHUNKED}0x2\r\nhi\r\n`],
  ['a signed chunk size', `${CHUNKED}-2\r\nhi\r\n`],
  ['an empty chunk size', `${CHUNKED}\r\n`],
  ['a huge chunk size', `${CHUNKED}FFFFFFFFFFFFFFFF\r\n`],
  ['a bare LF after a chunk size', `${CHUNKED}2\nhi\r\n`],
  ['a chunk longer than its size', `${CHUNKED}2\r\nhi!\r\n`],
  ['a bare LF after a chunk', `${CHUNKED}2\r\nhi\n0\r\n\r\n`],
  ['a control character in an extension', `${CHUNKED}2;\x01\r\nhi\r\n`],
  ['endless extensions', `${CHUNKED}2;${'x'.repeat(20_000)}`],
  ['endless trailers', `${CHUNKED}0\r\n${'a: b\r\n'.repeat(5_000)}`],
  ['more than 256 headers', `${OK}${'a: b\r\n'.repeat(257)}\r\n`],
  ['a head larger than 64 KiB', `${OK}a: ${'x'.repeat(70_000)}\r\n\r\n`],
  ['eleven interim answers', `${'HTTP/1.1 100 Continue\r\n\r\n'.repeat(11)}${OK}content-length: 0\r\n\r\n`],
]

describe('whatever is not plainly one answer is refused, whole or byte by byte', () => {
  test.each(MALFORMED)('%s', (_name, bytes) => {
    const all = Buffer.from(bytes, 'latin1')
    expect(read([all]).problem).not.toBe('')
    expect(read([...all].map(byte => Buffer.from([byte]))).problem).not.toBe('')
  })
})

test('256 headers and a head just below 64 KiB are fine', () => {
  const bytes = `${OK}${'a: b\r\n'.repeat(254)}content-length: 2\r\nbig: ${'x'.repeat(60_000)}\r\n\r\nhi`
  expect(read([Buffer.from(bytes)])).toMatchObject({ body: 'hi', end: true })
})

test('a parser carries nothing from one answer to the next', () => {
  const parser = new ResponseParser()
  for (const [bytes, flags] of [[`${OK}connection: close\r\nkeep-alive: timeout=5\r\ncontent-length: 0\r\n\r\n`, HEAD | END], [`${CHUNKED}0\r\n\r\n`, HEAD | END]] as const) {
    parser.reset()
    expect(parser.feed(Buffer.from(bytes), bytes.length)).toBe(flags)
  }
  expect(parser.reusable).toBe(true)
  expect(parser.keepAliveMs).toBe(-1)
  expect(parser.head?.header('connection')).toBeUndefined()
})

test('header() finds the first value by lower-case name and is not fooled by values', () => {
  const parser = new ResponseParser()
  const bytes = `${OK}X-A: content-type: no\r\nContent-Type:  a/b \r\ncontent-type: c/d\r\ncontent-length: 0\r\n\r\n`
  parser.feed(Buffer.from(bytes), bytes.length)
  expect(parser.head?.header('content-type')).toBe('a/b')
  expect(parser.head?.header('type')).toBeUndefined()
})

test.each([
  ['X-RateLimit-Remaining-Tokens: 5', true], ['x-ratelimit-remaining-requests: 5', true], ['anthropic-ratelimit-requests-remaining: 5', true],
  ['x-a: x-ratelimit-remaining-tokens', false], ['x-ratelimit-remaining-tokenz: 5', false], ['x-request-id: 5', false],
])('a head with %j tells of the provider\'s limits: %j', (line, tells) => {
  for (const pieces of [[`${OK}${line}\r\ncontent-length: 0\r\n\r\n`], [`${OK}${line.slice(0, 9)}`, `${line.slice(9)}\r\ncontent-length: 0\r\n\r\n`]]) {
    const parser = new ResponseParser()
    for (const piece of pieces) parser.feed(Buffer.from(piece), piece.length)
    expect(parser.head?.tellsQuota).toBe(tells)
  }
})

test('mutated chunked bodies read the same in one piece (the fast stride) and byte by byte', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % below
  }
  const alphabet = '\r\n0123aF;g x:'
  let refused = 0
  for (let round = 0; round < 5000; round += 1) {
    const sizes = [1 + random(20), 1 + random(20), 1 + random(20)]
    const bytes = [...sizes.map(size => `${size.toString(16)}\r\n${'d'.repeat(size)}\r\n`).join(''), ...'0\r\n\r\n']
    for (let change = random(3); change > 0; change -= 1) {
      bytes.splice(random(bytes.length), random(2), ...alphabet.charAt(random(alphabet.length)).slice(0, random(2)))
    }
    const all = Buffer.from(CHUNKED + bytes.join(''))
    const whole = read([all])
    const single = read([...all].map(byte => Buffer.from([byte])))
    if (whole.problem !== '') refused += 1
    // A bad answer is refused either way; how much of its body came before depends on the cuts.
    expect(single.problem, JSON.stringify(bytes.join(''))).toBe(whole.problem)
    if (whole.problem === '') expect(single).toEqual(whole)
  }
  expect(refused).toBeGreaterThan(1000)
})
