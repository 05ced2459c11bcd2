import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY } from '../harness/start-headrace.ts'
import { OUTBOUND, startLanes, type Lanes, type Outbound } from '../sdk/matrix/lanes.ts'

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

type Response = OpenAI.Responses.Response
const RESPONSE_ID = /^resp_[0-9a-f]{32}$/
/** Every text that the engine was sent with the last request, in its order, whatever the dialect. */
function asked(): string[] {
  const texts: string[] = []
  JSON.parse(lanes.takeBodies().at(-1) ?? '{}', (name, value: unknown) => {
    if ((name === 'text' || name === 'content' || name === 'arguments') && typeof value === 'string') texts.push(value)
    return value
  })
  return texts
}
const collect = async <T>(list: AsyncIterable<T>): Promise<T[]> => Array.fromAsync(list)
const text = (item: unknown): string => ((item as { content?: { text?: string }[] }).content ?? []).map(part => part.text ?? '').join('')

describe.each(OUTBOUND.map(outbound => [outbound.name, outbound] as const))('Responses with state over %s', (_name, outbound: Outbound) => {
  const ask = (input: string, more: Partial<OpenAI.Responses.ResponseCreateParamsNonStreaming> = {}): Promise<Response> =>
    client.responses.create({ model: lanes.model(outbound, 'echo'), input, ...more }) as Promise<Response>

  it('goes on with a response by its id alone; going on with an old one again begins another way', async () => {
    const first = await ask('I am Ada. é', { instructions: 'Be brief.', metadata: { a: 'b' } })
    expect(first).toMatchObject({ id: expect.stringMatching(RESPONSE_ID), store: true, previous_response_id: null, instructions: 'Be brief.', metadata: { a: 'b' } })
    asked()
    const second = await ask('Who am I?', { previous_response_id: first.id })
    expect(second.previous_response_id).toBe(first.id)
    // Instructions belong to their request.
    expect(asked()).toEqual(['I am Ada. é', first.output_text, 'Who am I?'])
    await ask('Bye', { previous_response_id: second.id })
    expect(asked()).toEqual(['I am Ada. é', first.output_text, 'Who am I?', second.output_text, 'Bye'])
    await ask('Again', { previous_response_id: first.id })
    expect(asked()).toEqual(['I am Ada. é', first.output_text, 'Again'])
  })

  it('gives a response and its input back, streamed or not, and forgets it when it is told to', async () => {
    const first = await ask('One')
    const ended: Response[] = []
    const seen = new Set<string>()
    for await (const event of await client.responses.create({ model: lanes.model(outbound, 'echo'), input: 'Two', previous_response_id: first.id, stream: true })) {
      if ('response' in event) seen.add(event.response.id)
      if (event.type === 'response.completed') ended.push(event.response)
    }
    const second = ended[0]
    expect([...seen]).toEqual([second?.id])
    expect(await client.responses.retrieve(second?.id ?? '')).toMatchObject({ ...second, output: second?.output })
    const items = await collect(client.responses.inputItems.list(second?.id ?? '', { order: 'asc', limit: 2 }))
    expect(items.map(text)).toEqual(['One', first.output_text, 'Two'])
    expect(items[1]?.id).toBe(first.output[0]?.id)
    expect((await client.responses.inputItems.list(second?.id ?? '', { limit: 1 })).data.map(text)).toEqual(['Two'])
    await client.responses.delete(second?.id ?? '')
    await expect(client.responses.retrieve(second?.id ?? '')).rejects.toMatchObject({ status: 404 })
    await expect(ask('x', { previous_response_id: second?.id ?? '' })).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found', param: 'previous_response_id' })
    expect((await client.responses.retrieve(first.id)).output_text).toBe(first.output_text)
  })

  it('keeps a tool\'s call for the result that comes alone', async () => {
    const tools: OpenAI.Responses.Tool[] = [{ type: 'function', name: 'get_weather', description: 'd', parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'], additionalProperties: false }, strict: true }]
    const first = await ask('Use get_weather.', { tools, tool_choice: 'required' })
    const call = first.output.find(item => item.type === 'function_call')
    expect(call?.name).toBe('get_weather')
    const second = await client.responses.create({ model: lanes.model(outbound, 'echo'), previous_response_id: first.id, tools, input: [{ type: 'function_call_output', call_id: call?.call_id ?? '', output: 'It rains.' }] })
    expect(second.status).toBe('completed')
    expect((await collect(client.responses.inputItems.list(second.id, { order: 'asc' }))).map(item => item.type)).toEqual(['message', ...first.output.map(item => item.type), 'function_call_output'])
  })

  it('resolves what an input only names', async () => {
    const first = await ask('Hello')
    const said = first.output.at(-1)
    asked()
    await client.responses.create({ model: lanes.model(outbound, 'echo'), input: [{ role: 'user', content: 'Hello' }, { type: 'item_reference', id: said?.id ?? '' }, { role: 'user', content: 'And?' }] })
    expect(asked()).toEqual(['Hello', first.output_text, 'And?'])
    await expect(client.responses.create({ model: lanes.model(outbound, 'echo'), input: [{ type: 'item_reference', id: `msg_${'0'.repeat(32)}_0` }] })).rejects.toMatchObject({ status: 404 })
  })
})

it('goes on at another provider, and another, with all that was said', async () => {
  let previous: string | undefined
  const said: string[] = []
  for (const [index, outbound] of [...OUTBOUND, ...OUTBOUND].entries()) {
    asked()
    const answer: Response = await client.responses.create({ model: lanes.model(outbound, 'echo'), input: `Turn ${index}`, reasoning: { effort: 'low' }, ...(previous === undefined ? {} : { previous_response_id: previous }) })
    said.push(`Turn ${index}`)
    expect(asked().filter(part => said.includes(part))).toEqual(said)
    said.push(answer.output_text)
    previous = answer.id
  }
})

it('keeps nothing with store: false, but goes on with what is kept', async () => {
  const [outbound] = OUTBOUND
  if (outbound === undefined) throw new Error('no lanes')
  const model = lanes.model(outbound, 'echo')
  const kept = await client.responses.create({ model, input: 'Kept' })
  asked()
  const loose = await client.responses.create({ model, input: 'Loose', store: false, previous_response_id: kept.id })
  expect(asked()).toEqual(['Kept', kept.output_text, 'Loose'])
  expect(loose).toMatchObject({ store: false, previous_response_id: kept.id })
  await expect(client.responses.retrieve(loose.id)).rejects.toMatchObject({ status: 404 })
  const alone = await client.responses.create({ model, input: 'Alone', store: false })
  await expect(client.responses.create({ model, input: 'x', previous_response_id: alone.id })).rejects.toMatchObject({ code: 'previous_response_not_found' })
})

it('knows of another tenant\'s response no more than of none', async () => {
  const [outbound] = OUTBOUND
  if (outbound === undefined) throw new Error('no lanes')
  const mine = await client.responses.create({ model: lanes.model(outbound, 'echo'), input: 'Secret' })
  const told = async (call: Promise<unknown>): Promise<string> => call.then(() => 'found', (error: unknown) => error instanceof OpenAI.APIError ? `${error.status} ${error.code} ${error.message}` : String(error))
  const none = `resp_${'0'.repeat(32)}`
  for (const way of [
    (id: string) => other.responses.retrieve(id), (id: string) => other.responses.delete(id), (id: string) => other.responses.cancel(id), (id: string) => collect(other.responses.inputItems.list(id)),
    (id: string) => other.responses.create({ model: lanes.model(outbound, 'echo'), input: 'x', previous_response_id: id }),
    (id: string) => other.responses.create({ model: lanes.model(outbound, 'echo'), input: [{ type: 'item_reference', id: id.replace('resp', 'msg') + '_0' }] }),
  ]) expect((await told(way(mine.id))).replaceAll(mine.id.slice(5), none.slice(5))).toBe(await told(way(none)))
  expect((await client.responses.retrieve(mine.id)).id).toBe(mine.id)
  await expect(client.responses.cancel(mine.id)).rejects.toMatchObject({ status: 400 })
})

it('loses no response to a kill after its end was told', { timeout: 120_000 }, async () => {
  const [outbound] = OUTBOUND
  if (outbound === undefined) throw new Error('no lanes')
  const model = lanes.model(outbound, 'echo')
  let previous = (await client.responses.create({ model, input: 'Begin' })).id
  for (let turn = 0; turn < 3; turn++) {
    const stream = await client.responses.create({ model, input: `Turn ${turn}`, previous_response_id: previous, stream: true })
    for await (const event of stream) if (event.type === 'response.completed') previous = event.response.id
    await lanes.headrace.kill9(turn === 1 ? 'control' : 'worker')
    await expect.poll(async () => client.responses.retrieve(previous).then(({ status }) => status, () => 'away'), { timeout: 60_000 }).toBe('completed')
  }
  expect((await collect(client.responses.inputItems.list(previous, { order: 'asc' }))).map(text).filter(part => part.startsWith('Turn') || part === 'Begin').filter((part, at, all) => all.indexOf(part) === at)).toEqual(['Begin', 'Turn 0', 'Turn 1', 'Turn 2'])
})
