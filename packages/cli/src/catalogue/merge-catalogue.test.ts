import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { KnownProvider } from '@headrace/contract'
import { parseCatalogue, renderCatalogue } from '@headrace/contract/catalogue'
import { readGenaiModels } from './genai-prices.ts'
import { parseJsLiteral } from './js-literal.ts'
import { mergeCatalogue } from './merge-catalogue.ts'
import { takesPrefill } from './own-facts.ts'
import { readPiModels } from './pi-models.ts'
import { GENAI_PACKAGE, PI_PACKAGE, readSources } from './read-sources.ts'

const PI = {
  river: { 'some-api': {
    'chat:swift-4': { id: 'swift-4', name: 'Swift 4', reasoning: true, input: ['text', 'image'], cost: { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 0, tiers: [{ inputTokensAbove: 272000, input: 4, output: 15, cacheRead: 0.4, cacheWrite: 0 }] }, contextWindow: 272000, maxTokens: 128000, thinkingLevelMap: { off: null }, compat: { supportsStrictMode: true } },
    'chat:plain': { id: 'plain', name: 'Plain', reasoning: false, input: ['text'], cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 8192, maxTokens: 8192 },
    'chat:gift:free': { id: 'gift:free', name: 'Gift', reasoning: false, input: ['text'], cost: { input: 0, output: 0, cacheRead: 0, cacheWrite: 0 }, contextWindow: 8192, maxTokens: 8192 },
    'chat:claude-sonnet-4-5': { id: 'claude-sonnet-4-5', name: 'C', reasoning: true, input: ['text'], cost: { input: 3, output: 15, cacheRead: 0.3, cacheWrite: 3.75 }, contextWindow: 200000, maxTokens: 64000, promptCache: { short: 300, long: 3600 } },
    'classifier:judge': { id: 'judge', cost: { input: 1, output: 1 } },
    'image:brush': { id: 'brush', name: 'Brush', input: ['text'], output: ['image'], cost: { input: 1, output: 2, cacheRead: 0, cacheWrite: 0 } },
    'chat:broken': { name: 'no id' }, 'chat:odd': 7,
  } },
  'github-copilot': { 'some-api': { 'chat:x': { id: 'x', name: 'X', cost: { input: 1, output: 1 }, contextWindow: 1, maxTokens: 1 } } },
}
const GENAI = `const E = [ { id: "stream", name: 'Stream', models: [
  { id: "swift-4", match: { or: [{ equals: "swift-4" }, { equals: "swift-4-2026-03-05" }] }, context_window: 1e6, prices: { input_mtok: { base: 2, tiers: [{ start: 271999, price: 4 }] }, output_mtok: { base: 10, tiers: [{ start: 271999, price: 15 }] }, cache_read_mtok: 0.5, input_audio_mtok: 3 } },
  { id: "plain", match: { starts_with: "plain" }, deprecated: !0, prices: [{ prices: { input_mtok: 9, output_mtok: 9 } }, { constraint: { start_date: "2026-01-01", type: "start_date" }, prices: { input_mtok: 1, output_mtok: 2 } }, { constraint: { start_date: "2099-01-01", type: "start_date" }, prices: { input_mtok: 7, output_mtok: 7 } }] },
  { id: "night", match: { regex: "(a+)+$" }, prices: [{ prices: { input_mtok: .5, output_mtok: 1 } }, { constraint: { start_time: "01:00:00Z", end_time: "04:00:00Z", type: "time_of_date" }, prices: { input_mtok: 1, output_mtok: 2 } }] },
  { id: "words", match: { equals: "words" }, prices: { input_mtok: 2e-2 } },
  { id: "pages", match: { equals: "pages" }, prices: { input_document_kpages: 1 } },
] }, { id: "huggingface_fast", models: [{ id: "org/model", match: { equals: "org/model" }, prices: { input_mtok: 1, output_mtok: 1 } }] } ], J = { };`
const KNOWN = [{ id: 'river', dialect: 'openai-chat', baseUrl: 'https://r.example', env: [], auth: 'bearer', usageOption: true, models: [], catalogueNames: ['stream'] }] as const satisfies readonly KnownProvider[]

const files = (named: Readonly<Record<string, unknown>>): ReadonlyMap<string, Buffer> => new Map(Object.entries(named).map(([name, value]) => [name, Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))]))
const packages = () => readSources(
  files({ 'package.json': { name: PI_PACKAGE, version: '9.0.0', license: 'MIT' }, 'dist/providers/data/.manifest.json': { generatedAt: '2026-11-10T12:00:00Z' }, ...Object.fromEntries(Object.entries(PI).map(([name, data]) => [`dist/providers/data/${name}.json`, data])) }),
  files({ 'package.json': { name: GENAI_PACKAGE, version: '9.0.1', license: 'MIT' }, 'dist/index.js': GENAI }), '2026-09-23', KNOWN)

