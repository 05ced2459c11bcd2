import { fork, type ChildProcess } from 'node:child_process'
import { Exchange, type LimitRule, type LimitsToAuthority, type LimitsToWorker, type Principal, type Snapshot } from '@headrace/contract'
import { AuthorityHost } from '../packages/gateway/src/authority/authority-host.ts'
import { LeaseAuthority } from '../packages/gateway/src/authority/lease-authority.ts'
import type { FromChild, ToChild } from '../packages/gateway/src/authority/limits-child.ts'
import { Admission, Limiter } from '../packages/gateway/src/orchestration/limits/limiter.ts'
import type { Bench, BenchOptions, BenchResult } from './bench.ts'
import { relayWithLimits } from './limits-relay.ts'

const TARGETS: Readonly<Record<string, number>> = Object.freeze({
  over_admission: 0, false_denials: 0, rate_over_admission: 0, rate_false_denials: 0, check_mean_us: 2, check_p99_us: 50, check_tokens_mean_us: 6, check_tokens_p99_us: 50, refusal_mean_us: 4, progress_mean_us: 2,
  json_with_limits: 1.7, json_with_token_limits: 2,
})

export const limits: Bench = {
  name: 'limits',
  question: `Are limits exact over processes, and what does a check cost? (figures: ${Object.keys(TARGETS).join(', ')})`,
  run,
}

const PROCESSES = 3
const REQUESTS = 10_000

async function run(options: BenchOptions): Promise<BenchResult> {
  const wants = (...names: readonly string[]): boolean => options.only.length === 0 || names.some(name => options.only.includes(name))
  const figures: Record<string, number> = {}
  if (wants('over_admission', 'false_denials', 'rate_over_admission', 'rate_false_denials')) await measureExactness(options, figures)
  if (wants('check_mean_us', 'check_p99_us', 'check_tokens_mean_us', 'check_tokens_p99_us', 'refusal_mean_us', 'progress_mean_us')) await measureChecks(figures)
  const relayed = wants('json_with_limits', 'json_with_token_limits') ? await relayWithLimits(options) : null
  return {
    figures: { ...figures, ...relayed?.figures }, targets: Object.fromEntries(Object.entries(TARGETS).filter(([name]) => wants(name))),
    atLeast: new Set(), voidReason: relayed?.voidReason ?? null,
  }
}

async function measureExactness(options: BenchOptions, figures: Record<string, number>): Promise<void> {
  const worst = (name: string, value: number): void => { figures[name] = Math.max(figures[name] ?? 0, value) }
  for (let round = 0; round < options.rounds; round++) {
    const limit = 100 + Math.floor(Math.random() * 5_000)
    const day = await admittedBy([{ name: 'day', per: ['key'], match: {}, amounts: [{ resource: 'requests', spec: { kind: 'calendar', limit, period: 'month' } }] }])
    worst('over_admission', Math.max(0, day.admitted - limit))
    worst('false_denials', Math.max(0, limit - day.admitted))
    // 500 at once and 200 more per second: what GCRA gives in the time that the load took, to the unit that is being earned.
    const rate = await admittedBy([{ name: 'rate', per: ['key'], match: {}, amounts: [{ resource: 'requests', spec: { kind: 'rate', limit: 12_000, windowMs: 60_000, burst: 500 } }] }])
    worst('rate_over_admission', Math.max(0, rate.admitted - Math.floor(500 + rate.longestMs * 0.2)))
    worst('rate_false_denials', Math.max(0, Math.floor(500 + (rate.shortestMs - 20) * 0.2) - rate.admitted))
  }
}

async function measureChecks(figures: Record<string, number>): Promise<void> {
  const plain = await checkCost(false)
  figures['check_mean_us'] = plain.mean
  figures['check_p99_us'] = plain.p99
  const tokens = await checkCost(true)
  figures['check_tokens_mean_us'] = tokens.mean
  figures['check_tokens_p99_us'] = tokens.p99
  figures['refusal_mean_us'] = await refusalCost()
  figures['progress_mean_us'] = await progressCost()
}

/** Real processes ask as fast as they can; the time from the first answer possible to the last, both ways rounded against us. */
async function admittedBy(rules: readonly LimitRule[]): Promise<{ readonly admitted: number, readonly longestMs: number, readonly shortestMs: number }> {
  const host = new AuthorityHost({ stateFile: null, onProblem: problem => { throw new Error(problem) } })
  const children: ChildProcess[] = []
  try {
    for (let count = 0; count < PROCESSES; count++) {
      const child = host.attach(fork(new URL('../packages/gateway/src/authority/limits-child.ts', import.meta.url)))
      children.push(child)
      const ready = heard(child, 'ready')
      child.send({ type: 'begin', rules } satisfies ToChild)
      await ready
    }
    const start = performance.now()
    const ends: number[] = []
    const done = children.map(async child => {
      const answer = heard(child, 'done')
      child.send({ type: 'go', requests: REQUESTS, holdMs: 0 } satisfies ToChild)
      const { admitted } = await answer as FromChild & { type: 'done' }
      ends.push(performance.now())
      return admitted
    })
    const admitted = (await Promise.all(done)).reduce((sum, count) => sum + count, 0)
    // Once the first process has ended the rest may not ask often enough to be told a refusal is false.
    return { admitted, longestMs: Math.max(...ends) - start, shortestMs: Math.min(...ends) - start }
  } finally {
    for (const child of children) child.kill('SIGKILL')
    await host.stop()
  }
}

