import fc from 'fast-check'
import { expect, it } from 'vitest'
import { BodyShare, MemoryGuard } from './memory-guard.ts'
import type { MemoryUse } from './memory-sources.ts'

const MIB = 2 ** 20

type Use = Omit<MemoryUse, 'shared'> & Partial<MemoryUse>

/** A guard whose clock and memory the test moves; a collection takes `collectMs` and frees `garbage`. */
function guard(use: Use | readonly Use[], workers = 1) {
  const state = { uses: [use].flat() as Use[], now: 0, collected: 0, collectMs: 10, garbage: 0 }
  const using = (used: number): void => { state.uses = [{ ...state.uses[0], limit: state.uses[0]?.limit ?? 0, used }] }
  const memory = new MemoryGuard({
    use: () => state.uses.map(one => ({ shared: false, ...one })), workers: () => workers, now: () => state.now, random: () => 0.5,
    collect: () => {
      state.collected++
      state.now += state.collectMs
      if (state.garbage > 0) using((state.uses[0]?.used ?? 0) - state.garbage)
      state.garbage = 0
    },
  })
  memory.look()
  /** True = memory was set aside. */
  const takes = (bytes: number): boolean => memory.setAside(bytes) instanceof BodyShare
  const take = (bytes: number): BodyShare => {
    const share = memory.setAside(bytes)
    if (!(share instanceof BodyShare)) throw new Error('no memory')
    return share
  }
  return { memory, state, using, takes, take, pass: (ms: number) => { state.now += ms } }
}

it('a request is taken in whatever its size while there is memory', () => {
  const { memory, takes } = guard({ limit: 1_000 * MIB, used: 300 * MIB })
  expect([memory.full, takes(32 * MIB)]).toEqual([false, true])
})

it('the largest bodies are refused first, then all but small ones, then all that is new, long before the limit', () => {
  const { memory, using, takes } = guard({ limit: 1_000 * MIB, used: 0 })
  using(650 * MIB)
  memory.look()
  expect(memory.setAside(32 * MIB)).toMatchObject({ kind: 'overloaded', retryAfterMs: 2_000, message: expect.stringContaining('large requests') as string })
  expect([takes(4 * MIB), memory.full]).toEqual([true, false])
  using(799 * MIB)
  memory.look()
  expect([takes(4 * MIB), memory.full]).toEqual([false, false])
  using(800 * MIB)
  memory.look()
  expect([takes(2 ** 16 + 1), memory.admitTranslation(2 ** 16 + 1)?.kind, takes(2 ** 16), memory.admitTranslation(2 ** 16), memory.full]).toEqual([false, 'overloaded', true, null, false])
  using(900 * MIB)
  memory.look()
  expect([memory.setAside(1), memory.full]).toMatchObject([{ message: expect.stringContaining('new requests') as string }, true])
  using(400 * MIB)
  memory.look()
  expect([takes(32 * MIB), memory.full]).toEqual([true, false])
  expect(memory.addTo({ counters: {}, gauges: {}, histograms: {} }).counters).toEqual({ headrace_memory_refused_total: 5 })
})

it('what a body may come to counts from its announcement; once it is here, what is used shows it', () => {
  const { takes, take, using, pass } = guard({ limit: 1_000 * MIB, used: 500 * MIB })
  // 300 are free: 150 for one body, which comes to 50 at three for one.
  expect(takes(51 * MIB)).toBe(false)
  const share = take(50 * MIB)
  expect(takes(26 * MIB)).toBe(false)
  using(600 * MIB)
  share.arrived()
  expect(takes(26 * MIB), 'used and set aside until the next look').toBe(false)
  pass(10)
  expect(takes(26 * MIB), 'a look shows 200 less 50 that may be yet to come').toBe(false)
  expect(takes(25 * MIB)).toBe(true)
})

it.each([['before it is whole', false], ['after it was answered', true]])('what was set aside for a body comes back when its exchange ends %s', (_when, arrives) => {
  const { take, takes, pass } = guard({ limit: 1_000 * MIB, used: 500 * MIB })
  const share = take(50 * MIB)
  if (arrives) share.arrived()
  expect(takes(50 * MIB)).toBe(false)
  share.end()
  pass(10)
  expect(takes(50 * MIB)).toBe(true)
})

