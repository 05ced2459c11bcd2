import { createHash, randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openRaw, sendRaw, type RawAnswer, type RawRequest } from '../harness/http-client.ts'
import { plainJson, startPlainUpstream, type PlainRequest, type PlainUpstream } from '../harness/plain-upstream.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'
import { until } from '../harness/until.ts'

const PASS_KEY = 'hr_test_passing_0123456789abcdefghij'
const LISTED_KEY = 'hr_test_listed_0123456789abcdefghijk'
const SPENDER_KEY = 'hr_test_spender_0123456789abcdefghij'
const OTHER_KEY = 'hr_test_otherten_0123456789abcdefgh'
const PROVIDER_KEY = 'sk-provider-secret-canary-0123456789'

let upstream: PlainUpstream
let trap: PlainUpstream
let headrace: Headrace

beforeAll(async () => {
  upstream = await startPlainUpstream()
  trap = await startPlainUpstream()
  const { origin } = upstream
  headrace = await startHeadrace({
    config: {
      providers: {
        up: { base_url: `${origin}/v1`, credentials: [PROVIDER_KEY], headers: { 'x-team': 'ours' } },
        deep: { base_url: `${origin}/team/openai/v1`, credentials: [PROVIDER_KEY] },
        acme: { base_url: `${origin}/acme/v1`, credentials: [PROVIDER_KEY], tenant: 'acme' },
        google: { base_url: `${origin}/v1beta`, dialect: 'google-gemini', credentials: [PROVIDER_KEY] },
        claude: { base_url: `${origin}/v1`, dialect: 'anthropic-messages', credentials: [PROVIDER_KEY] },
        gone: { base_url: 'http://127.0.0.1:1/v1', credentials: [PROVIDER_KEY] },
      },
      keys: [
        { name: 'passing', key: PASS_KEY, scopes: ['pass-through'] },
        { name: 'listed', key: LISTED_KEY, scopes: ['pass-through'], models: ['up/allowed'] },
        { name: 'spender', key: SPENDER_KEY, scopes: ['pass-through'] },
        { name: 'other', key: OTHER_KEY, scopes: ['pass-through'], tenant: 'acme' },
      ],
      prices: { 'up/priced': { input: '2', output: '8' } },
      budgets: [{ match: { key: 'file:spender' }, per: 'key', amount: '1', window: 'month' }],
      limits: [{ name: 'few', match: { key: 'file:listed' }, per: 'key', concurrency: 1 }],
    },
  })
}, 30_000)
afterAll(async () => {
  await headrace?.stop()
  await upstream?.stop()
  await trap?.stop()
})

const send = (path: string, more: Partial<RawRequest> = {}, key = PASS_KEY): Promise<RawAnswer> =>
  sendRaw(headrace.port, { path, method: 'GET', ...more, headers: [['authorization', `Bearer ${key}`], ...(more.headers ?? [])] })
const last = (): PlainRequest => upstream.seen.at(-1) ?? expect.unreachable('nothing reached the provider')
const told = (answer: RawAnswer): unknown => JSON.parse(answer.body.toString())

