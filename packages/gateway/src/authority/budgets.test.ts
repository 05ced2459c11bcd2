import { describe, expect, it } from 'vitest'
import { budgetLimit, budgetPart, counterGroup, counterKey, Exchange, UNKNOWN_USAGE, type BudgetRule, type CounterSpec, type Price, type Snapshot, type Target } from '@headrace/contract'
import { Admission, Limiter } from '../orchestration/limits/limiter.ts'
import { LeaseAuthority } from './lease-authority.ts'
import { createMeter } from './meter.ts'

const DAY = 86_400_000
const NOON = Date.UTC(2026, 10, 25, 12)
/** A dollar per million output tokens: 1,000 nano-dollars each. */
const PRICE: Price = { input: 0, cachedInput: 0, cacheWrite: 0, output: 1_000_000_000, version: 'p' }
const rule = (facts: Partial<BudgetRule> = {}): BudgetRule => ({ name: 'b', per: ['key'], match: {}, amount: 100_000, window: 'day', mode: 'hard', ...facts })

/** Workers and the authority in one process; messages arrive when the microtasks run. */
class Rig {
  wall = NOON
  now = 0
  timers: { at: number, task: () => void }[] = []
  readonly limiters: Limiter[] = []
  readonly authority: LeaseAuthority
  readonly #rules: readonly BudgetRule[]

  constructor(rules: readonly BudgetRule[], workers = 1) {
    this.#rules = rules
    const after = (ms: number, task: () => void): void => { this.timers.push({ at: this.now + ms, task }) }
    this.authority = new LeaseAuthority({ now: () => this.now, wall: () => this.wall, after, send: (worker, message) => queueMicrotask(() => this.limiters[worker]?.receive(message)) })
    for (let worker = 0; worker < workers; worker++) {
      const limiter = new Limiter({ now: () => this.now, wall: () => this.wall, soon: queueMicrotask, after, send: message => queueMicrotask(() => this.authority.receive(worker, message)) })
      limiter.adopt(rules.map(budgetLimit), 1)
      this.limiters.push(limiter)
    }
  }

