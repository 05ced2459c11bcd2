import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ERROR_POLICY, gatewayError, type ErrorKind, type ResponseHead } from '@headrace/contract'
import { classifyResponse, isStream, readRetryAfter } from '../relay/classify-response.ts'
import { encodeError, encodeStreamError } from './encode-error.ts'
import { readJsonUsage } from './json-usage.ts'
import { encodeModel, encodeModels } from './models.ts'
import { readUsage } from './read-usage.ts'

const head = (headers: Record<string, string> = { 'content-type': 'application/json' }): ResponseHead => ({ header: name => headers[name] })
const UNKNOWN = { inputTokens: -1, outputTokens: -1, cachedInputTokens: -1, cacheWriteTokens: -1, reasoningTokens: -1 }

describe('classifying an answer', () => {
  it.each<[number, string, ErrorKind]>([
    [302, '', 'upstream-protocol'], [400, '{}', 'upstream-invalid-request'], [404, '', 'upstream-invalid-request'], [413, '', 'upstream-invalid-request'],
    [400, '{"error":{"code":"context_length_exceeded"}}', 'upstream-context-length'], [400, '{"error":{"message":"prompt is too long: 2 tokens > 1 maximum"}}', 'upstream-context-length'],
    [422, '', 'upstream-invalid-request'], [401, '', 'upstream-auth'], [403, '', 'upstream-auth'], [402, '', 'upstream-quota'],
    [429, '{"error":{"code":"rate_limit_exceeded"}}', 'upstream-rate-limited'], [429, 'junk', 'upstream-rate-limited'],
    [429, '{"error":{"code":"insufficient_quota"}}', 'upstream-quota'], [429, '{"error":{"type":"credit_balance_exhausted"}}', 'upstream-quota'],
    [429, '{"error":{"code":"billing_hard_limit_reached"}}', 'upstream-quota'], [429, '{"error":{"code":"spend_limit"}}', 'upstream-quota'],
    [429, '{"error":{"message":"see your billing page","code":"rate_limit_exceeded"}}', 'upstream-rate-limited'],
    [503, '', 'upstream-overloaded'], [529, '', 'upstream-overloaded'], [500, '', 'upstream-server-error'], [502, '<html>', 'upstream-server-error'],
    [200, '', 'upstream-protocol'], [200, '<html></html>', 'upstream-protocol'], [200, '{"choices":[', 'upstream-protocol'],
    [200, '{"error":{"message":"x"}}', 'upstream-protocol'], [200, '[]', 'upstream-protocol'],
  ])('maps %s %s to %s and repeats nothing of the text', (status, body, kind) => {
    const error = classifyResponse(status, head(), body)
    expect(error).toMatchObject({ kind, upstreamStatus: status })
    expect(classifyResponse(status, head(), Buffer.from(body))).toEqual(error)
  })

  it.each(['{"choices":[]}', ' {"id":1,"error":null}\n', '{"choices":[{"message":{"content":"\\"error\\""}}]}', '{"content":"error","x":"error"}'])('takes %s for a good answer', body => {
    expect(classifyResponse(200, head(), body)).toBeNull()
    expect(classifyResponse(200, head({}), body)).toBeNull()
  })

  it('takes no part of an answer for an answer, wherever it was cut, and however its framing ended', () => {
    const whole = JSON.stringify({ id: 'x', choices: [{ index: 0, message: { content: 'a "quoted" {word}', tool_calls: [{ function: { arguments: '{"usage":{}}' } }] }, finish_reason: 'stop' }], usage: { prompt_tokens: 1, completion_tokens: 2, prompt_tokens_details: { cached_tokens: 0 } }, system_fingerprint: 'f' })
    const isTaken = (text: string): boolean => readJsonUsage(text).usage.outputTokens >= 0 || classifyResponse(200, head(), text) === null
    for (let end = 0; end < whole.length; end++) expect(isTaken(whole.slice(0, end)), whole.slice(0, end)).toBe(false)
    expect(isTaken(whole)).toBe(true)
    expect(isTaken('{"choices":[]}')).toBe(true)
  })

  it('refuses a page under 200 by its type', () => {
    expect(classifyResponse(200, head({ 'content-type': 'text/html' }), '{}')?.kind).toBe('upstream-protocol')
  })

  it.each([
    [{ 'retry-after': '2' }, 2000], [{ 'retry-after': '0.5' }, 500], [{ 'retry-after': '9999' }, 120_000], [{ 'retry-after-ms': '1500', 'retry-after': '9' }, 1500],
    [{ 'retry-after': '-1' }, 0], [{ 'retry-after': 'soon' }, 0], [{ 'retry-after': '1e9' }, 0], [{ 'retry-after': '2026-01-01' }, 0], [{}, 0],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:30 GMT' }, 30_000], [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:00 GMT' }, 0], [{ 'retry-after': 'Thu, 99 Foo' }, 0],
  ] as [Record<string, string>, number][])('reads %j as %s ms', (headers, ms) => {
    expect(readRetryAfter(head(headers), Date.UTC(2026, 0, 1))).toBe(ms)
  })

  it('knows an event stream by its type', () => {
    expect(isStream('Text/Event-Stream; charset=utf-8')).toBe(true)
    expect(isStream('application/json')).toBe(false)
  })
})

