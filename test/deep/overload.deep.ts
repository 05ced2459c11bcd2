import { afterAll, beforeAll, expect, it } from 'vitest'
import { goodput, openLoop } from '../../bench/overload/open-loop.ts'
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

const ask = (id: string, times: number, seconds: number, deadlineMs = 2_000) => openLoop({ port: headrace.port, key: API_KEY, model: model(id), perSecond: times * PER_SECOND, seconds, deadlineMs })

it('under ten times its capacity an engine goes on doing useful work', async () => {
  const guarded = await ask('guarded', 10, SECONDS)
  const most = PER_SECOND * SECONDS + PLACES
  expect(guarded.filter(({ good }) => good).length).toBeGreaterThan(most * 0.5)
  // Sent away early, and not left to time out.
  expect(guarded.filter(({ status }) => status === 503).length).toBeGreaterThan(guarded.length * 0.6)
  expect(new Set(guarded.map(({ status }) => status)).difference(new Set([200, 503, 0]))).toEqual(new Set())
  // The load is gone: everything is answered.
  const after = await ask('guarded', 0.25, 4, 20_000)
  expect(after.filter(({ good }) => good)).toHaveLength(after.length)
})

it('so does one of which nobody said what it can do, once it is known how fast it usually is', async () => {
  await ask('open', 0.5, 8, 20_000)
  const open = await ask('open', 10, 2 * SECONDS)
  // What it takes on until its limit is found is for nobody.
  expect(goodput(open, SECONDS * 1_000, 2 * SECONDS * 1_000)).toBeGreaterThan(PER_SECOND * 0.5)
  expect(new Set(open.map(({ status }) => status)).difference(new Set([200, 503, 0]))).toEqual(new Set())
  const after = await ask('open', 0.25, 4, 20_000)
  expect(after.filter(({ good }) => good)).toHaveLength(after.length)
})
