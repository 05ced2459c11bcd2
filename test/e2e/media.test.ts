import { createHash, randomBytes } from 'node:crypto'
import { readdirSync, readlinkSync } from 'node:fs'
import { connect } from 'node:net'
import OpenAI, { toFile } from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { renderRequest, sendRaw, type RawAnswer } from '../harness/http-client.ts'
import { plainJson, startPlainUpstream, type PlainRequest, type PlainUpstream } from '../harness/plain-upstream.ts'
import { startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

const KEY = 'hr_test_media_0123456789abcdefghijkl'
const LISTED_KEY = 'hr_test_listed_0123456789abcdefghijk'
const PROVIDER_KEY = 'sk-provider-secret-canary-0123456789'
const USAGE = { type: 'tokens', input_tokens: 100, output_tokens: 10, total_tokens: 110 }

let first: PlainUpstream
let second: PlainUpstream
let headrace: Headrace
let client: OpenAI
beforeAll(async () => {
  first = await startPlainUpstream()
  second = await startPlainUpstream()
  headrace = await startHeadrace({
    config: {
      providers: {
        first: { base_url: `${first.origin}/v1`, credentials: [PROVIDER_KEY] },
        second: { base_url: `${second.origin}/v1`, credentials: [PROVIDER_KEY] },
        gone: { base_url: 'http://127.0.0.1:1/v1', credentials: [PROVIDER_KEY] },
        claude: { base_url: `${second.origin}/v1`, dialect: 'anthropic-messages', credentials: [PROVIDER_KEY] },
      },
      models: { picture: ['first/gpt-image', 'second/other-image'], ear: ['gone/whisper', 'second/whisper-long-name'], mixed: ['claude/x', 'second/whisper'] },
      keys: [{ name: 'media', key: KEY }, { name: 'listed', key: LISTED_KEY, models: ['picture'] }],
      prices: { 'first/gpt-image': { input: '2', output: '8' } },
    },
  })
  client = new OpenAI({ baseURL: `${headrace.url}/v1`, apiKey: KEY, maxRetries: 0 })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  await first?.stop()
  await second?.stop()
})

/** Bodies that the workers have on disk: files that have no name any more, as the kernel tells of its open ones. */
const spooled = (): number => headrace.pids().workers.flatMap(pid => readdirSync(`/proc/${pid}/fd`).map(fd => {
  try { return readlinkSync(`/proc/${pid}/fd/${fd}`) } catch { return '' }
})).filter(target => target.includes('/uploads/')).length
const last = (upstream: PlainUpstream): PlainRequest => upstream.seen.at(-1) ?? expect.unreachable('nothing reached the provider')
const form = (parts: Readonly<Record<string, string | Buffer>>): Buffer => Buffer.concat([
  ...Object.entries(parts).flatMap(([name, value]) => [Buffer.from(`--b\r\ncontent-disposition: form-data; name="${name}"${typeof value === 'string' ? '' : '; filename="a.mp3"'}\r\n\r\n`), Buffer.from(value), Buffer.from('\r\n')]),
  Buffer.from('--b--\r\n'),
])
const send = (path: string, body: Buffer | string, type = 'multipart/form-data; boundary=b', key = KEY, chunked = false, id = 'any'): Promise<RawAnswer> =>
  sendRaw(headrace.port, { path, body, chunked, headers: [['authorization', `Bearer ${key}`], ['content-type', type], ['x-request-id', id]] })
const error = (answer: RawAnswer): unknown => [answer.status, (JSON.parse(answer.body.toString()) as { readonly error: { readonly message: string } }).error.message]

describe('the official SDK', () => {
  it('makes a picture: the model is the provider\'s, the usage on record and priced', async () => {
    first.on('/v1/images/generations', plainJson({ created: 1, data: [{ b64_json: 'A'.repeat(100_000) }], usage: USAGE }))
    const made = await client.images.generate({ model: 'picture', prompt: 'a weir', size: '1024x1024' }, { headers: { 'x-request-id': 'picture' } })
    expect(made.data?.[0]?.b64_json).toHaveLength(100_000)
    expect(JSON.parse(last(first).body)).toEqual({ model: 'gpt-image', prompt: 'a weir', size: '1024x1024' })
    expect(last(first).headers).toMatchObject({ authorization: `Bearer ${PROVIDER_KEY}`, 'content-type': 'application/json' })
    const [row] = await headrace.logs('request_id=picture')
    expect(row).toMatchObject({ operation: 'image-generation', outcome: 'settled', provider: 'first', inputTokens: 100, outputTokens: 10, costNano: 280_000 })
  })

  it.each(['edits', 'variations'] as const)('has pictures changed: %s', async which => {
    first.on(`/v1/images/${which}`, plainJson({ created: 1, data: [{ url: 'https://x.example/1' }] }))
    const image = await toFile(Buffer.from('PNG'), 'a.png', { type: 'image/png' })
    const made = which === 'edits' ? await client.images.edit({ model: 'picture', image, prompt: 'more water' }) : await client.images.createVariation({ model: 'picture', image })
    expect(made.data?.[0]?.url).toBe('https://x.example/1')
    expect(last(first).body).toMatch(/name="model"\r\n\r\ngpt-image\r\n/)
    expect(last(first).body).toContain('PNG')
  })

  it('hears speech as it is made: the first sound before the last is there', async () => {
    let go: () => void = () => undefined
    first.on('/v1/audio/speech', (_request, response) => {
      response.writeHead(200, { 'content-type': 'audio/mpeg' })
      response.write('one')
      go = () => response.end('two')
    })
    const answer = await client.audio.speech.create({ model: 'first/tts', voice: 'alloy', input: 'hello' })
    expect(answer.headers.get('content-type')).toBe('audio/mpeg')
    const reader = answer.body?.getReader() ?? expect.unreachable()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('one')
    go()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('two')
  })

  it.each([
    { order: 'the file first', request: (file: File) => ({ file, model: 'ear' }) },
    { order: 'the model first', request: (file: File) => ({ model: 'ear', file }) },
  ])('has sound written down by the next target where the first is not there: $order', async ({ request }) => {
    second.on('/v1/audio/transcriptions', plainJson({ text: 'hello', usage: USAGE }))
    const id = `ear-${randomBytes(4).toString('hex')}`
    const file = await toFile(randomBytes(300_000), 'a.mp3') as File
    expect((await client.audio.transcriptions.create(request(file), { headers: { 'x-request-id': id } })).text).toBe('hello')
    expect(last(second).body).toMatch(/name="model"\r\n\r\nwhisper-long-name\r\n/)
    expect(last(second).bytes).toBe(Number(last(second).headers['content-length'] ?? last(second).bytes))
    const served = await until('the row of the second target', async () => (await headrace.logs(`request_id=${id}`)).find(row => row.provider === 'second'))
    expect(served).toMatchObject({ operation: 'transcription', status: 200, outcome: 'settled', inputTokens: 100 })
  })

  it('has sound translated', async () => {
    second.on('/v1/audio/translations', plainJson({ text: 'hello' }))
    expect((await client.audio.translations.create({ model: 'mixed', file: await toFile(Buffer.from('x'), 'a.mp3') })).text).toBe('hello')
  })
})

describe('where it goes', () => {
  it('a provider that fails is followed by the next one, and both are on record', async () => {
    first.on('/v1/images/generations', plainJson({ error: { message: 'out of order' } }, 500))
    second.on('/v1/images/generations', plainJson({ created: 1, data: [] }))
    expect((await send('/v1/images/generations', '{"model":"picture","prompt":"x"}', 'application/json', KEY, false, 'second-try')).status).toBe(200)
    expect(JSON.parse(last(second).body)).toEqual({ model: 'other-image', prompt: 'x' })
    const rows = await until('both rows', async () => {
      const found = await headrace.logs('request_id=second-try')
      return found.some(row => row.provider === 'second') && found.some(row => row.provider === 'first') ? found : null
    })
    expect(rows.find(row => row.provider === 'first')).toMatchObject({ outcome: 'settled', errorKind: 'upstream-server-error' })
    expect(rows.find(row => row.provider === 'second')).toMatchObject({ outcome: 'settled', errorKind: '', status: 200 })
  })

  it('a refusal of the request is the client\'s to read, and goes nowhere else', async () => {
    first.on('/v1/images/edits', plainJson({ error: { message: 'no such size', code: 'nope' } }, 400))
    const before = second.seen.length
    expect(error(await send('/v1/images/edits', form({ model: 'first/m', size: '1' })))).toEqual([400, 'no such size'])
    expect(second.seen.length).toBe(before)
  })

  it.each([{ chunked: false }, { chunked: true }])('a large upload whose first target takes no connection goes to the next one whole (chunked: $chunked)', async ({ chunked }) => {
    second.on('/v1/audio/transcriptions', ({ bytes }, response) => response.end(JSON.stringify({ bytes })))
    const answer = await send('/v1/audio/transcriptions', form({ model: 'ear', file: randomBytes(5 * 2 ** 20) }), undefined, KEY, chunked)
    expect(JSON.parse(answer.body.toString())).toEqual({ bytes: form({ model: 'whisper-long-name', file: Buffer.alloc(5 * 2 ** 20) }).length })
  })

  it.each([{ chunked: false }, { chunked: true }])('a model may stand behind a large file, and the form goes to the next target whole even after a target has had all of it (chunked: $chunked)', async ({ chunked }) => {
    first.on('/v1/images/edits', plainJson({ error: { message: 'out of order' } }, 500))
    second.on('/v1/images/edits', ({ bytes, digest }, response) => response.end(JSON.stringify({ bytes, digest })))
    const image = randomBytes(5 * 2 ** 20)
    const answer = await send('/v1/images/edits', form({ image, model: 'picture', prompt: 'x' }), undefined, KEY, chunked)
    const sent = form({ image, model: 'other-image', prompt: 'x' })
    expect(JSON.parse(answer.body.toString())).toEqual({ bytes: sent.length, digest: createHash('sha256').update(sent).digest('hex') })
    expect(last(first).bytes).toBe(form({ image, model: 'gpt-image', prompt: 'x' }).length)
    await until('nothing to be left of it', () => spooled() === 0)
  })

  it('a client that leaves while its form is put aside leaves nothing behind', async () => {
    const body = form({ image: randomBytes(5 * 2 ** 20), model: 'picture' })
    const socket = connect(headrace.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(renderRequest({ path: '/v1/images/edits', body, headers: [['authorization', `Bearer ${KEY}`], ['content-type', 'multipart/form-data; boundary=b'], ['x-request-id', 'left-early']] }).subarray(0, -1_000))
    await until('a part of it to be there', () => spooled() > 0)
    socket.destroy()
    await until('nothing to be left of it', () => spooled() === 0)
    expect(await headrace.logs('request_id=left-early')).toMatchObject([{ outcome: 'refused', errorKind: 'client-closed' }])
  })

  it('one that a target has a part of beyond what is held goes nowhere else', async () => {
    second.on('/v1/audio/translations', plainJson({ error: { message: 'out of order' } }, 500))
    const answer = await send('/v1/audio/translations', form({ model: 'mixed', file: randomBytes(5 * 2 ** 20) }), undefined, KEY, false, 'one-try')
    expect(answer.status).toBe(502)
    expect((await headrace.logs('request_id=one-try')).length).toBe(1)
  })
})

describe('what is refused', () => {
  const big = randomBytes(5 * 2 ** 20)
  it.each([
    { what: 'no model in a large form', path: '/v1/audio/transcriptions', body: () => form({ file: big }), status: 400, says: /no field "model"/ },
    { what: 'a second model after one behind a large file', path: '/v1/audio/transcriptions', body: () => Buffer.concat([form({ file: big, model: 'first/m' }).subarray(0, -'--b--\r\n'.length), form({ model: 'first/dear' })]), status: 400, says: /more than one field "model"/ },
    { what: 'a model that is not the key\'s behind a large file', path: '/v1/audio/transcriptions', body: () => form({ file: big, model: 'ear' }), key: LISTED_KEY, status: 403, says: /may not call the model/ },
    { what: 'no model', path: '/v1/audio/transcriptions', body: () => form({ file: Buffer.from('x') }), status: 400, says: /no field "model"/ },
    { what: 'a second model beyond the first 1 MiB', path: '/v1/audio/transcriptions', body: () => Buffer.concat([form({ model: 'first/m', file: big }).subarray(0, -'--b--\r\n'.length), form({ model: 'first/dear' })]), status: 400, says: /more than one field "model"/ },
    { what: 'JSON where a form belongs', path: '/v1/audio/translations', body: () => '{"model":"first/m"}', type: 'application/json', status: 415, says: /multipart\/form-data/ },
    { what: 'a form where JSON belongs', path: '/v1/audio/speech', body: () => form({ model: 'first/m' }), status: 415, says: /application\/json/ },
    { what: 'a model of a provider that has no such operation', path: '/v1/audio/transcriptions', body: () => form({ model: 'claude/x' }), status: 400, says: /no such operation \(transcription\)/ },
    { what: 'a model that is not the key\'s', path: '/v1/audio/transcriptions', body: () => form({ model: 'ear' }), key: LISTED_KEY, status: 403, says: /may not call the model/ },
    { what: 'a key that nobody knows', path: '/v1/audio/transcriptions', body: () => form({ model: 'ear' }), key: 'hr_wrong', status: 401, says: /key/i },
  ])('$what', async ({ path, body, type, key, status, says }) => {
    const answer = await send(path, body(), type, key)
    expect(error(answer)).toEqual([status, expect.stringMatching(says)])
  })

  it('GET', async () => {
    expect((await sendRaw(headrace.port, { method: 'GET', path: '/v1/audio/speech', headers: [['authorization', `Bearer ${KEY}`]] })).status).toBe(405)
  })
})
