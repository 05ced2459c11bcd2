import { describe, expect, it } from 'vitest'
import { SseDecoder, type SseEvent } from './sse.ts'

function decode(pieces: readonly Buffer[]): SseEvent[] {
  const events: SseEvent[] = []
  const decoder = new SseDecoder(event => events.push(event))
  for (const piece of pieces) {
    const shared = Buffer.from(piece)
    decoder.push(shared)
    shared.fill(0x21)
  }
  return events
}
const event = (data: string, name = 'message', id = ''): SseEvent => ({ event: name, data, id })

describe('the SSE decoder', () => {
  it.each([
    ['LF', 'data: a\n\ndata: b\n\n', [event('a'), event('b')]],
    ['CRLF', 'data: a\r\n\r\ndata: b\r\n\r\n', [event('a'), event('b')]],
    ['CR', 'data: a\r\rdata: b\r\r', [event('a'), event('b')]],
    ['a mixture', 'data: a\r\n\ndata: b\n\r\ndata: c\r\r\n', [event('a'), event('b'), event('c')]],
    ['several data lines', 'data: a\ndata\ndata:b\ndata:  c\n\n', [event('a\n\nb\n c')]],
    ['a BOM', '\ufeffdata: a\n\n', [event('a')]],
    ['names and ids', 'event: x\nid: 7\ndata: a\n\ndata: b\n\n', [event('a', 'x', '7'), event('b', 'message', '7')]],
    ['comments, unknown fields, no data', ': hi\nretry: 5\nfoo\n\nevent: x\n\n', []],
    ['no last empty line', 'data: a\n\ndata: b\n', [event('a')]],
    ['characters of several bytes', 'data: é🚀模\n\n', [event('é🚀模')]],
  ])('decodes %s, cut anywhere', (_name, text, expected) => {
    const bytes = Buffer.from(text)
    expect(decode([bytes])).toEqual(expected)
    expect(decode([...bytes].map(byte => Buffer.from([byte])))).toEqual(expected)
    for (let at = 1; at < bytes.length; at++) expect(decode([bytes.subarray(0, at), bytes.subarray(at)])).toEqual(expected)
  })

  it.each([['one line', 'data: xxxxxxxxxxxxxxxxxxxx'], ['many lines', 'data: x\n'.repeat(4)]])('fails on an event over the limit in %s', (_name, text) => {
    const events: SseEvent[] = []
    const decoder = new SseDecoder(told => events.push(told), 20)
    decoder.push(Buffer.from(text))
    decoder.push(Buffer.from('\n\ndata: y\n\n'))
    expect(decoder.failed).toBe(true)
    expect(events).toEqual([])
  })

  it('takes a million empty lines', () => {
    expect(decode([Buffer.alloc(1_000_000, '\n'), Buffer.from('data: a\n\n')])).toEqual([event('a')])
  })
})
