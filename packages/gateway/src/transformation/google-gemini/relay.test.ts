import { describe, expect, it } from 'vitest'
import { ERROR_POLICY, gatewayError, type ErrorKind } from '@headrace/contract'
import { googleGemini } from './dialect.ts'

const USAGE = { promptTokenCount: 11, toolUsePromptTokenCount: 2, cachedContentTokenCount: 4, candidatesTokenCount: 2, thoughtsTokenCount: 1, totalTokenCount: 16 }
const NEUTRAL = { inputTokens: 13, outputTokens: 3, cachedInputTokens: 4, cacheWriteTokens: -1, reasoningTokens: 1 }
const said = (text: string, more: object = {}, index = 0): string =>
  JSON.stringify({ candidates: [{ content: { parts: [{ text }], role: 'model' }, index, ...more }], usageMetadata: { promptTokenCount: 11, totalTokenCount: 11 }, modelVersion: 'g', responseId: 'r' })
const last = JSON.stringify({ candidates: [{ content: { parts: [{ text: '' }], role: 'model' }, index: 0, finishReason: 'MAX_TOKENS' }], usageMetadata: USAGE, modelVersion: 'g', responseId: 'r' })
const BEGUN = [said('"finishReason":"FAKE","totalTokenCount":9 <b> é𝄞 \\'), said('data: [{"error":{"code":500}}]')]
const ERROR = JSON.stringify({ error: { code: 503, message: 'x', status: 'UNAVAILABLE' } })
const events = (...list: readonly string[]): string => list.map(data => `data: ${data}\r\n\r\n`).join('')
const array = (...list: readonly string[]): string => `[${list.join('\n,\r\n')}\n]\n`
const begunArray = (...list: readonly string[]): string => array(...list).trimEnd().slice(0, -1)

function run(contentType: string, pieces: readonly Buffer[]): unknown {
  const tap = googleGemini.createStreamTap(false, contentType)
  let out = ''
  for (const piece of pieces) out += tap.push(piece)
  return { out, end: tap.end(), usage: tap.usage, finish: tap.finishReason, error: tap.error?.kind ?? null, missing: tap.missingDone }
}

type Row = readonly [name: string, contentType: string, text: string, facts: object]
const EVENTS = 'text/event-stream'
const JSON_TYPE = 'application/json; charset=UTF-8'
const latin1 = (text: string): string => Buffer.from(text).latin1Slice()

