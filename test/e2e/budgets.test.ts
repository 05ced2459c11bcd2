import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/server.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

let engine: Sandbox | null = null
let headrace: Headrace | null = null
afterEach(async () => {
  await headrace?.stop()
  await engine?.close()
  headrace = engine = null
}, 20_000)

/** Output costs a dollar per million tokens and input nothing: a call of 20 tokens costs 20,000 nano-dollars, and its reservation is exact. */
const CALL = 20_000
const TEN_CALLS = '0.0002 USD'

async function start(budget: object = {}, more: object = {}, args: readonly string[] = ['--workers', '2']): Promise<void> {
  engine = await startSandbox()
  headrace = await startHeadrace({
    args, config: {
      providers: { up: { base_url: `http://127.0.0.1:${engine.port}/v1`, credentials: [], timeouts: { first_token: '400ms' } } },
      prices: { 'up/*': { input: 0, output: 1 } }, budgets: [{ per: 'key', amount: TEN_CALLS, window: 'month', ...budget }],
      relay: { max_attempts: 1 }, ...more,
    },
  })
}

const ask = (model: string, facts: object = {}, signal: AbortSignal | null = null): Promise<Response> => fetch(`http://127.0.0.1:${headrace?.port ?? 0}/v1/chat/completions`, {
  method: 'POST', headers: { 'authorization': `Bearer ${API_KEY}`, 'content-type': 'application/json' }, signal,
  body: JSON.stringify({ model: `up/${model}`, messages: [{ role: 'user', content: 'hi' }], max_tokens: 20, ...facts }),
})

async function statusOf(model: string): Promise<number> {
  const answer = await ask(model)
  await answer.arrayBuffer()
  return answer.status
}

interface Row { readonly call_id: string, readonly state: string, readonly cost_nano: number }

/** The ledger's rows and its sum, straight from the file. */
function ledger(): { rows: Row[], sum: number } {
  const database = new DatabaseSync(join(headrace?.dataDirectory ?? '', 'ledger.db'), { readOnly: true, timeout: 5_000 })
  try {
    const rows = database.prepare('SELECT call_id, state, cost_nano FROM entry').all() as unknown as Row[]
    return { rows, sum: Number(database.prepare('SELECT coalesce(sum(cost_nano), 0) AS sum FROM spend').get()?.['sum']) }
  } catch (error) {
    if (String(error).includes('unable to open') || String(error).includes('no such table')) return { rows: [], sum: 0 }
    throw error
  } finally {
    database.close()
  }
}

/** Calls until one is refused, one after the other; how many were admitted. */
async function admitted(most: number): Promise<number> {
  for (let count = 0; count < most; count++) {
    const status = await statusOf('lorem:tokens=20')
    if (status === 429) return count
    expect(status).toBe(200)
  }
  return most
}

const rowsOf = (count: number): Promise<unknown> => until(`${count} rows in the ledger`, () => ledger().rows.length >= count, 10_000)

it('200 calls at once - answers, failures, aborts, timeouts - never spend more than a budget of ten, and leave no phantom spend', { timeout: 60_000 }, async () => {
  await start()
  const kinds = ['lorem:tokens=20', 'fault:status=500', 'fault:hang=head', 'lorem:tokens=20,gap=30ms', 'fault:reset=mid,after=5'] as const
  const seen = { ok: 0, refused: 0, other: 0 }
  await Promise.all(Array.from({ length: 200 }, async (_, index) => {
    const kind = kinds[index % kinds.length] ?? kinds[0]
    const abort = new AbortController()
    if (kind.includes('gap')) setTimeout(() => abort.abort(), 100 + index % 200)
    try {
      const answer = await ask(kind, { stream: kind.includes('gap') || kind.includes('mid') }, abort.signal)
      await answer.arrayBuffer()
      seen[answer.status === 200 ? 'ok' : answer.status === 429 ? 'refused' : 'other']++
    } catch {
      seen.other++
    }
  }))
  expect(seen.refused).toBeGreaterThan(100)
  // Everything that the engine saw is in the ledger before the sum is taken.
  await rowsOf(engine?.calls().count ?? 0)
  const { sum } = ledger()
  expect(sum).toBeLessThanOrEqual(10 * CALL)
  // What is left is there, all of it and no more: failures, aborts and timeouts have given back what they held.
  const left = Math.floor((10 * CALL - sum) / CALL)
  expect(await admitted(20)).toBe(left)
  await rowsOf(engine?.calls().count ?? 0)
  expect(ledger().sum).toBe(sum + left * CALL)
  const { rows } = ledger()
  const seenIds = new Set(engine?.calls().requestIds)
  const idOf = (row: Row): string => row.call_id.slice(0, row.call_id.lastIndexOf('.'))
  expect(new Set(rows.map(idOf)).size).toBe(rows.length)
  expect([...seenIds].filter(id => !rows.some(row => idOf(row) === id))).toEqual([])
  // A client that leaves before its call is sent leaves a row, and pays nothing.
  expect(rows.filter(row => !seenIds.has(idOf(row)) && row.cost_nano !== 0)).toEqual([])
})

