import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { HedgeRule } from '@headrace/contract'
import { HedgeSimulation } from './hedge-simulation.ts'
import { HedgeBudget } from './orchestration/hedge-budget.ts'

beforeEach(() => { vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'clearImmediate', 'performance', 'Date'] }) })
afterEach(() => { vi.useRealTimers() })

const RULE: HedgeRule = { name: 'm', share: 0.05, leastMs: 10 }
const REQUESTS = 6_000

/** A generator of numbers 0 .. 1 that is the same in every run. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31
    return state / 2 ** 31
  }
}

/** 100 requests per second at targets that take 80 to 120 ms, and 20 times as long for so many of the calls. */
function run(workers: number, slowShare: number, hedge: HedgeRule | null): { readonly p50: number, readonly p99: number, readonly extra: number, readonly sim: HedgeSimulation } {
  const chance = random(7)
  const sim = new HedgeSimulation(workers, () => (80 + 40 * chance()) * (chance() < slowShare ? 20 : 1), hedge)
  for (let count = 0; count < REQUESTS; count++) {
    sim.ask()
    vi.advanceTimersByTime(10)
    if (count % 10 === 0) sim.report()
  }
  vi.advanceTimersByTime(10_000)
  const sorted = sim.firstBytes.toSorted((left, right) => left - right)
  const at = (q: number): number => sorted[Math.floor(sorted.length * q)] ?? NaN
  expect(sorted.length).toBe(REQUESTS)
  expect(sim.running).toBe(0)
  return { p50: at(0.5), p99: at(0.99), extra: sim.calls - REQUESTS, sim }
}

it.each([1, 2, 8])('of a hundred calls two are 20 times as slow: with %i worker(s) hedging brings the p99 to less than 0.35 of what it was, with at most one call in twenty more', workers => {
  const plain = run(workers, 0.02, null)
  expect(plain).toMatchObject({ extra: 0 })
  expect(plain.p99).toBeGreaterThan(10 * plain.p50)
  const hedged = run(workers, 0.02, RULE)
  expect(hedged.p99 / plain.p99).toBeLessThan(0.35)
  expect(hedged.extra).toBeLessThanOrEqual(REQUESTS / 20)
  // Of two calls one is given up.
  expect(hedged.sim.cancelled).toBe(hedged.extra)
})

it('a worker that is behind reads what has come before it takes its own delay for the target\'s', async () => {
  vi.useRealTimers()
  // One turn of the loop is as long as the test says: what is due in it comes before what is read after it.
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance', 'Date'] })
  let pace = 100
  const sim = new HedgeSimulation(1, () => pace, RULE)
  for (let count = 0; count < 100; count++) {
    sim.ask()
    vi.advanceTimersByTime(100)
    sim.report()
  }
  const oneTurn = async (): Promise<number> => {
    const before = sim.calls
    sim.ask()
    vi.advanceTimersByTime(400)
    await new Promise(setImmediate)
    return sim.calls - before
  }
  pace = 300
  expect(await oneTurn()).toBe(1)
  pace = 2_000
  expect(await oneTurn()).toBe(2)
})

it('targets that are slow altogether are not asked twice as often', () => {
  expect(run(2, 0.5, RULE).extra).toBeLessThanOrEqual(REQUESTS / 20)
})

it.each([1, 2])('a probe of a target that hangs costs its client about a second, and not the time-out; it has failed, and the next one is later (%i worker(s), no hedging configured)', workers => {
  let hangs = false
  let atHanging = 0
  const sim = new HedgeSimulation(workers, name => {
    if (name !== 'a/m' || !hangs) return 100
    atHanging++
    return 90_000
  }, null)
  const pass = (seconds: number): void => {
    for (let tick = 0; tick < seconds * 10; tick++) {
      sim.ask()
      vi.advanceTimersByTime(100)
      sim.report()
    }
  }
  pass(20)
  hangs = true
  // Who waits already when it comes to hang waits on: these requests are over after this.
  pass(100)
  const [answered, probes] = [sim.firstBytes.length, atHanging]
  pass(100)
  const later = sim.firstBytes.slice(answered)
  expect(later.length).toBeGreaterThan(900)
  expect(Math.max(...later)).toBeLessThanOrEqual(1_200)
  expect(later.filter(ms => ms > 500).length).toBe(atHanging - probes)
  // Each rest is up to 16 s long by now.
  expect(atHanging - probes).toBeGreaterThanOrEqual(5)
  expect(atHanging - probes).toBeLessThanOrEqual(7)
  hangs = false
  pass(20)
  expect(sim.running).toBeLessThanOrEqual(1)
  const calls = sim.calls
  pass(5)
  expect(sim.calls - calls).toBe(50)
})

it('hedges are earned by requests, stored for a while, and shared over workers by the requests that each has', () => {
  for (const [workers, most] of [[1, 10], [2, 5], [40, 3]] as const) {
    const budget = new HedgeBudget(() => workers)
    const spend = (): number => {
      let count = 0
      for (; budget.has(RULE, true); count++) budget.spend(RULE)
      return count
    }
    expect(spend()).toBe(0)
    for (let count = 0; count < 21; count++) budget.earn(RULE)
    expect(budget.has(RULE, false)).toBe(false)
    expect(spend()).toBe(1)
    for (let count = 0; count < 1_000; count++) budget.earn(RULE)
    expect(spend()).toBe(most)
  }
})

it('no more than 1,000 models have a store of their own', () => {
  const budget = new HedgeBudget(() => 1)
  for (let count = 0; count < 3_000; count++) budget.count({ ...RULE, name: `m${count}` }, 'won')
  const { counters } = budget.addTo({ counters: {}, gauges: {}, histograms: {} })
  expect(Object.keys(counters)).toHaveLength(1_001)
  expect(counters['headrace_hedges_total{model="other",result="won"}']).toBe(2_000)
})
