import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { CallRecord } from '@headrace/contract'
import { readLogs } from '@headrace/stores'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { ADMIN_KEY, API_KEY, runHeadrace } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
let full: Rig
beforeAll(async () => {
  [rig, full] = await Promise.all([startRig(), startRig({ config: () => ({ log: { bodies: 'full', body_limit: '1KiB' } }) })])
}, 20_000)
afterAll(() => Promise.all([rig?.stop(), full?.stop()]))

describe('a call\'s row', () => {
  it('says who asked for what, where it went and when', async () => {
    rig.upstream.on('row', async (socket, request) => {
      await new Promise(resolve => setTimeout(resolve, 30))
      answerJson(completion('text'))(socket, request)
    })
    const body = chatBody('up/row', { user: 'end-user-7', metadata: { run: '42', team: 'é' } })
    const before = Date.now()
    const answer = await rig.post(body, [['headrace-tags', 'team=search, run=42'], ['x-request-id', 'row-request'], ['traceparent', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01']])
    const rows = await rig.headrace.logs('request_id=row-request')
    expect(rows.length).toBe(1)
    const row = rows[0] as CallRecord
    expect(row).toMatchObject({
      outcome: 'settled', attempt: 1, requestId: 'row-request', tenant: 'default', dialect: 'openai-chat', operation: 'chat', model: 'up/row', provider: 'up', targetModel: 'row',
      stream: false, status: 200, upstreamStatus: 200, errorKind: '', finishReason: 'stop', inputTokens: 11, outputTokens: 3, cachedInputTokens: 4,
      requestBytes: Buffer.byteLength(body), responseBytes: answer.body.length, traceId: '4bf92f3577b34da6a3ce929d0e0e4736', tags: 'team=search, run=42', requestBody: null, responseBody: null,
    })
    expect(JSON.parse(row.metadata)).toEqual({ run: '42', team: 'é' })
    expect(row.endUser).toBe('end-user-7')
    expect(row.keyId).not.toBe('')
    expect(row.callId).toBe(`${row.exchangeId}.1`)
    expect(row.startedAt).toBeGreaterThanOrEqual(before)
    const times = [0, row.admittedMs, row.attemptMs, row.sentMs, row.headMs, row.firstByteMs, row.committedMs, row.totalMs]
    expect(times.every(time => time >= 0)).toBe(true)
    expect(times).toEqual(times.toSorted((left, right) => left - right))
    expect(row.firstByteMs - row.sentMs).toBeGreaterThanOrEqual(28)
    expect(rig.upstream.of('row')[0]?.head).toMatch(new RegExp(`^x-request-id: ${row.exchangeId}$`, 'im'))
  })

  const refusals = [
    { name: 'an unknown model', body: chatBody('refused-b'), kind: 'model-not-found' },
    { name: 'a body that is not JSON', body: '{"model":', kind: 'invalid-request' },
  ]
  it.each(refusals)('is there for $name too, as refused and never sent', async ({ body, kind }) => {
    const before = rig.upstream.requests.length
    const answer = await rig.post(body, [['x-request-id', `refused-${kind}`]])
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(await rig.headrace.logs(`error_kind=${kind}`)).toMatchObject([{ outcome: 'refused', attempt: 0, errorKind: kind, status: answer.status, requestId: `refused-${kind}` }])
    expect(rig.upstream.requests.length).toBe(before)
  })

  it('is not there for a caller who is not known: that is counted, and fills no disk', async () => {
    const counted = async (): Promise<number> => Number(/^headrace_requests_total\{[^}]*status="401"\} (\d+)$/m.exec(await rig.headrace.metrics())?.[1] ?? 0)
    const before = await counted()
    const answer = await rig.post(chatBody('up/refused-a'), [], { headers: [['authorization', 'Bearer hr_wrong_key_0123456789'], ['content-type', 'application/json'], ['x-request-id', 'nobody']] })
    expect(answer.status).toBe(401)
    await until('the metrics to tell of it', async () => await counted() > before)
    // What the same worker journals later is stored later.
    await rig.post('{"model":', [['x-request-id', 'after-nobody']])
    expect(await rig.headrace.logs('request_id=after-nobody')).toHaveLength(1)
    const database = join(rig.headrace.dataDirectory, 'calls.db')
    for (const tenant of ['', 'default']) expect(readLogs(database, { tenant, requestId: 'nobody' })).toEqual([])
  })

  it('is one per attempt', async () => {
    rig.upstream.on('first-attempts', answerJson({ error: { message: 'no' } }, { status: 500 }))
    rig.upstream.on('second-attempts', answerStream(stream(['x'])))
    await rig.post(chatBody('pair-attempts', { stream: true }))
    const rows = await rig.headrace.logs('model=pair-attempts', 3)
    expect(rows.map(row => [row.attempt, row.targetModel, row.upstreamStatus, row.outcome, row.status]).sort()).toEqual([
      [1, 'first-attempts', 500, 'settled', 0], [2, 'first-attempts', 500, 'settled', 0], [3, 'second-attempts', 200, 'settled', 200],
    ])
    expect(new Set(rows.map(row => row.exchangeId)).size).toBe(1)
  })

  it('keeps bodies where the policy says so, up to its limit', async () => {
    full.upstream.on('bodies', answerJson(completion('é answer')))
    const answer = await full.post(chatBody('up/bodies', { user: 'é' }))
    full.upstream.on('long-bodies', answerStream(stream(['word '.repeat(2_000)])))
    await full.post(chatBody('up/long-bodies', { stream: true, padding: 'p'.repeat(5_000) }))
    const [short] = await full.headrace.logs('model=up/bodies')
    expect(short?.requestBody).toBe(chatBody('up/bodies', { user: 'é' }))
    expect(short?.responseBody).toBe(answer.body.toString())
    const [long] = await full.headrace.logs('model=up/long-bodies')
    expect(long?.requestBody?.length).toBe(1_024)
    expect(long?.responseBody?.length).toBe(1_024)
  })
})

describe('reading the log', () => {
  beforeAll(async () => {
    rig.upstream.on('filter-good', answerJson(completion('x')))
    rig.upstream.on('filter-bad', answerJson({ error: { message: 'bad', type: 'invalid_request_error' } }, { status: 400 }))
    for (const model of ['filter-good', 'filter-bad', 'filter-good']) await rig.post(chatBody(`up/${model}`), [['x-request-id', `id-${model}`]])
    await rig.headrace.logs('model=up/filter-good', 2)
    await rig.headrace.logs('model=up/filter-bad', 1)
  })

  it.each([
    { query: 'model=up/filter-good', rows: 2 }, { query: 'model=up/filter-bad', rows: 1 }, { query: 'request_id=id-filter-good', rows: 2 },
    { query: 'model=up/filter-good&limit=1', rows: 1 }, { query: 'model=up/filter-bad&error_kind=upstream-invalid-request', rows: 1 },
    { query: 'model=up/filter-good&outcome=partial', rows: 0 }, { query: `model=up/filter-good&since=${Date.now() + 3_600_000}`, rows: 0 }, { query: 'model=nothing', rows: 0 },
  ])('by $query finds $rows', async ({ query, rows }) => {
    expect((await rig.headrace.logs(query, 0)).length).toBe(rows)
  })

  it('needs an admin key', async () => {
    for (const path of ['/admin/v1/logs', '/admin/v1/reload']) {
      const bare = await fetch(`${rig.headrace.url}${path}`, { method: path.endsWith('reload') ? 'POST' : 'GET' })
      const client = await fetch(`${rig.headrace.url}${path}`, { method: path.endsWith('reload') ? 'POST' : 'GET', headers: { authorization: `Bearer ${API_KEY}` } })
      expect([bare.status, client.status]).toEqual([401, 403])
    }
  })

  it('`headrace logs` shows the same rows', async () => {
    const { code, output } = await runHeadrace(['logs', '--data', rig.headrace.dataDirectory, '--model', 'up/filter-good'], { env: { HEADRACE_ADMIN_KEY: ADMIN_KEY } })
    expect(output).toContain('up/filter-good')
    expect(output).not.toContain('filter-bad')
    expect(code).toBe(0)
  })

  it('/metrics counts what the log holds', async () => {
    const count = (text: string): number => [...text.matchAll(/^headrace_requests_total\{([^}]*)\} (\d+)/gm)].filter(match => match[1]?.includes('filter-good')).reduce((sum, match) => sum + Number(match[2]), 0)
    await until('the metrics to show two requests', async () => count(await rig.headrace.metrics()) === 2, 5_000)
    const text = await rig.headrace.metrics()
    expect(text).toMatch(/^# TYPE headrace_requests_total counter$/m)
    expect(text).toMatch(/^# TYPE \w+ histogram$/m)
  })
})
