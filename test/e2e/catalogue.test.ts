import { afterAll, beforeAll, expect, it } from 'vitest'
import { message } from '../harness/messages.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
beforeAll(async () => {
  rig = await startRig({
    provider: { dialect: 'anthropic-messages' },
    config: () => ({
      catalogue: { models: { 'up/known': { context_window: 5_000, max_output: 777 } } },
      models: { listed: 'up/known' },
      prices: { 'up/known': { input: 1, cached_input: 0.1, cache_write: 1.25, cache_write_1h: 2, output: 5, tiers: [{ above: 1_000, input: 2, cached_input: 0.2, cache_write: 2.5, cache_write_1h: 4, output: 10 }] } },
    }),
  })
}, 20_000)
afterAll(() => rig?.stop())

/** A call of this model by a client of Chat Completions that says nothing of a limit, and its record. */
async function call(model: string, usage: object): Promise<{ readonly sent: unknown, readonly costNano: number, readonly priceVersion: string }> {
  rig.upstream.on(model, answerJson(message([{ type: 'text', text: 'hi' }], { usage })))
  const answer = await fetch(`${rig.headrace.url}/v1/chat/completions`, {
    method: 'POST', headers: { authorization: `Bearer ${API_KEY}`, 'content-type': 'application/json' }, body: JSON.stringify({ model: `up/${model}`, messages: [{ role: 'user', content: 'Hi' }] }),
  })
  expect(answer.status).toBe(200)
  await answer.arrayBuffer()
  const id = answer.headers.get('x-request-id') ?? ''
  const [record] = await rig.headrace.logs(`request_id=${id}`)
  if (record === undefined) throw new Error(`no record of ${id}`)
  return { sent: JSON.parse(rig.upstream.of(model).at(-1)?.body.toString() ?? 'null'), costNano: record.costNano, priceVersion: record.priceVersion }
}

it('what a provider wants to be told and the client did not say is what the model can do', async () => {
  const { sent } = await call('known', { input_tokens: 1, output_tokens: 1 })
  expect(sent).toMatchObject({ max_tokens: 777 })
})

it('a call costs what its kinds of tokens cost, in the tier of its length, to the nano-dollar', async () => {
  const usage = { input_tokens: 100, cache_read_input_tokens: 300, cache_creation_input_tokens: 50, cache_creation: { ephemeral_5m_input_tokens: 30, ephemeral_1h_input_tokens: 20 }, output_tokens: 10 }
  expect((await call('known', usage)).costNano).toBe(100 * 1_000 + 300 * 100 + 30 * 1_250 + 20 * 2_000 + 10 * 5_000)
  expect((await call('known', { ...usage, input_tokens: 1_000 })).costNano).toBe(1_000 * 2_000 + 300 * 200 + 30 * 2_500 + 20 * 4_000 + 10 * 10_000)
})

it('what nobody has priced costs nobody knows what: not nothing', async () => {
  expect(await call('unheard', { input_tokens: 1, output_tokens: 1 })).toMatchObject({ costNano: -1, priceVersion: '', sent: { max_tokens: 8_192 } })
})

it('models are listed with what is known of them, in each dialect\'s own words', async () => {
  const list = async (headers: Readonly<Record<string, string>>): Promise<unknown> => (await fetch(`${rig.headrace.url}/v1/models/listed`, { headers: { ...headers } })).json()
  expect(await list({ authorization: `Bearer ${API_KEY}` })).toMatchObject({ id: 'listed', object: 'model', context_window: 5_000, max_completion_tokens: 777 })
  expect(await list({ 'x-api-key': API_KEY, 'anthropic-version': '2023-06-01' })).toMatchObject({ id: 'listed', type: 'model', max_input_tokens: 5_000, max_tokens: 777 })
})
