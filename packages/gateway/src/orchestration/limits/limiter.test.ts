import { describe, expect, it } from 'vitest'
import {
  Exchange, UNKNOWN_USAGE, type CounterSpec, type GatewayError, type LeaseNews, type LimitResource, type LimitRule, type LimitsToAuthority, type Plan, type Principal, type Snapshot, type Target, type Usage,
} from '@headrace/contract'
import { Admission, Limiter, UNLIMITED } from './limiter.ts'

/** An authority of one worker, as simple as can be: a number of units per counter; it answers when told to. */
class Desk {
  now = 1_000
  wall = Date.UTC(2026, 10, 25, 12)
  readonly left = new Map<string, number>()
  readonly keys = new Map<number, { key: string, spec: CounterSpec }>()
  readonly sent: LimitsToAuthority['ops'][number][] = []
  answering = true
  timers: { at: number, task: () => void }[] = []
  /** Units of a grant beyond what is needed. */
  spare = 0
  readonly limiter: Limiter

  constructor(rules: readonly LimitRule[]) {
    this.limiter = new Limiter({
      now: () => this.now, wall: () => this.wall, soon: queueMicrotask,
      after: (ms, task) => this.timers.push({ at: this.now + ms, task }),
      send: message => { for (const op of message.ops) this.#hear(op) },
    })
    this.limiter.adopt(rules, 1)
  }

  pass(ms: number): void {
    this.now += ms
    for (const timer of this.timers.splice(0)) {
      if (timer.at <= this.now) timer.task()
      else this.timers.push(timer)
    }
  }

  leftOf(part: string): number {
    return [...this.left].filter(([key]) => key.includes(part)).reduce((sum, [, units]) => sum + units, 0)
  }

  #hear(op: LimitsToAuthority['ops'][number]): void {
    this.sent.push(op)
    if (op.op === 'open') {
      this.keys.set(op.id, op)
      if (!this.left.has(op.key)) this.left.set(op.key, op.spec.limit)
      return
    }
    const { key, spec } = this.keys.get(op.id) as { key: string, spec: CounterSpec }
    const left = (this.left.get(key) ?? 0) + op.back - op.charge
    this.left.set(key, left)
    if (op.op === 'ask' && this.answering) queueMicrotask(() => this.#answer(op, key, spec, left))
  }

  #answer(op: LeaseNews, key: string, spec: CounterSpec, left: number): void {
    if (op.need > left) return this.limiter.receive({ type: 'limits', ops: [{ op: 'deny', id: op.id, need: op.need, left: Math.max(0, left), waitMs: spec.kind === 'slots' ? 0 : 5_000 }] })
    const units = Math.min(left, op.need + this.spare)
    this.left.set(key, left - units)
    this.limiter.receive({ type: 'limits', ops: [{ op: 'grant', id: op.id, units, need: op.need, from: 0, until: null, left: left - units, tight: false }] })
  }
}

const perHour = (limit: number): CounterSpec => ({ kind: 'rate', limit, windowMs: 3_600_000, burst: limit })
const rule = (resource: LimitResource, limit: number, facts: Partial<LimitRule> = {}): LimitRule =>
  ({ name: resource, per: ['key'], match: {}, amounts: [{ resource, spec: resource === 'concurrency' ? { kind: 'slots', limit } : perHour(limit) }], ...facts })
const principal = (facts: Partial<Principal> = {}): Principal =>
  ({ tenant: 'acme', team: 'search', app: null, keyId: 'k1', endUser: null, scopes: new Set(['inference']), source: 'virtual-key', ...facts })
const WHO = principal()
const usage = (inputTokens: number, outputTokens: number): Usage => ({ ...UNKNOWN_USAGE, inputTokens, outputTokens })
const target = (name: string): Target => ({ name, model: name.slice(name.indexOf('/') + 1) }) as Target
/** 100 words: 100 estimated tokens and the braces' two. */
const BODY = Buffer.from(`{${'word '.repeat(100)}}`)

