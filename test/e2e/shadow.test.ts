import { afterAll, beforeAll, expect, it } from 'vitest'
import type { CallRecord } from '@headrace/contract'
import { chatBody, completion, stream, textEvent } from '../harness/completions.ts'
import { openRaw } from '../harness/http-client.ts'
import { messageStream } from '../harness/messages.ts'
import { answerJson, answerStream, answerThenClose, chunk, hang, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig({
    config: upstream => {
      const provider = { base_url: upstream.url, credentials: [PROVIDER_KEY] }
      return {
        providers: { up: provider, claude: { ...provider, dialect: 'anthropic-messages' } },
        models: {
          's-*': { targets: ['up/first-*'], shadow: { target: 'up/shadow-*', share: 100 } },
          'c-*': { targets: ['up/first-*'], shadow: { target: 'claude/shadow-*', share: 100 } },
          'one-*': { targets: ['up/first-*'], shadow: { target: 'up/shadow-*', share: 100, concurrency: 1 } },
        },
        prices: { 'up/*': { input: 1, output: 1 }, 'claude/*': { input: 1, output: 1 } },
        budgets: [{ per: 'key', amount: '1 USD', window: 'day' }],
        log: { bodies: 'full' },
      }
    },
  })
}, 30_000)
afterAll(() => rig?.stop())

const shadowOf = async (model: string): Promise<CallRecord> => (await rig.headrace.logs(`model=${model}&kind=shadow`))[0] as CallRecord
const compared = (row: CallRecord): Record<string, unknown> => JSON.parse(row.compared) as Record<string, unknown>

it('the client gets its own target\'s answer; the copy\'s is in the record, compared', async () => {
  rig.upstream.on('first-same', answerStream(stream(['Hel', 'lo'])))
  rig.upstream.on('shadow-same', answerStream(stream(['Hello'])))
  const answer = await rig.post(chatBody('s-same', { stream: true }))
  expect(answer).toMatchObject({ status: 200, complete: true })
  expect(answer.headers.get('headrace-target')).toBe('up/first-same')
  expect(answer.body.toString()).toContain('"Hel"')
  const row = await shadowOf('s-same')
  expect(row).toMatchObject({ kind: 'shadow', outcome: 'settled', status: 200, targetModel: 'shadow-same', outputTokens: 3, requestId: answer.headers.get('x-request-id') })
  expect(compared(row)).toMatchObject({ target: 'up/first-same', status: [200, 200], error: ['', ''], finishReason: ['stop', 'stop'], inputTokens: [11, 11], outputTokens: [3, 3], sameText: true })
  expect(compared(row)).not.toHaveProperty('textDigests')
  expect((rig.upstream.of('shadow-same')[0]?.body.toString() ?? '').replace('shadow-', '')).toBe((rig.upstream.of('first-same')[0]?.body.toString() ?? '').replace('first-', ''))
})

it.each([
  ['another text', answerJson(completion('Goodbye')), { status: [200, 200], sameText: false }, { outcome: 'settled', errorKind: '' }],
  ['a refusal', answerJson({ error: { message: 'no', type: 'server_error', code: null, param: null } }, { status: 500 }), { status: [200, 502], error: ['', 'upstream-server-error'], sameText: null }, { outcome: 'settled', upstreamStatus: 500 }],
  ['a broken connection', answerThenClose('', 'reset'), { error: ['', 'upstream-reset'], sameText: null }, { errorKind: 'upstream-reset' }],
])('%s of the copy is recorded, tried once, and nothing to the client', async (what, script, facts, row) => {
  const id = what.replaceAll(' ', '-')
  rig.upstream.on(`first-${id}`, answerJson(completion('Hello')))
  rig.upstream.on(`shadow-${id}`, script)
  const answer = await rig.post(chatBody(`s-${id}`))
  expect(answer.body.toString()).toContain('Hello')
  const record = await shadowOf(`s-${id}`)
  expect(record).toMatchObject(row)
  expect(compared(record)).toMatchObject(facts)
  expect(rig.upstream.of(`shadow-${id}`).length).toBe(1)
})

