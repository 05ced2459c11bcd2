import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { CAPABILITIES, Catalogue, createPrice, FIRST_TOKEN_CLASSES, MODALITIES, type ModelFacts } from '../index.ts'
import { MAX_CATALOGUE_BYTES, originOf, parseCatalogue, renderCatalogue } from './catalogue-text.ts'
import { readCatalogue } from './read-catalogue.ts'

const SOURCE = Object.freeze({ id: 'somebody', package: 'somebody', version: '1.0.0', date: '2026-11-01', license: 'MIT' })
const facts = (more: Partial<ModelFacts> = {}): ModelFacts => ({
  provider: 'p', model: 'm', name: 'm', aliases: [], contextWindow: -1, maxOutput: -1, input: ['text'], output: ['text'], capabilities: {}, cache: null, firstToken: 'normal', released: 0, price: null, ...more,
})
const render = (models: readonly ModelFacts[], date = '2026-11-01'): string => renderCatalogue({ date, sources: [SOURCE], models })

describe('the catalogue that comes with Headrace', () => {
  const { catalogue } = readCatalogue(null)

  it('knows a thousand models and more, and what most of them cost', () => {
    expect(catalogue.models.length).toBeGreaterThanOrEqual(1_000)
    expect(catalogue.models.filter(({ price }) => price !== null).length).toBeGreaterThanOrEqual(1_000)
    expect(catalogue.models.filter(({ contextWindow }) => contextWindow > 0).length).toBeGreaterThanOrEqual(1_000)
  })

  it('says of every price where it comes from and of when it is', () => {
    const origins = catalogue.sources.map(originOf)
    expect(catalogue.models.filter(({ price }) => price !== null && !origins.some(origin => price.version.endsWith(` ${origin}`)))).toEqual([])
    expect(catalogue.sources.every(source => source.license === 'MIT')).toBe(true)
  })

  it('gives nothing away: what costs nothing says so in its name', () => {
    expect(catalogue.models.filter(({ price, model }) => price !== null && price.input === 0 && price.output === 0 && !model.endsWith(':free'))).toEqual([])
  })

  it('has no tier that is cheaper than what is below it: a call never gets cheaper by being longer', () => {
    expect(catalogue.models.filter(({ price }) => (price?.tiers ?? []).some((tier, index, tiers) => {
      const below = tiers[index - 1] ?? price
      return below !== null && (['input', 'cachedInput', 'cacheWrite', 'output'] as const).some(kind => tier[kind] < below[kind])
    }))).toEqual([])
  })

  it('is what it would be written as', () => {
    expect(parseCatalogue(renderCatalogue(catalogue))).toEqual({ ok: true, value: { date: catalogue.date, sources: catalogue.sources, models: catalogue.models } })
  })

  it('reads the wanted providers only, the same of them', () => {
    const some = readCatalogue(null, new Set(['xai'])).catalogue
    expect(some.providers).toEqual(['xai'])
    expect(some.models).toEqual(catalogue.models.filter(({ provider }) => provider === 'xai'))
  })
})

describe('a model is found', () => {
  const catalogue = new Catalogue({ date: '', sources: [], models: [facts({ model: 'swift-4', aliases: ['swift-four'] }), facts({ model: 'swift-4-mini', aliases: ['swift-4'] }), facts({ provider: 'q', model: 'swift-9' })] })
  it.each([
    ['p', 'swift-4', 'swift-4'], ['p', 'swift-four', 'swift-4'], ['p', 'swift-4-2026-01-31', 'swift-4'], ['p', 'swift-4-20260131', 'swift-4'], ['p', 'swift-4-latest', 'swift-4'], ['p', 'swift-4-mini@20260131', 'swift-4-mini'],
    ['p', 'swift-4-2', null], ['p', 'swift-4-nano', null], ['p', 'swift-9', null], ['q', 'swift-9', 'swift-9'], ['r', 'swift-4', null], ['p', '', null],
  ])('%s/%s is %s', (provider, model, found) => expect(catalogue.find(provider, model)?.model ?? null).toBe(found))
})

