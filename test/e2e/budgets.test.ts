import { afterEach, expect, it } from 'vitest'
import { admitted, allSettled, ask, CALL, engine, expectLedgerToSurvive, headrace, ledger, start, startAgain, statusOf, stopAll, TEN_CALLS, type Row } from '../harness/budget-rig.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

afterEach(stopAll, 20_000)

it('200 calls at once - answers, failures, aborts, timeouts - never spend more than a budget of ten, and leave no phantom spend (check D10)', { timeout: 60_000 }, async () => {
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
  await allSettled()
  const { sum } = ledger()
  expect(sum).toBeLessThanOrEqual(10 * CALL)
  // What is left is there, all of it and no more: failures, aborts and timeouts have given back what they held.
  const left = Math.floor((10 * CALL - sum) / CALL)
  expect(await admitted(20)).toBe(left)
  await allSettled()
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
  await allSettled()
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
  await allSettled()
  await headrace?.kill9('everything')
  await startAgain()
  // Until the ledger is known nobody is let in, which takes seconds at most.
  await until('the first call', async () => await statusOf('lorem:tokens=20') === 200, 10_000)
  headrace?.writeConfig({
    providers: { up: { base_url: `http://127.0.0.1:${engine?.port ?? 0}/v1`, credentials: [] } }, prices: { 'up/*': { input: 0, output: 1 } },
    budgets: [{ per: 'key', amount: TEN_CALLS, window: 'rolling 7d' }, { per: 'tenant', amount: '0.00014 USD', window: 'day' }],
  })
  await allSettled()
  await until('the new configuration in both workers', async () => {
    const config = (await headrace?.admin('/config'))?.body as { budgets: unknown[], version: number }
    const status = (await headrace?.admin('/status'))?.body as { workers: { version: number }[] }
    return config.budgets.length === 2 && status.workers.every(worker => worker.version === config.version)
  })
  expect(await admitted(20)).toBe(2)
})

it('twenty times kill -9 under load - of a worker, of the control process, of everything - leave each call that the engine saw in the ledger, once (check D1)', { timeout: 120_000 }, async () => {
  await expectLedgerToSurvive(20)
})