describe('what is passed through', () => {
  it.each(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'])('goes to the provider as it is: %s', async method => {
    const body = method === 'GET' ? '' : '{"a":1}'
    const answer = await send('/providers/up/v1/anything/here?limit=2&after=x', { method, body, headers: [['content-type', 'application/x-own'], ['x-own', 'kept']] })
    expect(answer.status).toBe(200)
    expect(told(answer)).toMatchObject({ method, url: '/v1/anything/here?limit=2&after=x', bytes: body.length })
    expect(last().headers).toMatchObject({ authorization: `Bearer ${PROVIDER_KEY}`, 'x-own': 'kept', 'x-team': 'ours', 'accept-encoding': 'identity', 'content-type': 'application/x-own' })
  })

  it('HEAD has the answer\'s headers and no body', async () => {
    const answer = await fetch(`${headrace.url}/providers/up/v1/files`, { method: 'HEAD', headers: { authorization: `Bearer ${PASS_KEY}` } })
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, 'application/json', ''])
  })

  it.each([
    { path: '/providers/up/v1/x', goes: '/v1/x' },
    { path: '/providers/up/other/x', goes: '/other/x' },
    { path: '/providers/deep/v1/x', goes: '/team/openai/v1/x' },
    { path: '/providers/deep/team/openai/v1/x', goes: '/team/openai/v1/x' },
    { path: '/providers/google/upload/v1beta/files', goes: '/upload/v1beta/files' },
    { path: '/providers/up', goes: '/' },
    { path: '/providers/up/v1/models/claude@2025:raw%20x', goes: '/v1/models/claude@2025:raw%20x' },
  ])('$path is $goes at the provider', async ({ path, goes }) => {
    expect(told(await send(path))).toMatchObject({ url: goes })
  })

  it('carries none of the client\'s credentials, in whatever header or query they come, nor what concerns its connection alone', async () => {
    await send('/providers/google/v1beta/x?alt=sse&key=PASS&access_token=abc&q=1'.replace('PASS', PASS_KEY), { headers: [
      ['x-api-key', PASS_KEY], ['x-goog-api-key', PASS_KEY], ['cookie', 'session=1'], ['connection', 'x-hop'], ['x-hop', '1'], ['x-forwarded-for', '10.0.0.1'], ['x-odd', `mine is ${PASS_KEY}`], ['headrace-tags', 'a=b'], ['origin', 'https://a.example'],
    ] })
    const { url, headers, raw } = last()
    expect(url).toBe('/v1beta/x?alt=sse&q=1')
    expect(headers['x-goog-api-key']).toBe(PROVIDER_KEY)
    expect(JSON.stringify(raw)).not.toContain(PASS_KEY)
    for (const name of ['authorization', 'x-api-key', 'cookie', 'x-hop', 'x-forwarded-for', 'x-odd', 'headrace-tags', 'origin']) expect(headers).not.toHaveProperty(name)
    expect(headrace.output()).not.toContain(PASS_KEY)
  })

  it('is known by ?key= alone, as Google\'s clients send it', async () => {
    const answer = await sendRaw(headrace.port, { method: 'GET', path: `/providers/google/v1beta/files?key=${PASS_KEY}` })
    expect(told(answer)).toMatchObject({ url: '/v1beta/files' })
  })

  it('has the provider\'s status and headers in its answer, and its refusals in its own words', async () => {
    upstream.on('/v1/made', plainJson({ id: 'x' }, 201, { location: '/v1/made/x', 'x-kept': 'yes', 'set-cookie': 'a=b', 'access-control-allow-origin': '*', 'x-ratelimit-remaining-requests': '7' }))
    const made = await send('/providers/up/v1/made', { method: 'POST' })
    expect(made.status).toBe(201)
    expect(Object.fromEntries(made.headers)).toMatchObject({ 'x-kept': 'yes', 'x-ratelimit-remaining-requests': '7', 'headrace-target': 'up' })
    expect(made.headers.has('set-cookie')).toBe(false)
    expect(made.headers.has('access-control-allow-origin')).toBe(false)
    upstream.on('/v1/refused', plainJson({ error: { message: 'no such thing', code: 'nope' } }, 404))
    const refused = await send('/providers/up/v1/refused')
    expect([refused.status, told(refused)]).toEqual([404, { error: { message: 'no such thing', code: 'nope' } }])
  })

  it('comes down as it is made: the first event before the second is there', async () => {
    let go: () => void = () => undefined
    upstream.on('/v1/events', (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write('data: one\n\n')
      go = () => response.end('data: two\n\n')
    })
    const answer = await fetch(`${headrace.url}/providers/up/v1/events`, { headers: { authorization: `Bearer ${PASS_KEY}` } })
    const reader = answer.body?.getReader() ?? expect.unreachable()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: one\n\n')
    go()
    expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe('data: two\n\n')
  })

  it.each([{ chunked: false }, { chunked: true }])('goes up byte for byte, with a length or in chunks ($chunked)', async ({ chunked }) => {
    const body = randomBytes(3 * 2 ** 20)
    const answer = await send('/providers/up/v1/files', { method: 'POST', body, chunked, headers: [['content-type', 'application/octet-stream']] })
    expect(told(answer)).toMatchObject({ bytes: body.length, digest: createHash('sha256').update(body).digest('hex') })
    expect(last().headers['content-length']).toBe(chunked ? undefined : String(body.length))
  })

  it('is read no faster than the provider reads it', async () => {
    let take: () => void = () => undefined
    upstream.on('/v1/slow', (_request, _response, incoming) => {
      incoming.pause()
      take = () => incoming.resume()
    }, true)
    const size = 512 * 2 ** 20
    let sent = 0
    const source = new ReadableStream<Uint8Array>({
      pull(controller) {
        sent += 65_536
        controller.enqueue(new Uint8Array(65_536))
        if (sent >= size) controller.close()
      },
    }, { highWaterMark: 0 })
    const leaving = new AbortController()
    const answer = fetch(`${headrace.url}/providers/up/v1/slow`, { method: 'POST', body: source, duplex: 'half', signal: leaving.signal, headers: { authorization: `Bearer ${PASS_KEY}` } } as RequestInit).catch(() => null)
    // What has been sent then lies in the kernel's buffers and in ours: far from all of it.
    let before = 0
    let still = 0
    await until('the client to be held', async () => {
      still = sent > 0 && sent === before ? still + 1 : 0
      before = sent
      await new Promise(resolve => setTimeout(resolve, 50))
      return still >= 5
    })
    expect(sent).toBeLessThan(size)
    leaving.abort()
    await answer
    const held = last()
    take()
    await until('the provider to hear that the client has left', () => held.aborted)
  })

  it('is told when the provider breaks off: never a whole answer', async () => {
    upstream.on('/v1/cut', (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': 1_000_000 })
      response.write(Buffer.alloc(200_000))
      setImmediate(() => response.destroy())
    })
    expect((await send('/providers/up/v1/cut')).complete).toBe(false)
    const [row] = await headrace.logs('error_kind=upstream-truncated&provider=up')
    expect(row).toMatchObject({ operation: 'pass-through', outcome: 'partial', status: 200 })
  })
})

