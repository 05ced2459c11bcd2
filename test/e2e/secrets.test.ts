import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, stream } from '../harness/completions.ts'
import { answerJson, answerStream, answerThenClose } from '../harness/scripted-upstream.ts'
import { ADMIN_KEY, API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

const HEADER_CANARY = 'header-secret-canary-9876543210'
const WRONG_KEY = 'hr_wrong_key_canary_0123456789'
let rig: Rig
beforeAll(async () => {
  rig = await startRig({ provider: { headers: { 'x-vendor-token': HEADER_CANARY } }, config: () => ({ log: { bodies: 'full' } }) })
}, 20_000)
afterAll(() => rig?.stop())

/** A secret as it is, in base64 at each of the three alignments, in hex and URL-encoded. */
function disguises(secret: string): string[] {
  const base64 = [0, 1, 2].map(offset => Buffer.from('x'.repeat(offset) + secret).toString('base64').slice(offset === 0 ? 0 : 4, -4))
  return [secret, ...base64, Buffer.from(secret).toString('hex'), encodeURIComponent(secret)]
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
  for (const status of [401, 403, 429, 500]) rig.upstream.on(`leaky-${status}`, leaky(status))

  for (const model of ['fine', 'fine-stream', 'cut', 'garbage', 'leaky-401', 'leaky-403', 'leaky-429', 'leaky-500']) keep(await rig.post(chatBody(`up/${model}`, { stream: model.endsWith('stream') })))
  for (const headers of [[['authorization', `Bearer ${WRONG_KEY}`]], [['authorization', `Basic ${WRONG_KEY}`]], [['x-api-key', WRONG_KEY]]] as const) {
    keep(await rig.post(chatBody('up/fine'), [], { headers: [...headers, ['content-type', 'application/json']] }))
  }
  keep(await rig.post(chatBody('no-such-model')))
  await rig.headrace.logs('model=up/leaky-500')
  for (const path of ['/logs?limit=1000', '/config', '/keys', '/nothing']) said.push(JSON.stringify(await rig.headrace.admin(path)))
  said.push(await rig.headrace.metrics(), await (await fetch(`${rig.headrace.url}/`)).text())

  const secrets = [PROVIDER_KEY, HEADER_CANARY, API_KEY, ADMIN_KEY, WRONG_KEY]
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

  it('does not follow a redirect', async () => {
    rig.upstream.on('moved', answerJson('', { status: 307, headers: { location: `http://127.0.0.2:${rig.upstream.port}/v1/chat/completions` } }))
    const answer = await rig.post(chatBody('up/moved'))
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(answer.headers.get('location')).toBeUndefined()
  })
})
