import { expect, it } from 'vitest'
import { Exchange, NO_HOOKS, type Plan, type Snapshot, type Target } from '@headrace/contract'
import { createMetrics } from './metrics.ts'

// The registry reads nothing of a snapshot and only the names of plan and target.
const snapshot = { version: 1, hooks: NO_HOOKS } as unknown as Snapshot
function settled(model: string, facts: Partial<Exchange> = {}): Exchange {
  const x = new Exchange('x', snapshot, 'openai-chat', 'chat', 0, 1000)
  x.plan = { model, targets: [] } as unknown as Plan
  x.target = { provider: 'p' } as unknown as Target
  return Object.assign(x, {
    attempts: 1, stream: true, status: 200, attemptAt: 1000.1, sentAt: 1000.2, firstByteAt: 1100, committedAt: 1100.3, settledAt: 1300.0,
    usage: { inputTokens: 10, outputTokens: 21, cachedInputTokens: 4, cacheWriteTokens: -1, reasoningTokens: -1 }, ...facts,
  })
}

it('counts requests, attempts and tokens, and times a stream', () => {
  const metrics = createMetrics()
  metrics.begin()
  metrics.begin()
  metrics.observe(settled('m', { error: 'upstream-reset' }), false)
  metrics.observe(settled('m'), true)
  const state = metrics.exportState()
  expect(state.counters).toEqual({
    'headrace_requests_total{model="m",provider="p",status="200"}': 1,
    'headrace_attempts_total{model="m",provider="p",result="upstream-reset"}': 1,
    'headrace_attempts_total{model="m",provider="p",result="ok"}': 1,
    'headrace_tokens_total{type="input",model="m",provider="p"}': 10,
    'headrace_tokens_total{type="output",model="m",provider="p"}': 21,
    'headrace_tokens_total{type="cached_input",model="m",provider="p"}': 4,
  })
  expect(state.gauges['headrace_in_flight']).toBe(1)
  const sum = (family: string): number => state.histograms[`${family}{model="m",provider="p"}`]?.sum ?? -1
  expect(sum('headrace_request_seconds')).toBeCloseTo(0.3)
  expect(sum('headrace_time_to_first_token_seconds')).toBeCloseTo(0.1003)
  expect(sum('headrace_inter_token_seconds')).toBeCloseTo(0.01)
  expect(sum('headrace_overhead_seconds')).toBeCloseTo(0.0005)
})

it('counts an attempt and its cost once where the client leaves while the next one is waited for', () => {
  const metrics = createMetrics()
  metrics.begin()
  const x = settled('m', { error: 'upstream-overloaded', costNano: 70 })
  metrics.observe(x, false)
  metrics.observe(Object.assign(x, { error: 'client-closed', status: 499 }), true)
  const { counters, gauges } = metrics.exportState()
  expect(counters).toMatchObject({
    'headrace_requests_total{model="m",provider="p",status="499"}': 1,
    'headrace_attempts_total{model="m",provider="p",result="upstream-overloaded"}': 1,
    'headrace_cost_nanodollars_total{model="m",provider="p"}': 70,
  })
  expect(Object.keys(counters).filter(name => name.includes('client-closed'))).toEqual([])
  expect(gauges['headrace_in_flight']).toBe(0)
})

it('gives 1,000 models series of their own and the rest one together', () => {
  const metrics = createMetrics()
  for (let index = 0; index < 1500; index++) metrics.observe(settled(`m${index}`), true)
  const requests = Object.entries(metrics.exportState().counters).filter(([name]) => name.startsWith('headrace_requests_total'))
  expect(requests).toHaveLength(1001)
  expect(requests.at(-1)).toEqual(['headrace_requests_total{model="other",provider="p",status="200"}', 500])
})

it('keeps names that clients invent out of the labels', () => {
  const metrics = createMetrics()
  metrics.observe(settled('m', { plan: null, target: null, model: 'invented', attempts: 0, status: 404 }), true)
  expect(JSON.stringify(metrics.exportState())).not.toContain('invented')
})

it('escapes labels', () => {
  const metrics = createMetrics()
  metrics.observe(settled('a"b\\c\nd'), true)
  expect(Object.keys(metrics.exportState().counters)[0]).toContain('model="a\\"b\\\\c\\nd"')
})