describe('encoding errors', () => {
  it.each(Object.keys(ERROR_POLICY) as ErrorKind[])('tells %s in the shape of OpenAI, in ASCII', kind => {
    const error = gatewayError(kind, 'naïve "模型"\n', { param: 'model', retryAfterMs: 1200 })
    const told = encodeError(error, 'r1')
    const policy = ERROR_POLICY[kind]
    expect(told.status).toBe(policy.status)
    expect(JSON.parse(told.body)).toEqual({ error: { message: expect.stringContaining(error.message) as string, type: policy.type, param: 'model', code: policy.code } })
    expect(told.body).toMatch(/^[\x20-\x7e]*$/)
    expect(told.headers).toBe(`content-type: application/json\r\nx-request-id: r1\r\nretry-after: 2\r\nretry-after-ms: 1200\r\n${policy.retry || policy.fallback ? 'x-should-retry: false\r\n' : ''}`)
    expect(encodeStreamError(error)).toBe(`data: ${told.body}\n\n`)
  })
})

describe('encoding models', () => {
  it('lists and shows them', () => {
    const model = { id: 'a/模', ownedBy: 'a', created: 5 }
    const shown = { id: 'a/模', object: 'model', created: 5, owned_by: 'a' }
    expect(JSON.parse(encodeModel(model))).toEqual(shown)
    expect(JSON.parse(encodeModels([model]))).toEqual({ object: 'list', data: [shown] })
    expect(encodeModel(model)).toMatch(/^[\x20-\x7e]*$/)
  })
})

