import { describe, expect, it } from 'vitest'
import { Exchange, type RequestHead, type Snapshot } from '@headrace/contract'
import { readCorrelation, upstreamHeaders } from './correlation.ts'

const exchangeWith = (headers: Record<string, string>): Exchange => {
  const x = new Exchange('boot-1', {} as Snapshot, 'openai-chat', 'chat', 0, 0)
  const head: RequestHead = { method: 'POST', path: '/', query: '', remoteAddress: '', header: name => headers[name] }
  readCorrelation(x, head)
  return x
}

describe('correlation', () => {
  it('keeps a well-formed client request id and replaces one that could inject a header', () => {
    expect(exchangeWith({ 'x-request-id': 'abc-1.2' }).requestId).toBe('abc-1.2')
    for (const bad of ['a b', 'a\r\nb: c', '', 'x'.repeat(129), 'é']) expect(exchangeWith({ 'x-request-id': bad }).requestId).toBe('boot-1')
  })

  it('continues a W3C trace with a span of its own and ignores an invalid one', () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    const x = exchangeWith({ traceparent: `00-${trace}-00f067aa0ba902b7-01` })
    expect(x.traceId).toBe(trace)
    expect(upstreamHeaders(x)).toMatch(new RegExp(`^x-request-id: boot-1\r\ntraceparent: 00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01\r\n$`))
    for (const bad of ['00-' + '0'.repeat(32) + '-00f067aa0ba902b7-01', '01-x', `00-${trace}-0000000000000000-01`]) {
      expect(upstreamHeaders(exchangeWith({ traceparent: bad }))).toBe('x-request-id: boot-1\r\n')
    }
  })
})
