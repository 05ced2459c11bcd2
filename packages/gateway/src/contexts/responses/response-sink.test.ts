import { describe, expect, it } from 'vitest'
import type { ClientSink } from '@headrace/contract'
import type { Refused } from '../held-sink.ts'
import { RecentResponses } from './recent-responses.ts'
import { ResponseRewriter } from './response-rewriter.ts'
import { ResponseSink } from './response-sink.ts'

const HEADERS = 'content-type: text/event-stream\r\n'
const event = (type: string, status: string): string => `event: ${type}\ndata: {"type":"${type}","response":{"id":"x","status":"${status}","output":[]}}\n\n`
const CREATED = event('response.created', 'in_progress'), COMPLETED = event('response.completed', 'completed')

function setUp() {
  const told: string[] = []
  const client: ClientSink = {
    respond: (status, _headers, body) => told.push(`respond ${status} ${String(body)}`), begin: status => told.push(`begin ${status}`),
    write: chunk => { told.push(String(chunk)); return true }, end: () => told.push('end'), abort: () => told.push('abort'), listener: null, closed: false,
  }
  const kept = Promise.withResolvers<Refused | null>()
  const asked: string[] = []
  const sink = new ResponseSink(client, new ResponseRewriter('k', new Map([['id', '"resp_k"']]), () => ''), {
    keep: async (_ended, sent) => { asked.push(`keep ${sent}`); return kept.promise }, drop: async () => { asked.push('drop') },
  }, 10_000)
  return { told, asked, sink, kept }
}
const own = (text: string): string => text.replace('"id":"x"', '"id":"resp_k"')

/** All promises that can be are followed up. */
const everythingAwaited = (): Promise<void> => new Promise(resolve => { setImmediate(resolve) })

describe('the sink of a response', () => {
  it('holds the end of a stream back until it is kept, however its bytes come', async () => {
    const { told, asked, sink, kept } = setUp()
    sink.begin(200, HEADERS)
    for (const char of CREATED + COMPLETED + 'data: [DONE]\n\n') sink.write(char)
    sink.end()
    expect([told, asked]).toEqual([['begin 200', own(CREATED)], [`keep ${own(CREATED)}`]])
    kept.resolve(null)
    await everythingAwaited()
    expect(told.slice(2)).toEqual([`${own(COMPLETED)}data: [DONE]\n\n`, 'end'])
  })

  it('says what went wrong in the place of an end that could not be kept', async () => {
    const { told, sink, kept } = setUp()
    sink.begin(200, HEADERS)
    sink.write(CREATED + COMPLETED)
    sink.end()
    kept.resolve({ status: 503, headers: '', body: '{}', event: 'event: error\n\n' })
    await everythingAwaited()
    expect(told.slice(2)).toEqual(['event: error\n\n', 'abort'])
  })

  it.each<[string, (sink: ResponseSink) => void]>([
    ['a refusal', sink => sink.respond(429, '', '{}')], ['a break', sink => { sink.begin(200, HEADERS); sink.write(CREATED); sink.abort() }],
    ['a client that leaves', sink => sink.onClose()], ['a response that failed', sink => sink.respond(200, '', '{"id":"x","status":"failed","output":[]}')],
  ])('keeps nothing of %s', (_, happens) => {
    const { asked, sink } = setUp()
    happens(sink)
    expect(asked).toEqual(['drop'])
  })
})

it('remembers the last responses of a connection, and none that is too large', () => {
  const recent = new RecentResponses(10)
  for (let count = 0; count < 9; count++) recent.put(`r${count}`, { from: '', items: ['x'] })
  recent.put('large', { from: '', items: ['123456', '123456'] })
  expect([recent.get('r0'), recent.get('r1'), recent.get('large')]).toEqual([null, { from: '', items: ['x'] }, null])
  recent.drop('r1')
  expect(recent.get('r1')).toBeNull()
})