describe('who may', () => {
  it.each([
    { who: 'a key without the scope', key: API_KEY, path: '/providers/up/v1/x', status: 403 },
    { who: 'nobody known', key: 'hr_wrong', path: '/providers/up/v1/x', status: 401 },
    { who: 'another tenant, as if there were no such provider', key: OTHER_KEY, path: '/providers/up/v1/x', status: 404 },
    { who: 'anybody, to another tenant\'s account', key: PASS_KEY, path: '/providers/acme/v1/x', status: 404 },
    { who: 'a key with a list of models, where no model shows', key: LISTED_KEY, path: '/providers/up/v1/files', status: 403 },
  ])('not $who', async ({ key, path, status }) => {
    const before = upstream.seen.length
    const answer = await send(path, {}, key)
    expect(answer.status).toBe(status)
    expect(upstream.seen.length).toBe(before)
  })

  it('the account\'s own tenant', async () => {
    expect((await send('/providers/acme/v1/x', {}, OTHER_KEY)).status).toBe(200)
  })

  it.each([{ model: 'allowed', status: 200 }, { model: 'forbidden', status: 403 }])('a key with a list of models for those alone: $model $status', async ({ model, status }) => {
    const answer = await send('/providers/up/v1/chat/completions', { method: 'POST', body: JSON.stringify({ model, messages: [] }), headers: [['content-type', 'application/json']] }, LISTED_KEY)
    expect(answer.status).toBe(status)
  })

  it('a key with the scope and no other calls no models', async () => {
    expect((await sendRaw(headrace.port, { body: '{"model":"up/m","messages":[]}', headers: [['authorization', `Bearer ${PASS_KEY}`], ['content-type', 'application/json']] })).status).toBe(403)
  })
})

