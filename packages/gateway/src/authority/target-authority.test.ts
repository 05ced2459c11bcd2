import { describe, expect, it } from 'vitest'
import type { Target } from '@headrace/contract'
import { Route } from '../orchestration/health/route.ts'
import { simulatedPlan, simulatedTarget, TargetSimulation, type SimulatedWorker, type Went } from './target-simulation.ts'

const A = simulatedTarget('a/m')
const B = simulatedTarget('b/m')
const PLAN = simulatedPlan(A, B)
const FAULT: Went = { error: 'upstream-server-error', status: 500 }

function world(workers = 2): { readonly sim: TargetSimulation, readonly one: SimulatedWorker, readonly two: SimulatedWorker } {
  const sim = new TargetSimulation(workers)
  const [one, two] = sim.workers
  if (one === undefined) throw new Error('no worker')
  return { sim, one, two: two ?? one }
}

/** A goes out, as both workers see. */
function failed(workers = 2) {
  const made = world(workers)
  for (let count = 0; count < 5; count++) (count % 2 === 0 ? made.one : made.two).attempt(A, FAULT)
  return made
}

/** Passes time until the condition holds; how long that took. */
function passUntil(sim: TargetSimulation, holds: () => boolean, limit = 60_000): number {
  const start = sim.now
  while (!holds()) {
    if (sim.now - start > limit) throw new Error('in vain')
    sim.pass(50)
  }
  return sim.now - start
}

describe('a target that fails', () => {
  it('is out for every worker after five failures in a row, whoever saw them', () => {
    const { sim, one, two } = world()
    for (let count = 0; count < 4; count++) (count % 2 === 0 ? one : two).attempt(A, FAULT)
    expect([one.choose(PLAN), two.choose(PLAN)]).toEqual([0, 0])
    one.attempt(A, FAULT)
    expect([one.choose(PLAN), two.choose(PLAN)]).toEqual([1, 1])
    expect(sim.target('a/m')).toMatchObject({ state: 'out', reason: 'failing', failed: 5 })
  })

  it('is not out when an answer comes in between, nor for what a client or the gateway did wrong', () => {
    const { one } = world()
    for (let count = 0; count < 20; count++) one.attempt(A, count % 3 === 2 ? {} : FAULT)
    for (const error of ['client-closed', 'upstream-invalid-request', 'internal', 'shutting-down'] as const) for (let count = 0; count < 9; count++) one.attempt(B, { error, status: 400 })
    expect(one.choose(simulatedPlan(B, A))).toBe(0)
  })

  it.each(['upstream-connect', 'upstream-connect-timeout', 'upstream-first-token-timeout', 'upstream-idle-timeout', 'upstream-reset', 'upstream-protocol', 'upstream-truncated', 'upstream-overloaded', 'upstream-total-timeout'] as const)('%s counts', error => {
    const { one } = world()
    for (let count = 0; count < 5; count++) one.attempt(A, { error })
    expect(one.choose(PLAN)).toBe(1)
  })

  it('gets one probe at a time, and a longer rest with each that fails, at most 20 s', () => {
    const { sim, one, two } = failed()
    const rests: number[] = []
    for (let round = 0; round < 7; round++) {
      rests.push(passUntil(sim, () => one.choose(PLAN) === 0 || two.choose(PLAN) === 0))
      const first = one.choose(PLAN) === 0
      const [prober, other] = first ? [one, two] : [two, one]
      const end = prober.begin(A)
      // However long it takes: nobody else is let through.
      for (let count = 0; count < 40; count++) {
        sim.pass(100)
        expect([prober.choose(PLAN), other.choose(PLAN)]).toEqual([1, 1])
      }
      expect(sim.target('a/m')?.state).toBe('probing')
      end(FAULT)
    }
    expect(rests.toSorted((left, right) => left - right)).toEqual(rests)
    expect(rests[0]).toBeGreaterThanOrEqual(1_000)
    expect(rests.at(-1)).toBeGreaterThan(10_000)
    expect(rests.at(-1)).toBeLessThanOrEqual(20_100)
  })

  it('is back for every worker when its probe is answered', () => {
    const { sim, one, two } = failed()
    passUntil(sim, () => one.choose(PLAN) === 0 || two.choose(PLAN) === 0)
    ;(one.choose(PLAN) === 0 ? one : two).attempt(A)
    expect([one.choose(PLAN), two.choose(PLAN)]).toEqual([0, 0])
    expect(sim.target('a/m')).toMatchObject({ state: 'in', reason: null })
  })

  it('a worker without requests, or one that dies, does not keep the token', () => {
    const { sim, one, two } = failed()
    // Only the first asks; then it has no more requests.
    passUntil(sim, () => one.choose(PLAN) === 0)
    passUntil(sim, () => two.choose(PLAN) === 0, 5_000)
    const dead = failed()
    passUntil(dead.sim, () => dead.one.choose(PLAN) === 0)
    dead.one.begin(A)
    dead.sim.kill(1)
    passUntil(dead.sim, () => dead.two.choose(PLAN) === 0, 5_000)
  })

  it('a client that leaves in the middle of the probe decides nothing', () => {
    const { sim, one } = failed(1)
    passUntil(sim, () => one.choose(PLAN) === 0)
    one.attempt(A, { error: 'client-closed' })
    expect(sim.target('a/m')?.state).toBe('out')
    passUntil(sim, () => one.choose(PLAN) === 0, 200)
    one.attempt(A)
    expect(sim.target('a/m')?.state).toBe('in')
  })

  it('answers to requests from before it went out do not bring it back', () => {
    const { sim, one } = world()
    const late = [one.begin(A), one.begin(A)]
    for (let count = 0; count < 5; count++) one.attempt(A, FAULT)
    for (const end of late) end()
    sim.pass(200)
    expect(one.choose(PLAN)).toBe(1)
  })

  it('where all are out the one whose time is nearest is tried, and its answer brings it back', () => {
    const { sim, one, two } = failed()
    sim.pass(300)
    for (let count = 0; count < 5; count++) one.attempt(B, FAULT)
    expect([one.choose(PLAN), two.choose(PLAN)]).toEqual([0, 0])
    two.attempt(A)
    expect(sim.target('a/m')?.state).toBe('in')
    expect(one.choose(PLAN)).toBe(0)
  })
})

