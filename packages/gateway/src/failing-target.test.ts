import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { Exchange, gatewayError, type ErrorKind, type Plan, type Snapshot, type Target } from '@headrace/contract'
import { TargetSimulation, type SimulatedWorker } from './authority/target-simulation.ts'
import { RetryBudget } from './orchestration/retry-policy.ts'
import { PlanWalk } from './plan-walk.ts'
import type { AttemptLayers } from './prepared-call.ts'

/**
 * Health, retries and the retry budget together under load in virtual time, so that outages may last: real boards, pickers, walks and budgets, one authority, and engines that
 * are so many milliseconds. What the wire and the processes add is in test/deep/failing-target.deep.ts.
 */
type Engine = (random: () => number) => { readonly error?: ErrorKind, readonly status?: number, readonly firstMs: number, readonly lastMs: number }

const HEALTHY: Engine = random => ({ firstMs: 80 + random() * 40, lastMs: 180 + random() * 40 })
const FAILURES = {
  '5xx': () => ({ error: 'upstream-server-error', status: 500, firstMs: 2, lastMs: 2 }),
  'overload': () => ({ error: 'upstream-overloaded', status: 503, firstMs: 2, lastMs: 2 }),
  'reset': () => ({ error: 'upstream-reset', firstMs: 0, lastMs: 5 }),
  'silence': () => ({ error: 'upstream-first-token-timeout', firstMs: 0, lastMs: 3_000 }),
  'ten times slower': () => ({ firstMs: 1_000, lastMs: 2_000 }),
  'twenty times slower': () => ({ firstMs: 2_000, lastMs: 4_000 }),
  '30 % flaky': random => random() < 0.3 ? { error: 'upstream-server-error', status: 500, firstMs: 2, lastMs: 2 } : HEALTHY(random),
  'lying 200s': () => ({ error: 'upstream-protocol', status: 200, firstMs: 2, lastMs: 2 }),
} satisfies Record<string, Engine>
type Failure = keyof typeof FAILURES
const KINDS = Object.keys(FAILURES) as Failure[]

const PER_SECOND = 40
const TICK_MS = 5

interface Done { readonly sentAt: number, readonly endedAt: number, readonly ok: boolean, readonly target: string, readonly attempts: number }

/** Clients, workers and engines in virtual time. `performance.now()` is that time too: walks look at it. */
class Traffic {
  readonly sim: TargetSimulation
  readonly done: Done[] = []
  attempts = 0
  readonly #plan: Plan
  readonly #engines: Map<string, Engine>
  readonly #layers: { readonly worker: SimulatedWorker, readonly layers: AttemptLayers }[]
  readonly #random: () => number
  readonly #due: { readonly at: number, readonly task: () => void }[] = []
  #sent = 0
  readonly #from: number

  constructor(workers: number, seed: number) {
    let state = seed
    this.#random = () => (state = state * 48_271 % 2_147_483_647) / 2_147_483_647
    this.sim = new TargetSimulation(workers, this.#random)
    const targets = ['a/m', 'b/m', 'c/m', 'd/m'].map(name => ({ name, credentialId: null, provider: name.slice(0, 1), timeouts: { total: 600_000 } }) as unknown as Target)
    this.#plan = { model: 'm', targets, strict: false } as unknown as Plan
    this.#engines = new Map(targets.map(({ name }) => [name, HEALTHY]))
    this.#layers = this.sim.workers.map(worker => ({
      worker, layers: { targetBoard: worker.board, targetPicker: worker.picker, retryBudget: new RetryBudget(() => this.sim.now, () => worker.board.workers) } as unknown as AttemptLayers,
    }))
    this.#from = this.sim.now
  }

  set(name: string, engine: Engine): void {
    this.#engines.set(name, engine)
  }

  /** Lets requests come for so long. */
  run(ms: number): void {
    for (const end = this.sim.now + ms; this.sim.now < end;) {
      this.sim.pass(TICK_MS)
      vi.setSystemTime(this.sim.now)
      for (const task of this.#taken()) task()
      while (this.#sent < (this.sim.now - this.#from) * PER_SECOND / 1_000) this.#send(this.#sent++)
    }
  }

  #taken(): (() => void)[] {
    const due = this.#due.filter(({ at }) => at <= this.sim.now)
    this.#due.splice(0, Infinity, ...this.#due.filter(({ at }) => at > this.sim.now))
    return due.toSorted((left, right) => left.at - right.at).map(({ task }) => task)
  }

  #in(ms: number, task: () => void): void {
    this.#due.push({ at: this.sim.now + ms, task })
  }

  #send(turn: number): void {
    const { worker, layers } = this.#layers[turn % this.#layers.length] ?? (() => { throw new Error('no worker') })()
    const { now } = this.sim
    const x = new Exchange('x', { policy: { maxAttempts: 3 } } as Snapshot, 'openai-chat', 'chat', now, now)
    x.plan = this.#plan
    layers.retryBudget.earn()
    this.#advance(x, worker, layers.targetBoard.calm ? null : new PlanWalk(layers, x, this.#plan), layers)
  }

  #advance(x: Exchange, worker: SimulatedWorker, walk: PlanWalk | null, layers: AttemptLayers): void {
    const target = walk === null ? this.#plan.targets[0] : walk.next()
    if (target !== undefined) return this.#attempt(x, worker, walk, layers, target)
    const hold = walk?.hold() ?? 0
    if (typeof hold === 'number') this.#in(hold, () => this.#advance(x, worker, walk, layers))
    else this.#end(x, false, '')
  }

  #attempt(x: Exchange, worker: SimulatedWorker, walk: PlanWalk | null, layers: AttemptLayers, target: Target): void {
    walk?.attempted()
    x.attempts++
    x.target = target
    this.attempts++
    const { error, status = 200, firstMs, lastMs } = (this.#engines.get(target.name) ?? HEALTHY)(this.#random)
    const { speak, end } = worker.start(target)
    if (firstMs > 0) this.#in(firstMs, () => speak(firstMs, true))
    this.#in(lastMs, () => {
      end(error === undefined ? {} : { error, status })
      if (error === undefined) return this.#end(x, true, target.name)
      const went = walk ?? PlanWalk.begun(layers, x, this.#plan)
      const step = went.failed(gatewayError(error, '', { upstreamStatus: status }), null)
      if (step.action === 'give-up') this.#end(x, false, target.name)
      else if (step.action === 'fallback') this.#advance(x, worker, went, layers)
      else this.#in(step.delayMs, () => { if (went.isRetryWise) this.#attempt(x, worker, went, layers, target); else this.#advance(x, worker, went, layers) })
    })
  }

  #end(x: Exchange, ok: boolean, target: string): void {
    this.done.push({ sentAt: x.startedAt, endedAt: this.sim.now, ok, target, attempts: x.attempts })
  }
}

