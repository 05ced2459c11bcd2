import { afterEach, describe, expect, it } from 'vitest'
import type { CallRecord } from '@headrace/contract'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { answerJson, answerStream, pause, startScriptedUpstream, type ScriptedUpstream } from '../harness/scripted-upstream.ts'
import { API_KEY, startHeadrace, WORKER_DIED, type Headrace } from '../harness/start-headrace.ts'
import { rigConfig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let upstream: ScriptedUpstream | null = null
let headrace: Headrace | null = null
afterEach(async () => {
  await headrace?.stop()
  await upstream?.stop()
  headrace = upstream = null
})

const CLIENTS = 8

/** Clients that ask again and again until told to stop; failures are expected while something is dead. */
function load(port: () => number): { stop(): Promise<number> } {
  let stopping = false
  let answered = 0
  const client = async (id: number): Promise<void> => {
    for (let turn = 0; !stopping && turn < 100_000; turn++) {
      const streamed = (id + turn) % 2 === 0
      try {
        const answer = await fetch(`http://127.0.0.1:${port()}/v1/chat/completions`, {
          method: 'POST', headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' },
          body: chatBody(streamed ? 'up/slow-stream' : 'up/quick', { stream: streamed }),
        })
        await answer.text()
        answered++
      } catch {
        await pause(20)
      }
    }
  }
  const clients = Array.from({ length: CLIENTS }, (_, id) => client(id))
  return {
    async stop() {
      stopping = true
      await Promise.all(clients)
      return answered
    },
  }
}

/** Every row of the log. */
async function allRows(of: Headrace): Promise<CallRecord[]> {
  const rows: CallRecord[] = []
  let after = 0
  for (let page = 0; page < 500; page++) {
    const { status, body } = await of.admin(`/logs?after=${after}&limit=1000`)
    if (status !== 200) throw new Error(`The log answered ${status}: ${JSON.stringify(body)}`)
    const found = (body as { rows: { cursor: number, record: CallRecord }[] }).rows
    if (found.length === 0) return rows
    rows.push(...found.map(row => row.record))
    after = found.at(-1)?.cursor ?? after
  }
  throw new Error('The log does not end')
}

const exchangeIds = (of: ScriptedUpstream): string[] => of.requests.map(request => /^x-request-id: (\S+)$/im.exec(request.head)?.[1] ?? '')

/** Invariant 7: every call that the provider saw has exactly one row, and none of them still waits for its end. */
async function expectOneRowPerCall(): Promise<void> {
  const gateway = headrace as Headrace
  const seen = exchangeIds(upstream as ScriptedUpstream)
  expect(new Set(seen).size).toBe(seen.length)
  const rows = await until('every call to be in the log', async () => {
    const found = await allRows(gateway)
    const ids = new Set(found.map(row => row.exchangeId))
    return seen.every(id => ids.has(id)) ? found : null
  }, 8_000).catch(async () => allRows(gateway))
  const perCall = new Map<string, number>()
  for (const row of rows) perCall.set(row.callId, (perCall.get(row.callId) ?? 0) + 1)
  expect([...perCall.values()].filter(count => count !== 1)).toEqual([])
  const logged = new Set(rows.map(row => row.exchangeId))
  expect(seen.filter(id => !logged.has(id))).toEqual([])
  for (const row of rows) expect(['settled', 'partial', 'unknown', 'refused']).toContain(row.outcome)
}

/** The kills struck calls in flight: they are on record as what nobody lived to tell, beside others that are settled. */
async function expectUnknown(least: number): Promise<void> {
  const rows = await allRows(headrace as Headrace)
  expect(rows.filter(row => row.outcome === 'unknown').length).toBeGreaterThanOrEqual(least)
  expect(rows.some(row => row.outcome === 'settled' && row.outputTokens === 3)).toBe(true)
}

async function start(): Promise<void> {
  upstream = await startScriptedUpstream()
  upstream.on('quick', answerJson(completion('x')))
  upstream.on('slow-stream', answerStream(stream(['a', 'b', 'c']), 8))
  headrace = await startHeadrace({ config: { ...rigConfig(upstream), relay: { max_attempts: 1 } } })
}

const ready = (): Promise<unknown> => until('headrace to serve again', async () => {
  const answer = await fetch(`${headrace?.url ?? ''}/readyz`).catch(() => null)
  return answer?.status === 200
}, 10_000)

describe('kill -9 under load leaves exactly one row for each call that the provider saw', () => {
  it('of the worker, eight times', { timeout: 40_000 }, async () => {
    await start()
    const clients = load(() => headrace?.port ?? 0)
    for (let round = 0; round < 8; round++) {
      await pause(60 + 37 * round % 150)
      const before = upstream?.requests.length ?? 0
      await headrace?.kill9('worker')
      await until('a new worker to serve', () => (upstream?.requests.length ?? 0) > before + CLIENTS, 10_000)
      expect(headrace?.output()).toMatch(WORKER_DIED)
    }
    expect(await clients.stop()).toBeGreaterThan(50)
    await ready()
    await expectOneRowPerCall()
    await expectUnknown(8)
  })

  it('of the control process, eight times; no model call fails', { timeout: 40_000 }, async () => {
    await start()
    const clients = load(() => headrace?.port ?? 0)
    for (let round = 0; round < 8; round++) {
      await pause(60 + 53 * round % 150)
      const killed = headrace?.pids().control
      await headrace?.kill9('control')
      await until('a new control process', () => headrace?.pids().control !== killed, 10_000)
    }
    await clients.stop()
    await until('the admin API to answer', async () => (await headrace?.admin('/logs?limit=1').catch(() => null))?.status === 200, 10_000)
    await expectOneRowPerCall()
    expect((await allRows(headrace as Headrace)).filter(row => row.outcome !== 'settled')).toEqual([])
  })

  it('of everything, four times', { timeout: 60_000 }, async () => {
    await start()
    for (let round = 0; round < 4; round++) {
      const clients = load(() => headrace?.port ?? 0)
      await pause(120 + 71 * round % 200)
      await headrace?.kill9('everything')
      await clients.stop()
      headrace = await startHeadrace({ directory: headrace?.directory ?? '' })
    }
    await expectOneRowPerCall()
    await expectUnknown(4)
  })
})