it('a refusal says what it is, spending and budgets can be asked for, and a model without a price is not let in', { timeout: 40_000 }, async () => {
  await start({ name: 'monthly' }, { models: { free: 'sandbox/echo' } })
  expect(await admitted(20)).toBe(10)
  const refused = await ask('lorem:tokens=20')
  expect(refused.status).toBe(429)
  expect(await refused.json()).toMatchObject({ error: { type: 'insufficient_quota', code: 'insufficient_quota', message: expect.stringContaining('The budget "monthly" of $0.0002 per month') } })
  expect((await ask('lorem:tokens=20', { max_tokens: 2 ** 53 })).status).toBe(429)
  const unpriced = await fetch(`${headrace?.url}/v1/chat/completions`, { method: 'POST', headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' }, body: '{"model":"free","messages":[]}' })
  expect(unpriced.status).toBe(403)
  await rowsOf(10)
  expect((await headrace?.admin('/spend?by=target,key'))?.body).toEqual({
    rows: [{ by: { target: 'up/lorem:tokens=20', key: 'file:test-client' }, calls: 10, inputTokens: expect.any(Number), outputTokens: 200, costNano: '200000', cost: '$0.0002' }],
  })
  expect((await headrace?.admin('/budgets'))?.body).toMatchObject({ budgets: [{ name: 'monthly', of: { key: 'file:test-client' }, amount: '$0.0002', spent: '$0.0002' }] })
  const [call] = await headrace?.logs('limit=20&outcome=settled') ?? []
  expect(call).toMatchObject({ costNano: CALL, priceVersion: 'usd/M:0/0/0/1' })
  await until('the metric', async () => (await headrace?.metrics())?.includes('headrace_cost_nanodollars_total{model="up/lorem:tokens=20",provider="up"} 200000'))
})

it('what was spent stays spent when everything is killed, and a new budget begins with what was spent already', { timeout: 60_000 }, async () => {
  await start({ window: 'rolling 7d' })
  for (let count = 0; count < 4; count++) expect(await statusOf('lorem:tokens=20')).toBe(200)
  await rowsOf(4)
  await headrace?.kill9('everything')
  headrace = await startHeadrace({ directory: headrace?.directory ?? '', args: ['--workers', '2'] })
  // Until the ledger is known nobody is let in, which takes seconds at most.
  await until('the first call', async () => await statusOf('lorem:tokens=20') === 200, 10_000)
  headrace.writeConfig({
    providers: { up: { base_url: `http://127.0.0.1:${engine?.port ?? 0}/v1`, credentials: [] } }, prices: { 'up/*': { input: 0, output: 1 } },
    budgets: [{ per: 'key', amount: TEN_CALLS, window: 'rolling 7d' }, { per: 'tenant', amount: '0.00014 USD', window: 'day' }],
  })
  await rowsOf(5)
  await until('the new configuration in both workers', async () => {
    const config = (await headrace?.admin('/config'))?.body as { budgets: unknown[], version: number }
    const status = (await headrace?.admin('/status'))?.body as { workers: { version: number }[] }
    return config.budgets.length === 2 && status.workers.every(worker => worker.version === config.version)
  })
  expect(await admitted(20)).toBe(2)
})

describe('kill -9 under load: the ledger holds each call that the engine saw, once', () => {
  it('of a worker, of the control process and of everything, twenty times in all', { timeout: 120_000 }, async () => {
    await start({ amount: '1000 USD' })
    const complete = new Set<string>()
    for (let round = 0; round < 20; round++) {
      const before = engine?.calls().count ?? 0
      let stopping = false
      const clients = Array.from({ length: 8 }, async (_, id) => {
        for (let turn = 0; !stopping && turn < 100_000; turn++) {
          try {
            // A connection that was just being handed to a worker when it was killed hears no more.
            const answer = await ask(id % 2 === 0 ? 'lorem:tokens=20' : 'lorem:tokens=20,gap=2ms', { stream: id % 4 === 1 }, AbortSignal.timeout(2_000))
            const text = await answer.text()
            if (answer.status === 200 && !text.includes('"error"')) complete.add(answer.headers.get('x-request-id') ?? '')
          } catch {
            await new Promise(resolve => setTimeout(resolve, 20))
          }
        }
      })
      await until('some calls', () => (engine?.calls().count ?? 0) > before + 10, 10_000)
      await new Promise(resolve => setTimeout(resolve, 20 + 37 * round % 130))
      const what = round % 5 === 4 ? 'everything' : round % 2 === 0 ? 'worker' : 'control'
      const control = headrace?.pids().control
      // With none left to hold it, a port that nobody chose would be another one.
      if (what === 'worker') await until('both workers', async () => ((await headrace?.admin('/status').catch(() => null))?.body as { workers?: unknown[] } | undefined)?.workers?.length === 2, 10_000)
      if (what === 'worker') process.kill(headrace?.pids().workers[round % 4 / 2] ?? 0, 'SIGKILL')
      else await headrace?.kill9(what)
      if (what === 'control') await until('a new control process', () => headrace?.pids().control !== control, 10_000)
      stopping = true
      await Promise.all(clients)
      if (what === 'everything') headrace = await startHeadrace({ directory: headrace?.directory ?? '', args: ['--workers', '2'] })
    }
    const ids = engine?.calls().requestIds ?? []
    expect(new Set(ids).size).toBe(ids.length)
    const known = (): Map<string, Row> => new Map(ledger().rows.map(row => [row.call_id.slice(0, row.call_id.lastIndexOf('.')), row]))
    await until('every call in the ledger', () => { const rows = known(); return ids.every(id => rows.has(id)) }, 20_000).catch(() => undefined)
    const rows = known()
    expect(ids.filter(id => !rows.has(id))).toEqual([])
    expect(ledger().rows).toHaveLength(rows.size)
    // What the engine never saw was killed between its intent and its sending: nobody lived to tell.
    const seen = new Set(ids)
    expect([...rows].filter(([id, row]) => !seen.has(id) && row.state !== 'unknown')).toEqual([])
    // Each answer that a client got whole is settled, at its price.
    expect([...complete].filter(id => rows.get(id)?.cost_nano !== CALL)).toEqual([])
    expect(ledger().sum).toBe(ledger().rows.reduce((sum, row) => sum + row.cost_nano, 0))
    expect(complete.size).toBeGreaterThan(100)
  })
})
