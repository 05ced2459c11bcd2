import { afterEach, describe, expect, it } from 'vitest'
import { CAN_FAKE_CLOCK, createFakeClock, type FakeClock } from '../harness/fake-clock.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { pause } from '../harness/scripted-upstream.ts'
import { until } from '../harness/until.ts'

let headrace: Headrace | null = null
let clock: FakeClock | null = null
afterEach(async () => {
  await headrace?.stop()
  clock?.remove()
  headrace = clock = null
}, 20_000)

const HOUR = 3_600
const DAY = 24 * HOUR
const STEPS = [HOUR, 0, -HOUR, 0, 31 * DAY, 0, -DAY, 0] as const

const body = JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'hi' }], max_tokens: 5 })

/** Clients that ask without a break: what they were told, and when (true monotonic ms). */
function load(clients: number): { readonly seen: { readonly status: number, readonly at: number }[], stop(): Promise<void> } {
  const seen: { status: number, at: number }[] = []
  let stopping = false
  const running = Array.from({ length: clients }, async () => {
    while (!stopping) {
      const answer = await fetch(`http://127.0.0.1:${headrace?.port ?? 0}/v1/chat/completions`, { method: 'POST', body, headers: { 'authorization': `Bearer ${API_KEY}`, 'content-type': 'application/json' } }).catch(() => null)
      await answer?.arrayBuffer()
      seen.push({ status: answer?.status ?? 0, at: performance.now() })
      await pause(5)
    }
  })
  return {
    seen,
    async stop() {
      stopping = true
      await Promise.all(running)
    },
  }
}

async function start(limits: readonly object[]): Promise<void> {
  clock = createFakeClock()
  headrace = await startHeadrace({ config: { limits }, args: ['--workers', '2'], env: clock.env })
}

it('libfaketime is there where everything must be proved', () => {
  if (process.env['CI'] === 'true') expect(CAN_FAKE_CLOCK).toBe(true)
})

describe.skipIf(!CAN_FAKE_CLOCK)('a wall clock that steps by hours and months under load (check D9; needs libfaketime)', () => {
  it('really steps for the gateway', { timeout: 60_000 }, async () => {
    await start([])
    clock?.set(31 * DAY)
    const answer = await fetch(`${headrace?.url}/healthz`)
    await until('the new date', async () => {
      const { headers } = await fetch(`${headrace?.url}/healthz`)
      return Math.abs(Date.parse(headers.get('date') ?? '') - Date.now() - 31 * DAY * 1_000) < HOUR * 1_000
    })
    expect(answer.status).toBe(200)
  })

  it('causes neither a burst nor a freeze of a rate', { timeout: 120_000 }, async () => {
    const [perSecond, burst] = [40, 20]
    await start([{ per: 'key', requests: `${perSecond}/s burst ${burst}` }])
    const running = load(16)
    await until('the first answers', () => running.seen.some(one => one.status === 200))
    const stepped: number[] = []
    for (const step of STEPS) {
      stepped.push(performance.now())
      clock?.set(step)
      await pause(2_000)
    }
    await running.stop()
    const { seen } = running
    const admitted = seen.filter(one => one.status === 200).map(one => one.at)
    expect(seen.filter(one => one.status !== 200 && one.status !== 429)).toEqual([])
    const elapsed = ((admitted.at(-1) ?? 0) - (admitted[0] ?? 0)) / 1_000
    // GCRA over true time: no step adds to it.
    expect(admitted.length).toBeLessThanOrEqual(burst + perSecond * (elapsed + 0.5))
    // After each step calls go on being admitted, and in all most of what may be.
    for (const at of stepped) expect(admitted.some(one => one > at && one < at + 2_000)).toBe(true)
    expect(admitted.length).toBeGreaterThan(perSecond * elapsed * 0.5)
  })

  it('opens a calendar window once per day that the clock comes to, and none of them twice', { timeout: 120_000 }, async () => {
    await start([{ per: 'key', requests: '100/day' }])
    const running = load(8)
    const count = (): number => running.seen.filter(one => one.status === 200).length
    // If midnight falls into this test, each day that is come to has its own hundred, and no more.
    const days = new Set<number>()
    for (const step of [0, 31 * DAY, 0, -DAY, 0, 31 * DAY]) {
      clock?.set(step)
      const day = (): number => Math.floor((Date.now() + step * 1_000) / (DAY * 1_000))
      days.add(day())
      const target = days.size * 100
      await until(`${target} admitted`, () => count() >= target, 30_000)
      await pause(1_500)
      days.add(day())
      expect(count()).toBeLessThanOrEqual(days.size * 100)
    }
    await running.stop()
    expect(running.seen.filter(one => one.status !== 200 && one.status !== 429)).toEqual([])
  })

  it('leaves durations what they are, and keys valid that have not expired', { timeout: 60_000 }, async () => {
    await start([])
    const running = load(4)
    for (const step of STEPS) {
      clock?.set(step)
      await pause(500)
    }
    await running.stop()
    expect(running.seen.filter(one => one.status !== 200)).toEqual([])
    const rows = await headrace?.logs('limit=1000', 20) ?? []
    expect(rows.filter(row => !(row.totalMs >= 0 && row.totalMs < 60_000))).toEqual([])
  })
})
