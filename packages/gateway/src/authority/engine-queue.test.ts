import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { ended, engine, QueueSimulation, type QueueWorker, type Story } from './queue-simulation.ts'

/** A random generator that is the same every time. */
function seededRandom(seed: number): () => number {
  let state = seed >>> 0 || 1
  return () => {
    state ^= state << 13; state >>>= 0
    state ^= state >>> 17
    state ^= state << 5; state >>>= 0
    return state / 2 ** 32
  }
}

const only = (simulation: QueueSimulation): QueueWorker => simulation.workers[0] as QueueWorker
const shed = (simulation: QueueSimulation): Story[] => simulation.stories.filter(({ shedAt }) => shedAt >= 0)
const counters = (simulation: QueueSimulation) => only(simulation).capacity.addTo({ counters: {}, gauges: {}, histograms: {} })

/** So many requests, one every `everyMs`. */
function arrivals(simulation: QueueSimulation, count: number, everyMs: number, asking = {}, name = 'r'): void {
  for (let index = 0; index < count; index++) simulation.at(index * everyMs, () => simulation.request(`${name}${index}`, only(simulation), asking))
}

describe('several workers at one engine', () => {
  const scenario = fc.record({
    seed: fc.integer({ min: 1, max: 2 ** 31 }), workers: fc.integer({ min: 1, max: 4 }), concurrency: fc.integer({ min: 1, max: 12 }), queue: fc.integer({ min: 0, max: 40 }),
    requests: fc.integer({ min: 1, max: 120 }), delay: fc.integer({ min: 0, max: 15 }), spread: fc.integer({ min: 0, max: 3_000 }), crash: fc.boolean(),
  })

  it('never send it more than it takes, lose nobody, and leave nothing behind', async () => {
    await fc.assert(fc.asyncProperty(scenario, async ({ seed, workers, concurrency, queue, requests, delay, spread, crash }) => {
      const random = seededRandom(seed)
      const simulation = new QueueSimulation(engine({ concurrency, queue }), workers, () => Math.floor(random() * (delay + 1)))
      for (let count = 0; count < requests; count++) {
        const asking = { tenant: `t${Math.floor(random() * 3)}`, key: `k${Math.floor(random() * 3)}`, serviceMs: Math.floor(random() * 400), ...random() < 0.3 ? { leaveAfterMs: Math.floor(random() * 600) } : {} }
        simulation.at(Math.floor(random() * spread), () => {
          const alive = simulation.workers.filter(worker => worker.alive)
          simulation.request(`r${count}`, alive[Math.floor(random() * alive.length)] as QueueWorker, asking)
        })
      }
      if (crash) simulation.at(spread / 2, () => {
        simulation.crash(only(simulation))
        simulation.start()
      })
      for (let at = 250; at < 20_000; at += 250) simulation.at(at, () => { for (const worker of simulation.workers) if (worker.alive) worker.desk.sweep() })
      await simulation.run(20_000)
      expect(simulation.peak).toBeLessThanOrEqual(concurrency)
      expect(simulation.stories.filter(story => !ended(story))).toEqual([])
      // Every slot is back: the engine can be filled again, from any worker.
      const last = simulation.workers.at(-1) as QueueWorker
      for (let count = 0; count < concurrency + 1; count++) simulation.request(`again${count}`, last, { serviceMs: 2_000 })
      await simulation.run(1_000)
      expect(simulation.served().filter(name => name.startsWith('again'))).toHaveLength(concurrency)
      await simulation.run(5_000)
      expect(simulation.stories.filter(story => !ended(story))).toEqual([])
    }), { numRuns: 150 })
  })

  it('take turns where both have a queue, however much longer the one is', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1, waitMs: 60_000, intervalMs: 60_000 }), 2, () => 1)
    const [busy, quiet] = simulation.workers as [QueueWorker, QueueWorker]
    for (let count = 0; count < 50; count++) simulation.request(`busy${count}`, busy)
    await simulation.run(250)
    for (let count = 0; count < 3; count++) simulation.request(`quiet${count}`, quiet)
    await simulation.run(1_000)
    const after = simulation.served().slice(3)
    expect(after.slice(0, 7).filter(name => name.startsWith('quiet'))).toHaveLength(3)
  })

  it('use a slot that lies idle at another worker', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 2 }), 2, () => 1)
    const [first, second] = simulation.workers as [QueueWorker, QueueWorker]
    simulation.request('a', first, { serviceMs: 10 })
    await simulation.run(50)
    for (const name of ['b', 'c']) simulation.request(name, second, { serviceMs: 1_000 })
    await simulation.run(50)
    expect(simulation.served()).toEqual(['a', 'b', 'c'])
  })

  it('follow a changed capacity with those who wait already', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1 }), 1)
    for (const name of ['a', 'b', 'c']) simulation.request(name, only(simulation), { serviceMs: 1_000 })
    await simulation.run(10)
    expect(simulation.served()).toEqual(['a'])
    simulation.reload(engine({ concurrency: 3 }))
    await simulation.run(10)
    expect(simulation.served()).toEqual(['a', 'b', 'c'])
  })
})

