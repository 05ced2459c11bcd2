import { describe, expect, it } from 'vitest'
import type { CounterState } from '@headrace/contract'
import { LeaseAuthority } from './lease-authority.ts'
import { LeaseSimulation, principal, rule, type SimulatedWorker } from './lease-simulation.ts'

const HOUR = 3_600_000

async function burst(simulation: LeaseSimulation, count: number): Promise<number> {
  const before = simulation.admitted
  for (let index = 0; index < count; index++) simulation.request(simulation.workers[index % simulation.workers.length] as SimulatedWorker)
  // Past the second after which a denial is asked about again.
  await simulation.run(simulation.now + 1_100)
  return simulation.admitted - before
}

describe('clock steps (check D9)', () => {
  it('neither refill nor freeze a rate', async () => {
    const simulation = new LeaseSimulation([rule('r', 'requests', { kind: 'rate', limit: 100, windowMs: HOUR, burst: 100 })], 3, () => 1)
    expect(await burst(simulation, 200)).toBe(100)
    for (const step of [HOUR, -HOUR, 31 * 24 * HOUR, -62 * 24 * HOUR]) {
      simulation.wallOffset += step
      expect(await burst(simulation, 50)).toBeLessThanOrEqual(1)
    }
    await simulation.run(simulation.now + 2 * HOUR)
    expect(await burst(simulation, 200)).toBe(100)
  })

  it('reset a day once, also over midnight and back, and leave its leases usable', async () => {
    const simulation = new LeaseSimulation([rule('r', 'requests', { kind: 'calendar', limit: 60, period: 'day' })], 3, () => 1)
    expect(await burst(simulation, 30)).toBe(30)
    simulation.wallOffset += 13 * HOUR
    expect(await burst(simulation, 100)).toBe(60)
    simulation.wallOffset -= 13 * HOUR
    expect(await burst(simulation, 100)).toBe(30)
    simulation.wallOffset += 31 * 24 * HOUR
    expect(await burst(simulation, 10)).toBe(10)
    simulation.wallOffset -= 31 * 24 * HOUR
    expect(await burst(simulation, 100)).toBe(0)
    simulation.wallOffset += 12 * HOUR
    expect(await burst(simulation, 100)).toBe(0)
    simulation.wallOffset += 24 * HOUR
    expect(await burst(simulation, 100)).toBe(60)
  })

  it('do not carry a lease into the next day', async () => {
    const simulation = new LeaseSimulation([rule('r', 'requests', { kind: 'calendar', limit: 40, period: 'day' })], 2, () => 1)
    expect(await burst(simulation, 6)).toBe(6)
    await simulation.run(simulation.now + 12 * HOUR)
    expect(await burst(simulation, 100)).toBe(40)
  })
})

describe('the authority', () => {
  it('keeps what was used when the amount changes, both ways', async () => {
    const spec = (limit: number) => ({ kind: 'calendar', limit, period: 'day' }) as const
    const simulation = new LeaseSimulation([rule('r', 'requests', spec(20))], 2, () => 1)
    expect(await burst(simulation, 50)).toBe(20)
    for (const worker of simulation.workers) worker.limiter.adopt([rule('r', 'requests', spec(50))], 2)
    expect(await burst(simulation, 100)).toBe(30)
    for (const worker of simulation.workers) worker.limiter.adopt([rule('r', 'requests', spec(10))], 3)
    expect(await burst(simulation, 10)).toBe(0)
  })

  it('carries calendar use over a restart, units out on lease as used, and no rates', async () => {
    const simulation = new LeaseSimulation([rule('r', 'requests', { kind: 'calendar', limit: 20, period: 'day' }), rule('s', 'requests', { kind: 'rate', limit: 50, windowMs: HOUR, burst: 50 })], 2, () => 1)
    expect(await burst(simulation, 15)).toBe(15)
    for (const worker of simulation.workers) worker.limiter.sweep()
    for (const worker of simulation.workers) worker.limiter.sweep()
    await simulation.run(simulation.now + 10)
    const state = JSON.parse(JSON.stringify([...simulation.authority.state()])) as CounterState[]
    expect(state).toHaveLength(1)
    const again = new LeaseSimulation([rule('r', 'requests', { kind: 'calendar', limit: 20, period: 'day' })], 2, () => 1)
    for (const counter of state) again.authority.restore(counter)
    expect(await burst(again, 50)).toBe(5)
  })

  it('forgets counters that are full again, and keeps those that are not', async () => {
    const simulation = new LeaseSimulation([rule('r', 'requests', { kind: 'rate', limit: 10, windowMs: 60_000, burst: 10 })], 1, () => 1)
    const [worker] = simulation.workers as [SimulatedWorker]
    for (let user = 0; user < 500; user++) simulation.request(worker, 0, principal({ keyId: `k${user}` }))
    await simulation.run(simulation.now + 100)
    expect(simulation.authority.size).toBe(500)
    for (let round = 0; round < 400; round++) {
      worker.limiter.sweep()
      await simulation.run(simulation.now + 250)
    }
    simulation.authority.sweep()
    expect(simulation.authority.size).toBe(0)
  })

  it('lets made-up names share one counter beyond a bound, within their own rule and tenant', () => {
    const sent: unknown[] = []
    const authority = new LeaseAuthority({ now: () => 0, wall: () => 0, after: () => {}, send: (_worker, message) => sent.push(...message.ops) })
    const spec = { kind: 'calendar', limit: 5, period: 'day' } as const
    const open = (id: number, group: string) => ({ op: 'open', id, key: `${group} ${id}`, group, spec, version: 1 }) as const
    const ask = (id: number, need: number) => ({ op: 'ask', id, used: 0, mark: 0, back: 0, from: 0, charge: 0, need, want: 0 }) as const
    for (let id = 0; id < 100_100; id++) authority.receive(1, { type: 'limits', ops: [open(id, 'g')] })
    expect(authority.size).toBe(100_001)
    authority.receive(1, { type: 'limits', ops: [ask(100_050, 5), ask(100_060, 1), ask(7, 5)] })
    authority.receive(1, { type: 'limits', ops: [{ ...ask(100_050, 0), op: 'recalled', used: 5, mark: 5 }] })
    authority.receive(1, { type: 'limits', ops: [open(200_000, 'other'), ask(200_000, 5)] })
    const answers = (id: number) => (sent as { id: number, op: string }[]).filter(op => op.id === id).map(op => op.op)
    expect(answers(100_050)).toEqual(['grant', 'recall'])
    expect(answers(7)).toEqual(['grant'])
    expect(answers(200_000)).toEqual(['grant'])
  })

  it('makes no units from a confused worker’s words', () => {
    const sent: { op: string }[] = []
    const authority = new LeaseAuthority({ now: () => 0, wall: () => 0, after: () => {}, send: (_worker, message) => sent.push(...message.ops) })
    const news = { op: 'report', id: 1, used: -5, mark: -9, back: 1_000, from: 0, charge: 0, need: 0, want: 0 } as const
    authority.receive(1, { type: 'limits', ops: [{ op: 'open', id: 1, key: 'k', group: 'g', spec: { kind: 'slots', limit: 2 }, version: 1 }, news, { ...news, id: 99 }] })
    authority.receive(1, { type: 'limits', ops: [{ ...news, op: 'ask', back: 0, need: 3 }] })
    expect(sent.map(op => op.op)).toEqual(['deny'])
  })
})
