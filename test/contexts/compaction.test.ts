import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY } from '../harness/start-headrace.ts'
import { OUTBOUND, startLanes, type Lanes } from '../sdk/matrix/lanes.ts'

let lanes: Lanes
let client: OpenAI
beforeAll(async () => {
  lanes = await startLanes(OUTBOUND)
  client = new OpenAI({ baseURL: `${lanes.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
}, 30_000)
afterAll(() => lanes?.stop())

const user = (content: string) => ({ role: 'user' as const, content })
type Input = OpenAI.Responses.ResponseInput

describe.each(OUTBOUND.map((outbound, index) => [outbound.name, outbound, OUTBOUND[(index + 1) % OUTBOUND.length] ?? outbound] as const))('a compaction over %s', (_name, outbound, next) => {
  it.each([['kept', true], ['sent', false]])('is a window that any model goes on with, in the place of a conversation that is %s', async (_, kept) => {
    const model = lanes.model(outbound, 'echo:recall')
    const first = await client.responses.create({ model, input: 'I am Ada. é' })
    const compacted = await client.responses.compact(kept ? { model, previous_response_id: first.id, input: 'One' } : { model, input: [user('I am Ada. é'), { role: 'assistant', content: 'Hi.' }, user('One')] })
    expect(compacted).toMatchObject({ object: 'response.compaction', id: expect.stringMatching(/^resp_/), created_at: expect.any(Number), usage: { output_tokens: expect.any(Number) } })
    expect(compacted.output.map(({ type }) => type)).toEqual(['message', 'message', 'compaction'])
    expect(JSON.stringify(compacted.output[0])).toContain('I am Ada. é')
    lanes.takeBodies()
    for (const store of [true, false]) {
      await client.responses.create({ model: lanes.model(next, 'echo'), input: [...compacted.output as Input, user('Go on')], store })
      const body = lanes.takeBodies().at(-1) ?? ''
      // The echo's summary is what it was asked with.
      expect(body).toMatch(/I am Ada\. é.*One.*Summary of the conversation so far:\\n.*One.*I am Ada\. é.*Go on/s)
      expect(body).not.toContain('headrace:compaction')
    }
  })
})

it('is refused without a model, and of a response that is not there', async () => {
  await expect(client.responses.compact({ input: 'x' } as never)).rejects.toMatchObject({ status: 400, param: 'model' })
  await expect(client.responses.compact({ model: lanes.model(OUTBOUND[0] ?? { name: '', dialect: '', path: '' }, 'echo'), previous_response_id: `resp_${'0'.repeat(32)}` })).rejects.toMatchObject({ code: 'previous_response_not_found' })
})
