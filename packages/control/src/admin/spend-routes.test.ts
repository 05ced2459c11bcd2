import { afterAll, beforeAll, expect, test } from 'vitest'
import { SqliteLedgerStore } from '@headrace/stores'
import { sampleEntry } from '@headrace/stores/suites'
import { BudgetWatch } from '../budgets/budget-watch.ts'
import { AppHarness, fileText, FOREIGN } from './app-harness.ts'

const DAY = 86_400_000
let admin: AppHarness
let ledger: SqliteLedgerStore
const today = Math.floor(Date.now() / DAY) * DAY

beforeAll(async () => {
  admin = await AppHarness.start(fileText({
    prices: { 'up/*': { input: 1, output: 2 } },
    budgets: [{ name: 'team', per: 'team', match: { team: 's*' }, amount: '0.00001 USD', window: 'day' }, { name: 'all', per: 'tenant', amount: '1 USD', window: 'rolling 7d', mode: 'alert' }],
  }))
  ledger = new SqliteLedgerStore(admin.ledgerPath)
  ledger.append([
    sampleEntry({ callId: 'a.1', startedAt: today + 1, costNano: 7_000 }), sampleEntry({ callId: 'b.1', startedAt: today + 2, costNano: 2_000, keyId: 'key-2' }),
    sampleEntry({ callId: 'c.1', startedAt: today - DAY, costNano: 50, team: '' }), sampleEntry({ callId: 'd.1', startedAt: today - 60 * DAY, costNano: 1 }),
    sampleEntry({ callId: 'e.1', startedAt: today, costNano: 999, tenant: 'other' }),
  ])
})
afterAll(async () => {
  ledger.close()
  await admin.stop()
})

const rows = async (query: string, key?: string): Promise<unknown> => ((await admin.ask('GET', `/admin/v1/spend${query}`, key)).json() as { rows: { by: object, costNano: string }[] }).rows.map(({ by, costNano }) => [...Object.values(by), costNano])

test('spending is told by what is asked for, of one tenant, of the last 30 days', async () => {
  expect(await rows('')).toEqual([['fast', '9050']])
  expect(await rows('?by=key')).toEqual([['key-1', '7050'], ['key-2', '2000']])
  expect(await rows('?by=day,team')).toEqual([[today, 'search', '9000'], [today - DAY, '', '50']])
  expect(await rows('?by=&since=0')).toEqual([['9051']])
  expect(await rows(`?by=target&until=${today}`)).toEqual([['up/m1', '50']])
  expect(await rows('?by=team', FOREIGN)).toEqual([['search', '999']])
})

test.each(['?by=user', '?by=key,key', '?by=key;drop', '?since=-1', '?tenant=other', '?limit=0'])('%s is not understood', async query => {
  expect((await admin.ask('GET', `/admin/v1/spend${query}`)).statusCode).toBe(400)
})

test('budgets are told with what was spent of them, to their tenant', async () => {
  expect((await admin.ask('GET', '/admin/v1/budgets')).json()).toEqual({ budgets: [
    { name: 'team', of: { team: 'search' }, mode: 'hard', window: 'day', amountNano: '10000', spentNano: '9000', amount: '$0.00001', spent: '$0.000009' },
    { name: 'all', of: { tenant: 'default' }, mode: 'alert', window: 'rolling 7d', amountNano: '1000000000', spentNano: '9050', amount: '$1.00', spent: '$0.00000905' },
  ] })
  expect((await admin.ask('GET', '/admin/v1/budgets', FOREIGN)).json()).toMatchObject({ budgets: [{ name: 'team', spentNano: '999' }, { name: 'all', spentNano: '999' }] })
})

test('the authority hears of hard budgets when all is in the ledger, and people once of what is nearly used up', () => {
  const told: unknown[] = []
  const warned: string[] = []
  const watch = new BudgetWatch({ ledger: admin.ledgerPath, wall: () => today + 1_000, caughtUp: async () => {}, tell: budgets => told.push(budgets), warn: warning => warned.push(warning) })
  watch.adopt(admin.keeper.current)
  watch.look()
  expect([told, warned]).toEqual([[], []])
  watch.recovered()
  expect(told).toMatchObject([{ type: 'budgets', counters: [{ spec: { kind: 'budget', limit: 10_000, window: 'day' }, used: [[today, 9_000]] }, { used: [[today, 999]] }] }])
  watch.look()
  watch.look()
  expect(warned).toEqual(['Budget `team` of search: $0.000009 of $0.00001 is spent (90 %); calls that no longer fit are refused.'])
})

test('a budget that is new hears of calls whose settlements the ledger did not have yet', async () => {
  const told: unknown[] = []
  const ledger = Promise.withResolvers<void>()
  const asked = Promise.withResolvers<void>()
  const watch = new BudgetWatch({
    ledger: admin.ledgerPath, wall: () => today + 1_000, tell: budgets => told.push(budgets), warn() {}, settlementMs: 1,
    caughtUp: () => { asked.resolve(); return ledger.promise },
  })
  watch.recovered()
  watch.adopt(admin.keeper.current)
  await asked.promise
  expect(told).toEqual([])
  ledger.resolve()
  await ledger.promise
  await Promise.resolve()
  expect(told).toHaveLength(1)
})
