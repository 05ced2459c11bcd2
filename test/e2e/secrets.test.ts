import { generateKeyPairSync } from 'node:crypto'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { answerJson, answerStream, answerThenClose, chunk, LAST_CHUNK, STREAM_HEAD } from '../harness/scripted-upstream.ts'
import { ADMIN_KEY, API_KEY, runHeadrace } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

const HEADER_CANARY = 'header-secret-canary-9876543210'
const OTHER_KEY = 'other-secret-canary-1357924680'
const WRONG_KEY = 'hr_wrong_key_canary_0123456789'
/** What a service account's key gets, and what it is. */
const TOKENS = ['token-secret-canary-1122334455', 'token-secret-canary-5544332211']
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2_048, privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' } })
const KEY_LINES = privateKey.split('\n').slice(2, -3)
/** How a provider may repeat a key in what it says of a request. */
const SPELLINGS = [
  PROVIDER_KEY, Buffer.from(PROVIDER_KEY).toString('base64'), Buffer.from(`:${PROVIDER_KEY}`).toString('base64'), Buffer.from(`Bearer ${PROVIDER_KEY}`).toString('base64url'),
  Buffer.from(PROVIDER_KEY).toString('hex'), [...PROVIDER_KEY].map(char => `\\u00${char.charCodeAt(0).toString(16)}`).join(''),
]
let rig: Rig
beforeAll(async () => {
  // Each worker has tokens of its own.
  rig = await startRig({ args: ['--workers', '1'], config: upstream => ({
    log: { bodies: 'full' }, models: { 'in-turn': ['up/first', 'other/second'] },
    providers: {
      up: { base_url: upstream.url, credentials: [PROVIDER_KEY], headers: { 'x-vendor-token': HEADER_CANARY } },
      other: { base_url: `${upstream.url}/other`, credentials: [{ header: 'x-other-key', value: OTHER_KEY }] },
      account: { base_url: `${upstream.url}/account`, credentials: [{ google: { key: JSON.stringify({ type: 'service_account', client_email: 'a@b.test', token_uri: `${upstream.url}/token`, private_key: privateKey }) } }] },
    },
  }) })
}, 20_000)
afterAll(() => rig?.stop())

/** A secret as it is, in base64 at each of the three alignments, in hex, URL-encoded, as JSON escapes, backwards, and its parts where it was cut in two. */
function disguises(secret: string): string[] {
  const base64 = [0, 1, 2].map(offset => Buffer.from('x'.repeat(offset) + secret).toString('base64').slice(offset === 0 ? 0 : 4, -4))
  const hex = Buffer.from(secret).toString('hex')
  const escaped = [...secret].map(char => `\\u00${char.charCodeAt(0).toString(16)}`).join('')
  const half = Math.ceil(secret.length / 2)
  return [secret, ...base64, hex, hex.toUpperCase(), encodeURIComponent(secret), escaped, [...secret].reverse().join(''), secret.slice(0, half), secret.slice(half)]
}

function filesUnder(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
}