describe('the stream taps for Gemini', () => {
  const streams: readonly Row[] = [
    ['a whole stream', EVENTS, events(...BEGUN, last), { end: 'complete', usage: NEUTRAL, finish: 'MAX_TOKENS', error: null, missing: false, out: latin1(events(...BEGUN, last)) }],
    ['one of LF only', EVENTS, events(...BEGUN, last).replaceAll('\r', ''), { end: 'complete', usage: NEUTRAL, finish: 'MAX_TOKENS' }],
    ['one that gives no reason to end', EVENTS, events(...BEGUN), { end: 'cut', error: null, finish: '', usage: { inputTokens: 11, outputTokens: -1 } }],
    ['one that is cut in its last event', EVENTS, events(...BEGUN, last).slice(0, -9), { end: 'cut', error: null, out: latin1(events(...BEGUN)) }],
    ['one of two candidates of which one has not ended', EVENTS, events(said('a'), said('b', {}, 1), last), { end: 'cut', finish: '' }],
    ['one of two candidates that have ended', EVENTS, events(said('a'), said('b', { finishReason: 'STOP' }, 1), last), { end: 'complete', finish: 'MAX_TOKENS' }],
    ['a prompt that was blocked', EVENTS, events(JSON.stringify({ promptFeedback: { blockReason: 'SAFETY' }, usageMetadata: { promptTokenCount: 11, totalTokenCount: 11 } })), { end: 'complete', finish: 'SAFETY', usage: { inputTokens: 11, outputTokens: 0 } }],
    ['an error event', EVENTS, events(...BEGUN, ERROR), { end: 'cut', error: 'upstream-overloaded', out: latin1(events(...BEGUN)) }],
    ['a bare JSON tail', EVENTS, `${events(...BEGUN)}${ERROR}\n\n`, { error: 'upstream-protocol', out: latin1(events(...BEGUN)) }],
    ['a web page', EVENTS, '<html><body>502</body></html>', { end: 'cut', out: '' }],
    ['a whole array', JSON_TYPE, array(...BEGUN, last), { end: 'complete', usage: NEUTRAL, finish: 'MAX_TOKENS', error: null, missing: false, out: latin1(array(...BEGUN, last)) }],
    ['an array without its end', JSON_TYPE, begunArray(...BEGUN, last), { end: 'complete', usage: NEUTRAL, finish: 'MAX_TOKENS', missing: true }],
    ['an array that gives no reason to end', JSON_TYPE, begunArray(...BEGUN), { end: 'cut', finish: '', error: null }],
    ['an array that is cut in an element', JSON_TYPE, array(...BEGUN, last).slice(0, -30), { end: 'cut', error: null, out: latin1(begunArray(...BEGUN).trimEnd()) }],
    ['an error as an element', JSON_TYPE, array(...BEGUN, ERROR), { end: 'cut', error: 'upstream-overloaded', out: latin1(begunArray(...BEGUN).trimEnd()) }],
    ['an array that is followed by more of something', JSON_TYPE, `${begunArray(...BEGUN)}] {"a":1}`, { end: 'complete', error: null, out: latin1(`${begunArray(...BEGUN)}] `) }],
    ['an empty array', JSON_TYPE, ' [ ] \n', { end: 'complete', out: ' [ ] \n', finish: '' }],
    ['a page that is no array', JSON_TYPE, '<html>[{}]</html>', { end: 'cut', error: 'upstream-protocol', out: '' }],
  ]
  it.each(streams)('read %s (%s), wherever it is cut', (_name, contentType, text, facts) => {
    const bytes = Buffer.from(text)
    const whole = run(contentType, [bytes])
    expect(whole).toMatchObject(facts)
    expect(run(contentType, Array.from(bytes, byte => Buffer.of(byte)))).toEqual(whole)
    for (let cut = 1; cut < bytes.length; cut++) expect(run(contentType, [bytes.subarray(0, cut), bytes.subarray(cut)])).toEqual(whole)
  })

  it('end what failed with an error that fits its framing: an event, or the last element of an array that is valid JSON', () => {
    for (const contentType of [EVENTS, JSON_TYPE]) {
      const tap = googleGemini.createStreamTap(false, contentType)
      const sent = tap.push(Buffer.from(contentType === EVENTS ? events(...BEGUN) : begunArray(...BEGUN)))
      const told = sent + googleGemini.encodeStreamError(gatewayError('upstream-truncated', 'Cut é.'), tap.opening + sent)
      const list = (contentType === EVENTS ? told.split('\r\n\r\n').filter(text => text !== '').map(text => JSON.parse(text.slice(6)) as unknown) : JSON.parse(told)) as { readonly error?: object }[]
      expect([list.length, list.at(-1)?.error]).toMatchObject([3, { code: 502, message: 'Cut é.', status: 'INTERNAL' }])
    }
  })
})

describe('a JSON answer', () => {
  const answer = JSON.stringify({ candidates: [{ content: { parts: [{ functionCall: { name: 'f', args: { finishReason: 'FAKE', usageMetadata: { promptTokenCount: 999 } } } }], role: 'model' }, finishReason: 'STOP', index: 0 }], usageMetadata: USAGE })
  it.each([['whole', answer], ['a tail', answer.slice(40)], ['with members behind', answer.replace(/\}$/, ',"modelVersion":"g","responseId":"usageMetadata"}')], ['with its counts first', JSON.stringify({ usageMetadata: USAGE, candidates: [{ finishReason: 'STOP' }] })]])('tells its usage: %s', (_name, text) => {
    expect(googleGemini.readJsonUsage(text)).toEqual({ usage: NEUTRAL, finishReason: 'STOP' })
  })

  it('that counts tokens used none; what is none tells nothing', () => {
    expect(googleGemini.readJsonUsage('{"totalTokens":42}').usage).toMatchObject({ inputTokens: 0, outputTokens: 0 })
    for (const text of ['', '{', '[]', '{"candidates":[', '<html>']) expect(googleGemini.readJsonUsage(text)).toMatchObject({ usage: { inputTokens: -1 }, finishReason: '' })
  })
})

