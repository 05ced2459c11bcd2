import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { CounterSpec } from '@headrace/contract'
import { LeaseSimulation, rule } from './lease-simulation.ts'

const scenario = fc.record({
  requests: fc.array(fc.record({ at: fc.integer({ min: 0, max: 300 }), worker: fc.nat(2), hold: fc.integer({ min: 1, max: 120 }) }), { minLength: 1, maxLength: 120 }),
  handOvers: fc.array(fc.integer({ min: 0, max: 400 }), { minLength: 1, maxLength: 4 }), limit: fc.integer({ min: 1, max: 40 }), delays: fc.array(fc.integer({ min: 0, max: 15 }), { minLength: 1, maxLength: 20 }),
})

/** Requests at their moments; the authority moves to another process in between. */
function simulate(spec: CounterSpec, { requests, handOvers, delays }: typeof scenario extends fc.Arbitrary<infer T> ? T : never): LeaseSimulation {
  let turn = 0
  const simulation = new LeaseSimulation([rule('r', spec.kind === 'slots' ? 'concurrency' : 'requests', spec)], 3, () => delays[turn++ % delays.length] ?? 0)
  for (const { at, worker, hold } of requests) simulation.at(at, () => simulation.request(simulation.workers[worker] as LeaseSimulation['workers'][0], spec.kind === 'slots' ? hold : 0))
  for (const at of handOvers) simulation.at(at, () => simulation.handOver())
  return simulation
}

describe('an authority that is handed over, with calls and messages under way', () => {
  it('never lets more run at the same time than there are slots, and loses no slot', async () => {
    await fc.assert(fc.asyncProperty(scenario, async s => {
      const simulation = simulate({ kind: 'slots', limit: s.limit }, s)
      const end = simulation.now + 3_000
      for (let at = simulation.now; at < end; at += 3) {
        await simulation.run(at)
        expect(simulation.running()).toBeLessThanOrEqual(s.limit)
      }
      expect(simulation.outcomes.length).toBe(s.requests.length)
      const before = simulation.admitted
      for (let count = 0; count < s.limit; count++) simulation.request(simulation.workers[0] as LeaseSimulation['workers'][0], 60_000)
      await simulation.run(end + 50_000)
      expect(simulation.admitted - before).toBe(s.limit)
    }), { numRuns: 100 })
  })

  it('admits what a limit per day allows, no more and no less', async () => {
    await fc.assert(fc.asyncProperty(scenario, async s => {
      const simulation = simulate({ kind: 'calendar', limit: s.limit, period: 'day' }, s)
      await simulation.run(simulation.now + 5_000)
      expect(simulation.outcomes.length).toBe(s.requests.length)
      expect(simulation.admitted).toBe(Math.min(s.limit, s.requests.length))
    }), { numRuns: 200 })
  })

  it('opens no rate anew: a burst counts on', async () => {
    await fc.assert(fc.asyncProperty(scenario, async s => {
      // One unit per hour: within the test nothing comes back.
      const simulation = simulate({ kind: 'rate', limit: 1, windowMs: 3_600_000, burst: s.limit }, s)
      await simulation.run(simulation.now + 5_000)
      expect(simulation.outcomes.length).toBe(s.requests.length)
      expect(simulation.admitted).toBe(Math.min(s.limit, s.requests.length))
    }), { numRuns: 200 })
  })
})