describe('a target that fails now and then', () => {
  /** Requests in turn at both workers; `badA`, `badB`: failures in ten. */
  const mix = (workers: SimulatedWorker[], sim: TargetSimulation, badA: number, badB: number): void => {
    for (let count = 0; count < 60; count++) {
      const worker = workers[count % workers.length] as SimulatedWorker
      if (worker.choose(PLAN) === 0) worker.attempt(A, (count * 7) % 10 < badA ? FAULT : {})
      worker.attempt(B, (count * 3) % 10 < badB ? FAULT : {})
      sim.pass(50)
    }
  }

  it('is out when three in ten fail and the others do not', () => {
    const { sim, one, two } = world()
    mix([one, two], sim, 3, 0)
    expect(sim.target('a/m')).toMatchObject({ state: 'out', reason: 'error-rate' })
    expect(sim.target('b/m')?.state).toBe('in')
  })

  it('that comes back by the luck of its probe is out again after a few attempts, and one that had one failure is not', () => {
    const { sim, one, two } = world()
    mix([one, two], sim, 3, 0)
    const back = (): void => {
      passUntil(sim, () => one.choose(PLAN) === 0 || two.choose(PLAN) === 0, 20_000)
      ;(one.choose(PLAN) === 0 ? one : two).attempt(A)
    }
    back()
    for (let count = 0; count < 4; count++) one.attempt(A, count % 2 === 0 ? FAULT : {})
    expect(one.choose(PLAN)).toBe(0)
    one.attempt(A, FAULT)
    expect(sim.target('a/m')).toMatchObject({ state: 'out', reason: 'error-rate' })
    back()
    one.attempt(A, FAULT)
    for (let count = 0; count < 30; count++) one.attempt(A)
    expect(sim.target('a/m')?.state).toBe('in')
  })

  it('stays when all of them fail alike, or only one in ten does', () => {
    const alike = world()
    mix(alike.sim.workers, alike.sim, 3, 3)
    const rare = world()
    mix(rare.sim.workers, rare.sim, 1, 0)
    for (const { sim } of [alike, rare]) expect([sim.target('a/m')?.state, sim.target('b/m')?.state]).toEqual(['in', 'in'])
  })
})