function exchange(facts: Partial<Exchange> = {}): Exchange {
  const x = new Exchange('x', {} as Snapshot, 'openai-chat', 'chat', Date.UTC(2026, 10, 25, 12), 1_000)
  return Object.assign(x, { principal: WHO, model: 'm', upstreamStatus: 200 }, facts)
}
async function admit(desk: Desk, x: Exchange = exchange(), most = 50): Promise<Admission> {
  const decided = await desk.limiter.admit(x, { body: BODY }, most)
  if (decided instanceof Admission) return decided
  throw new Error(decided.message)
}
async function refused(desk: Desk, x: Exchange = exchange(), most = 50, body = BODY): Promise<GatewayError> {
  const decided = await desk.limiter.admit(x, { body: body }, most)
  if (decided instanceof Admission) throw new Error('admitted')
  return decided
}

describe('admission', () => {
  it('costs nothing and remembers nothing where no limit concerns a request', () => {
    const desk = new Desk([rule('requests', 1, { match: { team: ['other'] } })])
    expect(desk.limiter.admit(exchange(), { body: BODY }, 1)).toBe(UNLIMITED)
    desk.limiter.settle(UNLIMITED, exchange())
    expect(desk.sent).toEqual([])
    expect(desk.limiter.headers(exchange())).toBe('')
    expect(new Desk([]).limiter.admit(exchange(), { body: BODY }, 1)).toBe(UNLIMITED)
  })

  it('of a request that shares another\'s answer counts the request and takes a slot, no tokens; withdrawn it has taken nothing', async () => {
    const desk = new Desk([rule('requests', 10), rule('concurrency', 2), rule('tokens', 200)])
    const lead = await admit(desk)
    const left = desk.leftOf('tokens')
    const shared = await desk.limiter.admit(exchange(), { body: BODY }, 1_000_000, true)
    if (!(shared instanceof Admission)) throw new Error(shared.message)
    expect(desk.leftOf('tokens')).toBe(left)
    expect((await refused(desk)).message).toContain('"concurrency"')
    desk.limiter.withdraw(shared)
    desk.limiter.withdraw(shared)
    desk.limiter.settle(shared, exchange())
    const again = await desk.limiter.admit(exchange(), { body: BODY }, 1, true)
    if (!(again instanceof Admission)) throw new Error(again.message)
    desk.limiter.settle(again, exchange())
    desk.limiter.settle(lead, exchange({ usage: usage(10, 5) }))
    desk.limiter.close()
    expect([desk.leftOf('requests'), desk.leftOf('concurrency'), desk.leftOf('tokens')]).toEqual([8, 2, 185])
  })

  it('is synchronous while the lease lasts', async () => {
    const desk = new Desk([rule('requests', 100)])
    desk.spare = 10
    await admit(desk)
    for (let count = 0; count < 10; count++) expect(desk.limiter.admit(exchange(), { body: BODY }, 1)).toBeInstanceOf(Admission)
  })

  it('refuses at once, and with the time to wait, what was refused a moment ago', async () => {
    const desk = new Desk([rule('requests', 1)])
    await admit(desk)
    expect(await refused(desk)).toMatchObject({ kind: 'rate-limited', retryAfterMs: 5_000, message: 'The limit "requests" of 1 requests per hour is reached. Try again in 5 s.' })
    const asked = desk.sent.length
    desk.pass(600)
    expect(desk.limiter.admit(exchange(), { body: BODY }, 1)).toMatchObject({ kind: 'rate-limited', retryAfterMs: 4_400 })
    expect(desk.sent.slice(asked).filter(op => op.op === 'ask')).toEqual([])
    desk.pass(500)
    expect(desk.limiter.admit(exchange(), { body: BODY }, 1)).toBeInstanceOf(Promise)
  })

  it('takes all limits or none', async () => {
    const desk = new Desk([rule('requests', 10, { per: ['tenant'] }), rule('concurrency', 1)])
    const first = await admit(desk)
    await refused(desk)
    await refused(desk)
    desk.limiter.settle(first, exchange())
    for (let count = 0; count < 9; count++) desk.limiter.settle(await admit(desk), exchange())
    expect((await refused(desk)).message).toContain('"requests"')
  })

  it('lets requests that wait for one lease go on in their order', async () => {
    const desk = new Desk([rule('requests', 3)])
    const order: number[] = []
    const all = [1, 2, 3, 4].map(async number => {
      const decided = await desk.limiter.admit(exchange(), { body: BODY }, 1)
      order.push(decided instanceof Admission ? number : -number)
    })
    await Promise.all(all)
    expect(order).toEqual([1, 2, 3, -4])
  })

  it('says that it cannot check when the authority is silent, and recovers', async () => {
    const desk = new Desk([rule('requests', 3)])
    desk.answering = false
    const waiting = refused(desk)
    await null
    desk.pass(1_000)
    expect(await waiting).toMatchObject({ kind: 'overloaded', retryAfterMs: 1_000 })
    desk.answering = true
    await admit(desk)
  })

  it('gives everything back at its end, in one message, with nothing in doubt', async () => {
    const desk = new Desk([rule('requests', 100), rule('concurrency', 5)])
    desk.spare = 40
    await admit(desk)
    desk.limiter.close()
    expect(desk.leftOf('requests')).toBe(99)
    expect(desk.sent.slice(-2)).toMatchObject([{ op: 'close', used: 1, mark: 1 }, { op: 'close', back: 4 }])
  })

  it('gives idle units back, closes what stays idle, and opens it again', async () => {
    const desk = new Desk([rule('requests', 10)])
    desk.spare = 5
    await admit(desk)
    expect(desk.leftOf('requests')).toBe(4)
    for (let round = 0; round < 500; round++) desk.limiter.sweep()
    await null
    expect(desk.leftOf('requests')).toBe(9)
    expect(desk.sent.at(-1)).toMatchObject({ op: 'close' })
    await admit(desk)
  })
})

