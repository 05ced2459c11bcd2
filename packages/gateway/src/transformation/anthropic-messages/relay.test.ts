import { describe, expect, it } from 'vitest'
import { ERROR_POLICY, gatewayError, type ErrorKind, type RequestHead } from '@headrace/contract'
import { anthropicMessages } from './dialect.ts'

const USAGE = { input_tokens: 7, cache_read_input_tokens: 4, cache_creation_input_tokens: 2, output_tokens: 3, output_tokens_details: { thinking_tokens: 1 } }
const NEUTRAL = { inputTokens: 13, outputTokens: 3, cachedInputTokens: 4, cacheWriteTokens: 2, reasoningTokens: 1 }
const event = (data: Readonly<Record<string, unknown>>): string => `event: ${String(data['type'])}\ndata: ${JSON.stringify(data)}\n\n`
const STREAM = [
  event({ type: 'message_start', message: { id: 'm', usage: { ...USAGE, output_tokens: 1 } } }), event({ type: 'ping' }),
  event({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  event({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: '"stop_reason":"fake" <b> é𝄞' } }),
  event({ type: 'content_block_stop', index: 0 }), event({ type: 'message_delta', delta: { stop_reason: 'max_tokens' }, usage: { output_tokens: 3 } }), event({ type: 'message_stop' }),
]

function run(pieces: readonly Buffer[]): unknown {
  const tap = anthropicMessages.createStreamTap(true, 'text/event-stream')
  let out = ''
  for (const piece of pieces) out += tap.push(piece)
  return { out, end: tap.end(), usage: tap.usage, finish: tap.finishReason, done: tap.done, error: tap.error?.kind ?? null, missing: tap.missingDone }
}

describe('the stream tap for Messages', () => {
  const streams: readonly (readonly [string, string, object])[] = [
    ['a whole stream', STREAM.join(''), { end: 'complete', usage: NEUTRAL, finish: 'max_tokens', done: true, error: null }],
    ['one without its end', STREAM.slice(0, -1).join(''), { end: 'complete', done: false, missing: true, error: null }],
    ['one whose end lacks its empty line', STREAM.join('').slice(0, -1), { end: 'complete', done: false, missing: true }],
    ['one that is cut, whose output nobody has counted', STREAM.slice(0, 4).join(''), { end: 'cut', done: false, error: null, usage: { inputTokens: 13, outputTokens: -1 } }],
    ['an error event', STREAM.slice(0, 4).join('') + event({ type: 'error', error: { type: 'overloaded_error', message: 'x' } }), { error: 'upstream-overloaded' }],
    ['CRLF', STREAM.join('').replaceAll('\n', '\r\n'), { end: 'complete', usage: NEUTRAL, finish: 'max_tokens', done: true }],
    ['an event that is cut', `${STREAM.slice(0, 4).join('')}event: content_block_delta\ndata: {"type":"content_block_delta","delta":{"text":"x\n\n${STREAM.slice(4).join('')}`, { end: 'cut', error: 'upstream-protocol' }],
    ['a bare JSON tail', `${STREAM.slice(0, 4).join('')}{"type":"error"}\n\n`, { error: 'upstream-protocol' }],
  ]
  it.each(streams)('reads %s, wherever it is cut', (_name, text, facts) => {
    const bytes = Buffer.from(text)
    const whole = run([bytes])
    expect(whole).toMatchObject(facts)
    expect(run(Array.from(bytes, byte => Buffer.of(byte)))).toEqual(whole)
    for (let cut = 1; cut < bytes.length; cut++) expect(run([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole)
  })
})

describe('a JSON answer', () => {
  const answer = JSON.stringify({ id: 'm', content: [{ type: 'tool_use', input: { usage: { input_tokens: 999 }, stop_reason: 'fake' } }], stop_reason: 'tool_use', usage: USAGE })
  it.each([['whole', answer], ['a tail', answer.slice(40)], ['with members behind', answer.replace(/\}$/, ',"container":{"usage":1}}')]])('tells its usage and stop reason: %s', (_name, text) => {
    expect(anthropicMessages.readJsonUsage(text)).toEqual({ usage: NEUTRAL, finishReason: 'tool_use' })
  })

  it('that counts tokens used none', () => {
    expect(anthropicMessages.readJsonUsage('{"input_tokens":42}').usage).toMatchObject({ inputTokens: 0, outputTokens: 0 })
    expect(anthropicMessages.readJsonUsage('{"input_tok').usage).toMatchObject({ inputTokens: -1 })
  })
})

describe('a request', () => {
  const head = (headers: Readonly<Record<string, string>>): RequestHead => ({ method: 'POST', path: '/v1/messages', query: '', remoteAddress: '', header: name => headers[name] })

  it('takes the client\'s version and features along, and only what is clean', () => {
    expect(anthropicMessages.forwardedHeaders(head({}))).toBe('anthropic-version: 2023-06-01\r\n')
    expect(anthropicMessages.forwardedHeaders(head({ 'anthropic-version': '2024-01-01', 'anthropic-beta': 'a, b' }))).toBe('anthropic-version: 2024-01-01\r\nanthropic-beta: a, b\r\n')
    expect(anthropicMessages.forwardedHeaders(head({ 'anthropic-version': 'x y', 'anthropic-beta': 'é' }))).toBe('anthropic-version: 2023-06-01\r\n')
  })

  it('names its end user in the metadata', () => {
    const scanned = anthropicMessages.scanRequest(Buffer.from('{"model":"m","max_tokens":5,"metadata":{"user_id":"u-1"},"stream":true}'), 'chat', { jsonDepth: 9 }, { path: '', query: '' })
    expect(scanned).toMatchObject({ ok: true, value: { model: 'm', user: 'u-1', maxTokens: 5, stream: true } })
  })
})

it.each(Object.keys(ERROR_POLICY) as ErrorKind[])('%s is told in Anthropic\'s shape, and keeps its class', kind => {
  const told = anthropicMessages.encodeError(gatewayError(kind, 'words é', { retryAfterMs: 1_500 }), 'req-1')
  const body = JSON.parse(told.body) as { type: string, error: { type: string, message: string }, request_id: string }
  expect(body).toMatchObject({ type: 'error', error: { message: expect.stringContaining('words é') as string }, request_id: 'req-1' })
  expect(told.headers).toMatch(/\r\nrequest-id: req-1\r\nretry-after: 2\r\n/)
  const { status } = ERROR_POLICY[kind]
  expect(told.status === status || (status === 503 && told.status === 529)).toBe(true)
  expect(body.error.type === 'rate_limit_error').toBe(status === 429)
  expect(body.error.type === 'overloaded_error').toBe(told.status === 529)
})
