import { afterAll, beforeAll, expect, it } from 'vitest'
import { openLoop } from '../../bench/overload/open-loop.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

/** Slow enough that a machine many times slower than ours is still far from being the bottleneck: 10 answers per second. */
const PLACES = 4
const SERVICE_MS = 400
const PER_SECOND = PLACES * 1_000 / SERVICE_MS
const SECONDS = 12
const model = (id: string): string => `sandbox/lorem:tokens=4,ttft=${SERVICE_MS}ms,capacity=${PLACES},id=${id}`

let headrace: Headrace
beforeAll(async () => { headrace = await startHeadrace({ config: { capacity: { [model('guarded')]: PLACES } }, args: ['--workers', '2'] }) }, 30_000)
afterAll(() => headrace?.stop())

it('under ten times its capacity an engine goes on doing useful work, and does nearly none where its capacity is not configured', async () => {
  const ask = (id: string) => openLoop({ port: headrace.port, key: API_KEY, model: model(id), perSecond: 10 * PER_SECOND, seconds: SECONDS, deadlineMs: 2_000 })
  const guarded = await ask('guarded')
  const most = PER_SECOND * SECONDS + PLACES
  expect(guarded.filter(({ good }) => good).length).toBeGreaterThan(most * 0.5)
  // Sent away early, and not left to time out.
  expect(guarded.filter(({ status }) => status === 503).length).toBeGreaterThan(guarded.length * 0.6)
  expect(new Set(guarded.map(({ status }) => status)).difference(new Set([200, 503, 0]))).toEqual(new Set())
  const open = await ask('open')
  expect(open.filter(({ good }) => good).length).toBeLessThan(most * 0.4)
  // The load is gone: everything is answered.
  const after = await openLoop({ port: headrace.port, key: API_KEY, model: model('guarded'), perSecond: PER_SECOND / 4, seconds: 4, deadlineMs: 20_000 })
  expect(after.filter(({ good }) => good)).toHaveLength(after.length)
})