describe('whose counter it is', () => {
  const counters = async (per: LimitRule['per'], exchanges: readonly Exchange[]): Promise<number> => {
    const desk = new Desk([rule('requests', 10, { per })])
    for (const x of exchanges) await admit(desk, x)
    return desk.left.size
  }
  const named = (name: string, model: string): Partial<Exchange> => ({ model: name, plan: { model: name, targets: [target(model)] } satisfies Plan })

  it.each<[string, LimitRule['per'], Exchange[], number]>([
    ['keys are counted apart', ['key'], [exchange(), exchange({ principal: principal({ keyId: 'k2' }) })], 2],
    ['keys of one team together', ['team'], [exchange(), exchange({ principal: principal({ keyId: 'k2' }) })], 1],
    ['tenants are always apart', ['user'], [exchange({ user: 'u' }), exchange({ user: 'u', principal: principal({ tenant: 'other' }) })], 2],
    ['end users apart', ['user'], [exchange({ user: 'a' }), exchange({ user: 'b' }), exchange({ user: 'a' })], 2],
    ['calls without end user share one', ['user'], [exchange(), exchange({ principal: principal({ keyId: 'k2' }) })], 1],
    ['an end user that the credential vouches for beats the one in the body', ['user'], [exchange({ user: 'a', principal: principal({ endUser: 'z' }) }), exchange({ user: 'b', principal: principal({ endUser: 'z' }) })], 1],
    ['no value can reach into another', ['key', 'user'], [exchange({ user: 'x"]' }), exchange({ user: 'x' }), exchange({ user: '","' })], 3],
    ['models apart', ['key', 'model'], [exchange(named('a', 'p/a')), exchange(named('b', 'p/b'))], 2],
    ['all names of one model together (check I6)', ['model'], [exchange(named('gpt', 'openai/gpt')), exchange(named('openai/gpt', 'openai/gpt')), exchange(named('alias', 'openai/gpt'))], 1],
    ['a key without a team has no team limit', ['team'], [exchange({ principal: principal({ team: null }) })], 0],
  ])('%s', async (_what, per, exchanges, expected) => expect(await counters(per, exchanges)).toBe(expected))

  it('a model is matched by any of its names', async () => {
    const desk = new Desk([rule('requests', 1, { match: { model: ['gpt-*'], team: ['search', 'ads'] } })])
    await admit(desk, exchange(named('alias', 'openai/gpt-5')))
    await refused(desk, exchange(named('openai/gpt-5', 'openai/gpt-5')))
    expect(desk.limiter.admit(exchange(named('claude', 'anthropic/claude')), { body: BODY }, 1)).toBe(UNLIMITED)
    expect(desk.limiter.admit(exchange({ ...named('gpt-5', 'openai/gpt-5'), principal: principal({ team: 'other' }) }), { body: BODY }, 1)).toBe(UNLIMITED)
  })
})

