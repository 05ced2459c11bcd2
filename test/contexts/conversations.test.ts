import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY } from '../harness/start-headrace.ts'
import { OUTBOUND, startLanes, type Lanes } from '../sdk/matrix/lanes.ts'

const OTHER_TENANT = 'hr_test_other_tenant_0123456789abcde'
let lanes: Lanes
let client: OpenAI
let other: OpenAI
beforeAll(async () => {
  lanes = await startLanes(OUTBOUND, { args: ['--workers', '2'], config: { keys: [{ name: 'other', key: OTHER_TENANT, tenant: 'other' }] } })
  client = new OpenAI({ baseURL: `${lanes.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
  other = new OpenAI({ baseURL: `${lanes.url}/v1`, apiKey: OTHER_TENANT, maxRetries: 0 })
}, 30_000)
afterAll(() => lanes?.stop())

const user = (content: string) => ({ type: 'message' as const, role: 'user' as const, content })
const text = (item: unknown): string => ((item as { content?: { text?: string }[] }).content ?? []).map(part => part.text ?? '').join('')
const itemsOf = async (id: string): Promise<OpenAI.Conversations.ConversationItem[]> => Array.fromAsync(client.conversations.items.list(id, { order: 'asc' }))
const textsOf = async (id: string): Promise<string[]> => (await itemsOf(id)).map(text)

describe.each(OUTBOUND.map(outbound => [outbound.name, outbound] as const))('a conversation over %s', (_name, outbound) => {
  it('is gone on with by its name alone, streamed or not, by one provider and another', async () => {
    const { id } = await client.conversations.create({ items: [user('I am Ada.'), { type: 'message', role: 'assistant', content: 'Hi.' }] })
    const first = await client.responses.create({ model: lanes.model(outbound, 'echo:recall'), input: 'One', conversation: id })
    expect([first.conversation, first.output_text]).toEqual([{ id }, 'One\nI am Ada.'])
    let told = ''
    for await (const event of await client.responses.create({ model: lanes.model(outbound, 'echo:recall'), input: 'Two', conversation: { id }, stream: true })) if (event.type === 'response.completed') told = event.response.id
    const [next] = OUTBOUND.filter(each => each !== outbound)
    if (next === undefined) throw new Error('no lanes')
    await client.responses.create({ model: lanes.model(next, 'echo:recall'), input: 'Three', conversation: id })
    expect(await textsOf(id)).toEqual(['I am Ada.', 'Hi.', 'One', first.output_text, 'Two', 'Two\nOne\nI am Ada.', 'Three', 'Three\nTwo\nOne\nI am Ada.'])
    // A response of a conversation is one as any other.
    expect((await client.responses.retrieve(told)).output_text).toBe('Two\nOne\nI am Ada.')
    const beside = await client.responses.create({ model: lanes.model(outbound, 'echo:recall'), input: 'Beside', previous_response_id: told })
    expect(beside.output_text).toBe('Beside\nTwo\nOne\nI am Ada.')
    expect((await itemsOf(id)).length).toBe(8)
  })
})

it('is made, told, changed and deleted', async () => {
  const made = await client.conversations.create({ metadata: { topic: 'é' } })
  expect(made).toMatchObject({ id: expect.stringMatching(/^conv_[0-9a-f]{32}$/), object: 'conversation', metadata: { topic: 'é' }, created_at: expect.any(Number) })
  expect(await client.conversations.retrieve(made.id)).toEqual(expect.objectContaining({ id: made.id, metadata: { topic: 'é' } }))
  expect((await client.conversations.update(made.id, { metadata: { topic: 'b' } })).metadata).toEqual({ topic: 'b' })
  expect(await client.conversations.delete(made.id)).toEqual(expect.objectContaining({ id: made.id, deleted: true }))
  await expect(client.conversations.retrieve(made.id)).rejects.toMatchObject({ status: 404 })
})

it('gives its items page by page, one by one, and without those that were deleted', async () => {
  const { id } = await client.conversations.create()
  const added = await client.conversations.items.create(id, { items: Array.from({ length: 20 }, (_, index) => user(`${index}`)) })
  expect(added.data.map(text)).toEqual(Array.from({ length: 20 }, (_, index) => `${index}`))
  const pages: string[][] = []
  for await (const page of (await client.conversations.items.list(id, { limit: 8 })).iterPages()) pages.push(page.getPaginatedItems().map(text))
  expect(pages.map(({ length }) => length)).toEqual([8, 8, 4])
  expect(pages.flat()).toEqual(Array.from({ length: 20 }, (_, index) => `${19 - index}`))
  const third = added.data[2]?.id ?? '', fourth = added.data[3]?.id ?? ''
  expect(text(await client.conversations.items.retrieve(third, { conversation_id: id }))).toBe('2')
  await client.conversations.items.delete(third, { conversation_id: id })
  await expect(client.conversations.items.retrieve(third, { conversation_id: id })).rejects.toMatchObject({ status: 404 })
  expect(text(await client.conversations.items.retrieve(fourth, { conversation_id: id }))).toBe('3')
  expect((await textsOf(id)).slice(0, 4)).toEqual(['0', '1', '3', '4'])
})

it('has one writer at a time', { timeout: 60_000 }, async () => {
  const [outbound] = OUTBOUND
  if (outbound === undefined) throw new Error('no lanes')
  const { id } = await client.conversations.create({ items: [user('0')] })
  const stream = await client.responses.create({ model: lanes.model(outbound, 'lorem:tokens=600,gap=100,id=lock'), input: 'Long', conversation: id, stream: true })
  const locked = { status: 400, code: 'conversation_locked', param: 'conversation' }
  let refused = 0
  for await (const event of stream) {
    if (event.type !== 'response.output_text.delta' || refused > 0) continue
    refused++
    await expect(client.responses.create({ model: lanes.model(outbound, 'echo'), input: 'x', conversation: id })).rejects.toMatchObject(locked)
    await expect(client.conversations.items.create(id, { items: [user('x')] })).rejects.toMatchObject(locked)
    stream.controller.abort()
  }
  expect(refused).toBe(1)
  // Who has left holds nothing, and has left nothing.
  await expect.poll(() => client.conversations.items.create(id, { items: [user('1')] }).then(() => 'added', () => 'locked'), { timeout: 30_000 }).toBe('added')
  expect(await textsOf(id)).toEqual(['0', '1'])
})

it('is told what is wrong, and no more of another tenant\'s than of none', async () => {
  const [outbound] = OUTBOUND
  if (outbound === undefined) throw new Error('no lanes')
  const { id } = await client.conversations.create({ items: [user('Secret')] })
  const model = lanes.model(outbound, 'echo'), none = `conv_${'0'.repeat(32)}`
  const told = async (call: Promise<unknown>): Promise<string> => call.then(() => 'found', (error: unknown) => error instanceof OpenAI.APIError ? `${error.status} ${error.code} ${error.message}` : String(error))
  for (const way of [
    (each: string) => other.conversations.retrieve(each), (each: string) => other.conversations.delete(each), (each: string) => other.conversations.update(each, { metadata: {} }),
    (each: string) => other.conversations.items.create(each, { items: [user('x')] }), (each: string) => Array.fromAsync(other.conversations.items.list(each)),
    (each: string) => other.responses.create({ model, input: 'x', conversation: each }),
  ]) {
    const known = await told(way(none))
    expect(known).toMatch(/^404 /)
    expect((await told(way(id))).replaceAll(id, none)).toBe(known)
  }
  expect(await textsOf(id)).toEqual(['Secret'])
  const wrong: (() => Promise<unknown>)[] = [
    () => client.responses.create({ model, input: 'x', conversation: id, previous_response_id: `resp_${'0'.repeat(32)}` }),
    () => client.conversations.items.create(id, { items: Array.from({ length: 21 }, () => user('x')) }), () => client.conversations.create({ metadata: { a: 'x'.repeat(513) } }),
    () => client.conversations.items.list(id, { limit: 101 }), () => client.conversations.items.list(id, { after: 'msg_none' }),
  ]
  for (const call of wrong) expect(await told(call())).toMatch(/^400 /)
})
