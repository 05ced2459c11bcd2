import { expect, test } from 'vitest'
import type { MetricsState } from '@headrace/contract'
import { renderPrometheus } from '@headrace/stores'
import { Fleet } from './fleet.ts'

const listening = { type: 'listening', host: '127.0.0.1', port: 8787 } as const
const counted = (requests: number): MetricsState => ({
  counters: { 'headrace_requests_total{model="m",provider="p",status="200"}': requests }, gauges: { headrace_in_flight: 2 },
  histograms: { 'headrace_request_seconds{model="m",provider="p"}': { buckets: [[10, requests]], sum: requests / 10, count: requests } },
})
const value = (fleet: Fleet, name: string): number => Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(renderPrometheus(fleet.metrics()))?.[1])

test('counters and histograms do not go back when a worker is replaced; gauges are of the living', () => {
  const fleet = new Fleet()
  for (const worker of [1, 2]) {
    fleet.hear(worker, listening)
    fleet.hear(worker, { type: 'metrics', state: counted(10) })
  }
  expect([value(fleet, 'headrace_requests_total'), value(fleet, 'headrace_request_seconds_count'), value(fleet, 'headrace_in_flight')]).toEqual([20, 20, 4])
  fleet.exited(1)
  expect([value(fleet, 'headrace_requests_total'), value(fleet, 'headrace_request_seconds_count'), value(fleet, 'headrace_in_flight')]).toEqual([20, 20, 2])
  fleet.hear(1, { type: 'metrics', state: counted(10) }) // on its way when the worker ended
  expect(value(fleet, 'headrace_requests_total')).toBe(20)
  fleet.hear(3, listening)
  fleet.hear(3, { type: 'metrics', state: counted(5) })
  fleet.exited(3)
  fleet.exited(2)
  expect([value(fleet, 'headrace_requests_total'), value(fleet, 'headrace_request_seconds_count')]).toEqual([25, 25])
})

test('a rollout is done when every known worker has taken it', async () => {
  const fleet = new Fleet()
  fleet.hear(1, listening)
  fleet.hear(2, { type: 'accepted', version: 1 })
  const taken = fleet.whenTaken(2, 5_000)
  fleet.hear(1, { type: 'accepted', version: 2 })
  fleet.hear(2, { type: 'accepted', version: 2 })
  expect(await taken).toEqual({ kind: 'taken', workers: 2 })
})

test('nobody waits for a worker that is gone, nor where there is none', async () => {
  const fleet = new Fleet()
  expect(await fleet.whenTaken(1, 5_000)).toEqual({ kind: 'taken', workers: 0 })
  fleet.hear(1, listening)
  const taken = fleet.whenTaken(2, 5_000)
  fleet.exited(1)
  expect(await taken).toEqual({ kind: 'taken', workers: 0 })
})

test('one refusal decides, and silence has an end', async () => {
  const fleet = new Fleet()
  fleet.hear(1, listening)
  fleet.hear(2, listening)
  const refused = fleet.whenTaken(2, 5_000)
  fleet.hear(1, { type: 'accepted', version: 2 })
  fleet.hear(2, { type: 'refused', version: 2, reason: 'no' })
  expect(await refused).toEqual({ kind: 'refused', worker: 2, reason: 'no' })
  expect(await fleet.whenTaken(3, 5)).toEqual({ kind: 'late', missing: [1, 2] })
})

test('a worker that never served is not waited for', async () => {
  const fleet = new Fleet()
  fleet.hear(1, { type: 'refused', version: 1, reason: 'port in use' })
  expect(fleet.workers()).toEqual([])
})

test('a worker that leaves is not waited for and not shown, and what it counts still counts', async () => {
  const fleet = new Fleet()
  for (const worker of [1, 2]) fleet.hear(worker, listening)
  fleet.hear(2, { type: 'accepted', version: 7 })
  const taken = fleet.whenTaken(7, 10_000)
  fleet.leaves(1)
  expect(await taken).toEqual({ kind: 'taken', workers: 1 })
  expect(fleet.workers().map(({ worker }) => worker)).toEqual([2])
  fleet.hear(1, { type: 'metrics', state: counted(10) })
  expect(value(fleet, 'headrace_requests_total')).toBe(10)
  fleet.exited(1)
  expect(value(fleet, 'headrace_requests_total')).toBe(10)
})