it('a body of unknown size grows as far as there is memory', () => {
  const { take, takes, memory } = guard({ limit: 1_000 * MIB, used: 500 * MIB })
  const share = take(10 * MIB)
  expect([share.grow(30 * MIB), share.grow(50 * MIB)]).toMatchObject([null, { kind: 'overloaded' }])
  share.end()
  memory.look()
  expect(takes(50 * MIB)).toBe(true)
})

it('before a body is refused, what earlier ones left behind is collected', () => {
  const { take, takes, state, using, pass } = guard({ limit: 1_000 * MIB, used: 500 * MIB })
  using(700 * MIB)
  pass(10)
  expect([takes(50 * MIB), state.collected], 'none came before').toEqual([false, 0])
  take(6 * MIB).end()
  state.garbage = 200 * MIB
  expect([takes(50 * MIB), state.collected]).toEqual([true, 1])
})

it('collections that make room take a fifth of the time at most', () => {
  const { take, takes, state, using, pass } = guard({ limit: 1_000 * MIB, used: 500 * MIB })
  using(700 * MIB)
  const demand = (): void => {
    take(6 * MIB).end()
    pass(10)
    takes(50 * MIB)
  }
  state.collectMs = 40
  const end = 10_000
  while (state.now < end) demand()
  expect(state.collected).toBeGreaterThan(10)
  expect(state.collected * state.collectMs).toBeLessThanOrEqual(0.2 * end)
})

it('a request goes into another dialect only if there is memory for all its forms', () => {
  const { memory, using, pass } = guard({ limit: 1_000 * MIB, used: 500 * MIB })
  expect(memory.admitTranslation(32 * MIB)).toBe(null)
  using(700 * MIB)
  pass(10)
  expect(memory.admitTranslation(32 * MIB)?.kind).toBe('overloaded')
  expect(memory.admitTranslation(4 * MIB)).toBe(null)
})

it('bodies alone never bring it to where everything is refused: each leaves a part of what was free', () => {
  fc.assert(fc.property(fc.array(fc.integer({ min: 1, max: 32 * MIB }), { maxLength: 200 }), bodies => {
    const { memory, using, takes } = guard({ limit: 1_000 * MIB, used: 200 * MIB })
    const taken = bodies.filter(takes)
    using(200 * MIB + taken.reduce((sum, bytes) => sum + 3 * bytes, 0))
    memory.look()
    expect(memory.full).toBe(false)
  }))
})

it('of several limits the nearest counts, and of a shared one each worker has its part', () => {
  expect(guard([{ limit: 10_000 * MIB, used: 1 }, { limit: 100 * MIB, used: 95 * MIB }]).memory.full).toBe(true)
  const shared = (workers: number) => guard({ limit: 1_000 * MIB, used: 400 * MIB, shared: true }, workers)
  expect([shared(1).takes(60 * MIB), shared(4).takes(60 * MIB), shared(4).takes(15 * MIB)]).toEqual([true, false, true])
})

it('of a large limit no more than a GiB is kept free', () => {
  const { memory, using } = guard({ limit: 64 * 1024 * MIB, used: 0 })
  using(62 * 1024 * MIB)
  memory.look()
  expect(memory.full).toBe(false)
  using(63.5 * 1024 * MIB)
  memory.look()
  expect(memory.full).toBe(true)
})

it('collects garbage when little is left, but not without pause', () => {
  const { memory, state, pass } = guard({ limit: 1_000 * MIB, used: 750 * MIB })
  state.collected = 0
  pass(10_000)
  memory.look()
  expect(state.collected).toBe(1)
  for (let turn = 0; turn < 7; turn++) {
    pass(250)
    memory.look()
  }
  expect(state.collected).toBe(1)
  pass(250)
  memory.look()
  expect(state.collected).toBe(2)
})

it('collects nothing by itself while all is well', () => {
  const { memory, state, takes, pass } = guard({ limit: 1_000 * MIB, used: 300 * MIB })
  pass(10_000)
  takes(MIB)
  memory.look()
  expect(state.collected).toBe(0)
})
