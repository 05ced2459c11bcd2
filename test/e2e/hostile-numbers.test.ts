import { DatabaseSync } from 'node:sqlite'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { chatBody, completion, DONE, finishEvent, textEvent } from '../harness/completions.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig({
    config: () => ({
      prices: { 'up/free': { input: 0, output: 0 }, 'up/*': { input: 1, cached_input: 0.1, output: 2 } },
      budgets: [{ per: 'key', amount: '1000000 USD', window: 'month' }],
      limits: [{ per: 'key', tokens: '1000000000/day' }],
      relay: { max_attempts: 1 },
    }),
  })
}, 20_000)
afterAll(() => rig?.stop())

/** JSON texts of counts that no honest party sends, or that arithmetic does not survive. */
const COUNTS = ['-1', '-9223372036854775808', '2147483648', '9007199254740993', '1e18', '1e308', '1e999', '-1e999', '0.5', '-0', '"10"', '"NaN"', 'null', 'true', '[]', '{}', '0x10', '00', '']
const usage = (count: string): string => `{"prompt_tokens":${count},"completion_tokens":${count},"total_tokens":${count},"prompt_tokens_details":{"cached_tokens":${count}}}`

interface Ledger { readonly rows: readonly { readonly cost_nano: number }[], readonly spent: number }

function ledger(): Ledger {
  const database = new DatabaseSync(join(rig.headrace.dataDirectory, 'ledger.db'), { readOnly: true, timeout: 5_000 })
  try {
    return {
      rows: database.prepare('SELECT cost_nano FROM entry').all() as unknown as Ledger['rows'],
      spent: Number(database.prepare('SELECT coalesce(sum(cost_nano), 0) AS sum FROM spend').get()?.['sum']),
    }
  } finally {
    database.close()
  }
}

it('no count that a provider claims charges less than nothing, or without bound (check D7)', { timeout: 40_000 }, async () => {
  let calls = 0
  let before = 0
  for (const count of COUNTS) {
    const json = JSON.stringify(completion('x', { usage: 'USAGE' })).replace('"USAGE"', count === '' ? '{}' : usage(count))
    const event = count === '' ? '' : `data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":${usage(count)}}\n\n`
    rig.upstream.on('numbers', answerJson(json))
    rig.upstream.on('free', answerJson(json))
    rig.upstream.on('numbers-stream', answerStream([textEvent('x'), finishEvent(), ...(event === '' ? [] : [event]), DONE]))
    for (const body of [chatBody('up/numbers'), chatBody('up/free'), chatBody('up/numbers-stream', { stream: true })]) {
      const answer = await rig.post(body)
      expect([200, 502], `${count}: ${answer.body.toString().slice(0, 300)}`).toContain(answer.status)
      calls++
    }
    const { rows, spent } = await until(`the ledger of ${calls} calls`, () => { const now = ledger(); return now.rows.length >= calls ? now : null })
    expect(rows.filter(row => !(Number.isSafeInteger(row.cost_nano) && row.cost_nano >= 0)), count).toEqual([])
    expect(spent, count).toBe(rows.reduce((sum, row) => sum + row.cost_nano, 0))
    // The balance only goes one way, and a call with some characters costs some thousand nano-dollars: not what is claimed for it.
    expect(spent, count).toBeGreaterThanOrEqual(before)
    before = spent
  }
  const records = await rig.headrace.logs('limit=1000&outcome=settled', 10)
  expect(records.filter(record => !(record.costNano >= -1 && Number.isSafeInteger(record.costNano)) || !(record.inputTokens >= -1) || !(record.outputTokens >= -1))).toEqual([])
  expect(await rig.headrace.metrics()).not.toMatch(/(?:cost|tokens)[^\n]* (?:-|NaN|[+-]?Inf)/)
})

it('no count that a client asks for reserves less than nothing, stalls or gets a 5xx (check D7)', { timeout: 40_000 }, async () => {
  rig.upstream.on('*', answerJson(completion('x')))
  for (const field of ['max_tokens', 'max_completion_tokens', 'n']) {
    for (const count of COUNTS.filter(one => !['0x10', '00', ''].includes(one))) {
      const answer = await rig.post(`{"model":"up/asked","messages":[{"role":"user","content":"hello"}],"${field}":${count}}`)
      expect([200, 400, 429], `${field}: ${count}: ${answer.body.toString()}`).toContain(answer.status)
      expect(Number(answer.headers.get('x-ratelimit-remaining-tokens') ?? 0), `${field}: ${count}`).toBeGreaterThanOrEqual(0)
    }
  }
  // Whatever was reserved has come back: an ordinary call is admitted.
  expect((await rig.post(chatBody('up/asked'))).status).toBe(200)
  const budgets = (await rig.headrace.admin('/budgets')).body as { budgets: { spentNano?: string, spent: string }[] }
  expect(budgets.budgets[0]?.spent).toMatch(/^\$\d/)
})
