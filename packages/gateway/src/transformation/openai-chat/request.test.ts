import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { scanRequest } from '../relay/scan-request.ts'
import { spliceRequest } from '../relay/splice-request.ts'

const NO_PATH = { path: '', query: '' }
const LIMITS = { jsonDepth: 64 }
const scan = (text: string | Buffer, depth = LIMITS) => scanRequest(typeof text === 'string' ? Buffer.from(text) : text, 'chat', depth, NO_PATH)

function splice(text: string, modelJson = '"target"', askUsage = false): string {
  const body = Buffer.from(text)
  const scanned = scanRequest(body, 'chat', LIMITS, NO_PATH)
  if (!scanned.ok) throw new Error(scanned.error.message)
  return Buffer.from(spliceRequest(scanned.value, modelJson, askUsage), 'latin1').toString('utf8')
}

describe('scanning a request', () => {
  it.each([
    ['plain', '{"model":"gpt","stream":true}', { model: 'gpt', stream: true, includeUsage: false, user: '', metadata: '', maxTokens: -1 }],
    ['spaces', ' {\n"model" : "gpt" ,\t"stream":false } \n', { model: 'gpt', stream: false }],
    ['escapes in the value', '{"model":"a\\/b\\u00e9"}', { model: 'a/bé' }],
    ['non-ASCII', '{"model":"模型"}', { model: '模型' }],
    ['an escaped key', '{"mod\\u0065l":"gpt"}', { model: 'gpt' }],
    ['nested keys of the same name', '{"x":{"model":"no","stream":true},"model":"yes"}', { model: 'yes', stream: false }],
    ['a string that looks like a member', '{"x":"\\",\\"model\\":\\"no\\"","model":"yes"}', { model: 'yes' }],
    ['backslashes before a quote', `{"x":"${'y'.repeat(100)}\\\\","model":"yes"}`, { model: 'yes' }],
    ['options', '{"model":"m","stream_options":{"include_usage":true},"user":"u","metadata":{"a":1},"max_tokens":5}', { includeUsage: true, user: 'u', metadata: '{"a":1}', maxTokens: 5 }],
    ['both limits', '{"model":"m","max_tokens":5,"max_completion_tokens":7}', { maxTokens: 7 }],
    ['odd side fields', '{"model":"m","user":5,"metadata":[],"max_tokens":-1,"stream":null}', { user: '', metadata: '', maxTokens: -1, stream: false }],
    ['__proto__', '{"__proto__":{"model":"x"},"model":"m"}', { model: 'm' }],
  ])('reads %s', (_name, text, expected) => {
    const scanned = scan(text)
    expect(scanned.ok && scanned.value).toMatchObject(expected)
  })

  it.each([
    ['"temperature":0', true], ['"temperature": 0.00 ', true], ['"temperature":-0', true], ['"temperature":0e5', true], ['"seed":7', true], ['"seed":0', true], ['"seed":-3,"temperature":1', true],
    ['"temperature":1', false], ['"temperature":0.1', false], ['"temperature":"0"', false], ['"temperature":null', false], ['"seed":null', false], ['"seed":"7"', false], ['"x":{"seed":7}', false], ['"x":0', false],
  ])('takes {%s} for deterministic: %s', (member, deterministic) => {
    const scanned = scan(`{"model":"m",${member}}`)
    expect(scanned.ok && scanned.value.deterministic).toBe(deterministic)
  })

  it.each([
    ['nothing', '', null, 'empty'],
    ['no JSON', 'hello', null, 'byte 0'],
    ['an array', '[1]', null, 'not an object'],
    ['a cut object', '{"model":"m"', null, 'byte 12'],
    ['a trailing comma', '{"model":"m",}', null, 'byte 13'],
    ['a second line', '{"model":"m",\n  oops}', null, 'line 2'],
    ['trailing bytes', '{"model":"m"}{"model":"n"}', null, 'byte 13'],
    ['a byte order mark', '\ufeff{"model":"m"}', null, 'byte 0'],
    ['brackets that do not match', '{"a":[1},"model":"m"]}', null, 'byte 5'],
    ['two models', '{"model":"a","model":"b"}', null, 'twice'],
    ['two models, one escaped', '{"model":"a","mod\\u0065l":"b"}', null, 'twice'],
    ['two streams', '{"model":"a","stream":true,"stream":false}', null, 'twice'],
    ['two usage options', '{"model":"a","stream_options":{"include_usage":true,"include_us\\u0061ge":false}}', 'stream_options', 'twice'],
    ['broken JSON with an escaped key', '{"\\u0061":[1 2],"model":"m"}', null, 'not valid JSON'],
    ['no model', '{"stream":true}', 'model', 'missing'],
    ['an empty model', '{"model":""}', 'model', 'empty'],
    ['a number as model', '{"model":5}', 'model', 'string'],
    ['a bad escape in the model', '{"model":"\\x"}', 'model', 'string'],
    ['a control character', '{"model":"a\\nb"}', 'model', 'control'],
    ['a lone surrogate', '{"model":"a\\ud800"}', 'model', 'Unicode'],
    ['a long model', `{"model":"${'m'.repeat(257)}"}`, 'model', '256'],
    ['stream as text', '{"model":"m","stream":"true"}', 'stream', 'true or false'],
    ['options as a number', '{"model":"m","stream_options":5}', 'stream_options', 'object'],
  ])('refuses %s', (_name, text, param, says) => {
    const scanned = scan(text)
    expect(scanned.ok).toBe(false)
    if (!scanned.ok) expect(scanned.error).toMatchObject({ kind: 'invalid-request', param, message: expect.stringContaining(says) })
  })

  it('refuses bad UTF-8', () => {
    expect(scan(Buffer.from('7b226d6f64656c223a22ff227d', 'hex'))).toMatchObject({ ok: false, error: { message: expect.stringContaining('UTF-8') } })
  })

  it('bounds the depth exactly, and a million brackets at once', () => {
    const nested = (depth: number): string => `{"model":"m","x":${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}}`
    expect(scan(nested(10), { jsonDepth: 10 }).ok).toBe(true)
    expect(scan(nested(11), { jsonDepth: 10 })).toMatchObject({ ok: false, error: { message: expect.stringContaining('10 levels') } })
    expect(scan(nested(1_000_000)).ok).toBe(false)
    expect(scan(`{"\\u0061":${'['.repeat(1_000_000)}`).ok).toBe(false)
  })
})