describe('the queue', () => {
  it('is first come, first served while the engine keeps up', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1 }))
    arrivals(simulation, 8, 1)
    await simulation.run(5_000)
    expect(simulation.served()).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'r5', 'r6', 'r7'])
  })

  it('lets the newest go first once it stands, and the wait of those who are served is short', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 2 }))
    // Twice what it takes: 2 per 100 ms.
    arrivals(simulation, 160, 25)
    await simulation.run(6_000)
    const served = simulation.stories.filter(({ servedAt }) => servedAt >= 0)
    const late = served.filter(({ since }) => since - 1_000_000 > 1_500)
    expect(late.length).toBeGreaterThan(20)
    expect(Math.max(...late.map(({ servedAt, since }) => servedAt - since))).toBeLessThanOrEqual(100 + 25)
    // Every place is used all the time: 2 per 100 ms for 4 s.
    expect(served.length).toBeGreaterThanOrEqual(78)
  })

  it.each([
    ['a burst that is over before the interval waits as long as it takes', 10, { intervalMs: 2_000 }, 0],
    ['a queue that stands sheds those who have waited longer than the target', 40, {}, 1],
  ])('%s', async (_name, count, facts, least) => {
    const simulation = new QueueSimulation(engine({ concurrency: 1, ...facts }))
    arrivals(simulation, count, 0)
    await simulation.run(20_000)
    expect(shed(simulation).length >= least && (least > 0 || shed(simulation).length === 0)).toBe(true)
    // It is the interval that the law waits for, not the first wait over the target.
    if (least > 0) expect(Math.min(...shed(simulation).map(({ shedAt, since }) => shedAt - since))).toBeGreaterThanOrEqual(1_000)
  })

  it('that empties only because its clients leave still stands; one that is served empty does not', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1, targetMs: 50 }))
    simulation.request('long', only(simulation), { serviceMs: 3_000 })
    for (let count = 0; count < 3; count++) simulation.request(`impatient${count}`, only(simulation), { leaveAfterMs: 900 })
    await simulation.run(1_200)
    expect(shed(simulation)).toEqual([])
    expect(counters(simulation).gauges['headrace_queue_standing{engine="up/m"}']).toBe(1)
    arrivals(simulation, 2, 0)
    await simulation.run(200)
    expect(shed(simulation).map(({ name }) => name)).toEqual(['r0'])
    await simulation.run(2_000)
    expect(simulation.served().at(-1)).toBe('r1')
    expect(counters(simulation).gauges['headrace_queue_standing{engine="up/m"}']).toBe(0)
  })

  it('keeps the newest of each key, as many as its share of the places, however long the engine takes', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 4 }))
    for (let count = 0; count < 4; count++) simulation.request(`running${count}`, only(simulation), { serviceMs: 3_000 })
    await simulation.run(10)
    for (let count = 0; count < 6; count++) simulation.request(`loud${count}`, only(simulation), { key: 'loud' })
    simulation.request('quiet', only(simulation), { key: 'quiet' })
    await simulation.run(2_500)
    expect(shed(simulation).map(({ name }) => name)).toEqual(['loud0', 'loud1', 'loud2', 'loud3'])
    await simulation.run(2_000)
    expect(simulation.served().slice(4).toSorted()).toEqual(['loud4', 'loud5', 'quiet'])
  })

  it('leaves two turnovers of a slow engine to wait in, so that no place comes free with everybody sent away', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1, targetMs: 10 }))
    arrivals(simulation, 60, 500, { serviceMs: 1_000 })
    await simulation.run(40_000)
    // 30 s of arrivals, one answer per second.
    expect(simulation.served().length).toBeGreaterThanOrEqual(29)
  })

  it('refuses at once whose turn would come too late, with a time to come back', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1, waitMs: 500 }))
    simulation.request('first', only(simulation))
    await simulation.run(200)
    arrivals(simulation, 9, 0)
    await simulation.run(0)
    // Of 100 ms each: one is served, five can be within half a second, and one in the moment that it ends.
    expect(shed(simulation)).toHaveLength(2)
    expect(shed(simulation)[0]?.error).toMatchObject({ kind: 'overloaded', retryAfterMs: 1_000 })
    expect(counters(simulation).counters).toEqual({ 'headrace_queue_shed_total{engine="up/m",reason="hopeless"}': 2 })
  })

  it('lets nobody wait past the time in which the answer must have begun', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1 }))
    simulation.request('long', only(simulation), { serviceMs: 5_000 })
    simulation.request('hurried', only(simulation), { firstToken: 300 })
    simulation.request('patient', only(simulation))
    await simulation.run(400)
    expect(shed(simulation).map(({ name }) => name)).toEqual(['hurried'])
  })

  it('gives the place of a client that left to the next', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1 }))
    simulation.request('a', only(simulation))
    simulation.request('gone', only(simulation), { leaveAfterMs: 50 })
    simulation.request('b', only(simulation))
    await simulation.run(150)
    expect(simulation.served()).toEqual(['a', 'b'])
    expect(counters(simulation).gauges['headrace_queue_depth{engine="up/m"}']).toBe(0)
  })

  it.each([3_600_000, -3_600_000, 86_400_000 * 40])('does not mind a wall clock that steps by %i ms', async step => {
    const simulation = new QueueSimulation(engine({ concurrency: 1 }))
    arrivals(simulation, 6, 0)
    simulation.at(150, () => { simulation.wallOffset += step })
    await simulation.run(1_000)
    expect(simulation.served()).toEqual(['r0', 'r1', 'r2', 'r3', 'r4', 'r5'])
    expect(simulation.peak).toBe(1)
  })
})

