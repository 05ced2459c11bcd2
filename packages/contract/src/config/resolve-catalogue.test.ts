import { describe, expect, it } from 'vitest'
import { Catalogue, createPrice, type KnownProvider, type ModelFacts, type ResolvedConfig } from '../index.ts'
import { loadConfig } from './load-config.ts'

const KNOWN: readonly KnownProvider[] = [
  { id: 'river', dialect: 'openai-chat', baseUrl: 'https://river.example/v1', env: ['RIVER_API_KEY'], auth: 'bearer', usageOption: true, models: [] },
  { id: 'home', dialect: 'openai-chat', baseUrl: 'http://127.0.0.1:1/v1', env: [], auth: 'none', usageOption: true, models: [] },
]
const fact = (model: string, more: Partial<ModelFacts> = {}): ModelFacts => ({
  provider: 'river', model, name: model, aliases: [], contextWindow: 1_000, maxOutput: 100, input: ['text'], output: ['text'], capabilities: { tools: true, prefill: true }, cache: null, firstToken: 'normal', released: 0,
  price: createPrice({ input: 1e9, cachedInput: 1e9, cacheWrite: 1e9, output: 2e9 }, [], 'test@2026-01-01'), ...more,
})
const CATALOGUE = new Catalogue({ date: '2026-01-01', sources: [], models: [fact('a', { aliases: ['a-one'] }), fact('b', { price: null })] })

let asked: readonly string[] | null = null
function load(text: string, warning = ''): { config: ResolvedConfig | null, said: string } {
  asked = null
  const loaded = loadConfig({
    text, path: null, version: 1, keys: [], env: { RIVER_API_KEY: 'sk-0123456789' }, known: KNOWN, readFile: () => '', sandboxUrl: null,
    catalogue: only => {
      asked = [...only]
      return { catalogue: CATALOGUE, warning }
    },
  })
  return loaded.ok ? { config: loaded.value.config, said: loaded.value.warnings.join('\n') } : { config: null, said: loaded.error.map(error => `${error.path}: ${error.message}`).join('\n') }
}
const models = (text: string): readonly ModelFacts[] => load(text).config?.catalogue ?? []

describe('what is known of models', () => {
  it("is that of the configured providers, under the names that the file gives them", () => {
    expect(models('providers: { river: {} }')).toEqual([fact('a', { aliases: ['a-one'] }), fact('b', { price: null })])
    expect(asked).toEqual(['river'])
    expect(models('providers: { mine: { base_url: "https://river.example/other", credentials: [] } }').map(({ provider, model }) => `${provider}/${model}`)).toEqual(['mine/a', 'mine/b'])
  })

  it('is not read for those of which it knows nothing', () => {
    expect(models('providers: { home: {}, other: { base_url: "https://elsewhere.example", credentials: [] } }')).toEqual([])
    expect(asked).toBeNull()
  })

  it('is less than what the file knows', () => {
    const [a, b, c] = models(`providers: { river: {} }
catalogue:
  models:
    river/a: { context_window: 5000, capabilities: { prefill: false } }
    river/c: { max_output: 7, input: [text, image], first_token: fast }
`)
    expect(a).toEqual(fact('a', { aliases: ['a-one'], contextWindow: 5_000, capabilities: { tools: true, prefill: false } }))
    expect(b).toEqual(fact('b', { price: null }))
    expect(c).toMatchObject({ provider: 'river', model: 'c', maxOutput: 7, contextWindow: -1, input: ['text', 'image'], firstToken: 'fast', price: null })
  })

  it('goes on under a dated name, with what the file knows of that one alone', () => {
    const found = models('providers: { river: {} }\ncatalogue: { models: { river/a-2026-01-01: { max_output: 7 } } }')
    expect(found.find(({ model }) => model === 'a-2026-01-01')).toMatchObject({ maxOutput: 7, contextWindow: 1_000, aliases: [] })
    expect(found.find(({ model }) => model === 'a')).toMatchObject({ maxOutput: 100, aliases: ['a-one'] })
  })

  it('gives no prices where none are wanted', () => {
    expect(models('providers: { river: {} }\ncatalogue: { prices: false }').map(({ price }) => price)).toEqual([null, null])
  })

  it.each([
    ['catalogue: { models: { river/a: { context: 5 } } }', 'unknown key `context`; possible here: `context_window`'],
    ['catalogue: { models: { river/a: { capabilities: { fly: true } } } }', 'unknown key `fly`'],
    ['catalogue: { models: { "river/*": { max_output: 5 } } }', 'a target `provider/model`'],
    ['catalogue: { models: { brook/a: { max_output: 5 } } }', 'there is no provider `brook`'],
    ['prices: { river/a: { input: 1, output: 1, tiers: [{ above: 5, input: 2, output: 2 }, { above: 5, input: 3, output: 3 }] } }', 'the lowest first'],
  ])('%s is answered', (text, words) => expect(load(`providers: { river: {} }\n${text}`).said).toContain(words))

  it('a catalogue that could not be read is told of', () => expect(load('providers: { river: {} }', 'it is torn').said).toContain('it is torn'))
})

it('every kind of price can be written', () => {
  const { config } = load('providers: { river: {} }\nprices: { river/a: { input: 2, cached_input: 0.2, cache_write: 2.5, cache_write_1h: 4, output: 10, reasoning: 12, audio_input: 3, audio_output: 20, tiers: [{ above: 200000, input: 4, output: 15 }] } }')
  expect(config?.prices?.[0]?.price.version).toBe('usd/M:2/0.2/2.5/10 1h:4 reasoning:12 audio:3/20 >200000:4/4/4/15')
})

it('a budget counts what the catalogue prices, and warns of what it does not', () => {
  const budget = 'budgets: [{ per: key, amount: 1 USD, window: day }]\n'
  expect(load(`providers: { river: {} }\nmodels: { fast: river/a, slow: river/b }\n${budget}`).said).toContain('`river/b` has no price, so hard budgets let no calls to `slow` in: add it under `prices` (0 where it is free)')
  expect(load(`providers: { river: {} }\ncatalogue: { prices: false }\n${budget}`).said).toContain('a budget needs prices')
})

it.each([['', undefined], ['prefill: true', true], ['prefill: false', false]])('a provider with `%s` says so, and without it leaves it to the catalogue', (member, expected) => {
  expect(load(`providers: { river: { ${member} } }`).config?.providers[0]?.prefill).toBe(expected)
})

it.each([['river', '', true], ['brook', '', false], ['river', 'usage_option: false', false], ['brook', 'usage_option: true', true]])('%s: { %s } has the usage option: %s', (id, member, expected) => {
  const known = [...KNOWN, { id: 'brook', dialect: 'openai-chat', baseUrl: 'https://brook.example/v1', env: ['BROOK_API_KEY'], auth: 'bearer', usageOption: false, models: [] } as const]
  const loaded = loadConfig({ text: `providers: { ${id}: { ${member} } }`, path: null, version: 1, keys: [], env: { RIVER_API_KEY: 'sk-0123456789', BROOK_API_KEY: 'sk-0123456789' }, known, readFile: () => '', sandboxUrl: null })
  expect(loaded.ok && loaded.value.config.providers[0]?.usageOption).toBe(expected)
})
