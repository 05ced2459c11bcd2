import { expect, it } from 'vitest'
import { readQuota } from './read-quota.ts'

const WALL = Date.UTC(2026, 10, 25, 12)
const head = (lines: Readonly<Record<string, string>>): { header(name: string): string | undefined } => ({ header: name => lines[name] })
const openAi = (reset: string): Readonly<Record<string, string>> => ({ 'x-ratelimit-limit-tokens': '60000', 'x-ratelimit-remaining-tokens': '59000', 'x-ratelimit-reset-tokens': reset })

it.each<[string, number]>([
  ['1s', 1_000], ['6m0s', 360_000], ['8.64s', 8_640], ['120ms', 120], ['1h2m3s', 3_723_000], ['1d', 86_400_000], ['17', 17_000], ['2026-11-25T12:00:30Z', 30_000],
  ['2026-11-25T11:59:00Z', 0], ['soon', -1], ['', -1], ['99999d', -1], ['-4', -1], ['1e9', -1],
])('a reset of %s is %i ms away', (text, resetMs) => {
  expect(readQuota(head(openAi(text)), WALL)).toEqual([{ resource: 'tokens', limit: 60_000, remaining: 59_000, resetMs }])
})

it('all of a provider\'s limits are read', () => {
  expect(readQuota(head({ ...openAi('1s'), 'x-ratelimit-limit-requests': '500', 'x-ratelimit-remaining-requests': '499', 'x-ratelimit-reset-requests': '120ms' }), WALL))
    .toEqual([{ resource: 'requests', limit: 500, remaining: 499, resetMs: 120 }, { resource: 'tokens', limit: 60_000, remaining: 59_000, resetMs: 1_000 }])
  const anthropic = Object.fromEntries(['requests', 'input-tokens', 'output-tokens'].flatMap(name => [
    [`anthropic-ratelimit-${name}-limit`, '1000'], [`anthropic-ratelimit-${name}-remaining`, '900'], [`anthropic-ratelimit-${name}-reset`, '2026-11-25T12:00:06Z'],
  ]))
  expect(readQuota(head(anthropic), WALL).map(({ resource, remaining, resetMs }) => [resource, remaining, resetMs])).toEqual([['requests', 900, 6_000], ['input-tokens', 900, 6_000], ['output-tokens', 900, 6_000]])
})

it.each<[string, Readonly<Record<string, string>>]>([
  ['nothing', {}], ['a limit of nothing', { ...openAi('1s'), 'x-ratelimit-limit-tokens': '0' }], ['a limit beyond all bounds', { ...openAi('1s'), 'x-ratelimit-limit-tokens': '9999999999999' }],
  ['words', { ...openAi('1s'), 'x-ratelimit-remaining-tokens': 'plenty' }], ['a debt', { ...openAi('1s'), 'x-ratelimit-remaining-tokens': '-5' }], ['no limit', { 'x-ratelimit-remaining-tokens': '5' }],
])('%s is no limit', (_name, lines) => {
  expect(readQuota(head(lines), WALL)).toEqual([])
})

it('more than the limit is never left', () => {
  expect(readQuota(head({ ...openAi('0s'), 'x-ratelimit-remaining-tokens': '70000' }), WALL)[0]?.remaining).toBe(60_000)
})

it('a provider that calls the headers otherwise is read by its own names, and only by these', () => {
  const own = { requests: { limit: 'x-ratelimit-limit-req-minute', remaining: 'x-ratelimit-remaining-req-minute', reset: 'x-ratelimit-reset-req-minute' } }
  const lines = { ...openAi('1s'), 'x-ratelimit-limit-req-minute': '60', 'x-ratelimit-remaining-req-minute': '59' }
  expect(readQuota(head(lines), WALL, own)).toEqual([{ resource: 'requests', limit: 60, remaining: 59, resetMs: -1 }])
})
