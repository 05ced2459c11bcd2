import { Ollama } from 'ollama'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { renderRequest, sendRaw, type RawAnswer, type RawRequest } from '../harness/http-client.ts'
import { API_KEY, runHeadrace, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

let headrace: Headrace
let port = 0

beforeAll(async () => {
  headrace = await startHeadrace({ config: {
    providers: { sandbox: {} }, models: { open: 'sandbox/echo', shut: 'sandbox/echo' },
    anonymous: { listen: '127.0.0.1:0', team: 'tools', models: ['open', 'sandbox/*'], hosts: ['host.docker.internal'], origins: ['app://obsidian.md'] },
    limits: [{ name: 'tools', per: 'team', match: { team: 'tools', model: 'open' }, requests: '2/hour' }],
  } })
  port = Number(/send no key: .*?:(\d+)/.exec(headrace.output())?.[1])
})
afterAll(() => headrace.stop())

const body = (model: string): string => JSON.stringify({ model, messages: [{ role: 'user', content: 'Hello.' }] })
/** By the address, unless the headers name another host. */
const send = (request: RawRequest): Promise<RawAnswer> => {
  const host = request.headers?.find(([name]) => name === 'host')?.[1] ?? `127.0.0.1:${port}`
  const text = renderRequest({ ...request, headers: (request.headers ?? []).filter(([name]) => name !== 'host') }).latin1Slice()
  return sendRaw(port, Buffer.from(text.replace('host: gateway.test', `host: ${host}`), 'latin1'))
}
const ask = (headers: RawRequest['headers'], model = 'sandbox/echo') => send({ headers: [['content-type', 'application/json'], ...headers ?? []], body: body(model) })

it('a client of Ollama that sends no key lists models and chats, and its calls are on record as those of a key', async () => {
  const client = new Ollama({ host: `http://127.0.0.1:${port}` })
  const { models } = await client.list()
  expect(models.map(({ name }) => name)).toEqual(expect.arrayContaining(['open', 'sandbox/echo']))
  expect(models.map(({ name }) => name)).not.toContain('shut')
  expect((await client.chat({ model: 'sandbox/echo', messages: [{ role: 'user', content: 'Hello, Köln.' }] })).message.content).toContain('Köln')
  const [call] = await headrace.logs('model=sandbox/echo')
  expect(call).toMatchObject({ keyId: 'file:anonymous', team: 'tools' })
})

it('keys mean nothing there: neither a dummy nor a real one changes whose request it is', async () => {
  for (const headers of [[['authorization', 'Bearer ollama']], [['authorization', `Bearer ${API_KEY}`]], [['x-api-key', 'a'], ['api-key', 'b']]] as const) {
    expect((await ask(headers)).status).toBe(200)
    expect((await ask(headers, 'shut')).status).toBe(403)
  }
})

it('has limits of its own', async () => {
  const statuses = [(await ask([], 'open')).status, (await ask([], 'open')).status, (await ask([], 'open')).status]
  expect(statuses).toEqual([200, 200, 429])
})

it.each<[string, RawRequest['headers'], number]>([
  ['a web page', [['origin', 'https://evil.example']], 403],
  ['a page without an origin of its own', [['origin', 'null']], 403],
  ['a page on this machine', [['origin', 'http://localhost:3000']], 403],
  ['a browser that tells of another site', [['sec-fetch-site', 'cross-site']], 403],
  ['an app that is welcome', [['origin', 'app://obsidian.md']], 200],
  ['a name that a page made point here', [['host', 'evil.example']], 403],
  ['the same with our port', [['host', 'evil.example:11434']], 403],
  ['a name that begins like ours', [['host', 'localhost.evil.example']], 403],
  ['localhost', [['host', 'localhost:11434']], 200],
  ['an address', [['host', '[::1]:1']], 200],
  ['a name that is welcome', [['host', 'host.docker.internal:11434']], 200],
])('%s is answered as configured (check A1)', async (_who, headers, status) => {
  expect((await ask(headers)).status).toBe(status)
})

it('gives nothing but model calls: no admin API, no metrics, no page, no pass-through (check A1)', async () => {
  for (const path of ['/admin/v1/keys', '/metrics', '/providers/sandbox/v1/models']) expect((await send({ method: 'GET', path, headers: [] })).status).toBe(404)
  expect((await send({ method: 'GET', path: '/', headers: [] })).body.toString()).toBe('Ollama is running')
})

it('the public port asks for a key as ever (check A1)', async () => {
  expect((await sendRaw(headrace.port, { headers: [['content-type', 'application/json']], body: body('sandbox/echo') })).status).toBe(401)
})

it('is handed on with everything else when another version takes over', { timeout: 60_000 }, async () => {
  const before = headrace.pids().supervisor
  const { code } = await runHeadrace(['upgrade', '--data', headrace.dataDirectory], { limitMs: 50_000 })
  expect(code).toBe(0)
  expect(headrace.pids().supervisor).not.toBe(before)
  expect((await ask([])).status).toBe(200)
})