describe('a catalogue as text', () => {
  const rate = fc.integer({ min: 0, max: 1e13 })
  const rates = fc.record({ input: rate, cachedInput: rate, cacheWrite: rate, output: rate, longCacheWrite: rate, reasoning: rate, audioInput: rate, audioOutput: rate }, { requiredKeys: ['input', 'cachedInput', 'cacheWrite', 'output'] })
  const price = fc.tuple(rates, fc.array(rates, { maxLength: 3 })).map(([base, tiers]) => createPrice(base, tiers.map((tier, index) => ({ above: (index + 1) * 1_000, ...tier })), originOf(SOURCE)))
  const word = fc.stringMatching(/^[a-z0-9/:.-]{1,20}$/)
  const count = fc.integer({ min: 0, max: 1e9 })
  const model = fc.record<ModelFacts>({
    provider: fc.stringMatching(/^[a-z0-9]{1,8}$/), model: word, name: word, aliases: fc.array(word, { maxLength: 3 }), contextWindow: fc.oneof(fc.constant(-1), count), maxOutput: fc.oneof(fc.constant(-1), count),
    input: fc.subarray([...MODALITIES], { minLength: 1 }), output: fc.subarray([...MODALITIES], { minLength: 1 }),
    capabilities: fc.record(Object.fromEntries(CAPABILITIES.map(capability => [capability, fc.boolean()])), { requiredKeys: [] }),
    cache: fc.oneof(fc.constant(null), fc.record({ minTokens: count, ttlSeconds: count, longTtlSeconds: count })), firstToken: fc.constantFrom(...FIRST_TOKEN_CLASSES), released: fc.integer({ min: 0, max: 1e10 }), price: fc.oneof(fc.constant(null), price),
  })

  it('holds all that there is to say', () => {
    fc.assert(fc.property(fc.uniqueArray(model, { maxLength: 5, selector: one => `${one.provider}/${one.model}` }), models => {
      expect(parseCatalogue(render(models))).toEqual({ ok: true, value: { date: '2026-11-01', sources: [SOURCE], models } })
    }), { numRuns: 300 })
  })

  it.each<[string, string, RegExp]>([
    ['no JSON', '{', /not JSON/], ['a list', '[]', /no object/], ['another format', '{"format":2}', /its format is 2, and this Headrace reads format 1/],
    ['no models', `{"format":1,"date":"2026-01-01","sources":[]}`, /models is no list/],
    ['a model twice', render([facts(), facts()]), /p\/m stands there twice/],
    ['a negative price', render([facts({ price: { input: -1, cachedInput: 0, cacheWrite: 0, output: 0, version: originOf(SOURCE) } })]), /price of p\/m is no whole number/],
    ['half a nano-dollar', render([facts({ price: { input: 0.5, cachedInput: 0, cacheWrite: 0, output: 0, version: originOf(SOURCE) } })]), /price of p\/m is no whole number/],
    ['a price of nobody', render([facts({ price: { input: 1, cachedInput: 0, cacheWrite: 0, output: 0, version: 'x' } })]), /from of p\/m/],
    ['tiers that fall', render([facts({ price: createPrice({ input: 1, cachedInput: 1, cacheWrite: 1, output: 1 }, [2, 1].map(above => ({ above, input: 1, cachedInput: 1, cacheWrite: 1, output: 1 })), originOf(SOURCE)) })]), /do not rise/],
    ['a line end in a name', render([facts({ name: 'a\nb' })]), /name of p\/m/],
    ['an endless name', render([facts({ model: 'm'.repeat(321) })]), /name of model 0/],
    ['a capability that nobody knows', render([facts()]).replace('{}]', '{"can":["fly"]}]'), /can of p\/m holds "fly"/],
    ['too much', ' '.repeat(MAX_CATALOGUE_BYTES + 1), /larger than 16 MiB/],
  ])('is refused with %s', (_, text, reason) => {
    const read = parseCatalogue(text)
    expect(read.ok ? 'accepted' : read.error).toMatch(reason)
  })

  it('never throws, whatever it is', () => {
    const good = JSON.parse(render([facts({ price: createPrice({ input: 1, cachedInput: 1, cacheWrite: 1, output: 1 }, [], originOf(SOURCE)), cache: { minTokens: 1, ttlSeconds: 1, longTtlSeconds: 1 } })])) as { models: unknown[][] }
    fc.assert(fc.property(fc.jsonValue(), fc.constantFrom('name', 'aliases', 'context', 'in', 'can', 'cache', 'first', 'price', 'tiers', 'from', 'released'), (value, field) => {
      expect(parseCatalogue(JSON.stringify({ ...good, models: [['p', 'm', { ...good.models[0]?.[2] as object, [field]: value }]] })).ok).toBeTypeOf('boolean')
      expect(parseCatalogue(JSON.stringify(value)).ok).toBe(false)
    }), { numRuns: 300 })
  })
})

describe('the catalogue in force', () => {
  let data = ''
  beforeEach(() => { data = mkdtempSync(join(tmpdir(), 'headrace-catalogue-')) })
  afterEach(() => rmSync(data, { recursive: true, force: true }))
  const own = readCatalogue(null).catalogue

  it("is the data directory's where there is one", () => {
    writeFileSync(join(data, 'catalogue.json'), render([facts()], '2099-01-01'))
    const read = readCatalogue(data)
    expect(read).toMatchObject({ path: join(data, 'catalogue.json'), warning: '' })
    expect(read.catalogue.models).toEqual([facts()])
  })

  it('is our own where the other one is older', () => {
    writeFileSync(join(data, 'catalogue.json'), render([facts()], '2020-01-01'))
    expect(readCatalogue(data).catalogue.date).toBe(own.date)
  })

  it.each<[string, (path: string) => void]>([['torn', path => writeFileSync(path, '{"format":1,')], ['a folder', path => mkdirSync(path)]])('is our own where the other one is %s, and it is said', (_, make) => {
    make(join(data, 'catalogue.json'))
    const read = readCatalogue(data)
    expect(read.catalogue.models.length).toBe(own.models.length)
    expect(read.warning).toContain('cannot be used')
  })
})