it('a copy that says nothing delays nobody, and its row waits for its end', async () => {
  rig.upstream.on('first-late', answerStream(stream(['at once'])))
  rig.upstream.on('shadow-late', async (socket, request) => {
    await until('the client to have its answer', async () => (await rig.headrace.logs('model=s-late', 0)).length > 0)
    await answerStream(stream(['at last']))(socket, request)
  })
  expect((await rig.post(chatBody('s-late', { stream: true }))).body.toString()).toContain('at once')
  expect(compared(await shadowOf('s-late'))).toMatchObject({ sameText: false, status: [200, 200] })
})

it('a request that fails is compared too, and the copy of one whose client left is cancelled', async () => {
  rig.upstream.on('first-bad', answerThenClose(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('half'))]), 'reset'))
  rig.upstream.on('shadow-bad', answerStream(stream(['whole'])))
  expect((await rig.post(chatBody('s-bad', { stream: true }))).complete).toBe(false)
  expect(compared(await shadowOf('s-bad'))).toMatchObject({ sameText: null, error: [expect.stringMatching(/^upstream-/), ''] })

  rig.upstream.on('first-gone', hang())
  rig.upstream.on('shadow-gone', hang())
  const socket = await openRaw(rig.headrace.port, { body: chatBody('s-gone', { stream: true }), headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })
  await Promise.all([rig.upstream.seen('first-gone'), rig.upstream.seen('shadow-gone')])
  socket.destroy()
  await until('the copy to be told', () => (rig.upstream.of('shadow-gone')[0]?.abortedAt ?? 0) > 0)
  expect(await shadowOf('s-gone')).toMatchObject({ outcome: 'partial', errorKind: 'client-closed', compared: '' })
})

it('a copy at a target of another dialect is asked in its own and compared in the client\'s', async () => {
  rig.upstream.on('first-x', answerStream(stream(['Hello'])))
  rig.upstream.on('shadow-x', answerStream(messageStream(['Hel', 'lo'])))
  await rig.post(chatBody('c-x', { stream: true }))
  const row = await shadowOf('c-x')
  expect(row).toMatchObject({ provider: 'claude', outcome: 'settled' })
  expect(compared(row)).toMatchObject({ sameText: true, finishReason: ['stop', 'end_turn'] })
  expect(rig.upstream.of('shadow-x')[0]?.path).toBe('/v1/messages')
})

it('no limit and no budget of the client counts it; its cost is a kind of its own', async () => {
  rig.upstream.on('first-dear', answerJson(completion('Hello')))
  rig.upstream.on('shadow-dear', answerJson(completion('Hello')))
  await rig.post(chatBody('s-dear'))
  await rig.post(chatBody('s-dear'))
  await until('both copies', async () => (await rig.headrace.logs('model=s-dear&kind=shadow', 0)).length >= 2)
  const { body } = await rig.headrace.admin('/spend?by=model,kind')
  const rows = (body as { rows: readonly { by: { model: string, kind: string }, costNano: string }[] }).rows
  expect(rows.filter(row => row.by.model === 's-dear').map(row => [row.by.kind, row.costNano]).toSorted()).toEqual([['call', '28000'], ['shadow', '28000']])
  const budgets = (await rig.headrace.admin('/budgets')).body as { budgets: readonly { spentNano: string }[] }
  expect(budgets.budgets.map(budget => Number(budget.spentNano))).toEqual([rows.filter(row => row.by.kind === 'call').reduce((sum, row) => sum + Number(row.costNano), 0)])
})

it('copies beyond the bound are not made, and the metrics tell', async () => {
  rig.upstream.on('first-full', answerJson(completion('Hello')))
  let release = (): void => {}
  const held = new Promise<void>(resolve => { release = resolve })
  rig.upstream.on('shadow-full', async (socket, request) => {
    await held
    await answerJson(completion('Hello'))(socket, request)
  })
  expect((await rig.post(chatBody('one-full'))).status).toBe(200)
  await rig.upstream.seen('shadow-full')
  for (let count = 0; count < 3; count++) expect((await rig.post(chatBody('one-full'))).status).toBe(200)
  await until('three to be skipped', async () => /headrace_shadows_total\{model="one-\*",result="skipped"\} 3/.test(await rig.headrace.metrics()))
  expect(rig.upstream.of('shadow-full').length).toBe(1)
  release()
  await shadowOf('one-full')
  await until('the counts', async () => /headrace_shadows_total\{model="one-\*",result="ok"\} 1/.test(await rig.headrace.metrics()))
  expect(await rig.headrace.metrics()).toMatch(/headrace_attempts_total\{model="one-full",provider="up",result="ok"\} 4/)
})