describe('the merged catalogue', () => {
  const { data, disagreements } = mergeCatalogue(packages())
  const find = (name: string) => data.models.find(({ provider, model }) => `${provider}/${model}` === name)

  it('is in the order of names, and the same every time', () => {
    expect(data.models.map(({ provider, model }) => `${provider}/${model}`)).toEqual(['huggingface/org/model:fast', 'river/brush', 'river/claude-sonnet-4-5', 'river/gift:free', 'river/night', 'river/pages', 'river/plain', 'river/swift-4', 'river/words'])
    expect(renderCatalogue(mergeCatalogue(packages()).data)).toBe(renderCatalogue(data))
    expect(parseCatalogue(renderCatalogue(data))).toEqual({ ok: true, value: data })
    expect(data.date).toBe('2026-11-10')
  })

  it.each<[string, string | undefined]>([
    // Both know it: the newer one's prices, the other's rates for sound; its tier begins a token earlier.
    ['river/swift-4', 'usd/M:2/0.2/2/10 audio:3/10 >271999:4/0.4/4/15 audio:3/15 pi-ai@2026-11-10'],
    // Nothing for everything is no price: what was in force that day at the other.
    ['river/plain', 'usd/M:1/1/1/2 genai-prices@2026-09-23'],
    ['river/gift:free', 'usd/M:0/0/0/0 pi-ai@2026-11-10'],
    ['river/night', 'usd/M:1/1/1/2 genai-prices@2026-09-23'],
    ['river/words', 'usd/M:0.02/0.02/0.02/0 genai-prices@2026-09-23'],
    ['river/pages', undefined],
    ['river/claude-sonnet-4-5', 'usd/M:3/0.3/3.75/15 1h:6 pi-ai@2026-11-10'],
  ])('%s costs %s', (name, version) => expect(find(name)?.price?.version).toBe(version))

  it('knows what the sources know and what we add', () => {
    expect(find('river/swift-4')).toMatchObject({
      name: 'Swift 4', aliases: ['swift-4-2026-03-05'], contextWindow: 1_000_000, maxOutput: 128_000, input: ['text', 'image', 'audio'], capabilities: { tools: true, schema: true, reasoning: true, caching: true },
      firstToken: 'reasoning', released: Date.UTC(2026, 2, 5) / 1_000,
    })
    expect(find('river/claude-sonnet-4-5')).toMatchObject({ cache: { minTokens: 1_024, ttlSeconds: 300, longTtlSeconds: 3_600 }, capabilities: { prefill: true } })
    expect(find('river/brush')).toMatchObject({ output: ['image'], capabilities: { tools: false } })
  })

  it('names where the sources disagree by more than a hundredth', () => {
    expect(disagreements).toEqual([
      { model: 'river/swift-4', what: 'cachedInput', pi: 2e8, genai: 5e8 },
      { model: 'river/swift-4', what: 'context window', pi: 272_000, genai: 1_000_000 },
    ])
  })

  it.each([
    [{}, /there is no dist\/providers\/data\/\.manifest\.json/],
    [{ 'dist/providers/data/.manifest.json': { generatedAt: 'yesterday' } }, /does not say when/],
    [{ 'dist/providers/data/.manifest.json': { generatedAt: '2026-11-10T12:00:00Z' } }, /keeps its data elsewhere/],
  ])('is not made of packages that have become others', (data, reason) => {
    expect(() => readSources(files({ 'package.json': { name: PI_PACKAGE }, ...data }), files({ 'dist/index.js': GENAI }), '2026-09-23', KNOWN)).toThrow(reason)
  })

  it('reads foreign data without trusting it', () => {
    fc.assert(fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
      readPiModels('p', { api: { 'chat:m': left } })
      readPiModels('p', left)
      readGenaiModels([{ id: 'p', models: [{ id: 'm', match: left, prices: right }] }, left], '2026-01-01')
    }), { numRuns: 500 })
  })
})

it.each([
  ['claude-3-5-sonnet-20241022', true], ['claude-sonnet-4-20250514', true], ['anthropic/claude-opus-4.5', true], ['claude-haiku-4-5-20251001', true], ['claude-opus-4-6', false], ['eu.anthropic.claude-sonnet-4-6', false], ['claude-opus-5', false],
  ['claude-fable-5-1', false], ['gpt-6-sol', false], ['llama-3.3-70b', null],
])('%s takes the beginning of its answer from the client: %s', (model, takes) => expect(takesPrefill(model)).toBe(takes))

describe('a literal is read and nothing is run', () => {
  it.each<[string, unknown]>([
    ['{a: 1, "b": [!0, !1, null, -2e3, .5], c: \'x\\\'\\u0041\\n\', 1: true,}', { a: 1, b: [true, false, null, -2_000, 0.5], c: "x'A\n", 1: true }],
    ['`plain`', 'plain'], ['[]', []], ['{}', {}],
  ])('%s', (text, value) => expect(JSON.stringify(parseJsLiteral(text, 0))).toBe(JSON.stringify({ ok: true, value })))

  it.each(['process.exit()', '[f()]', '{get a() { return 1 }}', '`${x}`', '[1', '{a}', 'undefined', '', '['.repeat(100)])('%s is refused', text => expect(parseJsLiteral(text, 0).ok).toBe(false))

  it('reads JSON as JSON does', () => {
    fc.assert(fc.property(fc.jsonValue({ noUnicodeString: false }), value => {
      const text = JSON.stringify(value)
      const read = parseJsLiteral(text, 0)
      expect(read.ok && JSON.stringify(read.value)).toBe(JSON.stringify(JSON.parse(text)))
    }), { numRuns: 500 })
  })
})
