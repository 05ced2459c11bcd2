import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY, startHeadrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'
import { OUTBOUND, startLanes, type Lanes, type Outbound } from '../sdk/matrix/lanes.ts'

const OTHER_TENANT = 'hr_test_other_tenant_0123456789abcde'
/** An answer that nobody waits for: it ends only if it is ended. */
const ENDLESS = 'lorem:tokens=100000,gap=20ms'
let lanes: Lanes
let client: OpenAI
let other: OpenAI
beforeAll(async () => {
  lanes = await startLanes(OUTBOUND, { args: ['--workers', '2'], config: { server: { drain: '500ms' }, keys: [{ name: 'other', key: OTHER_TENANT, tenant: 'other' }] } })
  client = new OpenAI({ baseURL: `${lanes.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
  other = new OpenAI({ baseURL: `${lanes.url}/v1`, apiKey: OTHER_TENANT, maxRetries: 0 })
}, 30_000)
afterAll(() => lanes?.stop())

type Response = OpenAI.Responses.Response
type Event = OpenAI.Responses.ResponseStreamEvent
const [chat] = OUTBOUND as readonly [Outbound]
const start = (outbound: Outbound, engine: string, input: string, more: object = {}): Promise<Response> =>
  client.responses.create({ model: lanes.model(outbound, engine), input, background: true, ...more })
const stands = (id: string, ...standings: string[]): Promise<Response> => until(`${id} to be ${standings.join(' or ')}`, async () => {
  const response = await client.responses.retrieve(id).catch(() => null)
  return response !== null && standings.includes(response.status ?? '') ? response : null
}, 60_000)
const events = async (id: string, after?: number): Promise<Event[]> => Array.fromAsync(await client.responses.retrieve(id, { stream: true, ...(after === undefined ? {} : { starting_after: after }) }))

describe.each(OUTBOUND.map(outbound => [outbound.name, outbound] as const))('a response in the background over %s', (_name, outbound) => {
  it('is told as queued, ends by itself, and is gone on with', async () => {
    const queued = await start(outbound, 'echo', 'I am Ada. é', { metadata: { a: 'b' }, instructions: 'Be brief.' })
    expect(queued).toMatchObject({ status: 'queued', background: true, store: true, output: [], metadata: { a: 'b' }, instructions: 'Be brief.', error: null })
    const ended = await stands(queued.id, 'completed')
    expect(ended).toMatchObject({ id: queued.id, background: true, output_text: 'I am Ada. é', error: null })
    const second = await client.responses.create({ model: lanes.model(outbound, 'echo'), input: 'Who am I?', previous_response_id: queued.id })
    expect((await Array.fromAsync(client.responses.inputItems.list(second.id, { order: 'asc' }))).length).toBe(3)
    // What has ended stays as it is.
    expect((await client.responses.cancel(queued.id)).status).toBe('completed')
  })

  it('tells its events again, from wherever one wants to hear them, as they were told', async () => {
    const first: Event[] = []
    for await (const event of await client.responses.create({ model: lanes.model(outbound, 'echo'), input: 'One two three four five', background: true, stream: true })) first.push(event)
    const id = first[0]?.type === 'response.created' ? first[0].response.id : ''
    expect(first.at(-1)).toMatchObject({ type: 'response.completed', response: { id, background: true, status: 'completed' } })
    expect(await events(id)).toEqual(first)
    const after = first[3]?.sequence_number ?? 0
    expect(await events(id, after)).toEqual(first.filter(event => event.sequence_number > after))
    expect(await client.responses.retrieve(id)).toMatchObject({ status: 'completed', output_text: 'One two three four five' })
  })
})

it('runs on when its client has left, whose place another one takes at any worker', async () => {
  const stream = await client.responses.create({ model: lanes.model(chat, 'lorem:tokens=60,gap=20ms'), input: 'x', background: true, stream: true })
  const seen: Event[] = []
  for await (const event of stream) {
    seen.push(event)
    if (event.type === 'response.output_text.delta') break
  }
  const id = seen[0]?.type === 'response.created' ? seen[0].response.id : ''
  const last = seen.at(-1)?.sequence_number ?? 0
  const rest = await Promise.all(Array.from({ length: 4 }, () => events(id, last)))
  const whole = await events(id)
  for (const each of rest) expect([...seen, ...each]).toEqual(whole)
  expect(whole.map(({ sequence_number: number }) => number)).toEqual(whole.map((_, index) => index))
  expect(whole.at(-1)?.type).toBe('response.completed')
})

it('stops at its provider when it is cancelled through any worker, once it is on file that it is', async () => {
  const engine = `${ENDLESS},seed=1`
  const { id } = await start(chat, engine, 'x')
  await stands(id, 'in_progress')
  const following = events(id)
  expect((await client.responses.cancel(id)).status).toBe('cancelled')
  expect(await client.responses.retrieve(id)).toMatchObject({ status: 'cancelled', output: [] })
  await lanes.aborted(engine)
  expect((await following).at(-1)).toMatchObject({ type: 'response.cancelled', response: { status: 'cancelled' } })
  expect((await client.responses.cancel(id)).status).toBe('cancelled')
  await expect(client.responses.create({ model: lanes.model(chat, 'echo'), input: 'x', previous_response_id: id })).rejects.toMatchObject({ status: 400 })
})

it('stops at its provider when it is deleted', async () => {
  const engine = `${ENDLESS},seed=2`
  const { id } = await start(chat, engine, 'x')
  await stands(id, 'in_progress')
  await client.responses.delete(id)
  await lanes.aborted(engine)
  await expect(client.responses.retrieve(id)).rejects.toMatchObject({ status: 404 })
  await expect(events(id)).rejects.toMatchObject({ status: 404 })
})

it('has failed when its provider refuses it, in its events too', async () => {
  const { id } = await start(chat, 'fault:status=400', 'x')
  expect(await stands(id, 'failed')).toMatchObject({ status: 'failed', error: { message: expect.any(String) as string } })
  expect((await events(id)).at(-1)).toMatchObject({ type: 'response.failed', response: { id, status: 'failed' } })
})

it('refuses what cannot be, and another tenant\'s as none', async () => {
  const { id } = await start(chat, ENDLESS, 'x')
  const ways: (() => Promise<unknown>)[] = [() => other.responses.retrieve(id), () => other.responses.cancel(id), () => other.responses.delete(id), () => other.responses.retrieve(id, { stream: true })]
  for (const way of ways) await expect(way()).rejects.toMatchObject({ status: 404 })
  await expect(client.responses.create({ model: lanes.model(chat, 'echo'), input: 'x', previous_response_id: id })).rejects.toMatchObject({ status: 400 })
  await expect(start(chat, 'echo', 'x', { store: false })).rejects.toMatchObject({ status: 400, param: 'store' })
  await expect(start(chat, 'echo', 'x', { model: 'nowhere' })).rejects.toMatchObject({ status: 404 })
  expect((await client.responses.cancel(id)).status).toBe('cancelled')
  const waited = await client.responses.create({ model: lanes.model(chat, 'echo'), input: 'x' })
  await expect(events(waited.id)).rejects.toMatchObject({ status: 400, param: 'stream' })
})

it('goes on in a conversation, which is locked until it ends', async () => {
  const conversation = await client.conversations.create({})
  const { id } = await start(chat, 'lorem:tokens=40,gap=20ms', 'x', { conversation: conversation.id })
  await expect(client.responses.create({ model: lanes.model(chat, 'echo'), input: 'y', conversation: conversation.id })).rejects.toMatchObject({ code: 'conversation_locked' })
  await stands(id, 'completed')
  expect((await Array.fromAsync(client.conversations.items.list(conversation.id))).length).toBe(2)
})

it('has failed when whoever ran it was killed, for whoever asks and whoever hears of it: nothing is lost in silence', { timeout: 120_000 }, async () => {
  const running = await Promise.all(Array.from({ length: 4 }, () => start(chat, ENDLESS, 'x')))
  for (const { id } of running) await stands(id, 'in_progress')
  await lanes.headrace.kill9('worker')
  const { id } = await until('a killed worker\'s response to have failed', async () => {
    const now = await Promise.all(running.map(each => client.responses.retrieve(each.id).catch(() => null)))
    return now.find(response => response?.status === 'failed') ?? null
  }, 60_000)
  expect(await stands(id, 'failed')).toMatchObject({ output: [], error: { code: 'server_error', message: expect.stringMatching(/ended before it was done/) as string } })
  expect((await events(id)).at(-1)).toMatchObject({ type: 'response.failed', response: { id } })
  for (const each of running) expect((await client.responses.cancel(each.id)).status).toMatch(/^(failed|cancelled)$/)
})

it('is on file after the gateway was stopped, and after everything was killed', { timeout: 120_000 }, async () => {
  const whole = await start(chat, 'echo', 'Whole')
  await stands(whole.id, 'completed')
  const stopped = await start(chat, ENDLESS, 'x')
  await stands(stopped.id, 'in_progress')
  const told = await events(whole.id)
  await lanes.headrace.stop({ keep: true })
  const again = await startHeadrace({ directory: lanes.headrace.directory })
  try {
    client.baseURL = `${again.url}/v1`
    expect((await client.responses.retrieve(stopped.id)).error?.message).toMatch(/was stopped before/)
    // What its client would have heard, had it waited.
    await expect(events(stopped.id)).rejects.toMatchObject({ code: 'shutting_down' })
    expect(await events(whole.id)).toEqual(told)
    const killed = await start(chat, ENDLESS, 'x')
    await stands(killed.id, 'in_progress')
    await again.kill9('everything')
    await again.stop({ keep: true })
    const third = await startHeadrace({ directory: lanes.headrace.directory })
    client.baseURL = `${third.url}/v1`
    expect((await client.responses.retrieve(killed.id)).error?.message).toMatch(/ended before it was done/)
    await third.stop({ keep: true })
  } finally {
    await again.stop({ keep: true })
  }
})
