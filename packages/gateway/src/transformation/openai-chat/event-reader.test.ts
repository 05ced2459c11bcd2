import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { SseTap } from '../relay/sse-tap.ts'
import { ChunkReader } from './event-reader.ts'

const delta = (content: string, finish: string | null = null): string =>
  JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta: { content }, finish_reason: finish }], usage: null })
const usageEvent = JSON.stringify({ id: 'c1', choices: [], usage: {
  prompt_tokens: 9, completion_tokens: 4, total_tokens: 13, prompt_tokens_details: { cached_tokens: 3 }, completion_tokens_details: { reasoning_tokens: 2 } } })
const stream = (events: readonly string[], eol = '\n'): string => events.map(event => `data: ${event}${eol}${eol}`).join('')
const FULL = [delta('Hello'), delta(' wörld 🚀'), delta('', 'stop'), usageEvent, '[DONE]']
const USAGE = { inputTokens: 9, outputTokens: 4, cachedInputTokens: 3, cacheWriteTokens: -1, reasoningTokens: 2 }

interface Told { out: string, tap: SseTap, end: 'complete' | 'cut' }

/** Feeds the pieces through one shared buffer, which is overwritten after each call, as the upstream's is. */
function run(pieces: readonly Buffer[], withhold: boolean): Told {
  const tap = new SseTap(new ChunkReader(withhold))
  let out = ''
  for (const piece of pieces) {
    const shared = Buffer.from(piece)
    out += tap.push(shared)
    shared.fill(0x21)
  }
  return { out, tap, end: tap.end() }
}

function facts({ out, tap, end }: Told): unknown {
  return { out, end, usage: tap.usage, finish: tap.finishReason, done: tap.done, error: tap.error, missing: tap.missingDone }
}

function cut(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...[...cuts].sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, index) => bytes.subarray(at[index], end))
}

const STREAMS: readonly (readonly [string, string])[] = [
  ['LF', stream(FULL)],
  ['CRLF', stream(FULL, '\r\n')],
  ['CR', stream(FULL, '\r')],
  ['mixed line ends', stream(FULL.slice(0, 2), '\r\n') + stream(FULL.slice(2, 3), '\r') + stream(FULL.slice(3))],
  ['mixed ends within an event', `data: ${FULL[0]}\r\n\ndata: ${FULL[2]}\n\r\ndata: ${FULL[3]}\r\r\ndata: [DONE]\n\n`],
  ['BOM', `\ufeff${stream(FULL)}`],
  ['comments and empty lines', `: hi\n\n\n\n${stream(FULL.slice(0, 2))}:ping\n\n\n${stream(FULL.slice(2))}`],
  ['no space after the colon', stream(FULL).replaceAll('data: ', 'data:')],
  ['data in two lines', stream(FULL).replace(',"choices":[],', ',\ndata: "choices":[],')],
  ['event names', stream(FULL).replaceAll('data: ', 'event: message\ndata: ')],
  ['no terminator', stream(FULL.slice(0, 3))],
  ['cut in an event', stream(FULL).slice(0, 300)],
  ['error event', stream([FULL[0] ?? '', '{"error":{"message":"no","code":"rate_limit_exceeded"}}', '[DONE]'])],
  ['raw JSON tail', `${stream(FULL.slice(0, 3))}{"error":{"message":"x"}}`],
  ['web page', '<!doctype html>\n<html>\n\n</html>'],
  ['bytes after the end', `${stream(FULL)}: bye\n\ndata: {"error":{"message":"late"}}\n\n`],
  ['bare JSON between events', `${stream(FULL.slice(0, 2))}{"message":"x"}\n\n${stream(FULL.slice(2))}`],
  ['a web page between events', `${stream(FULL.slice(0, 2))}<html>\n\n${stream(FULL.slice(2))}`],
  ['padding of changing length', stream(FULL).replaceAll('"usage":null', () => `"usage":null,"obfuscation":"${'x'.repeat(FULL.length % 7)}"`)],
  ['escaped text and an escaped key', stream(['{"choices":[{"delta":{"content":"\\u4f60\\u00e9"},"finish_reason":null}]}', FULL[0] ?? '', '{"choices":[{"delta":{},"finish_re\\u0061son":"length"}]}', '[DONE]'])],
  ['an event that is cut', stream([...FULL.slice(0, 2), '{"choices":[{"delta":{"content":', ...FULL.slice(2)])],
  ['an event that is no JSON under a name', stream([...FULL.slice(0, 2), 'oops}', ...FULL.slice(2)]).replaceAll('data: ', 'event: message\ndata: ')],
  ['a last line that is no data', stream(FULL).replaceAll(/}\n\n/g, '}\nid: }\n\n')],
  ['usage before choices in each event', stream(['1', '2', '3'].map(n => `{"usage":{"prompt_tokens":${n}},"choices":[{"delta":{},"finish_reason":null}]}`))],
]

