import { expect, it } from 'vitest'
import { LogHistogram } from '@headrace/bytes'
import type { MetricsState } from '@headrace/contract'
import { RateWindow } from './rate-window.ts'
import { renderPrometheus } from './render-prometheus.ts'

const LINE = /^([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)*)\})? (-?[0-9.e+-]+)$/
/** A strict reader of the text format: every line has its form, every family its type once, before its samples, all together. */
function parse(text: string): Map<string, number> {
  const samples = new Map<string, number>()
  const typed = new Set<string>()
  let family = ''
  for (const line of text.trimEnd().split('\n')) {
    if (line.startsWith('# HELP ')) continue
    if (line.startsWith('# TYPE ')) {
      family = line.split(' ')[2] ?? ''
      expect(typed.has(family)).toBe(false)
      typed.add(family)
      continue
    }
    const match = LINE.exec(line)
    expect(match, line).not.toBeNull()
    expect((match?.[1] ?? '').replace(/_(bucket|sum|count)$/, '')).toBe(family.replace(/_(bucket|sum|count)$/, ''))
    const name = line.slice(0, line.lastIndexOf(' '))
    expect(samples.has(name)).toBe(false)
    samples.set(name, Number(match?.[3]))
  }
  return samples
}
const state = (seconds: number[]): MetricsState => {
  const histogram = new LogHistogram()
  for (const value of seconds) histogram.record(value)
  return {
    counters: { 'headrace_requests_total{model="m \\"q\\"",status="200"}': seconds.length, 'headrace_tokens_total{type="input",model="m"}': 10 },
    gauges: { headrace_in_flight: 2, 'headrace_build_info{node="26"}': 1 },
    histograms: { 'headrace_request_seconds{model="m"}': { buckets: histogram.filled(), sum: histogram.sum, count: histogram.count } },
  }
}

it('adds the workers up and writes real histograms', () => {
  const samples = parse(renderPrometheus([state([0.003, 0.2]), state([0.2, 9000])]))
  expect(samples.get('headrace_requests_total{model="m \\"q\\"",status="200"}')).toBe(4)
  expect(samples.get('headrace_in_flight')).toBe(4)
  expect(samples.get('headrace_build_info{node="26"}')).toBe(1)
  const bucket = (bound: string): number | undefined => samples.get(`headrace_request_seconds_bucket{model="m",le="${bound}"}`)
  expect([bucket('0.0025'), bucket('0.005'), bucket('0.1'), bucket('0.25'), bucket('600'), bucket('+Inf')]).toEqual([0, 1, 1, 3, 3, 4])
  expect(samples.get('headrace_request_seconds_count{model="m"}')).toBe(4)
})

it('tells rates over the last 10 s and starts over when a worker did', () => {
  const rates = new RateWindow()
  const at = (requests: number, now: number): void => rates.add([{ counters: { 'headrace_requests_total{}': requests }, gauges: {}, histograms: {} }], now)
  const rate = (): number | undefined => rates.state().gauges['headrace_requests_per_second']
  expect(rate()).toBe(0)
  for (let second = 0; second <= 30; second++) at(second * second, second * 1000)
  expect(rate()).toBe((900 - 400) / 10)
  at(5, 31_000)
  expect(rate()).toBe(0)
})