describe('fairness', () => {
  it('serves tenants in turn, and the keys of a tenant in turn', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1, waitMs: 60_000, intervalMs: 60_000 }))
    simulation.request('first', only(simulation), { tenant: 'other' })
    for (let count = 0; count < 20; count++) simulation.request(`flood${count}`, only(simulation), { tenant: 'big', key: 'loud' })
    for (let count = 0; count < 2; count++) simulation.request(`colleague${count}`, only(simulation), { tenant: 'big', key: 'quiet' })
    for (let count = 0; count < 2; count++) simulation.request(`small${count}`, only(simulation), { tenant: 'small' })
    await simulation.run(1_000)
    expect(simulation.served().slice(1, 9)).toEqual(['flood0', 'small0', 'colleague0', 'small1', 'flood1', 'colleague1', 'flood2', 'flood3'])
  })

  it('sends the largest key of the largest tenant away where there are too many, not the newcomer', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 1, queue: 4 }))
    simulation.request('first', only(simulation), { tenant: 'other' })
    await simulation.run(10)
    for (let count = 0; count < 6; count++) simulation.request(`flood${count}`, only(simulation), { tenant: 'big' })
    simulation.request('small', only(simulation), { tenant: 'small' })
    await simulation.run(1_000)
    expect(simulation.served()).toEqual(['first', 'flood0', 'small', 'flood1', 'flood2'])
    expect(shed(simulation).map(({ name }) => name)).toEqual(['flood3', 'flood4', 'flood5'])
  })

  it('lets one tenant at ten times its share take nothing from another that stays within its own', async () => {
    const simulation = new QueueSimulation(engine({ concurrency: 4 }))
    // 40 per second are taken; the flood asks for 400, the neighbour for 10.
    arrivals(simulation, 2_000, 2.5, { tenant: 'flood' }, 'flood')
    arrivals(simulation, 50, 100, { tenant: 'neighbour' }, 'neighbour')
    await simulation.run(6_000)
    const neighbours = simulation.stories.filter(({ name }) => name.startsWith('neighbour'))
    expect(neighbours.filter(({ servedAt }) => servedAt >= 0)).toHaveLength(50)
  })
})