describe('the SSE tap', () => {
  it.each(STREAMS)('tells and forwards the same however the bytes are cut: %s', (_name, text) => {
    const bytes = Buffer.from(text, 'utf8')
    for (const withhold of [true, false]) {
      const whole = facts(run([bytes], withhold))
      for (let at = 1; at < bytes.length; at++) expect(facts(run(cut(bytes, [at]), withhold))).toEqual(whole)
      expect(facts(run([...bytes].map(byte => Buffer.from([byte])), withhold))).toEqual(whole)
      fc.assert(fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), cuts => {
        expect(facts(run(cut(bytes, cuts), withhold))).toEqual(whole)
      }), { numRuns: 50 })
    }
  })

  it.each(STREAMS.slice(0, 4))('reads usage and finish reason, and withholds only the usage event: %s', (_name, text) => {
    const bytes = Buffer.from(text, 'utf8')
    const open = run([bytes], false)
    expect(open.out).toBe(bytes.latin1Slice())
    const closed = run([bytes], true)
    const lines = closed.out.split(/[\r\n]+/).filter(line => line !== '')
    expect(lines.length).toBe(4)
    expect(closed.out).not.toContain('prompt_tokens')
    for (const { tap, end } of [open, closed]) {
      expect(tap).toMatchObject({ usage: USAGE, finishReason: 'stop', done: true, error: null, missingDone: false })
      expect(end).toBe('complete')
    }
  })

  it('gives whole events on as they came', () => {
    const tap = new SseTap(new ChunkReader(false))
    for (const events of [FULL.slice(0, 1), FULL.slice(0, 2), FULL]) {
      const chunk = Buffer.from(stream(events))
      expect(tap.push(chunk)).toBe(chunk.toString('latin1'))
    }
  })

  it.each([
    ['usage', usageEvent, { usage: USAGE }],
    ['a finish reason', delta('', 'length'), { finishReason: 'length' }],
    ['a finish reason after a space', '{"choices":[{"finish_reason": "length"}]}', { finishReason: 'length' }],
    ['a finish reason between spaces', '{"choices":[{"finish_reason" : "length"}]}', { finishReason: 'length' }],
    ['a finish reason whose key is escaped', '{"choices":[{"finish_re\\u0061son":"length"}]}', { finishReason: 'length' }],
    ['an error', '{"error":{"code":429}}', { error: { kind: 'upstream-rate-limited' } }],
    ['an error by its type', '{"type":"error"}', { error: { kind: 'upstream-server-error' } }],
    ['the terminator', '[DONE]', { done: true }],
  ])('finds %s anywhere among ordinary events of one read', (_name, event, facts) => {
    const ordinary = Array.from({ length: 5 }, (_, index) => delta('x'.repeat(index)))
    for (let at = 0; at <= ordinary.length; at++) {
      expect(run([Buffer.from(stream([...ordinary.slice(0, at), event, ...ordinary.slice(at)]))], false).tap).toMatchObject(facts)
    }
  })

  it.each(['<html>', '{"detail":"x"}'])('forwards nothing from %s on, wherever it stands', foreign => {
    const before = stream(FULL.slice(0, 2))
    const told = run([Buffer.from(stream(FULL.slice(0, 1))), Buffer.from(`${before}${foreign}\n\n${stream(FULL)}`)], false)
    expect(told.tap.error?.kind).toBe('upstream-protocol')
    expect(told.out).toBe(Buffer.from(stream(FULL.slice(0, 1)) + before).latin1Slice())
  })

  it.each(['{"choices":[{"delta":{"content":', '{"choices":[{"delta":{"content":"broken', '{"usage":{"prompt_tokens":1', '{broken}', 'oops', '"a', '[1', 'DONE'])('takes an event that is not JSON for an error, wherever it stands: %s', event => {
    for (let at = 0; at < FULL.length; at++) {
      const told = run([Buffer.from(stream([...FULL.slice(0, at), event, ...FULL.slice(at)]))], false)
      expect([told.tap.error?.kind, told.end]).toEqual(['upstream-protocol', 'cut'])
      expect(told.out).toBe(Buffer.from(stream(FULL.slice(0, at))).latin1Slice())
    }
  })

  it.each(['', ' ', '{}', ' {"a":1} ', '"a"', '7', '[]', 'null', '{\n"a":1}'])('passes data on that is JSON, or nothing, however it is spelled: %j', event => {
    const text = stream([...FULL.slice(0, 2), event.replace('\n', '\ndata: '), ...FULL.slice(2)])
    expect(run([Buffer.from(text)], false)).toMatchObject({ out: Buffer.from(text).latin1Slice(), end: 'complete' })
  })

  it('keeps an event that has usage and choices', () => {
    const both = '{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}'
    const told = run([Buffer.from(stream([both, '[DONE]']))], true)
    expect(told.out).toBe(stream([both, '[DONE]']))
    expect(told.tap.usage.outputTokens).toBe(2)
  })

  it('is not fooled by what the model writes', () => {
    const tricky = ['"usage":{"prompt_tokens":7}', '[DONE]', 'data: [DONE]\n\n', '"choices":[],"usage":{', '"error"', '"finish_reason":"stop"', '_tokens', 'error', 'finish_reason',
      '"finish_reason":null}],"usage":null}\n\n', '{"error":{"message":"x"}}', '\r\n\r\n']
    const text = stream(tricky.map(content => delta(content)))
    const told = run([Buffer.from(text)], true)
    expect(told.out).toBe(Buffer.from(text).latin1Slice())
    expect(told.tap).toMatchObject({ done: false, error: null, finishReason: '', usage: { inputTokens: -1 } })
    expect(told.end).toBe('cut')
  })

  it.each([
    ['nothing at all', '', 'cut', false],
    ['events without a finish', stream(FULL.slice(0, 2)), 'cut', false],
    ['a finish without [DONE]', stream(FULL.slice(0, 3)), 'complete', true],
    ['a finish and half an event', `${stream(FULL.slice(0, 3))}data: {"choices":[]`, 'cut', false],
    ['[DONE] without its empty line', `${stream(FULL.slice(0, 3))}data: [DONE]\n`, 'complete', true],
    ['[DONE]', stream(FULL), 'complete', false],
  ])('says how a stream ended: %s', (_name, text, end, missingDone) => {
    const told = run([Buffer.from(text)], false)
    expect(told.end).toBe(end)
    expect(told.tap.missingDone).toBe(missingDone)
  })

  it.each([
    ['{"error":{"code":"insufficient_quota"}}', 'upstream-quota'],
    ['{"error":{"code":429}}', 'upstream-rate-limited'],
    ['{"error":{"type":"overloaded_error"}}', 'upstream-overloaded'],
    ['{"error":{"message":"boom"}}', 'upstream-server-error'],
    ['{"error":"boom"}', 'upstream-server-error'],
  ])('keeps an error event back and says what it was: %s', (event, kind) => {
    const told = run([Buffer.from(stream([FULL[0] ?? '', FULL[2] ?? '', event, '[DONE]']))], false)
    expect(told.tap.error?.kind).toBe(kind)
    expect(told.out).toBe(stream([FULL[0] ?? '', FULL[2] ?? '']))
    expect(told.end).toBe('cut')
  })

  it.each([['a web page', '<html>'], ['bare JSON', '{"error":'], ['an endless event', `data: ${'x'.repeat(1_048_577)}`]])('refuses %s', (_name, text) => {
    const told = run([Buffer.from(text)], false)
    expect(told.tap.error?.kind).toBe('upstream-protocol')
    expect(told.out).toBe('')
  })

  it('takes an event below the limit in single bytes, and a million empty lines, in linear time', () => {
    const tap = new SseTap(new ChunkReader(false))
    const byte = Buffer.from('x')
    tap.push(Buffer.from('data: {"a":"'))
    const started = process.cpuUsage()
    for (let index = 0; index < 500_000; index++) tap.push(byte)
    expect(tap.push(Buffer.from('"}\n\n'))).toHaveLength(500_016)
    expect(new SseTap(new ChunkReader(false)).push(Buffer.alloc(1_000_000, '\n'))).not.toBeNull()
    expect(process.cpuUsage(started).user).toBeLessThan(3_000_000)
    expect(tap.error).toBeNull()
  })

  it.each([-1, 1.5, 1e18, '"7"', 'null', '{}'])('takes the count %s for unknown', value => {
    const told = run([Buffer.from(stream([`{"choices":[],"usage":{"prompt_tokens":${value},"completion_tokens":5}}`]))], false)
    expect(told.tap.usage).toMatchObject({ inputTokens: -1, outputTokens: 5 })
  })
})
