import { describe, expect, it } from 'vitest'
import { gatewayError, type ErrorKind } from '@headrace/contract'
import { nextStep, RetryBudget, type AttemptState } from './retry-policy.ts'

const budget = (): RetryBudget => new RetryBudget(() => 0)
const state = (facts: Partial<AttemptState> = {}): AttemptState => ({ onTarget: 1, attemptsLeft: 3, another: 'none', timeLeft: 60_000, ...facts })
const half = (): number => 0.5
const step = (kind: ErrorKind, facts: Partial<AttemptState> = {}, retryAfterMs = 0) =>
  nextStep(gatewayError(kind, '', { retryAfterMs }), state(facts), budget(), half)

describe('what follows a failed attempt', () => {
  const cases: readonly [string, ReturnType<typeof step>, string][] = [
    ['a server error is tried once more on the same target', step('upstream-server-error', { another: 'sound' }), 'retry'],
    ['the second server error goes to the next target', step('upstream-server-error', { onTarget: 2, another: 'sound' }), 'fallback'],
    ['a silent target is not asked twice', step('upstream-first-token-timeout', { another: 'sound' }), 'fallback'],
    ['a silent only target ends it', step('upstream-first-token-timeout'), 'give-up'],
    ['a request the provider refuses is not sent anywhere else', step('upstream-invalid-request', { another: 'sound' }), 'give-up'],
    ['an exhausted quota is never retried', step('upstream-quota', {}, 500), 'give-up'],
    ['an exhausted quota falls back', step('upstream-quota', { another: 'sound' }), 'fallback'],
    ['a rate limit with a long wait goes to the next target', step('upstream-rate-limited', { another: 'sound' }, 2_000), 'fallback'],
    ['a rate limit without another target waits', step('upstream-rate-limited', {}, 2_000), 'retry'],
    ['a wait longer than ten seconds is handed on', step('upstream-rate-limited', {}, 30_000), 'give-up'],
    ['a wait past the deadline is handed on', step('upstream-rate-limited', { timeLeft: 1_000 }, 2_000), 'give-up'],
    ['nothing follows when no attempt is left', step('upstream-server-error', { attemptsLeft: 0, another: 'sound' }), 'give-up'],
    ['the total deadline ends it', step('upstream-total-timeout', { another: 'sound' }), 'give-up'],
  ]
  it.each(cases)('%s', (_name, actual, action) => expect(actual.action).toBe(action))

  it('waits at least what the provider asked for', () => {
    expect(step('upstream-rate-limited', {}, 2_000)).toEqual({ action: 'retry', delayMs: 2_000 })
  })

  it('backs off longer with each attempt on the only target', () => {
    const delays = [1, 2, 3, 4].map(onTarget => step('upstream-server-error', { onTarget })).map(s => s.action === 'retry' ? s.delayMs : 0)
    expect(delays).toEqual([100, 150, 250, 450])
  })
})

describe('the retry budget', () => {
  it('allows a fifth of the requests and ten per second, no more', () => {
    let now = 0
    const spent = new RetryBudget(() => now)
    const takeAll = (): number => { let taken = 0; while (taken < 1_000 && spent.take()) taken++; return taken }
    expect(takeAll()).toBe(10)
    for (let i = 0; i < 100; i++) spent.earn()
    expect(takeAll()).toBeGreaterThanOrEqual(19)
    now += 1_000
    expect(takeAll()).toBe(10)
    now += 3_600_000
    expect(takeAll()).toBe(20)
  })

  it('lets calls move from a target that died to one that is well, but not without end, and not to a doubtful one', () => {
    const spent = new RetryBudget(() => 0)
    while (spent.take()) { /* Ten to begin with. */ }
    const fallBack = (another: AttemptState['another']) => nextStep(gatewayError('upstream-first-token-timeout', ''), state({ another }), spent, half).action
    expect(fallBack('doubtful')).toBe('give-up')
    let moved = 0
    while (moved < 1_000 && fallBack('sound') === 'fallback') moved++
    expect(moved).toBe(100)
  })

  it('is shared by the workers: each has its part of what time brings', () => {
    let now = 0
    const share = new RetryBudget(() => now, () => 4)
    while (share.take()) { /* Ten to begin with. */ }
    now += 1_000
    const takeAll = (): number => { let taken = 0; while (share.take()) taken++; return taken }
    expect(takeAll()).toBe(2)
    now += 3_600_000
    expect(takeAll()).toBe(5)
  })
})