function heard(child: ChildProcess, type: FromChild['type']): Promise<FromChild> {
  return new Promise(resolve => {
    const listen = (message: unknown): void => {
      if ((message as FromChild).type !== type) return
      child.off('message', listen)
      resolve(message as FromChild)
    }
    child.on('message', listen)
  })
}

const PRINCIPAL: Principal = { tenant: 'default', team: 'search', app: null, keyId: 'k', endUser: null, scopes: new Set(['inference']), source: 'virtual-key' }
const BODY = Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'Say hello to the world, then say it again in three languages. '.repeat(4) }], max_tokens: 100 }))

/** Limiter and authority in one process, messages copied as IPC would. */
function connected(rules: readonly LimitRule[]): Limiter {
  const after = (ms: number, task: () => void): void => { setTimeout(task, ms).unref() }
  const clock = { now: () => performance.now(), wall: Date.now, after }
  const limiter: Limiter = new Limiter({ ...clock, soon: queueMicrotask, send: message => later(message, copy => authority.receive(1, copy)) })
  const authority = new LeaseAuthority({ ...clock, send: (_worker, message) => later(message, copy => limiter.receive(copy)) })
  limiter.adopt(rules, 1)
  return limiter
}

function later<Message extends LimitsToAuthority | LimitsToWorker>(message: Message, receive: (copy: Message) => void): void {
  const copy = structuredClone(message)
  setImmediate(() => receive(copy))
}

function exchange(): Exchange {
  const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', Date.now(), performance.now())
  x.principal = PRINCIPAL
  x.model = 'm'
  x.upstreamStatus = 200
  return x
}

/** Admission, answer headers and settlement against three levels: key, team, and key with model; requests and concurrency each, tokens on demand. */
async function checkCost(tokens: boolean): Promise<{ readonly mean: number, readonly p99: number }> {
  const rules = ([['key'], ['team'], ['key', 'model']] as const).map((per, index): LimitRule => ({ name: `level-${index}`, per, match: {}, amounts: [
    { resource: 'requests', spec: { kind: 'rate', limit: 1e9, windowMs: 60_000, burst: 1e9 } },
    { resource: 'concurrency', spec: { kind: 'slots', limit: 10_000 } },
    ...(tokens ? [{ resource: 'tokens', spec: { kind: 'calendar', limit: 1e12, period: 'day' } }] as const : []),
  ] }))
  const limiter = connected(rules)
  const costs: number[] = []
  for (let turn = 0; turn < 30_000; turn++) {
    for (let count = 0; count < 4; count++) {
      const x = exchange()
      const start = performance.now()
      const decided = await settled(limiter.admit(x, { body: BODY }, 100))
      limiter.headers(x)
      x.usage = { ...x.usage, inputTokens: 70, outputTokens: 60 }
      x.responseBytes = 600
      limiter.settle(decided, x)
      costs.push((performance.now() - start) * 1_000)
    }
    await new Promise(setImmediate)
  }
  costs.splice(0, 20_000)
  costs.sort((left, right) => left - right)
  return { mean: costs.reduce((sum, cost) => sum + cost, 0) / costs.length, p99: costs[Math.floor(costs.length * 0.99)] ?? 0 }
}

const CHUNKS = 2_000

/** What a chunk of a stream costs that has long outgrown its reservation, with tokens limited at three levels. */
async function progressCost(): Promise<number> {
  const limiter = connected((['key', 'team', 'model'] as const).map((per): LimitRule =>
    ({ name: per, per: [per], match: {}, amounts: [{ resource: 'output-tokens', spec: { kind: 'calendar', limit: 1e12, period: 'day' } }] })))
  let spent = 0
  for (let turn = 0; turn < 100; turn++) {
    const x = exchange()
    x.stream = true
    const admission = await settled(limiter.admit(x, { body: BODY }, -1))
    const start = performance.now()
    let next = limiter.beginAttempt(x, admission)
    for (let count = 0; count < CHUNKS; count++) {
      x.responseBytes += 200
      if (x.responseBytes >= next) next = limiter.progress(admission, x)
    }
    spent += performance.now() - start
    x.usage = { ...x.usage, inputTokens: 70, outputTokens: CHUNKS }
    limiter.settle(admission, x)
    await new Promise(setImmediate)
  }
  return spent / (100 * CHUNKS) * 1_000
}

async function settled(decided: ReturnType<Limiter['admit']>): Promise<Admission> {
  const admission = await decided
  if (admission instanceof Admission) return admission
  throw new Error(admission.message)
}

/** What one request of a flood costs that its limit refuses. */
async function refusalCost(): Promise<number> {
  const limiter = connected([{ name: 'r', per: ['key'], match: {}, amounts: [{ resource: 'requests', spec: { kind: 'rate', limit: 1, windowMs: 3_600_000, burst: 1 } }] }])
  let spent = 0
  for (let turn = 0; turn < 2_000; turn++) {
    const x = exchange()
    const start = performance.now()
    for (let count = 0; count < 20; count++) {
      const decided = limiter.admit(x, { body: BODY }, 1)
      if (decided instanceof Promise) await decided
    }
    spent += performance.now() - start
    await new Promise(setImmediate)
  }
  return spent / 40_000 * 1_000
}
