import { expect, it } from 'vitest'
import type { ClientListener, ClientSink, KeptAnswer } from '@headrace/contract'
import { RecordedSink } from './recorded-sink.ts'

class FakeSink implements ClientSink {
  listener: ClientListener | null = null
  closed = false
  readonly told: string[] = []
  respond(status: number, _headers: string, body: Buffer | string): void { this.told.push(`respond ${status} ${String(body)}`) }
  begin(status: number): void { this.told.push(`begin ${status}`) }
  write(chunk: Buffer | string): boolean { this.told.push(`write ${String(chunk)}`); return false }
  end(): void { this.told.push('end') }
  abort(): void { this.told.push('abort') }
}

const HEADERS = 'content-type: application/json\r\nx-request-id: r1\r\nx-ratelimit-remaining-requests: 3\r\nheadrace-explain: []\r\nheadrace-target: up/m\r\nheadrace-dropped: seed\r\n'
const OWN = 'content-type: application/json\r\nheadrace-target: up/m\r\nheadrace-dropped: seed\r\n'

function record(limit = 100) {
  const sink = new FakeSink()
  const kept: (KeptAnswer | null)[] = []
  const stored = Promise.withResolvers<void>()
  let drops = 0
  const recorded = new RecordedSink(sink, { keep: answer => { kept.push(answer); return stored.promise }, drop: () => { drops++ } }, limit)
  return { sink, recorded, kept, store: async () => { stored.resolve(); await stored.promise; await null }, drops: () => drops }
}

it('a whole answer leaves when it is kept, and not before', async () => {
  const { sink, recorded, kept, store, drops } = record()
  recorded.respond(200, HEADERS, 'hello')
  expect(sink.told).toEqual([])
  expect(kept).toEqual([{ status: 200, headers: OWN, stream: false, body: Buffer.from('hello') }])
  await store()
  expect(sink.told).toEqual(['respond 200 hello'])
  expect(drops()).toBe(0)
})

it('a stream flows as it comes; its end leaves when all of it is kept', async () => {
  const { sink, recorded, kept, store } = record()
  recorded.begin(200, HEADERS)
  expect(recorded.write('a\u00ff')).toBe(false)
  recorded.write(Buffer.from('b'), true)
  recorded.end()
  expect(sink.told).toEqual(['begin 200', 'write a\u00ff', 'write b'])
  expect(kept).toEqual([{ status: 200, headers: OWN, stream: true, body: Buffer.from('a\u00ffb', 'latin1') }])
  await store()
  expect(sink.told.at(-1)).toBe('end')
})

it.each([[99, true], [100, true], [101, false]])('of an answer of %i bytes, with a bound of 100, is kept: %s', async (length, keeps) => {
  const { recorded, kept } = record()
  recorded.begin(200, HEADERS)
  for (let count = 0; count < length; count++) recorded.write('x')
  recorded.end()
  expect(kept.map(answer => answer?.body.length ?? null)).toEqual([keeps ? length : null])
})

it.each<[string, (recorded: RecordedSink) => void, string[]]>([
  ['a refusal', recorded => recorded.respond(429, HEADERS, 'no'), ['respond 429 no']],
  ['a stream that breaks off', recorded => { recorded.begin(200, HEADERS); recorded.write('a'); recorded.abort() }, ['begin 200', 'write a', 'abort']],
  ['a client that leaves', recorded => { recorded.begin(200, HEADERS); recorded.write('a'); recorded.onClose() }, ['begin 200', 'write a']],
])('%s is not kept, and told at once', (_, answer, told) => {
  const { sink, recorded, kept, drops } = record()
  answer(recorded)
  expect([sink.told, kept, drops()]).toEqual([told, [], 1])
})

it('what comes after the end is not told', async () => {
  const { sink, recorded, kept, drops, store } = record()
  recorded.respond(200, HEADERS, 'one')
  recorded.respond(500, HEADERS, 'two')
  recorded.abort()
  recorded.onClose()
  await store()
  expect([sink.told, kept.length, drops()]).toEqual([['respond 200 one'], 1, 0])
})

it('an answer that waits for being kept leaves at a shutdown; a running one hears of it', async () => {
  const waiting = record()
  waiting.recorded.respond(200, HEADERS, 'x')
  waiting.recorded.onShutdown()
  expect(waiting.sink.told).toEqual(['respond 200 x'])
  await waiting.store()
  expect(waiting.sink.told).toEqual(['respond 200 x'])
  const running = record()
  const heard: string[] = []
  running.recorded.listener = { onDrain: () => heard.push('drain'), onClose: () => heard.push('close'), onShutdown: () => heard.push('shutdown') }
  running.sink.listener?.onDrain()
  running.sink.listener?.onShutdown()
  running.sink.listener?.onClose()
  expect([heard, running.drops()]).toEqual([['drain', 'shutdown', 'close'], 1])
})
