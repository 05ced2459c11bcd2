import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { budgetLimit, counterGroup, Exchange, UNKNOWN_USAGE, type BudgetRule, type LedgerState, type LimitRule, type Price, type Snapshot, type Target } from '@headrace/contract'
import { LeaseAuthority } from '../../packages/gateway/src/authority/lease-authority.ts'
import { Admission, Limiter } from '../../packages/gateway/src/orchestration/limits/limiter.ts'
import { SqliteLedgerStore } from '../../packages/stores/src/sqlite/ledger-store.ts'
import { sampleEntry } from '../../packages/stores/src/suites/ledger-store-suite.ts'

const OPERATIONS = 1_000_000
const WORKERS = 3
const NOON = Date.UTC(2026, 10, 25, 12)
const DAY = 86_400_000
const PLENTY = 2 ** 40
const MONEY = 2 ** 50
/** Nano-dollars per million tokens: odd, so that most calls have to be rounded. */
const PRICE: Price = { input: 400_000_007, cachedInput: 0, cacheWrite: 0, output: 1_600_000_003, version: 'p' }
const TARGET = { name: 'up/m', provider: 'up', model: 'm', price: PRICE } as Target
const WHO = { tenant: 't', team: null, app: null, keyId: 'k1', endUser: null, scopes: new Set(['inference'] as const), source: 'virtual-key' as const }
const BUDGET: BudgetRule = { name: 'money', per: ['key'], match: {}, amount: MONEY, window: 'month', mode: 'hard' }
const RULES: readonly LimitRule[] = [
  { name: 'month', per: ['key'], match: {}, amounts: [
    { resource: 'requests', spec: { kind: 'calendar', limit: PLENTY, period: 'month' } }, { resource: 'tokens', spec: { kind: 'calendar', limit: PLENTY, period: 'month' } },
    { resource: 'concurrency', spec: { kind: 'slots', limit: 64 } },
  ] },
  budgetLimit(BUDGET),
]

function seeded(seed: number): (below: number) => number {
  return below => (seed = seed * 48_271 % 2_147_483_647) % below
}