it('a secret shows in no answer, no log, no metric, no output and no file of the data directory (check S1)', { timeout: 20_000 }, async () => {
  const said: string[] = []
  const keep = (answer: { readonly head: string, readonly body: Buffer }): void => { said.push(answer.head, answer.body.toString()) }
  /** A provider that repeats our credential in its answers' headers and in the messages of its errors. */
  const leaky = (status: number): ReturnType<typeof answerJson> => answerJson(
    { error: { message: `Incorrect API key provided: ${PROVIDER_KEY}`, type: 'invalid_request_error', code: 'invalid_api_key' } },
    { status, headers: { 'x-echo': PROVIDER_KEY, 'www-authenticate': `Bearer ${PROVIDER_KEY}` } },
  )
  rig.upstream.on('fine', answerJson(completion('x'), { headers: { 'x-echo': PROVIDER_KEY } }))
  rig.upstream.on('fine-stream', answerStream(stream(['x'])))
  rig.upstream.on('cut', answerThenClose(`HTTP/1.1 200 OK\r\nx-echo: ${PROVIDER_KEY}\r\ncontent-length: 50\r\n\r\nhalf`, 'reset'))
  rig.upstream.on('garbage', answerThenClose(`${PROVIDER_KEY} is not HTTP\r\n\r\n`, 'fin'))
  for (const status of [400, 401, 403, 422, 429, 500]) rig.upstream.on(`leaky-${status}`, leaky(status))
  for (const [index, form] of SPELLINGS.entries()) {
    rig.upstream.on(`disguised-${index}`, answerJson(`{"error":{"message":"the key ${form} is wrong","type":"invalid_request_error","code":null}}`, { status: 400 }))
  }
  const error = JSON.stringify({ error: { message: `bad key ${PROVIDER_KEY}`, type: 'server_error' } })
  rig.upstream.on('error-stream', answerStream([...stream(['x']).slice(0, 1), `data: ${error}\n\n`]))
  rig.upstream.on('split-stream', socket => {
    socket.write(STREAM_HEAD)
    for (const piece of `data: ${error}\n\n`) socket.write(chunk(piece))
    socket.write(LAST_CHUNK)
  })

  // The token that was replaced is as good as the newest, and in nobody's hands either.
  rig.upstream.on('', ...TOKENS.map(token => answerJson({ access_token: token, expires_in: 3_600 })))
  const leakyToken = (status: number): ReturnType<typeof answerJson> => answerJson({ error: { message: `bad token ${TOKENS.join()} of ${privateKey}`, type: 'invalid_request_error' } }, { status })
  rig.upstream.on('token-refused', leakyToken(401))
  rig.upstream.on('token-told', leakyToken(400))
  for (const model of ['token-refused', 'token-told']) keep(await rig.post(chatBody(`account/${model}`)))
  for (const [index, token] of TOKENS.entries()) {
    rig.upstream.on(`token-${index}`, answerJson({ error: { message: `bad token ${token}`, type: 'invalid_request_error' } }, { status: 400 }))
    keep(await rig.post(chatBody(`account/token-${index}`)))
  }
  expect(rig.upstream.of('token-1').map(({ head }) => head)).toEqual([expect.stringContaining(`Bearer ${TOKENS[1]}`)])

  const models = ['fine', 'fine-stream', 'cut', 'garbage', 'error-stream', 'split-stream', ...[400, 401, 403, 422, 429, 500].map(status => `leaky-${status}`), ...SPELLINGS.map((_, index) => `disguised-${index}`)]
  for (const model of models) {
    keep(await rig.post(chatBody(`up/${model}`, { stream: model.endsWith('stream') })))
    keep(await rig.post(chatBody(`up/${model}`, { stream: model.endsWith('stream'), max_tokens: 5 }), [], { path: '/v1/messages' }))
  }
  for (const headers of [[['authorization', `Bearer ${WRONG_KEY}`]], [['authorization', `Basic ${WRONG_KEY}`]], [['x-api-key', WRONG_KEY]]] as const) {
    keep(await rig.post(chatBody('up/fine'), [], { headers: [...headers, ['content-type', 'application/json']] }))
  }
  keep(await rig.post(chatBody('no-such-model')))
  await rig.headrace.logs('model=up/leaky-500')
  const { paths } = (await rig.headrace.admin('/openapi.json')).body as { paths: Record<string, object> }
  const readable = Object.keys(paths).filter(path => path.startsWith('/admin/v1/') && !path.includes('{') && 'get' in (paths[path] ?? {})).map(path => path.slice('/admin/v1'.length))
  expect(readable).toContain('/config')
  for (const path of [...readable, '/logs?limit=1000', '/nothing']) said.push(JSON.stringify(await rig.headrace.admin(path)))
  for (const command of [['check', rig.headrace.configPath], ['explain', 'up/fine', '--config', rig.headrace.configPath]]) said.push((await runHeadrace(command)).output)
  said.push(await rig.headrace.metrics(), await (await fetch(`${rig.headrace.url}/`)).text())

  const secrets = [PROVIDER_KEY, HEADER_CANARY, OTHER_KEY, API_KEY, ADMIN_KEY, WRONG_KEY, ...TOKENS, ...KEY_LINES]
  const places = [
    ...said.map((text, index) => ({ place: `answer ${index}`, text })), { place: 'output', text: rig.headrace.output() },
    ...filesUnder(rig.headrace.dataDirectory).filter(path => statSync(path).size < 64 * 2 ** 20).map(path => ({ place: path, text: readFileSync(path, 'latin1') })),
  ]
  expect(places.some(({ place }) => place.endsWith('.sqlite') || place.endsWith('.db') || place.includes('sqlite'))).toBe(true)
  const hits = places.flatMap(({ place, text }) => secrets.filter(secret => disguises(secret).some(form => text.includes(form))).map(secret => `${secret} in ${place}`))
  expect(hits).toEqual([])
})

describe('a provider\'s key (check W5)', () => {
  it('goes to that provider and to no other', async () => {
    rig.upstream.on('mine', answerJson(completion('x')))
    await rig.post(chatBody('up/mine'))
    await rig.post(chatBody('sandbox/echo'))
    expect(rig.upstream.of('mine')[0]?.head).toContain(PROVIDER_KEY)
    const { body } = await rig.headrace.admin('/logs?model=sandbox/echo')
    expect(JSON.stringify(body)).not.toContain(PROVIDER_KEY)
  })

  it('stays with its provider when another one stands in, and no client\'s key ever leaves', async () => {
    rig.upstream.on('first', answerJson('', { status: 503 }))
    rig.upstream.on('second', answerJson(completion('x')))
    expect((await rig.post(chatBody('in-turn'))).status).toBe(200)
    expect(rig.upstream.of('second')[0]?.path).toBe('/v1/other/chat/completions')
    for (const { head, path } of rig.upstream.requests) {
      const other = path.startsWith('/v1/other/')
      const up = !other && path !== '/v1/token' && !path.startsWith('/v1/account/')
      expect([head.includes(PROVIDER_KEY), head.includes(HEADER_CANARY), head.includes(OTHER_KEY)], path).toEqual([up, up, other])
      expect(head).not.toMatch(/hr_test|hr_wrong/)
    }
  })

  it('does not follow a redirect', async () => {
    rig.upstream.on('moved', answerJson('', { status: 307, headers: { location: `http://127.0.0.2:${rig.upstream.port}/v1/chat/completions` } }))
    const answer = await rig.post(chatBody('up/moved'))
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.headers.get('location')).toBeUndefined()
  })
})
