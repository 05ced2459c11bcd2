import { describe, expect, it } from 'vitest'
import { formatConfigErrors } from './config-error.ts'
import { loadConfig } from './load-config.ts'
import { parseLimit } from './parse-limit.ts'

const load = (text: string) => loadConfig({ text, path: null, version: 1, env: {}, known: [], keys: [], sandboxUrl: null, readFile: () => '' })
const limits = (text: string) => {
  const result = load(text)
  if (!result.ok) throw new Error(formatConfigErrors(result.error, null, text))
  return result.value.config.limits ?? []
}

describe('an amount per window', () => {
  it.each([
    ['600/min', { kind: 'rate', limit: 600, windowMs: 60_000, burst: 600 }],
    ['10 / s', { kind: 'rate', limit: 10, windowMs: 1_000, burst: 10 }],
    ['100/15min', { kind: 'rate', limit: 100, windowMs: 900_000, burst: 100 }],
    ['1.5k/h burst 50', { kind: 'rate', limit: 1_500, windowMs: 3_600_000, burst: 50 }],
    ['5/24h', { kind: 'rate', limit: 5, windowMs: 86_400_000, burst: 5 }],
    ['1M/day', { kind: 'calendar', limit: 1_000_000, period: 'day' }],
    ['2G/week', { kind: 'calendar', limit: 2_000_000_000, period: 'week' }],
    ['1/month', { kind: 'calendar', limit: 1, period: 'month' }],
  ])('%s is read', (text, spec) => expect(parseLimit(text)).toEqual(spec))

  it.each(['600', '600/fortnight', '0/s', '-1/s', '1e9/s', '600/0s', '5/25h', '7/7day', '10/day burst 5', '10/s burst 11', '0.1/s', '9999999G/s', 'NaN/s', '1/constructor', ''])(
    '%j is refused', text => expect(parseLimit(text)).toBeNull())
})

describe('limits in the file', () => {
  it('become rules with names, in one order of scopes, with sorted matches', () => {
    expect(limits('limits:\n  - {per: key, requests: 600/min, tokens: 1M/day, concurrency: 20, match: {team: search, model: ["gpt-*", "a"]}}\n  - {per: [model, key], requests: [10/s, 100/15min]}\n  - {per: key, input_tokens: 5/s}')).toEqual([
      { name: 'key', per: ['key'], match: { team: ['search'], model: ['a', 'gpt-*'] }, amounts: [
        { resource: 'requests', spec: { kind: 'rate', limit: 600, windowMs: 60_000, burst: 600 } },
        { resource: 'tokens', spec: { kind: 'calendar', limit: 1_000_000, period: 'day' } },
        { resource: 'concurrency', spec: { kind: 'slots', limit: 20 } },
      ] },
      { name: 'key-model', per: ['key', 'model'], match: {}, amounts: [
        { resource: 'requests', spec: { kind: 'rate', limit: 10, windowMs: 1_000, burst: 10 } },
        { resource: 'requests', spec: { kind: 'rate', limit: 100, windowMs: 900_000, burst: 100 } },
      ] },
      { name: 'key-2', per: ['key'], match: {}, amounts: [{ resource: 'input-tokens', spec: { kind: 'rate', limit: 5, windowMs: 1_000, burst: 5 } }] },
    ])
    expect(limits('server: {}')).toEqual([])
  })

  it.each([
    ['nothing to count', 'limits: [{per: key}]', /needs `requests`/],
    ['an amount without window', 'limits: [{per: key, requests: 600}]', /such as `600\/min`/],
    ['an unknown window', 'limits: [{per: key, requests: 600/fortnight}]', /windows are s, min, h/],
    ['an unknown scope', 'limits: [{per: kee, requests: 1/s}]', /`tenant`, `team`/],
    ['no scope', 'limits: [{requests: 1/s}]', /per|one of/],
    ['the same count twice', 'limits: [{per: key, requests: 600/min}, {per: key, requests: 60/60s}]', /counts the same requests/],
    ['the same name twice', 'limits: [{name: a, per: key, requests: 1/s}, {name: a, per: app, requests: 1/s}]', /names are unique/],
    ['no slots', 'limits: [{per: key, concurrency: 0}]', /between 1 and/],
    ['a match of nothing', 'limits: [{per: key, requests: 1/s, match: {team: []}}]', /matches nothing/],
  ])('with %s are refused', (_what, text, message) => {
    const result = load(text)
    expect(result.ok ? '' : result.error.map(error => error.message).join('\n')).toMatch(message)
  })
})
