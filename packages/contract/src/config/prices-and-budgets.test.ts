import { describe, expect, it } from 'vitest'
import { budgetPart, budgetSince, dollars } from '../index.ts'
import { loadConfig } from './load-config.ts'
import { parseAmount, parseDollars, parseRolling } from './parse-money.ts'

const load = (text: string) => loadConfig({ text, path: null, version: 1, keys: [], env: {}, known: [{ id: 'openai', dialect: 'openai-chat', baseUrl: 'https://a.example/v1', env: [], auth: 'bearer', usageOption: true, models: [] }], readFile: () => '', sandboxUrl: null })
const PROVIDERS = 'providers: { openai: { credentials: [sk-0123456789] } }\n'
const errors = (text: string): string[] => {
  const loaded = load(PROVIDERS + text)
  return loaded.ok ? [] : loaded.error.map(error => `${error.path}: ${error.message}`)
}

describe('money is read exactly', () => {
  it.each<[string | number, number | null]>([
    [0.1, 100_000_000], [0.3, 300_000_000], ['0.40', 400_000_000], [1.6, 1_600_000_000], [0, 0], [15, 15_000_000_000], ['0.000000001', 1], [1e-9, 1], [1e-7, 100], ['10.0000000010', 10_000_000_001],
    ['0.0000000001', null], [-1, null], [Number.NaN, null], [1e300, null], ['1,5', null], ['1e3', null], ['', null], ['9007199.254740991', 9007199254740991], ['9007199.254740992', null],
  ])('%s dollars are %s nano-dollars', (written, nano) => expect(parseDollars(written)).toBe(nano))

  it.each<[string | number, number | null]>([['100 USD', 1e11], ['$100', 1e11], [100, 1e11], ['2.5k USD', 2.5e12], ['1M USD', 1e15], ['0.0002 USD', 200_000], ['100 EUR', null], ['-5 USD', null], ['USD', null]])('the amount %s is %s', (written, nano) =>
    expect(parseAmount(written)).toBe(nano))

  it.each<[string, number | null]>([['rolling 30d', 30 * 86_400_000], ['rolling 1 day', 86_400_000], ['rolling 0d', null], ['rolling 367d', null], ['30d', null]])('%s', (written, ms) => expect(parseRolling(written)).toBe(ms))

  it.each<[number | bigint, string]>([[0, '$0.00'], [1, '$0.000000001'], [1_500_000_000, '$1.50'], [123_450_000_000, '$123.45'], [2n ** 70n, '$1180591620717.411303424'], [-20_000, '-$0.00002']])('%s nano-dollars are shown as %s', (nano, shown) => expect(dollars(nano)).toBe(shown))
})

describe('prices and budgets in the file', () => {
  it('become whole nano-dollars per million tokens, with a version that says them', () => {
    const loaded = load(`${PROVIDERS}prices: { "openai/gpt-4.1-mini": { input: 0.40, cached_input: 0.10, output: 1.60 }, "openai/*": { input: 2, cache_write: 2.5, output: 8 } }
budgets:
  - { per: team, match: { team: search }, amount: 100 USD, window: month }
  - { per: [key, app], amount: 0.5, window: rolling 30d, mode: alert }
`)
    expect(loaded.ok && loaded.value.config.prices).toEqual([
      { name: 'openai/gpt-4.1-mini', price: { input: 400_000_000, cachedInput: 100_000_000, cacheWrite: 400_000_000, output: 1_600_000_000, version: 'usd/M:0.4/0.1/0.4/1.6' } },
      { name: 'openai/*', price: { input: 2e9, cachedInput: 2e9, cacheWrite: 2.5e9, output: 8e9, version: 'usd/M:2/2/2.5/8' } },
    ])
    expect(loaded.ok && loaded.value.config.budgets).toEqual([
      { name: 'team-budget', per: ['team'], match: { team: ['search'] }, amount: 1e11, window: 'month', mode: 'hard' },
      { name: 'app-key-budget', per: ['app', 'key'], match: {}, amount: 5e8, window: 30 * 86_400_000, mode: 'alert' },
    ])
  })

  it.each([
    ['prices: { "openai/m": { input: -1, output: 1 } }', 'dollars per million tokens'],
    ['prices: { "openai/m": { input: 1 } }', 'dollars per million tokens'],
    ['prices: { m: { input: 1, output: 1 } }', 'a price is for `provider/model`'],
    ['budgets: [{ per: key, amount: 1 USD, window: month }]', 'a budget needs prices'],
    ['prices: { "openai/m": { input: 1, output: 1 } }\nbudgets: [{ per: key, amount: 0 USD, window: month }]', 'an amount such as `100 USD`'],
    ['prices: { "openai/m": { input: 1, output: 1 } }\nbudgets: [{ per: key, amount: 1 USD, window: hour }]', 'expected `day`, `week`, `month`, or `rolling 30d`'],
    ['prices: { "openai/m": { input: 1, output: 1 } }\nbudgets: [{ per: user, amount: 1 USD, window: day }]', '`tenant`, `team`, `app`, `key`'],
    ['prices: { "openai/m": { input: 1, output: 1 } }\nlog: { calls: false }\nbudgets: [{ per: key, amount: 1 USD, window: day }]', 'needs `log.calls`'],
    ['prices: { "openai/m": { input: 1, output: 1 } }\nbudgets: [{ per: key, amount: 1 USD, window: day }, { per: key, amount: 2 USD, window: day }]', 'keep one of them'],
  ])('%s is refused with what to do', (text, message) => expect(errors(text).join()).toContain(message))
})

it('a model that a hard budget would not let in is warned of', () => {
  const warnings = (prices: string): readonly string[] => {
    const loaded = load(`${PROVIDERS}models: { fast: [openai/a, openai/b], "any-*": "openai/*" }\nprices: { ${prices} }\nbudgets: [{ per: key, amount: 1 USD, window: day }]\n`)
    return loaded.ok ? loaded.value.warnings.filter(warning => warning.includes('no price')) : ['refused']
  }
  expect(warnings('"openai/a": { input: 1, output: 1 }').join()).toContain('`openai/b` has no price, so hard budgets let no calls to `fast` in')
  expect(warnings('"openai/*": { input: 1, output: 1 }')).toEqual([])
})

describe('the window of a budget', () => {
  const noon = Date.UTC(2026, 10, 25, 12, 30)
  it('is a calendar one as it is, and of a rolling one about a thirtieth', () => {
    expect(budgetPart('day', noon)).toEqual({ from: Date.UTC(2026, 10, 25), until: Date.UTC(2026, 10, 26) })
    expect(budgetSince('month', noon)).toBe(Date.UTC(2026, 10, 1))
    expect(budgetPart(30 * 86_400_000, noon)).toEqual({ from: Date.UTC(2026, 10, 25), until: Date.UTC(2026, 10, 26) })
    expect(budgetPart(86_400_000, noon)).toEqual({ from: Date.UTC(2026, 10, 25, 12), until: Date.UTC(2026, 10, 25, 13) })
  })

  it('never leaves out what was spent within a rolling one', () => {
    for (const days of [1, 3, 7, 30, 31, 365, 366]) {
      const window = days * 86_400_000
      for (let wall = noon; wall < noon + 40 * 3_600_000; wall += 1_234_567) expect(budgetSince(window, wall)).toBeLessThanOrEqual(wall - window)
    }
  })
})
