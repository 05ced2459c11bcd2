import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { expect } from 'vitest'
import { startSandbox, type Sandbox } from '../../packages/sandbox/src/server.ts'
import { API_KEY, startHeadrace, type Headrace } from './start-headrace.ts'
import { until } from './until.ts'

/** The engine in this process, and the Headrace before it. */
export let engine: Sandbox | null = null
export let headrace: Headrace | null = null

export async function stopAll(): Promise<void> {
  await headrace?.stop()
  await engine?.close()
  headrace = engine = null
}

/** Starts Headrace again in the same directory. */
export async function startAgain(): Promise<void> {
  headrace = await startHeadrace({ directory: headrace?.directory ?? '', args: ['--workers', '2'] })
}

/** Output costs a dollar per million tokens and input nothing: a call of 20 tokens costs 20,000 nano-dollars, and its reservation is exact. */
export const CALL = 20_000
export const TEN_CALLS = '0.0002 USD'

export async function start(budget: object = {}, more: object = {}, args: readonly string[] = ['--workers', '2']): Promise<void> {
  engine = await startSandbox()
  headrace = await startHeadrace({
    args, config: {
      providers: { up: { base_url: `http://127.0.0.1:${engine.port}/v1`, credentials: [], timeouts: { first_token: '400ms' } } },
      prices: { 'up/*': { input: 0, output: 1 } }, budgets: [{ per: 'key', amount: TEN_CALLS, window: 'month', ...budget }],
      relay: { max_attempts: 1 }, ...more,
    },
  })
}

export const ask = (model: string, facts: object = {}, signal: AbortSignal | null = null): Promise<Response> => fetch(`http://127.0.0.1:${headrace?.port ?? 0}/v1/chat/completions`, {
  method: 'POST', headers: { 'authorization': `Bearer ${API_KEY}`, 'content-type': 'application/json' }, signal,
  body: JSON.stringify({ model: `up/${model}`, messages: [{ role: 'user', content: 'hi' }], max_tokens: 20, ...facts }),
})

export async function statusOf(model: string): Promise<number> {
  const answer = await ask(model)
  await answer.arrayBuffer()
  return answer.status
}

export interface Row { readonly call_id: string, readonly state: string, readonly cost_nano: number }

/** The ledger's rows and its sum, straight from the file. */
export function ledger(): { rows: Row[], sum: number } {
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
export async function admitted(most: number): Promise<number> {
  for (let count = 0; count < most; count++) {
    const status = await statusOf('lorem:tokens=20')
    if (status === 429) return count
    expect(status).toBe(200)
  }
  return most
}

/** Resolves when every call that the engine saw is in the ledger, and is no reservation any more. */
export const allSettled = (): Promise<unknown> => until('every call of the engine to be settled in the ledger', () => {
  const states = new Map(ledger().rows.map(({ call_id, state }) => [call_id.slice(0, call_id.lastIndexOf('.')), state]))
  return (engine?.calls().requestIds ?? []).every(id => (states.get(id) ?? 'reserved') !== 'reserved')
}, 10_000)


/** Kills a worker, the control process or everything under load, so many times; then the ledger holds each call that the engine saw, once, at its price. */
export async function expectLedgerToSurvive(kills: number): Promise<void> {
  await start({ amount: '1000 USD' })
  const complete = new Set<string>()
  for (let round = 0; round < kills; round++) {
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
    if (what === 'everything') await startAgain()
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
}