describe('a target that is slow', () => {
  const serve = (sim: TargetSimulation, worker: SimulatedWorker, count: number, ms: number): void => {
    for (let turn = 0; turn < count && worker.choose(PLAN) === 0; turn++) {
      worker.attempt(A, { ms })
      sim.pass(50)
    }
  }

  it('comes after the others when it is ten times slower than usual, before those that are out, and returns when it is itself again', () => {
    const { sim, one } = world()
    serve(sim, one, 60, 100)
    serve(sim, one, 30, 1_000)
    expect(sim.target('a/m')).toMatchObject({ state: 'out', reason: 'slow' })
    expect(one.choose(PLAN)).toBe(1)
    for (let count = 0; count < 5; count++) one.attempt(B, FAULT)
    expect(one.choose(PLAN)).toBe(0)
    passUntil(sim, () => one.picker.isOpen(PLAN, 0), 20_000)
    one.attempt(A, { ms: 110 })
    expect(sim.target('a/m')?.state).toBe('in')
  })

  it('stays away while its probes are slow', () => {
    const { sim, one } = world()
    serve(sim, one, 60, 100)
    serve(sim, one, 30, 1_000)
    for (let round = 0; round < 3; round++) {
      passUntil(sim, () => one.choose(PLAN) === 0, 20_000)
      one.attempt(A, { ms: 1_000 })
      expect(sim.target('a/m')).toMatchObject({ state: 'out', reason: 'slow' })
    }
  })

  it('is not taken for well by a slow answer whose first byte was told before its end', () => {
    const { sim, one, two } = world()
    serve(sim, one, 60, 100)
    serve(sim, one, 30, 1_000)
    for (let round = 0; round < 2; round++) {
      passUntil(sim, () => one.choose(PLAN) === 0, 20_000)
      const probe = one.start(A)
      probe.speak(1_000, true)
      sim.pass(500)
      probe.end({})
      expect(sim.target('a/m')).toMatchObject({ state: 'out', reason: 'slow' })
    }
    // Nor where it is tried because the others are out.
    for (let count = 0; count < 5; count++) two.attempt(B, FAULT)
    sim.pass(100)
    const late = two.start(A)
    late.speak(1_000, true)
    sim.pass(500)
    late.end({})
    expect(sim.target('a/m')?.state).toBe('out')
    const soon = two.start(A)
    soon.speak(110, true)
    sim.pass(500)
    soon.end({})
    expect(sim.target('a/m')?.state).toBe('in')
  })

  it('is not held for slow by answers that are merely spread, or twice as slow', () => {
    const { sim, one } = world()
    for (let turn = 0; turn < 300; turn++) {
      one.attempt(A, { ms: 40 + (turn * 37) % 300 })
      sim.pass(50)
    }
    serve(sim, one, 100, 380)
    expect(sim.target('a/m')?.state).toBe('in')
  })

  it('is out when it hangs: several wait many times longer than usual and nothing comes', () => {
    const { sim, one } = world()
    serve(sim, one, 40, 100)
    for (let count = 0; count < 3; count++) one.begin(A)
    sim.pass(900)
    expect(one.choose(PLAN)).toBe(0)
    sim.pass(400)
    expect(sim.target('a/m')).toMatchObject({ reason: 'hung' })
    expect(one.choose(PLAN)).toBe(1)
  })
})

describe('credentials', () => {
  const first = simulatedTarget('a/m', 'a#1')
  const second = simulatedTarget('a/m', 'a#2')
  const elsewhere = simulatedTarget('a/other', 'a#1')
  const plan = simulatedPlan(first, second)

  it('401: rests at once where it was seen, soon everywhere, and at all models of its provider', () => {
    const { sim, one, two } = world()
    const end = one.begin(first)
    end({ error: 'upstream-auth', status: 401 })
    for (const worker of [one, two]) {
      expect(worker.choose(plan)).toBe(1)
      expect(worker.picker.isOpen(simulatedPlan(elsewhere), 0)).toBe(false)
    }
    sim.pass(50_000)
    expect(one.choose(plan)).toBe(1)
    // The endpoint is well: it has answered.
    expect(sim.target('a/m')?.state).toBe('in')
  })

  it('403: rests at this model only', () => {
    const { one, two } = world()
    one.attempt(first, { error: 'upstream-auth', status: 403 })
    expect(two.choose(plan)).toBe(1)
    expect(two.picker.isOpen(simulatedPlan(elsewhere), 0)).toBe(true)
  })

  it('a spent quota: rests until the provider says, and is not tried before', () => {
    const { sim, one, two } = world()
    one.attempt(first, { error: 'upstream-quota', status: 429, retryAfterMs: 30_000 })
    expect(two.choose(plan)).toBe(1)
    expect(two.picker.choose(simulatedPlan(first), new Route(simulatedPlan(first)))).toBe(-1)
    const hold = two.picker.hold(simulatedPlan(first), null)
    expect(hold?.error).toMatchObject({ kind: 'upstream-quota' })
    expect(hold?.waitMs).toBeGreaterThan(29_000)
    sim.pass(30_100)
    expect(two.choose(simulatedPlan(first))).toBe(0)
  })

  it('a quota of which nobody knows the end is tried where there is no other', () => {
    const { one } = world()
    one.attempt(first, { error: 'upstream-quota', status: 402 })
    expect(one.choose(plan)).toBe(1)
    expect(one.choose(simulatedPlan(first))).toBe(0)
  })

  it('429: the pair rests as long as the provider said, and the model with another credential serves', () => {
    const { sim, one, two } = world()
    one.attempt(first, { error: 'upstream-rate-limited', status: 429, retryAfterMs: 2_000 })
    expect([one.choose(plan), two.choose(plan)]).toEqual([1, 1])
    expect(one.picker.isOpen(simulatedPlan(elsewhere), 0)).toBe(true)
    sim.pass(1_900)
    expect(two.choose(plan)).toBe(1)
    sim.pass(200)
    expect([one.choose(plan), two.choose(plan)]).toEqual([0, 0])
  })

  it('a fault of the target says nothing of the credential', () => {
    const { sim, one } = world()
    for (let count = 0; count < 5; count++) one.attempt(first, FAULT)
    expect(one.picker.isOpen(simulatedPlan(elsewhere), 0)).toBe(true)
    expect(sim.authority.view().filter(view => view.state === 'out')).toHaveLength(1)
  })
})

