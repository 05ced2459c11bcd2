import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ApiError, GoogleGenAI } from '@google/genai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { sendRaw, type RawAnswer } from '../harness/http-client.ts'
import { answerJson, answerRaw, answerStream, answerThenClose, chunk, hang, LAST_CHUNK, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

/** A key that nobody was given. */
const STRANGE_KEY = 'AIzaStrangeKeyCanary0123456789'
let rig: Rig
let client: GoogleGenAI
beforeAll(async () => {
  rig = await startRig({
    config: upstream => {
      const up = { base_url: upstream.url.replace(/v1$/, 'v1beta'), credentials: [PROVIDER_KEY], dialect: 'google-gemini', timeouts: { connect: '5s', first_token: '10s', idle: '500ms', total: '60s' } }
      return {
        log: { bodies: 'full' }, relay: { max_attempts: 3 },
        providers: { up, chat: { base_url: upstream.url, credentials: [PROVIDER_KEY], dialect: 'openai-chat' } },
        models: {
          'pair-*': ['up/first-*', 'up/second-*'],
          'go-*': { targets: ['up/first-*', 'up/second-*'], rescue: 'continue' },
          'cross-*': { targets: ['up/first-*', 'chat/second-*'], rescue: 'continue' },
          'anew-*': { targets: ['up/first-*', 'up/second-*'], rescue: 'restart' },
        },
      }
    },
  })
  client = new GoogleGenAI({ apiKey: API_KEY, httpOptions: { baseUrl: rig.headrace.url, retryOptions: { attempts: 1 } } })
}, 20_000)
afterAll(() => rig?.stop())

const USAGE = { promptTokenCount: 13, cachedContentTokenCount: 4, candidatesTokenCount: 2, thoughtsTokenCount: 1, totalTokenCount: 16 }
const RECORDED = { inputTokens: 13, outputTokens: 3, cachedInputTokens: 4, reasoningTokens: 1, finishReason: 'STOP' }
const piece = (text: string, more: object = {}): object => ({ candidates: [{ content: { parts: [{ text }], role: 'model' }, index: 0, ...more }], modelVersion: 'g', responseId: 'r1' })
const finish = { ...piece('', { finishReason: 'STOP' }), usageMetadata: USAGE }
const event = (data: object): string => `data: ${JSON.stringify(data)}\r\n\r\n`
const answered = (text: string): object => ({ ...piece(text, { finishReason: 'STOP' }), usageMetadata: USAGE })
const QUESTION = '{"contents":[{"role":"user","parts":[{"text":"x"}]}]}'
const post = (model: string, method: string, body = QUESTION, headers: readonly (readonly [string, string])[] = []): Promise<RawAnswer> =>
  sendRaw(rig.headrace.port, { path: `/v1beta/models/${encodeURIComponent(model)}:${method}`, body, headers: [['x-goog-api-key', API_KEY], ['content-type', 'application/json'], ...headers] })
const arrayStream = (pieces: readonly string[]): Script => answerRaw(STREAM_HEAD.replace('text/event-stream', 'application/json; charset=UTF-8'), ...pieces.map(chunk), LAST_CHUNK)
const CLOSING_HEAD = STREAM_HEAD.replace('\r\n', '\r\nconnection: close\r\n')
const cutAfter = (events: readonly string[]): Script => answerThenClose(Buffer.concat([Buffer.from(CLOSING_HEAD), chunk(events.join('')), LAST_CHUNK]), 'fin')

describe('Gemini in and out', () => {
  it('sends the request on byte for byte, the model in the path and the key in a header', async () => {
    const answer = { ...answered('ok'), newField: [1.0] }
    rig.upstream.on('same', answerJson(answer))
    const body = '{ "contents":[{"role":"user","parts":[{"text":"é\\u00e9","newField":1.0}, {"inline_data":{"mime_type":"image/png","data":"AA=="}}]}],"newField":{"b":1.0,"a":[]},"generation_config":{"maxOutputTokens":"1e2"} }'
    const got = await post('up/same', 'generateContent', body)
    expect([got.status, got.body.toString()]).toEqual([200, JSON.stringify(answer)])
    const [seen] = rig.upstream.of('same')
    expect([seen?.body.toString(), seen?.path]).toEqual([body, '/v1beta/models/same:generateContent'])
    expect(seen?.head).toContain(`\r\nx-goog-api-key: ${PROVIDER_KEY}`)
    expect(seen?.head).not.toContain(API_KEY)
    expect((await rig.headrace.logs('model=up/same'))[0]).toMatchObject({ outcome: 'settled', ...RECORDED })
  })

  it('gives a stream of events back byte for byte, and its usage is on record', async () => {
    const events = [': hello\r\n\r\n', event(piece('one ')), event(piece('thrée 𝄞')), event(finish)]
    rig.upstream.on('events', answerStream(events))
    const got = await post('up/events', 'streamGenerateContent?alt=sse')
    expect(got).toMatchObject({ status: 200, complete: true })
    expect(got.body.toString()).toBe(events.join(''))
    expect(rig.upstream.of('events')[0]).toMatchObject({ path: '/v1beta/models/events:streamGenerateContent?alt=sse' })
    expect((await rig.headrace.logs('model=up/events'))[0]).toMatchObject({ outcome: 'settled', ...RECORDED })
  })

  it('gives a stream that is one JSON array back byte for byte', async () => {
    const pieces = ['[', `${JSON.stringify(piece('one '))}\n`, `,\r\n${JSON.stringify(piece('thrée ]}'))}`, `\n,${JSON.stringify(finish)}`, '\n]\n']
    rig.upstream.on('array', arrayStream(pieces))
    const got = await post('up/array', 'streamGenerateContent')
    expect(got).toMatchObject({ status: 200, complete: true })
    expect(got.body.toString()).toBe(pieces.join(''))
    expect(rig.upstream.of('array')[0]?.path).toBe('/v1beta/models/array:streamGenerateContent')
    expect((await rig.headrace.logs('model=up/array'))[0]).toMatchObject({ outcome: 'settled', ...RECORDED })
  })

  it('ends a stream that breaks off as one that failed, in its own framing', async () => {
    rig.upstream.on('cut', cutAfter([event(piece('half'))]))
    const cut = await post('up/cut', 'streamGenerateContent?alt=sse')
    expect(cut.complete).toBe(false)
    expect(JSON.parse(cut.body.toString().slice(event(piece('half')).length + 6))).toMatchObject({ error: { code: 502, details: [{ reason: 'UPSTREAM_TRUNCATED' }] } })
    rig.upstream.on('cut-array', arrayStream([`[${JSON.stringify(piece('half'))}`]))
    const array = await post('up/cut-array', 'streamGenerateContent')
    expect(array.complete).toBe(false)
    expect(JSON.parse(array.body.toString())).toMatchObject([piece('half'), { error: { code: 502 } }])
    expect((await rig.headrace.logs('model=up/cut-array'))[0]).toMatchObject({ outcome: 'partial', errorKind: 'upstream-truncated' })
  })

  it('leaves the thoughts of another vendor behind, which the fast lane\'s vendor would refuse', async () => {
    rig.upstream.on('thought', answerJson(answered('ok')))
    const foreign = Buffer.from('headrace:anthropic-messages:signature:c2ln').toString('base64')
    const body = `{"contents":[{"role":"model","parts":[{"text":"Hm","thought":true,"thoughtSignature":"${foreign}"},{"text":"Yes","thoughtSignature":"b3du"}]},{"role":"user","parts":[{"text":"x"}]}]}`
    expect((await post('up/thought', 'generateContent', body)).status).toBe(200)
    expect(rig.upstream.of('thought')[0]?.body.toString()).toBe('{"contents":[{"role":"model","parts":[{"text":"Yes","thoughtSignature":"b3du"}]},{"role":"user","parts":[{"text":"x"}]}]}')
  })
})

describe('a JSON answer is held until it is whole', () => {
  it.each([
    ['a half one', 'half', answerThenClose(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n${JSON.stringify(answered('no')).slice(0, 60)}`, 'fin')],
    ['an error under a good status', 'lie', answerJson({ error: { code: 503, message: 'x', status: 'UNAVAILABLE' } })],
    ['a web page', 'page', answerJson('<html>502</html>', { headers: { 'content-type': 'text/html' } })],
  ] as const)('%s falls back to the next target', async (_name, id, script) => {
    rig.upstream.on(`first-${id}`, script)
    rig.upstream.on(`second-${id}`, answerJson(answered('yes')))
    const got = await post(`pair-${id}`, 'generateContent')
    expect([got.status, got.body.toString()]).toEqual([200, JSON.stringify(answered('yes'))])
  })
})

describe('a stream that breaks off midway', () => {
  const said = [piece('The quick'), piece(' brown'), piece(' fóx')].map(event)
  const rest = [event(piece(' jumps')), event(piece(' over it.')), event(finish)]
  const textOf = async (model: string): Promise<unknown> => {
    const seen = { text: '', finish: '' }
    for await (const part of await client.models.generateContentStream({ model, contents: 'hello' })) {
      seen.text += part.text ?? ''
      seen.finish = part.candidates?.[0]?.finishReason ?? seen.finish
    }
    return seen
  }

  it.each([
    ['ends unfinished', 'cut', cutAfter(said)], ['goes silent', 'stall', hang(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(said.join(''))]))],
    ['tells an error', 'error', cutAfter([...said, event({ error: { code: 503, message: 'x', status: 'UNAVAILABLE' } })])],
  ] as const)('and %s is gone on with', async (_name, id, script) => {
    rig.upstream.on(`first-${id}`, script)
    rig.upstream.on(`second-${id}`, answerStream(rest))
    expect(await textOf(`go-${id}`)).toEqual({ text: 'The quick brown fóx jumps over it.', finish: 'STOP' })
    const asked = JSON.parse(rig.upstream.of(`second-${id}`).at(-1)?.body.toString() ?? 'null') as { readonly contents: readonly object[] }
    expect(asked.contents.slice(0, 2)).toMatchObject([{ role: 'user', parts: [{ text: 'hello' }] }, { role: 'model', parts: [{ text: 'The quick brown fóx' }] }])
    await until('a row of each attempt', async () => {
      const rows = await rig.headrace.logs(`model=go-${id}`)
      return rows.some(row => row.outcome === 'partial' && row.targetModel === `first-${id}`) && rows.some(row => row.outcome === 'settled' && row.targetModel === `second-${id}`)
    })
  })

  it('is gone on with by a provider of another dialect', async () => {
    rig.upstream.on('first-x', cutAfter(said))
    const data = (delta: object, finish_reason: string | null): string => `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason }] })}\n\n`
    rig.upstream.on('second-x', answerStream([data({ role: 'assistant', content: ' jumps over it.' }, null), data({}, 'stop'), 'data: [DONE]\n\n']))
    expect(await textOf('cross-x')).toEqual({ text: 'The quick brown fóx jumps over it.', finish: 'STOP' })
  })

  it('is begun anew for a client that takes that, and no other', async () => {
    rig.upstream.on('first-a', cutAfter(said))
    rig.upstream.on('second-a', answerStream(rest))
    const again = await post('anew-a', 'streamGenerateContent?alt=sse', QUESTION, [['headrace-accept-restart', '1']])
    const restart = 'event: headrace.restart\ndata: {"type":"headrace.restart","reason":"upstream_truncated"}\n\n'
    const begun = again.body.toString().split(restart)
    expect([again.complete, begun.slice(0, -1).every(text => text === said.join('')), begun.at(-1), begun.length > 1]).toEqual([true, true, rest.join(''), true])
    expect((await post('anew-a', 'streamGenerateContent?alt=sse')).complete).toBe(false)
  })

  it('as one JSON array is told: there is no room for a rescue in it', async () => {
    rig.upstream.on('first-j', arrayStream([`[${JSON.stringify(piece('half'))}`]))
    rig.upstream.on('second-j', answerStream(rest))
    const got = await post('go-j', 'streamGenerateContent')
    expect(got.complete).toBe(false)
    expect(JSON.parse(got.body.toString())).toMatchObject([piece('half'), { error: { code: 502 } }])
    expect(rig.upstream.of('second-j')).toEqual([])
  })
})

describe('Google\'s SDK', () => {
  it('raises its own error, with the provider\'s words where the request is refused', async () => {
    const error = { code: 400, message: 'Bad contents.', status: 'INVALID_ARGUMENT' }
    rig.upstream.on('refused', answerJson({ error }, { status: 400 }))
    const raised = await client.models.generateContent({ model: 'up/refused', contents: 'x' }).catch((caught: unknown) => caught)
    expect(raised).toBeInstanceOf(ApiError)
    expect([(raised as ApiError).status, JSON.parse((raised as ApiError).message)]).toEqual([400, { error }])
    rig.upstream.on('limited', answerJson({ error: { code: 429, message: 'x', status: 'RESOURCE_EXHAUSTED', details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '0.2s' }] } }, { status: 429 }))
    const limited = await post('up/limited', 'generateContent')
    expect([limited.status, limited.headers.get('retry-after')]).toEqual([429, '1'])
  })

  it('counts tokens: by the provider in its own dialect, by estimate over another', async () => {
    rig.upstream.on('count', answerJson({ totalTokens: 42 }))
    expect((await client.models.countTokens({ model: 'up/count', contents: 'hello' })).totalTokens).toBe(42)
    expect(rig.upstream.of('count')[0]?.path).toBe('/v1beta/models/count:countTokens')
    expect((await rig.headrace.logs('model=up/count'))[0]).toMatchObject({ inputTokens: 0, outputTokens: 0 })
    expect((await client.models.countTokens({ model: 'chat/count-here', contents: 'hello there, how are you?' })).totalTokens).toBeGreaterThan(3)
    expect(rig.upstream.of('count-here')).toEqual([])
    expect((await post('chat/count-here', 'countTokens')).headers.get('headrace-approximated')).toBe('totalTokens')
  })

  it('lists the models page by page', async () => {
    const { models } = await (await fetch(`${rig.headrace.url}/v1beta/models`, { headers: { 'x-goog-api-key': API_KEY } })).json() as { readonly models: readonly { readonly name: string }[] }
    const listed: string[] = []
    for await (const model of await client.models.list({ config: { pageSize: 1 } })) listed.push(model.name ?? '')
    expect(listed).toEqual(models.map(({ name }) => name))
    expect((await client.models.get({ model: 'up/some' })).name).toBe('models/up/some')
  })
})

it('a key in the query opens the door, and shows nowhere: not in logs, records, errors, metrics, nor to the provider', { timeout: 20_000 }, async () => {
  rig.upstream.on('keyed', answerJson(answered('ok')))
  rig.upstream.on('keyed-events', answerStream([event(finish)]))
  rig.upstream.on('keyed-broken', answerJson('', { status: 500 }))
  rig.upstream.on('keyed-chat', answerJson(completion('ok')))
  const said: string[] = []
  const ask = async (method: string, path: string, key: string, status: number): Promise<void> => {
    const got = await sendRaw(rig.headrace.port, { method, path: `${path}${path.includes('?') ? '&' : '?'}key=${key}`, body: method === 'GET' ? '' : QUESTION, headers: [['content-type', 'application/json']] })
    expect([path, got.status]).toEqual([path, status])
    said.push(got.head, got.body.toString())
  }
  const encoded = [...API_KEY].map(char => `%${char.charCodeAt(0).toString(16)}`).join('')
  await ask('POST', '/v1beta/models/up%2Fkeyed:generateContent', API_KEY, 200)
  await ask('POST', '/v1beta/models/up%2Fkeyed:generateContent', encoded, 200)
  await ask('POST', '/v1beta/models/up%2Fkeyed-events:streamGenerateContent?alt=sse', API_KEY, 200)
  await ask('POST', '/v1beta/models/up%2Fkeyed-broken:generateContent', API_KEY, 502)
  await ask('POST', '/v1beta/models/chat%2Fkeyed-chat:generateContent', API_KEY, 200)
  await ask('POST', '/v1beta/models/no-such:generateContent', API_KEY, 404)
  await ask('GET', '/v1beta/models', API_KEY, 200)
  await ask('GET', '/v1beta/models/no-such', API_KEY, 404)
  for (const path of ['/v1beta/models/up%2Fkeyed:generateContent', '/v1beta/models/up%2Fkeyed-events:streamGenerateContent?alt=sse']) await ask('POST', path, STRANGE_KEY, 401)
  await ask('GET', '/v1beta/models', STRANGE_KEY, 401)
  // On a path that is not Google's a query is nobody's credential.
  said.push((await sendRaw(rig.headrace.port, { path: `/v1/chat/completions?key=${API_KEY}`, body: chatBody('chat/keyed-chat'), headers: [['content-type', 'application/json']] })).body.toString())
  await rig.headrace.logs('model=up/keyed')
  for (const path of ['/logs?limit=1000', '/config', '/keys']) said.push(JSON.stringify(await rig.headrace.admin(path)))
  said.push(await rig.headrace.metrics(), rig.headrace.output())

  const files = readdirSync(rig.headrace.dataDirectory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name))
  const places = [...said.map((text, index) => ({ place: `text ${index}`, text })), ...files.map(path => ({ place: path, text: readFileSync(path, 'latin1') })),
    ...rig.upstream.requests.map(({ head, body }) => ({ place: `to the provider: ${head.split('\r\n', 1)[0]}`, text: head + body.toString('latin1') }))]
  const hits = places.flatMap(({ place, text }) => [API_KEY, encoded, STRANGE_KEY, 'key='].filter(secret => text.includes(secret)).map(secret => `${secret} in ${place}`))
  expect(hits).toEqual([])
  expect(rig.upstream.of('keyed').map(({ path }) => path)).toEqual(['/v1beta/models/keyed:generateContent', '/v1beta/models/keyed:generateContent'])
})