describe('tokens', () => {
  const used = async (desk: Desk, resource = 'tokens', limit = 10_000): Promise<number> => {
    for (let round = 0; round < 2; round++) desk.limiter.sweep()
    desk.pass(10)
    await null
    return limit - desk.leftOf(resource)
  }
  const after = async (facts: Partial<Exchange>, resource: LimitResource = 'tokens', most = 50): Promise<number> => {
    const desk = new Desk([rule(resource, 10_000)])
    const x = exchange()
    const admission = await admit(desk, x, most)
    desk.limiter.settle(admission, Object.assign(x, facts))
    desk.limiter.settle(admission, x)
    return used(desk)
  }

  it.each<[string, Partial<Exchange>, LimitResource, number]>([
    ['fewer than reserved are given back', { usage: usage(80, 10) }, 'tokens', 90],
    ['more than reserved are charged', { usage: usage(300, 4_000) }, 'tokens', 4_300],
    ['input alone', { usage: usage(80, 10) }, 'input-tokens', 80],
    ['output alone', { usage: usage(80, 10) }, 'output-tokens', 10],
    ['a failed call that nobody counted costs nothing', { error: 'upstream-reset', upstreamStatus: 0 }, 'tokens', 0],
    ['a refusal by the provider costs nothing', { error: 'upstream-rate-limited', upstreamStatus: 429, responseBytes: 0 }, 'tokens', 0],
    ['a client that leaves pays for the input that was sent', { error: 'client-closed', upstreamStatus: 0, sentAt: 1 }, 'input-tokens', 102],
    ['a client that leaves before anything was sent pays nothing', { error: 'client-closed', upstreamStatus: 0 }, 'tokens', 0],
    ['a stream that was cut is charged by its bytes', { error: 'client-closed', sentAt: 1, stream: true, responseBytes: 4_000 }, 'output-tokens', 20],
    ['negative usage is no usage', { usage: usage(-5, -5), error: 'upstream-reset', upstreamStatus: 0 }, 'tokens', 0],
    ['usage that is no number is no usage', { usage: usage(Number.NaN, Number.NaN), error: 'upstream-reset', upstreamStatus: 0 }, 'tokens', 0],
  ])('%s', async (_what, facts, resource, expected) => expect(await after(facts, resource)).toBe(expected))

  it.each([[1e18, Infinity], [2 ** 31, 2 ** 53], [-1, Number.NaN]])('are those that have gone through where a provider claims %d and %d (check D7)', async (input, output) => {
    expect(await after({ usage: usage(input, output), responseBytes: 80 })).toBe(102 + 10)
  })

  it.each([[-1, 512], [0, 1], [50, 50], [2 ** 31, 512], [2 ** 53, 512], [1e308, 512], [Number.NaN, 512]])('a client’s max_tokens of %d reserves %d', async (most, reserved) => {
    const desk = new Desk([rule('output-tokens', 10_000)])
    await admit(desk, exchange(), most)
    expect(10_000 - desk.leftOf('output-tokens')).toBe(reserved)
  })

  it('of a growing stream are charged as it grows, once', async () => {
    const desk = new Desk([rule('tokens', 10_000)])
    const x = exchange({ stream: true })
    const admission = await admit(desk, x)
    expect(desk.limiter.beginAttempt(x, admission)).toBe(51 * 200)
    for (const output of [40, 60, 60, 500]) desk.limiter.progress(admission, Object.assign(x, { responseBytes: output * 200 }))
    expect(await used(desk)).toBe(102 + 500)
    desk.limiter.settle(admission, Object.assign(x, { usage: usage(103, 700) }))
    expect(desk.limiter.progress(admission, Object.assign(x, { responseBytes: 9_000 * 200 }))).toBe(Infinity)
    expect(await used(desk)).toBe(803)
  })

  it('of a growing stream that were guessed too high come back at its end', async () => {
    const desk = new Desk([rule('output-tokens', 10_000)])
    const x = exchange({ stream: true, responseBytes: 900 * 200 })
    const admission = await admit(desk, x)
    desk.limiter.progress(admission, x)
    expect(await used(desk, 'output-tokens')).toBe(900)
    desk.limiter.settle(admission, Object.assign(x, { usage: usage(103, 70) }))
    expect(await used(desk, 'output-tokens')).toBe(70)
  })

  it('of a growing stream are never more than its client allows', async () => {
    const desk = new Desk([rule('output-tokens', 10_000)])
    const x = exchange({ stream: true, responseBytes: 900 * 200, maxOutput: 60 })
    desk.limiter.progress(await admit(desk, x, 50), x)
    expect(await used(desk, 'output-tokens')).toBe(60)
  })

  it('of a growing stream are looked at some hundred times, however long it is, and never where no limit counts them', async () => {
    const desk = new Desk([rule('tokens', 1e9)])
    const x = exchange({ stream: true })
    const admission = await admit(desk, x)
    let looks = 0
    for (let next = desk.limiter.beginAttempt(x, admission); x.responseBytes < 100_000 * 200; x.responseBytes += 200) {
      if (x.responseBytes < next) continue
      looks++
      next = desk.limiter.progress(admission, x)
    }
    expect(await used(desk, 'tokens', 1e9)).toBeGreaterThan(90_000)
    expect(looks).toBeGreaterThan(50)
    expect(looks).toBeLessThan(200)
    const plain = new Desk([rule('requests', 10)])
    expect(plain.limiter.beginAttempt(x, await admit(plain))).toBe(Infinity)
    expect(plain.limiter.beginAttempt(x, UNLIMITED)).toBe(Infinity)
  })

  it('are foreseen better with every answer', async () => {
    const desk = new Desk([rule('tokens', 1_000_000)])
    for (let count = 0; count < 60; count++) {
      const x = exchange({ usage: usage(206, 20) })
      desk.limiter.settle(await admit(desk, x, -1), x)
    }
    const admission = await admit(desk, exchange(), -1)
    expect(admission.input).toBeGreaterThan(200)
    expect(admission.input).toBeLessThan(212)
    expect(admission.output).toBeLessThan(60)
  })

  it('that can never fit are told so, and what may fit takes the whole limit', async () => {
    expect(await refused(new Desk([rule('tokens', 50)]))).toMatchObject({ kind: 'invalid-request', retryAfterMs: 0 })
    const desk = new Desk([rule('tokens', 120)])
    await admit(desk)
    expect(desk.leftOf('tokens')).toBe(0)
  })

  it('are cheap to estimate in a large body', () => {
    const desk = new Desk([rule('tokens', 1e9)])
    const x = exchange()
    const large = Buffer.from(`{${'word '.repeat(2_000_000)}}`)
    const start = process.cpuUsage()
    void desk.limiter.admit(x, { body: large }, 1)
    expect(process.cpuUsage(start).user / 1000).toBeLessThan(200)
    expect(desk.sent.find(op => op.op === 'ask')).toBeUndefined()
  })
})

describe('answer headers', () => {
  it('name the policies, what remains and when it is back, in both vocabularies', async () => {
    const desk = new Desk([rule('requests', 360), rule('tokens', 3_600), rule('concurrency', 5)])
    desk.spare = 3
    const x = exchange()
    await admit(desk, x)
    expect(desk.limiter.headers(x).split('\r\n')).toEqual([
      'ratelimit-policy: "requests-requests";q=360;w=3600, "tokens-tokens";q=3600;w=3600;qu="tokens"',
      'ratelimit: "tokens-tokens";r=3448;t=152',
      'x-ratelimit-limit-requests: 360', 'x-ratelimit-remaining-requests: 359', 'x-ratelimit-reset-requests: 10s',
      'x-ratelimit-limit-tokens: 3600', 'x-ratelimit-remaining-tokens: 3448', 'x-ratelimit-reset-tokens: 2m32s', '',
    ])
  })

  it('say that nothing remains when a request is refused', async () => {
    const desk = new Desk([rule('requests', 1)])
    await admit(desk)
    await refused(desk)
    expect(desk.limiter.headers(exchange())).toContain('ratelimit: "requests-requests";r=0;t=3600\r\n')
  })
})