describe('tricks with paths and hosts', () => {
  it.each([
    '/providers/up/../admin', '/providers/up/v1/..', '/providers/up/v1/%2e%2e/x', '/providers/up/v1/.%2E/x', '/providers/up/v1/..;/x', '/providers/up/v1/%2e%2e%3b/x', '/providers/up/./x', '/providers/up/v1%2fx', '/providers/up/v1/%252e%252e%252fx',
    '/providers/up/v1/a%25252fb', '/providers/up/v1\\x', '/providers/up/v1/%5cx', '/providers/up//evil.example/x', '/providers/up/v1//x', '/providers/up/@evil.example/x', '/providers/up/me:pw@evil.example/x', '/providers/up/%40evil.example/x',
    '/providers/up/https://evil.example/', '/providers/up/http:/evil.example', '/providers/up/v1/%00', '/providers/up/v1/x%0d%0ahost:%20evil', '/providers/up/v1/%zz', '/providers/up/v1/x%', '/providers/up@evil.example/x', '/providers/up%2fv1/x', '/providers/', '/providers//v1/x',
    '/providers/nobody/v1/x', '/providers/__proto__/x', '/providers/constructor/x',
  ])('%s reaches nobody', async path => {
    const before = upstream.seen.length
    const answer = await send(path)
    expect([400, 404]).toContain(answer.status)
    expect(upstream.seen.length).toBe(before)
  })

  it.each([
    { line: (port: number) => `GET http://127.0.0.1:${port}/providers/up/v1/x HTTP/1.1`, what: 'an absolute target of another host' },
    { line: (port: number) => `GET //127.0.0.1:${port}/x HTTP/1.1`, what: 'a target that begins with two slashes' },
    { line: (port: number) => `CONNECT 127.0.0.1:${port} HTTP/1.1`, what: 'CONNECT' },
  ])('$what reaches nobody', async ({ line }) => {
    const port = Number(new URL(trap.origin).port)
    const answer = await sendRaw(headrace.port, Buffer.from(`${line(port)}\r\nhost: gateway.test\r\nauthorization: Bearer ${PASS_KEY}\r\nconnection: close\r\n\r\n`))
    expect(answer.status).toBeGreaterThanOrEqual(400)
    expect(trap.seen).toEqual([])
  })

  it.each([301, 302, 303, 307, 308])('a redirect (%i) is not followed, and not handed on', async status => {
    upstream.on('/v1/moved', plainJson({}, status, { location: `${trap.origin}/steal` }))
    const answer = await send('/providers/up/v1/moved', { method: 'POST', body: 'x' })
    expect(answer.status).toBe(502)
    expect(answer.headers.has('location')).toBe(false)
    expect(trap.seen).toEqual([])
  })

  it('the provider\'s key does not come back, in whatever way it is told', async () => {
    upstream.on('/v1/leak', plainJson({ error: { message: `Incorrect API key provided: ${PROVIDER_KEY}` } }, 400, { 'x-echo': `Bearer ${PROVIDER_KEY}` }))
    const refused = await send('/providers/up/v1/leak')
    expect(refused.head + refused.body.toString()).not.toContain(PROVIDER_KEY)
    const packed = gzipSync(JSON.stringify({ error: { message: `Incorrect API key provided: ${PROVIDER_KEY}` } }))
    upstream.on('/v1/leak-packed', (_request, response) => response.writeHead(400, { 'content-type': 'application/json', 'content-encoding': 'gzip', 'content-length': packed.length }).end(packed))
    const unread = await send('/providers/up/v1/leak-packed')
    expect([unread.status, unread.headers.has('content-encoding'), unread.body.includes(packed)]).toEqual([400, false, false])
    expect(JSON.parse(unread.body.toString())).toHaveProperty('error.message')
    upstream.on('/v1/leak-head', plainJson({ fine: true }, 200, { 'x-echo': `Bearer ${PROVIDER_KEY}`, 'x-kept': '1' }))
    const answer = await send('/providers/up/v1/leak-head')
    expect(answer.head).not.toContain(PROVIDER_KEY)
    expect(answer.headers.get('x-kept')).toBe('1')
  })
})

