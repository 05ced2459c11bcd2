import { afterEach, expect, it } from 'vitest'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

let headrace: Headrace | null = null
afterEach(async () => { await headrace?.stop() }, 20_000)

const body = (facts: object = {}) => JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'hi' }], max_tokens: 5, ...facts })
const ask = (facts: object = {}) => fetch(`http://127.0.0.1:${headrace?.port}/v1/chat/completions`, { method: 'POST', body: body(facts), headers: { 'authorization': `Bearer ${API_KEY}`, 'content-type': 'application/json' } })

/** Statuses of so many requests, 50 at a time. */
async function statuses(count: number, facts: object = {}): Promise<Record<number, number>> {
  const seen: Record<number, number> = {}
  let begun = 0
  await Promise.all(Array.from({ length: 50 }, async () => {
    while (begun++ < count) {
      const answer = await ask(facts)
      await answer.arrayBuffer()
      seen[answer.status] = (seen[answer.status] ?? 0) + 1
    }
  }))
  return seen
}

it('three workers admit exactly what a limit allows, before and after one of them is killed, and after a restart (check L1)', async () => {
  headrace = await startHeadrace({ config: { limits: [{ per: 'key', requests: '300/month' }] }, args: ['--workers', '3'] })
  expect(await statuses(200)).toEqual({ 200: 200 })
  // Idle leases have gone back within a second, so that the kill leaves nothing in doubt.
  await new Promise(resolve => setTimeout(resolve, 1_500))
  const before = headrace.pids().workers
  process.kill(before[0] ?? 0, 'SIGKILL')
  await until('a new worker', () => { const now = headrace?.pids().workers ?? []; return Promise.resolve(now.length === 3 && !now.includes(before[0] ?? 0) ? now : null) })
  expect(await statuses(70)).toEqual({ 200: 70 })
  const kept = headrace
  await kept.stop({ keep: true })
  headrace = await startHeadrace({ directory: kept.directory, args: ['--workers', '3'] })
  expect(await statuses(100)).toEqual({ 200: 30, 429: 70 })
}, 60_000)

it('a refusal says which limit, when to come back and what remains', async () => {
  headrace = await startHeadrace({ config: { limits: [{ name: 'few', per: 'key', requests: '2/h' }] }, args: ['--workers', '2'] })
  const first = await ask()
  expect(first.headers.get('ratelimit-policy')).toBe('"few-requests";q=2;w=3600')
  expect(first.headers.get('x-ratelimit-remaining-requests')).toBe('1')
  await ask()
  const refused = await ask()
  expect(refused.status).toBe(429)
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(1_700)
  expect(refused.headers.get('ratelimit')).toMatch(/^"few-requests";r=0;t=\d+$/)
  expect(await refused.json()).toMatchObject({ error: { type: 'rate_limit_error', code: 'rate_limit_exceeded', message: 'The limit "few" of 2 requests per hour is reached. Try again in 30 min.' } })
}, 30_000)

it('a stream that outgrows its reservation is counted while it runs: others are refused before it ends (check L2)', async () => {
  headrace = await startHeadrace({ config: { limits: [{ name: 'words', per: 'key', output_tokens: '2000/day' }] }, args: ['--workers', '2'] })
  const port = headrace.port
  const leaving = new AbortController()
  const call = (facts: object, signal: AbortSignal | null = null): Promise<Response> => fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST', headers: { 'authorization': `Bearer ${API_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'hi' }], ...facts }), signal,
  })
  // Without `max_tokens` it reserves what is usual, and writes ten times as much.
  const long = await call({ model: 'sandbox/lorem:tokens=6000,gap=2ms', stream: true }, leaving.signal)
  let ended = false
  const read = (async () => { for await (const _ of long.body ?? []) continue; ended = true })()
  const refused = await until('a refusal', async () => {
    const answer = await call({ max_tokens: 1 })
    await answer.arrayBuffer()
    return answer.status === 429
  }, 15_000)
  expect(refused).toBe(true)
  expect(ended).toBe(false)
  leaving.abort()
  await read.catch(() => undefined)
}, 40_000)
