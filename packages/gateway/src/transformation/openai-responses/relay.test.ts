import { describe, expect, it } from 'vitest'
import { ERROR_POLICY, gatewayError, type ErrorKind } from '@headrace/contract'
import { openAiResponses } from './dialect.ts'

const USAGE = { input_tokens: 13, input_tokens_details: { cached_tokens: 4, cache_write_tokens: 2 }, output_tokens: 3, output_tokens_details: { reasoning_tokens: 1 }, total_tokens: 16 }
const NEUTRAL = { inputTokens: 13, outputTokens: 3, cachedInputTokens: 4, cacheWriteTokens: 2, reasoningTokens: 1 }
const response = (more: Readonly<Record<string, unknown>>): Record<string, unknown> => ({ id: 'resp_1', object: 'response', status: 'in_progress', max_output_tokens: null, model: 'm', output: [], usage: null, ...more })
const event = (number: number, data: Readonly<Record<string, unknown>>): string => `event: ${String(data['type'])}\ndata: ${JSON.stringify({ ...data, sequence_number: number })}\n\n`
const COMPLETED = event(4, { type: 'response.completed', response: response({ status: 'completed', usage: USAGE }) })
const BEGUN = [
  event(0, { type: 'response.created', response: response({}) }), event(1, { type: 'response.in_progress', response: response({}) }),
  event(2, { type: 'response.output_text.delta', item_id: 'msg_1', output_index: 0, content_index: 0, delta: '"input_tokens":9,"sequence_number":99} <b> é𝄞', logprobs: [] }), event(3, { type: 'response.new_and_unknown', x: 1 }),
]
const failed = (error: object): string => event(4, { type: 'response.failed', response: response({ status: 'failed', error }) })

function run(pieces: readonly Buffer[]): unknown {
  const tap = openAiResponses.createStreamTap(true, 'text/event-stream')
  let out = ''
  for (const piece of pieces) out += tap.push(piece)
  return { out, end: tap.end(), usage: tap.usage, finish: tap.finishReason, error: tap.error?.kind ?? null, missing: tap.missingDone, opening: tap.opening }
}