describe('what is known of it', () => {
  const usage = { prompt_tokens: 100, completion_tokens: 10, total_tokens: 110 }
  const shapes = [
    { name: 'chat', provider: 'up', path: '/v1/chat/completions', answer: { object: 'chat.completion', choices: [], usage } },
    { name: 'responses', provider: 'up', path: '/v1/responses', answer: { object: 'response', status: 'completed', usage: { input_tokens: 100, output_tokens: 10 } } },
    { name: 'messages', provider: 'claude', path: '/v1/messages', answer: { type: 'message', stop_reason: 'end_turn', usage: { input_tokens: 90, cache_read_input_tokens: 10, output_tokens: 10 } } },
    { name: 'gemini', provider: 'google', path: '/v1beta/models/g:generateContent', answer: { candidates: [], usageMetadata: { promptTokenCount: 100, candidatesTokenCount: 10, totalTokenCount: 110 } } },
    { name: 'images', provider: 'up', path: '/v1/images/generations', answer: { created: 1, data: [{ b64_json: 'A'.repeat(100_000) }], usage: { input_tokens: 100, output_tokens: 10, total_tokens: 110 } } },
  ]
  it.each(shapes)('usage of an answer in the shape of $name', async ({ name, provider, path, answer }) => {
    upstream.on(path, plainJson(answer))
    const tags = `shape=${name}`
    expect((await send(`/providers/${provider}${path}`, { method: 'POST', body: JSON.stringify({ model: 'priced', messages: [] }), headers: [['content-type', 'application/json'], ['x-request-id', `usage-${name}`], ['headrace-tags', tags]] })).status).toBe(200)
    const [row] = await headrace.logs(`request_id=usage-${name}`)
    expect(row).toMatchObject({ outcome: 'settled', status: 200, operation: 'pass-through', provider, inputTokens: 100, outputTokens: 10, tags })
    expect(row?.costNano).toBe(provider === 'up' ? 280_000 : -1)
  })

  it.each([
    { name: 'chat', provider: 'up', path: '/v1/chat/completions', events: ['{"choices":[{"delta":{"content":"x"}}],"usage":null}', JSON.stringify({ choices: [], usage }), '[DONE]'] },
    { name: 'responses', provider: 'up', path: '/v1/responses', events: ['{"type":"response.created","response":{"usage":null}}', '{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":100,"output_tokens":10}}}'] },
    { name: 'messages', provider: 'claude', path: '/v1/messages', events: ['{"type":"message_start","message":{"usage":{"input_tokens":90,"cache_read_input_tokens":10,"output_tokens":1}}}', '{"type":"message_delta","delta":{},"usage":{"output_tokens":10}}'] },
    { name: 'gemini', provider: 'google', path: '/v1beta/models/g:streamGenerateContent', events: ['{"candidates":[],"usageMetadata":{"promptTokenCount":100}}', '{"candidates":[],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":10,"totalTokenCount":110}}'] },
    { name: 'image', provider: 'up', path: '/v1/images/generations', events: ['{"type":"image_generation.partial_image"}', JSON.stringify({ type: 'image_generation.completed', b64_json: 'A'.repeat(300_000), usage: { input_tokens: 100, output_tokens: 10 } })] },
  ])('usage of a stream in the shape of $name', async ({ name, provider, path, events }) => {
    upstream.on(path, (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.end(events.map(event => `data: ${event}\n\n`).join(''))
    })
    const answer = await send(`/providers/${provider}${path}`, { method: 'POST', body: '{"model":"m","stream":true}', headers: [['content-type', 'application/json'], ['x-request-id', `stream-${name}`]] })
    expect(answer.body.toString()).toBe(events.map(event => `data: ${event}\n\n`).join(''))
    expect((await headrace.logs(`request_id=stream-${name}`))[0]).toMatchObject({ inputTokens: 100, outputTokens: 10 })
  })

  it('nothing of what is only read again: that was counted when it was made', async () => {
    upstream.on('/v1/responses/old', plainJson({ usage: { input_tokens: 100, output_tokens: 10 } }))
    await send('/providers/up/v1/responses/old', { headers: [['x-request-id', 'read-again']] })
    expect((await headrace.logs('request_id=read-again'))[0]).toMatchObject({ inputTokens: -1, outputTokens: -1, costNano: -1 })
  })

  it.each([
    { what: 'a model with a price is paid from it', body: { model: 'priced', max_tokens: 10 }, method: 'POST', status: 200 },
    { what: 'what has no price is refused', body: { model: 'dear' }, method: 'POST', status: 403 },
    { what: 'reading is free', body: null, method: 'GET', status: 200 },
  ])('a budget stands: $what', async ({ body, method, status }) => {
    upstream.on('/v1/chat/completions', plainJson({ usage }))
    const answer = await send('/providers/up/v1/chat/completions', { method, ...(body === null ? {} : { body: JSON.stringify(body), headers: [['content-type', 'application/json']] }) }, SPENDER_KEY)
    expect(answer.status).toBe(status)
  })

  it('limits stand: one at a time means one', async () => {
    let finish: () => void = () => undefined
    upstream.on('/v1/chat/completions', (_request, response) => { finish = () => response.end('{}') })
    const body = { method: 'POST', body: '{"model":"allowed"}', headers: [['content-type', 'application/json']] } as const
    const before = upstream.seen.length
    const first = send('/providers/up/v1/chat/completions', body, LISTED_KEY)
    await until('the first to be there', () => upstream.seen.length > before)
    expect((await send('/providers/up/v1/chat/completions', body, LISTED_KEY)).status).toBe(429)
    finish()
    expect((await first).status).toBe(200)
  })

  it('a provider that is not there is told in our words, and nothing is tried twice', async () => {
    const answer = await send('/providers/gone/v1/x', { method: 'POST', body: 'x', headers: [['x-request-id', 'gone']] })
    expect(answer.status).toBe(502)
    const rows = await headrace.logs('request_id=gone')
    expect(rows.map(row => [row.attempt, row.errorKind])).toEqual([[1, 'upstream-connect']])
  })

  it('a client that leaves ends it at the provider, also in mid-upload', async () => {
    const before = upstream.seen.length
    upstream.on('/v1/left', () => undefined)
    const socket = await openRaw(headrace.port, { path: '/providers/up/v1/left', headers: [['authorization', `Bearer ${PASS_KEY}`], ['content-length', '1000000'], ['x-request-id', 'left']], method: 'GET' })
    socket.write(Buffer.alloc(100_000))
    await until('the upload to have begun', () => (upstream.seen[before]?.bytes ?? 0) > 0)
    socket.destroy()
    await until('the provider to hear of it', () => upstream.seen[before]?.aborted === true)
    expect((await headrace.logs('request_id=left'))[0]).toMatchObject({ errorKind: 'client-closed', outcome: 'partial' })
  })

  it('an answer that comes before the end of the upload is the answer, and the connection ends with it', async () => {
    upstream.on('/v1/early', (request, response, incoming) => {
      incoming.pause()
      plainJson({ error: { message: 'too large for us' } }, 413)(request, response, incoming)
    }, true)
    const answer = await send('/providers/up/v1/early', { method: 'POST', body: Buffer.alloc(64 * 2 ** 20) })
    expect([answer.status, told(answer)]).toEqual([413, { error: { message: 'too large for us' } }])
    expect(answer.headers.get('connection')).toBe('close')
  })

  it('the gateway\'s own key refused at one path keeps nobody from another', async () => {
    for (const status of [401, 403]) {
      upstream.on('/v1/private', plainJson({ error: { message: 'not for you' } }, status))
      await send('/providers/up/v1/private')
    }
    expect((await send('/providers/up/v1/public')).status).toBe(200)
  })
})