describe('splicing a request', () => {
  it.each([
    ['no option yet', '{ "model": "m", "stream": true}', '{"stream_options":{"include_usage":true}, "model": "target", "stream": true}'],
    ['an empty option object', '{"stream_options":{ },"model":"m","stream":true}', '{"stream_options":{"include_usage":true },"model":"target","stream":true}'],
    ['an option object', '{"model":"m","stream":true,"stream_options":{"x":1}}', '{"model":"target","stream":true,"stream_options":{"include_usage":true,"x":1}}'],
    ['an explicit no', '{"model":"m","stream":true,"stream_options":{"x":1, "include_usage" : false}}', '{"model":"target","stream":true,"stream_options":{"x":1, "include_usage" : true}}'],
    ['null options', '{"stream_options":null,"model":"m","stream":true}', '{"stream_options":{"include_usage":true},"model":"target","stream":true}'],
    ['no stream', '{"model":"m"}', '{"model":"target"}'],
    ['its own yes', '{"model":"m","stream":true,"stream_options":{"include_usage":true}}', '{"model":"target","stream":true,"stream_options":{"include_usage":true}}'],
  ])('asks for usage with %s', (_name, text, expected) => {
    expect(splice(text, '"target"', true)).toBe(expected)
  })

  it('writes non-ASCII on both sides as UTF-8', () => {
    expect(splice('{"a":"é🚀","model":"m","b":"模"}', String.raw`"\u6a21\u578b"`)).toBe(String.raw`{"a":"é🚀","model":"\u6a21\u578b","b":"模"}`)
  })

  it('changes the model and nothing else, whatever the rest is', () => {
    const key = fc.string({ unit: 'binary' }).filter(name => !['stream', 'stream_options', 'model', '__proto__'].includes(name))
    fc.assert(fc.property(fc.dictionary(key, fc.jsonValue()), fc.dictionary(key, fc.jsonValue()), fc.nat(3), fc.boolean(), (before, after, indent, stream) => {
      const rest = Object.fromEntries(Object.entries(after).filter(([name]) => !(name in before)))
      const request = { ...before, nested: { model: 'inner', stream: 'x' }, number: 1.5e300, model: 'old', stream, ...rest }
      const text = JSON.stringify(request, null, indent)
      const spliced = splice(text, '"new"')
      expect(JSON.parse(spliced)).toEqual({ ...(JSON.parse(text) as object), model: 'new' })
      const asked = JSON.parse(splice(text, '"new"', true)) as unknown
      expect(asked).toEqual({ ...(JSON.parse(text) as object), model: 'new', ...(stream ? { stream_options: { include_usage: true } } : {}) })
    }), { numRuns: 100 })
  })

  it('keeps every other byte: number lexemes, spaces, key order, escapes', () => {
    const head = '{ "z":1.0e+05,"a" : 9007199254740993 ,"t":"\\u00e9\\/", "model":'
    expect(splice(`${head}"m","end":-0.0 }\r\n`)).toBe(`${head}"target","end":-0.0 }\r\n`)
  })

  it('reads no mutated body otherwise than JSON.parse does', () => {
    const seed = Buffer.from('{"model":"gpt","stream":true,"messages":[{"role":"user","content":"h\\"i"}],"stream_options":{"include_usage":false},"n":1}')
    fc.assert(fc.property(fc.array(fc.tuple(fc.nat(seed.length - 1), fc.constantFrom(...Buffer.from('{}[]":,\\ tu1n'))), { maxLength: 3 }), edits => {
      const body = Buffer.from(seed)
      for (const [at, byte] of edits) body[at] = byte
      const scanned = scan(body)
      let parsed: { model?: unknown, stream?: unknown } | null = null
      try { parsed = JSON.parse(body.toString()) as { model?: unknown } } catch { /* not JSON: for the provider to refuse */ }
      if (!scanned.ok || parsed === null) return
      expect(scanned.value.model).toBe(parsed.model)
      expect(scanned.value.stream).toBe(parsed.stream ?? false)
    }), { numRuns: 1000 })
  })
})