beforeEach(() => { vi.useFakeTimers({ toFake: ['performance', 'Date'], now: 0 }) })
afterEach(() => { vi.useRealTimers() })

const between = (done: readonly Done[], from: number, until: number): Done[] => done.filter(({ sentAt }) => sentAt >= from && sentAt < until)
function p99(done: readonly Done[]): number {
  const times = done.map(({ sentAt, endedAt }) => endedAt - sentAt).toSorted((left, right) => left - right)
  return times[Math.floor(times.length * 0.99)] ?? Infinity
}

const SETTLED_MS = 5_000
const OUTAGE_MS = 60_000
const BACK_MS = 30_000

describe.each([1, 2])('of four targets the first fails for a minute, %i worker(s)', workers => {
  it.each(KINDS)('%s: after five seconds all are answered, p99 is at most doubled, and it serves again within thirty of its recovery', kind => {
    const traffic = new Traffic(workers, 7)
    traffic.run(10_000)
    const brokeAt = traffic.sim.now
    traffic.set('a/m', FAILURES[kind])
    traffic.run(OUTAGE_MS)
    const healedAt = traffic.sim.now
    traffic.set('a/m', HEALTHY)
    traffic.run(BACK_MS + 2_000)
    const healthy = between(traffic.done, 2_000, brokeAt - 1_000)
    const later = between(traffic.done, brokeAt + SETTLED_MS, healedAt)
    const atFailing = (done: readonly Done[]): number => done.filter(({ target }) => target === 'a/m').length
    expect(atFailing(healthy)).toBe(healthy.length)
    expect(later.length).toBeGreaterThan(2_000)
    expect(later.filter(({ ok }) => !ok)).toEqual([])
    expect(p99(later)).toBeLessThanOrEqual(2 * p99(healthy))
    // Probes alone; of the flaky one that its probes let back in now and then, a few more.
    expect(atFailing(later)).toBeLessThan(later.length * (kind === '30 % flaky' ? 0.05 : 0.01))
    const back = between(traffic.done, healedAt + BACK_MS, Infinity)
    expect(back.length).toBeGreaterThan(50)
    expect(atFailing(back)).toBe(back.length)
  })

  it.each(KINDS.filter(kind => !kind.endsWith('slower') && kind !== '30 % flaky'))('all fail by %s: attempts stay within the retry budget, and all serve again within thirty of their recovery', kind => {
    const traffic = new Traffic(workers, 11)
    traffic.run(10_000)
    const names = ['a/m', 'b/m', 'c/m', 'd/m']
    for (const name of names) traffic.set(name, FAILURES[kind])
    traffic.run(SETTLED_MS)
    const attempts = traffic.attempts
    const from = traffic.sim.now
    traffic.run(OUTAGE_MS)
    const requests = OUTAGE_MS / 1_000 * PER_SECOND
    // What the bucket holds at most may have been left of the time before.
    expect(traffic.attempts - attempts).toBeLessThanOrEqual(1.2 * requests + 10 * OUTAGE_MS / 1_000 + 20)
    expect(traffic.attempts - attempts).toBeGreaterThan(requests * 0.9)
    const failed = between(traffic.done, from, traffic.sim.now)
    expect(failed.filter(({ ok }) => ok)).toEqual([])
    expect(Math.max(...failed.map(done => done.attempts))).toBeLessThanOrEqual(3)
    for (const name of names) traffic.set(name, HEALTHY)
    traffic.run(BACK_MS + 2_000)
    expect(between(traffic.done, traffic.sim.now - 2_000, Infinity).filter(({ ok }) => !ok)).toEqual([])
  })
})