it('what was forgotten begins anew, and counts', () => {
  const { sim, one } = failed(1)
  passUntil(sim, () => one.choose(PLAN) === 0)
  one.attempt(A)
  sim.pass(700_000)
  expect(sim.target('a/m')).toBeUndefined()
  for (let count = 0; count < 5; count++) one.attempt(A, FAULT)
  expect(one.choose(PLAN)).toBe(1)
})

it('a worker that starts later knows who is out; each knows how many share the budget', () => {
  const sim = new TargetSimulation(1)
  const [one] = sim.workers
  for (let count = 0; count < 5; count++) one?.attempt(A, FAULT)
  const late = new TargetSimulation(0)
  expect(late.workers).toEqual([])
  sim.authority.receive(2, { type: 'targets', news: [] })
  sim.settle()
  expect(one?.board.workers).toBe(2)
  sim.kill(2)
  expect(one?.board.workers).toBe(1)
})

it('the way of a request names why each target was skipped, chosen or left, in bounded ASCII', () => {
  const { one } = failed()
  const umlaut = simulatedPlan(A, simulatedTarget('b/ü"\n'))
  const route = new Route(umlaut)
  expect(one.picker.choose(umlaut, route)).toBe(1)
  const steps = JSON.parse(route.text()) as { target: string, did: string, why: string }[]
  expect(steps).toMatchObject([{ target: 'a/m', did: 'skipped' }, { target: 'b/ü"\n', did: 'chosen' }])
  expect(steps[0]?.why).toMatch(/it fails; 1\.\d s left/)
  expect(route.text()).toMatch(/^[\x20-\x7e]+$/)
  for (let count = 0; count < 1_000; count++) route.tell(0, 'left', 'again')
  expect(route.text().length).toBeLessThan(2_000)
})

it('of a target that is slow for the number of its requests every worker has a share; what is beyond goes elsewhere, or is refused early', () => {
  const sim = new TargetSimulation(2)
  const [target, other] = [simulatedTarget('p/m'), simulatedTarget('q/m')]
  for (let count = 0; count < 30; count++) sim.workers[count % 2]?.attempt(target, { ms: 200 })
  sim.pass(200)
  const begun = Array.from({ length: 60 }, (_, count) => ({ worker: sim.workers[count % 2], went: sim.workers[count % 2]?.begin(target) }))
  for (let round = 0; round < 12; round++) {
    for (const one of begun.splice(0, 10)) {
      one.went?.({ ms: 700 })
      begun.push({ worker: one.worker, went: one.worker?.begin(target) })
    }
    sim.pass(150)
  }
  const limit = sim.target('p/m')?.concurrency ?? 0
  expect(limit).toBeGreaterThanOrEqual(4)
  expect(limit).toBeLessThan(60)
  for (const worker of sim.workers) {
    expect(worker.choose(simulatedPlan(target, other))).toBe(1)
    const alone = simulatedPlan(target)
    expect(worker.choose(alone)).toBe(-1)
    expect(worker.picker.hold(alone, null)).toMatchObject({ waitMs: 0, error: { kind: 'upstream-overloaded', retryAfterMs: 1_000 } })
  }
  // Its capacity is configured: that is what counts.
  expect(sim.workers.map(worker => worker.choose(simulatedPlan({ ...target, capacity: { name: 'p/m' } } as unknown as Target)))).toEqual([0, 0])
  for (const { went } of begun) went?.({ ms: 700 })
  sim.pass(100)
  const share = Math.ceil((sim.target('p/m')?.concurrency ?? 0) / 2)
  expect(share).toBeGreaterThan(0)
  const held = Array.from({ length: share }, () => sim.workers[0]?.begin(target))
  expect(sim.workers.map(worker => worker.choose(simulatedPlan(target)))).toEqual([-1, 0])
  sim.kill(2)
  expect(sim.workers[0]?.choose(simulatedPlan(target))).toBe(0)
  for (const end of held) end?.({ ms: 200 })
})