describe('a request', () => {
  const scan = (body: string, path = '/v1beta/models/m:generateContent', query = '', operation: 'chat' | 'count-tokens' = 'chat') => googleGemini.scanRequest(Buffer.from(body), operation, { jsonDepth: 9 }, { path, query })

  it.each([
    ['/v1beta/models/m:generateContent', '', { model: 'm', stream: false, path: 'chat' }], ['/v1beta/models/m:streamGenerateContent', 'alt=sse', { model: 'm', stream: true, path: 'chat-stream' }],
    ['/v1beta/models/m:streamGenerateContent', 'key=k', { stream: true, path: 'chat-array' }], ['/v1/models/vendor%2Fm%3Afree:generateContent', '', { model: 'vendor/m:free' }],
    ['/v1beta/models/vendor/m:generateContent', '', { model: 'vendor/m' }], ['/v1beta/tunedModels/t:generateContent', '', { model: 'tunedModels/t' }],
  ])('says in its path what it wants: %s?%s', (path, query, expected) => {
    expect(scan('{"contents":[],"generationConfig":{"maxOutputTokens":"5","candidateCount":2,"temperature":0}}', path, query)).toMatchObject({ ok: true, value: { ...expected, maxTokens: 5, choices: 2, deterministic: true } })
  })

  it.each([
    ['{"contents":[],"generationConfig":{"maxOutputTokens":5,"max_output_tokens":6}}', 'generationConfig'], ['{"contents":[],"generationConfig":{},"generation_config":{}}', null],
    ['{"contents":[],"contents":[],"generationConfig":{},"generationConfig":{}}', null], ['[]', null], ['', null], ['{"contents":[}', null],
  ])('that could be understood in two ways is refused: %s', (body, param) => {
    expect(scan(body)).toMatchObject({ ok: false, error: { kind: 'invalid-request', param } })
  })

  it('that counts tokens names the model once more where it holds a whole request', () => {
    const body = '{"generateContentRequest":{"model":"models/m","contents":[]}}'
    const scanned = scan(body, '/v1beta/models/m:countTokens', '', 'count-tokens')
    if (!scanned.ok) throw new Error(scanned.error.message)
    expect(googleGemini.spliceRequest(scanned.value, '"target"', false)).toBe(body.replace('models/m', 'models/target'))
  })
})

it.each(Object.keys(ERROR_POLICY) as ErrorKind[])('%s is told in Google\'s shape', kind => {
  const told = googleGemini.encodeError(gatewayError(kind, 'words é', { retryAfterMs: 1_500, param: 'contents' }), 'req-1')
  const { status, code } = ERROR_POLICY[kind]
  expect(JSON.parse(told.body)).toMatchObject({ error: { code: status, message: 'words é', status: expect.stringMatching(/^[A-Z_]+$/) as string, details: [{ reason: code.toUpperCase() }, { fieldViolations: [{ field: 'contents' }] }, { retryDelay: '1.5s' }] } })
  expect([told.status, told.headers]).toEqual([status, expect.stringMatching(/\r\nx-request-id: req-1\r\nretry-after: 2\r\n/)])
})

describe('the list of models', () => {
  const models = ['a', 'vendor/b', 'c'].map((id, index) => ({ id, ownedBy: 'v', created: 0, facts: index > 0 ? null : { name: 'A', contextWindow: 5_000, maxOutput: -1 } as never }))
  const page = (query: string): { readonly models: readonly { readonly name: string }[], readonly nextPageToken?: string } => JSON.parse(googleGemini.encodeModels(models, query))

  it('has all of them, with what is known', () => {
    expect(page('').models).toEqual([
      { name: 'models/a', displayName: 'A', inputTokenLimit: 5_000, supportedGenerationMethods: ['generateContent', 'streamGenerateContent', 'countTokens'] },
      { name: 'models/vendor/b', displayName: 'vendor/b', supportedGenerationMethods: expect.anything() as unknown }, { name: 'models/c', displayName: 'c', supportedGenerationMethods: expect.anything() as unknown },
    ])
    expect(page('')).not.toHaveProperty('nextPageToken')
  })

  it.each([['pageSize=2', ['a', 'vendor/b'], '2'], ['pageSize=2&pageToken=2', ['c'], undefined], ['pageSize=3', ['a', 'vendor/b', 'c'], undefined], ['pageSize=0', ['a', 'vendor/b', 'c'], undefined], ['pageSize=x', ['a', 'vendor/b', 'c'], undefined],
    ['pageToken=99', [], undefined], ['pageToken=', [], undefined], ['pageToken=-1', [], undefined], ['pageToken=x&pageSize=1', [], undefined]] as const)('in pages: %s', (query, names, next) => {
    const { models: listed, nextPageToken } = page(query)
    expect([listed.map(({ name }) => name.slice(7)), nextPageToken]).toEqual([names, next])
  })
})