describe('reading usage from an answer', () => {
  const usage = { prompt_tokens: 9, completion_tokens: 4, prompt_tokens_details: { cached_tokens: 3 }, completion_tokens_details: { reasoning_tokens: 2 } }
  const choices = [{ message: { content: 'hi' }, finish_reason: 'stop' }]
  const READ = { inputTokens: 9, outputTokens: 4, cachedInputTokens: 3, cacheWriteTokens: -1, reasoningTokens: 2 }

  it.each([
    ['at the end', JSON.stringify({ choices, usage }), READ, 'stop'],
    ['before other members', JSON.stringify({ choices, usage, system_fingerprint: 'x', z: [{ a: '}' }] }), READ, 'stop'],
    ['first', JSON.stringify({ usage, choices }), READ, 'stop'],
    ['with spaces', JSON.stringify({ choices, usage }, null, 2), READ, 'stop'],
    ['beside a nested one later', JSON.stringify({ choices, usage, extra: { usage: { prompt_tokens: 1 } } }), READ, 'stop'],
    ['only nested', JSON.stringify({ choices, extra: { usage } }), UNKNOWN, 'stop'],
    ['in an array\'s object', JSON.stringify({ choices, extra: [{ usage }] }), UNKNOWN, 'stop'],
    ['as null', JSON.stringify({ choices, usage: null }), UNKNOWN, 'stop'],
    ['absent', JSON.stringify({ choices }), UNKNOWN, 'stop'],
    ['in the tail of a long answer', JSON.stringify({ choices, usage }).slice(30), READ, 'stop'],
    ['cut', JSON.stringify({ choices, usage }).slice(0, -8), UNKNOWN, ''],
    ['not JSON', '<html>', UNKNOWN, ''],
    ['nothing', '', UNKNOWN, ''],
  ])('finds it %s', (_name, text, expected, finish) => {
    const told = readJsonUsage(text)
    expect(told).toEqual({ usage: expected, finishReason: finish })
    expect(readJsonUsage(Buffer.from(text))).toEqual(told)
  })

  it('reads any usage object as a whole parse would', () => {
    const count = fc.oneof(fc.constantFrom('0', '7', '180', '1e3', '-1', '1.5', '01', 'null', '"7"', '{}', '[1]', 'true', '1000000000000', '1000000000001', '99999999999999999999'))
    const name = fc.constantFrom('prompt_tokens', 'completion_tokens', 'total_tokens', 'cached_tokens', 'cache_write_tokens', 'reasoning_tokens', 'audio_tokens', 'prompt\\u005ftokens', 'cost')
    const object = (value: fc.Arbitrary<string>): fc.Arbitrary<string> =>
      fc.tuple(fc.array(fc.tuple(name, value), { maxLength: 5 }), fc.constantFrom('', ' ', '\n  ')).map(([members, space]) =>
        `{${members.map(([key, text]) => `${space}"${key}"${space}:${space}${text}`).join(',')}${space}}`)
    const details = fc.array(fc.tuple(fc.constantFrom('prompt_tokens_details', 'completion_tokens_details', 'cost_details'), fc.oneof(object(count), count)), { maxLength: 3 })
    fc.assert(fc.property(object(count), details, fc.constantFrom('', ',"service_tier":"default"', ',"x":{"finish_reason":"length"}'), (top, inner, after) => {
      const usageText = `${top.slice(0, -1)}${inner.map(([key, text], index) => `${index === 0 && /^{\s*}$/.test(top) ? '' : ','}"${key}":${text}`).join('')}}`
      const text = `{"choices":[{"finish_reason":"stop"}],"usage":${usageText}${after}}`
      let expected: unknown = UNKNOWN
      try { expected = readUsage((JSON.parse(text) as { usage: unknown }).usage) } catch { /* not JSON: nothing is known */ }
      expect(readJsonUsage(text).usage).toEqual(expected)
    }), { numRuns: 2000 })
  })

  it('reads what a whole parse would, whatever the text says', () => {
    const tricky = fc.constantFrom('"usage":{"prompt_tokens":7}}', '\\"usage\\":{', '"usage"', '}', '"finish_reason":"length"', '\\')
    const text = fc.array(fc.oneof(tricky, fc.string({ unit: 'binary' })), { maxLength: 4 }).map(parts => parts.join(''))
    fc.assert(fc.property(text, text, fc.boolean(), fc.nat(2), (content, after, withUsage, indent) => {
      const answer = { choices: [{ message: { content }, finish_reason: 'stop' }], ...(withUsage ? { usage } : {}), x: [after, { y: after }] }
      const told = readJsonUsage(Buffer.from(JSON.stringify(answer, null, indent)))
      expect(told).toEqual({ usage: withUsage ? READ : UNKNOWN, finishReason: 'stop' })
    }), { numRuns: 500 })
  })

  it('never throws on bytes', () => {
    fc.assert(fc.property(fc.string({ unit: fc.constantFrom('"usage"', ':', '{', '}', '[', ']', '"', '\\', ' ', '1', ',', '"finish_reason"') }), text => {
      expect(readJsonUsage(text)).toHaveProperty('usage')
    }), { numRuns: 1000 })
  })
})