  learn(used: readonly (readonly [number, number])[] = []): void {
    const groups = this.#rules.map(one => this.#group(one))
    this.authority.learn({ type: 'budgets', groups, counters: used.length === 0 ? [] : this.#rules.map((one, index) => ({ key: counterKey(groups[index] ?? '', ['k1']), group: groups[index] ?? '', spec: this.#spec(one), used })) })
  }

  pass(ms: number): void {
    this.now += ms
    this.wall += ms
    for (const timer of this.timers.splice(0)) {
      if (timer.at <= this.now) timer.task()
      else this.timers.push(timer)
    }
  }

  /** A call of so many output tokens at most: admitted, or why not. */
  async begin(worker = 0, tokens = 10, price: Price | null = PRICE): Promise<{ x: Exchange, admission: Admission } | string> {
    const target = { name: 'up/m', provider: 'up', model: 'm', price } as Target
    const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', this.wall, this.now)
    Object.assign(x, { principal: WHO, model: 'm', maxOutput: tokens, target, plan: { model: 'm', targets: [target] }, attempts: 1 })
    const admission = await this.limiters[worker]?.admit(x, { body: Buffer.from('{}') }, tokens)
    if (!(admission instanceof Admission)) return admission?.kind ?? ''
    this.limiters[worker]?.beginAttempt(x, admission)
    return { x, admission }
  }

  async end(call: { x: Exchange, admission: Admission }, outputTokens: number, worker = 0): Promise<number> {
    Object.assign(call.x, { usage: { ...UNKNOWN_USAGE, inputTokens: 5, outputTokens }, upstreamStatus: 200 })
    this.limiters[worker]?.endAttempt(call.x, call.admission)
    this.limiters[worker]?.settle(call.admission, call.x)
    this.pass(10)
    await settled()
    return call.x.costNano
  }

  async spendAll(worker = 0): Promise<number> {
    for (let count = 0; count < 1_000; count++) {
      const call = await this.begin(worker)
      if (typeof call === 'string') return count
      await this.end(call, 10, worker)
    }
    return Infinity
  }

  #spec(one: BudgetRule): CounterSpec { return { kind: 'budget', limit: one.amount, window: one.window } }
  #group(one: BudgetRule): string { return counterGroup(budgetLimit(one), 'cost', this.#spec(one), 't') }
}

const WHO = { tenant: 't', team: null, app: null, keyId: 'k1', endUser: null, scopes: new Set(['inference'] as const), source: 'virtual-key' as const }
const settled = async (): Promise<void> => { for (let turn = 0; turn < 40; turn++) await null }

describe('a budget', () => {
  it('lets nobody in before the ledger has told what was spent; then those who wait go on', async () => {
    const rig = new Rig([rule()])
    const waiting = rig.begin()
    await settled()
    const second = rig.begin()
    rig.pass(999)
    rig.learn()
    expect(typeof await waiting).toBe('object')
    expect(typeof await second).toBe('object')
  })

  it('refuses those who have waited for a second', async () => {
    const rig = new Rig([rule()])
    const waiting = rig.begin()
    await settled()
    rig.pass(1_001)
    expect(await waiting).toBe('overloaded')
  })

  it('begins with what the ledger says, and hears it once only', async () => {
    const rig = new Rig([rule()])
    rig.learn([[Date.UTC(2026, 10, 25), 70_000]])
    rig.learn([[Date.UTC(2026, 10, 25), 70_000]])
    expect(await rig.spendAll()).toBe(3)
    rig.learn()
    expect(await rig.spendAll()).toBe(0)
  })

  it('takes what a call may cost and keeps what it cost', async () => {
    const rig = new Rig([rule()])
    rig.learn()
    const calls = await Promise.all(Array.from({ length: 15 }, () => rig.begin()))
    const let_in = calls.filter(call => typeof call !== 'string')
    expect(let_in).toHaveLength(10)
    expect(calls.filter(call => call === 'budget-exceeded')).toHaveLength(5)
    for (const call of let_in) await rig.end(call, 4)
    // 60,000 of 100,000 have come back.
    expect(await rig.spendAll()).toBe(6)
  })

  it('is one for all workers, and what a dead one held comes back', async () => {
    const rig = new Rig([rule()], 3)
    rig.learn()
    const calls = await Promise.all(Array.from({ length: 15 }, (_, index) => rig.begin(index % 3)))
    expect(calls.filter(call => typeof call !== 'string')).toHaveLength(10)
    const alive = calls.map((call, index) => ({ call, worker: index % 3 })).filter(({ call, worker }) => typeof call !== 'string' && worker !== 2)
    for (const { call, worker } of alive) if (typeof call !== 'string') await rig.end(call, 0, worker)
    rig.authority.workerGone(2)
    await settled()
    // The calls that died with the worker count with what was reserved for them.
    expect(await rig.spendAll(0)).toBe(alive.length)
  })

  it('refuses a call that may cost more than all of it, and a model that has no price', async () => {
    const rig = new Rig([rule()])
    rig.learn()
    expect(await rig.begin(0, 101)).toBe('budget-exceeded')
    expect(await rig.begin(0, 1e8)).toBe('budget-exceeded')
    expect(await rig.begin(0, 10, null)).toBe('forbidden')
  })

  it('does not stand in the way of what is free', async () => {
    const rig = new Rig([rule()])
    rig.learn()
    await rig.spendAll()
    expect(typeof await rig.begin(0, 10, { ...PRICE, output: 0 })).toBe('object')
  })

  it.each([-1, Number.NaN, 1e18, Infinity, -1e9])('with a provider that counts %d tokens charges nothing negative, and less than all', async count => {
    const rig = new Rig([rule()])
    rig.learn()
    const call = await rig.begin()
    if (typeof call === 'string') throw new Error(call)
    const cost = await rig.end(call, count)
    expect(cost).toBeGreaterThanOrEqual(0)
    expect(cost).toBeLessThanOrEqual(10_000)
    expect(await rig.spendAll()).toBeLessThanOrEqual(10)
  })

  it('owes what a call cost beyond its reservation', async () => {
    const rig = new Rig([rule()])
    rig.learn()
    const call = await rig.begin()
    if (typeof call === 'string') throw new Error(call)
    await rig.end(call, 75)
    expect(await rig.spendAll()).toBe(2)
  })

  it('is whole again with the next day, and money that comes back late goes to its own day', async () => {
    const rig = new Rig([rule()])
    rig.learn()
    const call = await rig.begin()
    await rig.spendAll()
    rig.pass(DAY)
    if (typeof call === 'string') throw new Error(call)
    await rig.end(call, 0)
    expect(await rig.spendAll()).toBe(10)
    rig.wall -= DAY
    // A denial is believed for a second.
    rig.now += 1_001
    expect(await rig.spendAll()).toBe(1)
  })
})

describe('a rolling budget', () => {
  it('never lets a window of its length hold more than the amount', () => {
    const window = 7 * DAY
    const spec: CounterSpec = { kind: 'budget', limit: 1_000, window }
    const at = (wall: number) => ({ now: wall, wall })
    const meter = createMeter(spec, at(NOON))
    const spent: { wall: number, units: number }[] = []
    for (let wall = NOON, seed = 1; wall < NOON + 40 * DAY; wall += 1_700_000 + seed % 5_000_000) {
      seed = seed * 48_271 % 2_147_483_647
      const units = Math.min(meter.available(at(wall), 0), seed % 300)
      if (units <= 0) {
        expect(meter.waitFor(1, at(wall))).toBeGreaterThan(0)
        const later = wall + meter.waitFor(1, at(wall))
        expect(createdLike(spec, spent, later)).toBeGreaterThan(0)
        continue
      }
      meter.take(units)
      spent.push({ wall, units })
      expect(spent.filter(one => one.wall > wall - window).reduce((sum, one) => sum + one.units, 0)).toBeLessThanOrEqual(1_000)
    }
    expect(spent.reduce((sum, one) => sum + one.units, 0)).toBeGreaterThan(4_000)
  })

  /** What a meter that is told the same spending has at `wall`. */
  function createdLike(spec: CounterSpec & { kind: 'budget' }, spent: readonly { wall: number, units: number }[], wall: number): number {
    const meter = createMeter(spec, { now: 0, wall })
    if (!('restore' in meter) || typeof meter.restore !== 'function') throw new Error('no budget')
    meter.restore(spent.map(one => [budgetPart(spec.window, one.wall).from, one.units]))
    return meter.available({ now: 0, wall }, 0)
  }
})

it('a hundred thousand settlements leave exactly what they cost: the drift is 0', async () => {
  const rig = new Rig([rule({ amount: 2 ** 40 })], 2)
  rig.learn()
  let sum = 0n
  for (let count = 0, seed = 7; count < 100_000; count++) {
    seed = seed * 48_271 % 2_147_483_647
    const worker = count % 2
    const call = await rig.begin(worker, seed % 5_000, { ...PRICE, output: 1_000_000_007 })
    if (typeof call === 'string') throw new Error(call)
    const { x, admission } = call
    Object.assign(x, { usage: { ...UNKNOWN_USAGE, inputTokens: 3, outputTokens: seed % 6_000 }, upstreamStatus: 200 })
    rig.limiters[worker]?.endAttempt(x, admission)
    rig.limiters[worker]?.settle(admission, x)
    sum += (BigInt(seed % 6_000) * 1_000_000_007n + 999_999n) / 1_000_000n
    if (count % 100 === 0) rig.pass(10)
  }
  for (const limiter of rig.limiters) limiter.close()
  await settled()
  rig.pass(10)
  await settled()
  // What is left is the amount less the sum: a call of exactly that much is let in, and one nano-dollar more is not.
  const left = 2n ** 40n - sum
  expect(await fits(rig, Number(left))).toBe(true)
  expect(await fits(rig, Number(left) + 1)).toBe(false)
}, 60_000)

/** Whether a call that costs so many nano-dollars is let in by a new worker. */
async function fits(rig: Rig, nano: number): Promise<boolean> {
  const price = { ...PRICE, output: nano }
  const call = await rig.begin(0, 1_000_000, price)
  if (typeof call !== 'string') await rig.end(call, 0)
  return typeof call !== 'string'
}