/** What is left once nobody holds anything is what a million requests over three workers did not use, to the token and the nano-dollar. */
it('a million requests leave limits and budgets with exactly what was not used (check D11)', { timeout: 280_000 }, async () => {
  let now = 0
  let timers: { readonly at: number, readonly task: () => void }[] = []
  const after = (ms: number, task: () => void): void => { timers.push({ at: now + ms, task }) }
  const clock = { now: () => now, wall: () => NOON + now, after }
  const limiters = new Map<number, Limiter>()
  const authority = new LeaseAuthority({ ...clock, send: (worker, message) => queueMicrotask(() => limiters.get(worker)?.receive(message)) })
  const start = (worker: number): Limiter => {
    const limiter = new Limiter({ ...clock, soon: queueMicrotask, send: message => queueMicrotask(() => authority.receive(worker, message)) })
    limiter.adopt(RULES, 1)
    limiters.set(worker, limiter)
    return limiter
  }
  const settled = async (): Promise<void> => { for (let turn = 0; turn < 40; turn++) await null }
  const pass = async (): Promise<void> => {
    // An answer of some hours at most, so that the month stays one.
    now += 10
    const due = timers
    timers = []
    for (const timer of due) {
      if (timer.at <= now) timer.task()
      else timers.push(timer)
    }
    for (const limiter of limiters.values()) limiter.sweep()
    await settled()
  }
  const begin = async (limiter: Limiter, maxOutput: number): Promise<{ readonly x: Exchange, readonly admission: Admission, readonly limiter: Limiter }> => {
    const x = Object.assign(new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', clock.wall(), now), { principal: WHO, model: 'm', maxOutput, target: TARGET, plan: { model: 'm', targets: [TARGET] }, attempts: 1 })
    const admission = await limiter.admit(x, { body: Buffer.from('{"model":"m","messages":[]}') }, maxOutput)
    if (!(admission instanceof Admission)) throw new Error(admission.message)
    limiter.beginAttempt(x, admission)
    return { x, admission, limiter }
  }

  for (let worker = 0; worker < WORKERS; worker++) start(worker)
  authority.learn({ type: 'budgets', groups: [counterGroup(RULES[1] as LimitRule, 'cost', { kind: 'budget', limit: MONEY, window: 'month' }, WHO.tenant)], counters: [] })
  const random = seeded(7)
  const running: Awaited<ReturnType<typeof begin>>[] = []
  const used = { requests: 0n, tokens: 0n, cost: 0n }
  const finish = (): void => {
    const [call] = running.splice(random(running.length), 1)
    if (call === undefined) return
    const { x, admission, limiter } = call
    // Four in five are answered, now and then with more than they had reserved; one in ten breaks off with a count, one in ten fails and uses nothing.
    const fate = random(10)
    if (fate === 9) Object.assign(x, { upstreamStatus: 503, error: 'upstream-error' })
    else {
      const [inputTokens, outputTokens] = [random(3_000), random(6_000)]
      Object.assign(x, { upstreamStatus: 200, usage: { ...UNKNOWN_USAGE, inputTokens, outputTokens }, responseBytes: outputTokens * 4, error: fate === 8 ? 'client-closed' : null })
      if (random(4) === 0) limiter.progress(admission, x)
      used.tokens += BigInt(inputTokens + outputTokens)
      used.cost += (BigInt(inputTokens) * BigInt(PRICE.input) + BigInt(outputTokens) * BigInt(PRICE.output) + 999_999n) / 1_000_000n
    }
    limiter.endAttempt(x, admission)
    limiter.settle(admission, x)
    limiter.settle(admission, x)
  }
  for (let count = 0; count < OPERATIONS; count++) {
    running.push(await begin(limiters.get(random(WORKERS)) as Limiter, random(5_000)))
    used.requests++
    while (running.length > random(60)) finish()
    if (count % 100 === 0) await pass()
  }
  while (running.length > 0) finish()
  for (const limiter of limiters.values()) limiter.close()
  await pass()

  const counted = (resource: string): number[] => [...authority.state()].filter(({ group }) => group.includes(`"${resource}"`)).flatMap(counter => counter.used.map(([, units]) => units))
  expect(counted('requests')).toEqual([OPERATIONS])
  expect(counted('tokens').map(BigInt)).toEqual([used.tokens])
  // Of the money that is left a new worker may spend exactly all.
  const fits = async (nano: bigint): Promise<boolean> => {
    const price: Price = { input: 0, cachedInput: 0, cacheWrite: 0, output: Number(nano), version: 'p' }
    const limiter = start(WORKERS)
    const target = { ...TARGET, price }
    const x = Object.assign(new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', clock.wall(), now), { principal: WHO, model: 'm', maxOutput: 1_000_000, target, plan: { model: 'm', targets: [target] }, attempts: 1 })
    const admission = await limiter.admit(x, { body: Buffer.from('{}') }, 1_000_000)
    if (admission instanceof Admission) limiter.settle(admission, Object.assign(x, { upstreamStatus: 503 }))
    limiter.close()
    await pass()
    return admission instanceof Admission
  }
  const left = BigInt(MONEY) - used.cost
  expect(await fits(left)).toBe(true)
  expect(await fits(left + 1n)).toBe(false)
})

/** Words on a million calls come twice, late and out of order, in transactions of all sizes: the sums are those of the last true word on each. */
it('a million calls in the ledger come to the sum of what each of them cost (check D11)', { timeout: 280_000 }, () => {
  const directory = mkdtempSync(join(tmpdir(), 'headrace-drift-'))
  const store = new SqliteLedgerStore(join(directory, 'ledger.db'))
  try {
    const random = seeded(11)
    const FINAL = ['settled', 'partial', 'released'] as const satisfies readonly LedgerState[]
    const teams = ['a', 'b', 'c', 'd', 'e', 'f', 'g']
    const sums = new Map<string, { calls: number, cost: bigint }>()
    let words: Parameters<typeof store.append>[0][number][] = []
    let late: typeof words = []
    let size = 500
    for (let count = 0; count < OPERATIONS; count++) {
      const team = teams[random(teams.length)] ?? ''
      const facts = { callId: `c${count}.1`, team, startedAt: NOON - random(40) * DAY }
      const last = FINAL[random(FINAL.length)] ?? 'settled'
      const costNano = last === 'released' ? 0 : random(2_147_483_646) * 1_000 + random(1_000)
      const word = (state: LedgerState, cost: number) => sampleEntry({ ...facts, state, costNano: cost })
      const crashed = random(50) === 0
      words.push(word('reserved', costNano + 5), ...crashed ? [word('unknown', costNano + 5)] : [])
      // One in fifty is never heard of again, one in ten of the rest later, and one in ten of those twice.
      if (crashed && random(2) === 0) {
        addCall(sums, team, BigInt(costNano + 5))
      } else {
        addCall(sums, team, BigInt(costNano))
        const told = random(10) === 0 ? late : words
        told.push(word(last, costNano), ...random(10) === 0 ? [word('settled', costNano + 7), word('unknown', costNano + 5), word('reserved', costNano + 5)] : [])
      }
      if (words.length < size) continue
      store.append(words)
      words = late
      late = []
      size = 1 + random(2_000)
    }
    store.append([...words, ...late])
    expect(store.spend({ by: ['team'] }).map(row => [row.values[0], row.calls, row.costNano]).toSorted())
      .toEqual([...sums].map(([team, { calls, cost }]) => [team, calls, cost]).toSorted())
    expect([...sums.values()].reduce((sum, { calls }) => sum + calls, 0)).toBe(OPERATIONS)
  } finally {
    store.close()
    rmSync(directory, { recursive: true, force: true })
  }
})

function addCall(sums: Map<string, { calls: number, cost: bigint }>, team: string, cost: bigint): void {
  const sum = sums.get(team) ?? { calls: 0, cost: 0n }
  sum.calls++
  sum.cost += cost
  sums.set(team, sum)
}
