import { once } from 'node:events'
import OpenAI from 'openai'
import { ResponsesWS } from 'openai/resources/responses/ws'
import { WebSocket } from 'ws'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { API_KEY } from '../harness/start-headrace.ts'
import { OUTBOUND, startLanes, type Lanes } from '../sdk/matrix/lanes.ts'

let lanes: Lanes
let client: OpenAI
beforeAll(async () => {
  lanes = await startLanes(OUTBOUND, { args: ['--workers', '2'] })
  client = new OpenAI({ baseURL: `${lanes.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
}, 30_000)
afterAll(() => lanes?.stop())

interface Told { readonly type: string, readonly delta?: string, readonly status?: number, readonly error?: { code: string }, readonly response?: { id: string, status: string, previous_response_id: string | null, output: { content?: { text: string }[] }[] } }
const textOf = (told: Told | undefined): string => (told?.response?.output ?? []).flatMap(item => item.content ?? []).map(({ text }) => text).join('')

/** A connection, and the events of one response after the other. */
async function connect(key = API_KEY) {
  const socket = new WebSocket(`${lanes.url.replace('http', 'ws')}/v1/responses`, { headers: { authorization: `Bearer ${key}` } })
  await once(socket, 'open')
  const frames: Told[] = []
  let arrived = (): void => {}
  socket.on('message', data => {
    frames.push(JSON.parse(String(data)) as Told)
    arrived()
  })
  const next = async (): Promise<Told> => {
    while (frames.length === 0) await new Promise<void>(resolve => { arrived = resolve })
    return frames.shift() as Told
  }
  const last = async (): Promise<Told> => {
    for (;;) {
      const told = await next()
      if (['response.completed', 'response.failed', 'error'].includes(told.type)) return told
    }
  }
  const ask = (facts: object): void => socket.send(JSON.stringify({ type: 'response.create', ...facts }))
  return { socket, next, last, ask }
}

describe.each(OUTBOUND.map(outbound => [outbound.name, outbound] as const))('Responses over a WebSocket, over %s', (_name, outbound) => {
  const model = (): string => lanes.model(outbound, 'echo:recall')

  it('answers the vendor\'s client, one response after another, and goes on with them', async () => {
    const ws = new ResponsesWS(client)
    const texts: string[] = []
    let previous: string | undefined
    const turns = ['One', 'Two', 'Three']
    const say = (): void => ws.send({ type: 'response.create', model: model(), input: turns[texts.length] ?? '', ...(previous === undefined ? {} : { previous_response_id: previous }) })
    await new Promise<void>((resolve, reject) => {
      ws.on('error', reject)
      ws.on('response.completed', ({ response }) => {
        previous = response.id
        texts.push(textOf({ type: '', response: response as never }))
        if (texts.length === turns.length) resolve()
        else say()
      })
      say()
    })
    ws.close()
    expect(texts).toEqual(['One', 'Two\nOne', 'Three\nTwo\nOne'])
    // What is kept is good over HTTP, too.
    expect((await client.responses.retrieve(previous ?? '')).output_text).toBe('Three\nTwo\nOne')
  })

  it('remembers what is not to be kept as long as the connection is there', async () => {
    const one = await connect()
    one.ask({ model: model(), input: 'One', store: false })
    const first = await one.last()
    one.ask({ model: model(), input: 'Two', store: false, previous_response_id: first.response?.id })
    const second = await one.last()
    expect([textOf(second), second.response?.previous_response_id]).toEqual(['Two\nOne', first.response?.id])
    // Kept from here on, with all before it.
    one.ask({ model: model(), input: 'Three', previous_response_id: second.response?.id })
    const third = await one.last()
    expect((await client.responses.create({ model: model(), input: 'Four', previous_response_id: third.response?.id ?? '' })).output_text).toBe('Four\nThree\nTwo\nOne')
    one.socket.close()
    const other = await connect()
    other.ask({ model: model(), input: 'x', store: false, previous_response_id: second.response?.id })
    expect(await other.last()).toMatchObject({ type: 'error', status: 400, error: { code: 'previous_response_not_found' } })
    other.ask({ model: model(), input: [{ role: 'user', content: 'One' }, { role: 'user', content: 'Again' }], store: false })
    expect((await other.last()).type).toBe('response.completed')
    other.socket.close()
  })
})

const model = (engine: string): string => lanes.model(OUTBOUND[0] ?? { name: '', dialect: '', path: '' }, engine)

it('forgets a response that could not be gone on with', async () => {
  const one = await connect()
  one.ask({ model: model('echo'), input: 'One', store: false })
  const first = await one.last()
  one.ask({ model: 'no-such-model', input: 'x', store: false, previous_response_id: first.response?.id })
  expect(await one.last()).toMatchObject({ type: 'error', status: 404, error: { code: 'model_not_found' } })
  one.ask({ model: model('echo'), input: 'x', store: false, previous_response_id: first.response?.id })
  expect(await one.last()).toMatchObject({ error: { code: 'previous_response_not_found' } })
  one.socket.close()
})

it('answers in turn what is asked at once, and says what is no request', async () => {
  const one = await connect()
  for (const text of ['a', 'b', 'c']) one.ask({ model: model('echo'), input: text })
  expect([textOf(await one.last()), textOf(await one.last()), textOf(await one.last())]).toEqual(['a', 'b', 'c'])
  for (const frame of ['{', '{"type":"response.steer"}', '[]']) {
    one.socket.send(frame)
    expect(await one.last()).toMatchObject({ type: 'error', status: 400 })
  }
  one.ask({ model: model('echo'), input: 'd' })
  expect(textOf(await one.last())).toBe('d')
  one.socket.close()
})

it('ends the provider\'s work when the client is gone', async () => {
  const one = await connect()
  one.ask({ model: model('lorem:tokens=1000,gap=50,id=left'), input: 'x' })
  while ((await one.next()).type !== 'response.output_text.delta');
  one.socket.terminate()
  await lanes.aborted('lorem:tokens=1000,gap=50,id=left')
})

it.each([['no key', '/v1/responses', '', 401], ['a wrong key', '/v1/responses', 'Bearer hr_wrong', 401], ['another path', '/v1/chat/completions', `Bearer ${API_KEY}`, 400]])('opens no connection with %s', async (_, path, authorization, status) => {
  const socket = new WebSocket(`${lanes.url.replace('http', 'ws')}${path}`, { headers: authorization === '' ? {} : { authorization } })
  const [, answer] = await once(socket, 'unexpected-response') as [unknown, { statusCode: number, resume(): void }]
  expect(answer.statusCode).toBe(status)
  answer.resume()
})

it('closes idle connections when the gateway stops, and lets what runs end', async () => {
  const own = await startLanes(OUTBOUND.slice(0, 1))
  const idle = new WebSocket(`${own.url.replace('http', 'ws')}/v1/responses`, { headers: { authorization: `Bearer ${API_KEY}` } })
  const busy = new WebSocket(`${own.url.replace('http', 'ws')}/v1/responses`, { headers: { authorization: `Bearer ${API_KEY}` } })
  await Promise.all([once(idle, 'open'), once(busy, 'open')])
  const types: string[] = []
  const closed = Promise.all([once(idle, 'close'), once(busy, 'close')])
  const begun = new Promise<void>(resolve => busy.on('message', data => {
    types.push((JSON.parse(String(data)) as Told).type)
    resolve()
  }))
  busy.send(JSON.stringify({ type: 'response.create', model: own.model(OUTBOUND[0] ?? { name: '', dialect: '', path: '' }, 'lorem:tokens=20,gap=20'), input: 'x' }))
  await begun
  const stopped = own.stop()
  const [[code]] = await closed as [[number], unknown]
  await stopped
  expect([code, types.filter(type => type === 'response.completed').length]).toEqual([1001, 1])
})
