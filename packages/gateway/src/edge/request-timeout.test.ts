import { describe, expect, it } from 'vitest'
import { readRequestTimeout } from './request-timeout.ts'

describe('the header headrace-timeout', () => {
  it.each([
    ['30s', { total: 30_000 }],
    ['1500ms', { total: 1_500 }],
    ['1.5s', { total: 1_500 }],
    ['2m', { total: 120_000 }],
    ['24h', { total: 86_400_000 }],
    ['total=30s, first_token=5s', { total: 30_000, firstToken: 5_000 }],
    ['connect=500ms,idle = 2s , first_token=1s', { connect: 500, idle: 2_000, firstToken: 1_000 }],
    ['30s, idle=1s', { total: 30_000, idle: 1_000 }],
  ])('%s is understood', (value, parts) => {
    expect(readRequestTimeout(value)).toEqual({ ok: true, value: { connect: Infinity, firstToken: Infinity, idle: Infinity, total: Infinity, ...parts } })
  })

  it.each([
    ['30', /"30" is no duration with a unit/],
    ['', /"" is no duration/],
    ['0s', /between 1ms and 24h/],
    ['-1s', /is no duration/],
    ['25h', /between 1ms and 24h/],
    ['1e3s', /is no duration/],
    ['soon', /"soon" is no duration/],
    ['first-token=1s', /there is no part "first-token"; there are connect, first_token, idle, total/],
    ['__proto__=1s', /there is no part/],
    ['total=1s, total=2s', /total stands there twice/],
    ['1s, total=2s', /total stands there twice/],
    ['idle=1s,', /"" is no duration/],
    ['total=1s; idle=2s', /is no duration/],
    ['x'.repeat(201), /too long/],
  ])('%s is refused, and it is said why', (value, problem) => {
    const read = readRequestTimeout(value)
    expect(read).toMatchObject({ ok: false, error: { kind: 'invalid-request', param: 'headrace-timeout', message: expect.stringMatching(problem) as string } })
  })
})