describe('the stream tap for Responses', () => {
  const whole = [...BEGUN, COMPLETED].join('')
  const streams: readonly (readonly [string, string, object])[] = [
    ['a whole stream', whole, { end: 'complete', usage: NEUTRAL, finish: 'completed', error: null, missing: false, out: Buffer.from(whole).latin1Slice() }],
    ['one that ends with a terminator all the same', `${whole}data: [DONE]\n\n`, { end: 'complete', out: Buffer.from(`${whole}data: [DONE]\n\n`).latin1Slice() }],
    ['an incomplete response', BEGUN.join('') + event(4, { type: 'response.incomplete', response: response({ status: 'incomplete', incomplete_details: { reason: 'max_output_tokens' }, usage: USAGE }) }), { end: 'complete', usage: NEUTRAL, finish: 'max_output_tokens' }],
    ['one that is cut', BEGUN.join(''), { end: 'cut', error: null, usage: { inputTokens: -1 } }],
    ['one that is cut in its last event', whole.slice(0, -9), { end: 'cut', error: null }],
    ['an error event', BEGUN.join('') + event(4, { type: 'error', code: 'rate_limit_exceeded', message: 'x', param: null }), { error: 'upstream-rate-limited', end: 'cut' }],
    ['an error event with its facts inside', BEGUN.join('') + event(4, { type: 'error', error: { type: 'insufficient_quota', code: 'insufficient_quota' } }), { error: 'upstream-quota' }],
    ['a response that failed', BEGUN.join('') + failed({ code: 'server_error', message: 'x' }), { error: 'upstream-server-error', out: Buffer.from(BEGUN.join('')).latin1Slice() }],
    ['a response that failed for what the client sent', BEGUN.join('') + failed({ code: 'invalid_image_url', message: 'x' }), { error: 'upstream-invalid-request' }],
    ['CRLF', whole.replaceAll('\n', '\r\n'), { end: 'complete', usage: NEUTRAL, finish: 'completed' }],
    ['a bare JSON tail', `${BEGUN.join('')}{"error":{"message":"x"}}\n\n`, { error: 'upstream-protocol' }],
  ]
  it.each(streams)('reads %s, wherever it is cut', (_name, text, facts) => {
    const bytes = Buffer.from(text)
    const all = run([bytes])
    expect(all).toMatchObject(facts)
    expect(run(Array.from(bytes, byte => Buffer.of(byte)))).toEqual(all)
    for (let cut = 1; cut < bytes.length; cut++) expect(run([bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(all)
  })

  it('keeps the beginning for the error that may follow: the same response fails, under the next numbers', () => {
    const tap = openAiResponses.createStreamTap(true, 'text/event-stream')
    const sent = tap.push(Buffer.from(BEGUN.join('')))
    const told = openAiResponses.encodeStreamError(gatewayError('upstream-truncated', 'Cut é.'), tap.opening + sent)
    expect(told.split('\n\n').filter(text => text !== '').map(text => [text.split('\n')[0], JSON.parse(text.slice(text.indexOf('{'))) as unknown])).toEqual([
      ['event: error', { type: 'error', sequence_number: 4, code: 'upstream_truncated', message: 'Cut é.', param: null, error: { type: 'upstream_error', code: 'upstream_truncated', message: 'Cut é.', param: null } }],
      ['event: response.failed', { type: 'response.failed', sequence_number: 5, response: response({ status: 'failed', error: { code: 'server_error', message: 'Cut é.' } }) }],
    ])
    expect(openAiResponses.encodeStreamError(gatewayError('upstream-truncated', 'Cut.'), '')).toMatch(/^event: error\ndata: \{[^\n]*"sequence_number":0[^\n]*\n\n$/)
  })
})

describe('a JSON answer', () => {
  const answer = JSON.stringify({ id: 'resp_1', status: 'completed', output: [{ type: 'function_call', arguments: '{"usage":{"input_tokens":999}}' }], usage: USAGE })
  it.each([['whole', answer, 'completed'], ['a tail', answer.slice(40), ''], ['with members behind', answer.replace(/\}$/, ',"metadata":{"usage":"1"}}'), 'completed']])('tells its usage: %s', (_name, text, finishReason) => {
    expect(openAiResponses.readJsonUsage(text)).toEqual({ usage: NEUTRAL, finishReason })
  })

  it('that counts tokens used none', () => {
    expect(openAiResponses.readJsonUsage('{"object":"response.input_tokens","input_tokens":42}').usage).toMatchObject({ inputTokens: 0, outputTokens: 0 })
    expect(openAiResponses.readJsonUsage('{"input_tok').usage).toMatchObject({ inputTokens: -1 })
  })
})

describe('a request', () => {
  const scan = (body: string) => openAiResponses.scanRequest(Buffer.from(body), 'chat', { jsonDepth: 9 }, { path: '', query: '' })

  it('is read for what routing needs', () => {
    expect(scan('{"model":"m","max_output_tokens":5,"user":"u-1","stream":true,"stream_options":{"include_obfuscation":false},"n":7,"max_tokens":9,"previous_response_id":null,"background":false,"input":"x"}'))
      .toMatchObject({ ok: true, value: { model: 'm', user: 'u-1', maxTokens: 5, stream: true, choices: 1 } })
    expect(scan('{"model":"m","input":"x"}')).toMatchObject({ ok: true, value: { maxTokens: -1, stream: false } })
  })

  it.each([
    ['"previous_response_id":"resp_1"', 400, 'previous_response_not_found', 'previous_response_id'], ['"previous\\u005fresponse_id":"resp_1"', 400, 'previous_response_not_found', 'previous_response_id'],
    ['"conversation":"conv_1"', 404, 'not_found', 'conversation'], ['"conversation":{"id":"conv_1"}', 404, 'not_found', 'conversation'], ['"background":true', 400, 'unsupported_parameter', 'background'],
  ])('that builds on stored state comes with what it is told where nothing is stored, in the vendor\'s words: %s', (member, status, code, param) => {
    const scanned = scan(`{"model":"m","input":"x",${member}}`)
    if (!scanned.ok || scanned.value.stateless === undefined) throw new Error('Nothing is said of it.')
    const told = openAiResponses.encodeError(scanned.value.stateless, 'req-1')
    expect([told.status, JSON.parse(told.body)]).toMatchObject([status, { error: { type: 'invalid_request_error', code, param } }])
  })
})

it.each(Object.keys(ERROR_POLICY) as ErrorKind[])('%s is told in OpenAI\'s shape', kind => {
  const told = openAiResponses.encodeError(gatewayError(kind, 'words é', { retryAfterMs: 1_500, param: 'input' }), 'req-1')
  expect(JSON.parse(told.body)).toMatchObject({ error: { message: expect.stringContaining('words é') as string, type: ERROR_POLICY[kind].type, code: ERROR_POLICY[kind].code, param: 'input' } })
  expect([told.status, told.headers]).toEqual([ERROR_POLICY[kind].status, expect.stringMatching(/\r\nx-request-id: req-1\r\nretry-after: 2\r\n/)])
})
