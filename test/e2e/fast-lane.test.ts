import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, DONE, finishEvent, stream, textEvent, usageEvent } from '../harness/completions.ts'
import { parseAnswer } from '../harness/http-client.ts'
import { answerJson, answerRaw, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
beforeAll(async () => { rig = await startRig() }, 20_000)
afterAll(() => rig?.stop())

const lanes = [{ lane: 'fast', chunked: false }, { lane: 'slow', chunked: true }]

describe.each(lanes)('the $lane lane', ({ lane, chunked }) => {
  const bodies: readonly { readonly name: string, readonly text: string }[] = [
    { name: 'odd white space', text: '{\n\t"messages" : [ {"role":"user" , "content":"hi"}]  ,"model"\t:  "MODEL" , "n":1 }\n' },
    { name: 'fields nobody knows', text: '{"model":"MODEL","messages":[],"x_new":{"deep":[null,{"model":"inner"}]},"service_tier":"flex"}' },
    { name: 'numbers no double can hold', text: '{"model":"MODEL","messages":[],"seed":123456789012345678901234567890,"temperature":1.000000000000000000001,"a":1E+2,"b":-0}' },
    { name: 'text of every kind', text: '{"model":"MODEL","messages":[{"role":"user","content":"é \\u00e9 𝄞 \\ud834\\udd1e \u2028 漢字 \\" \\\\ \\/ \u0000"}]}'.replace('\u0000', '\\u0000') },
    { name: 'the model at the end', text: '{"messages":[{"role":"user","content":"\\"model\\":\\"no\\""}],"model":"MODEL"}' },
  ]
  it.each(bodies)('sends $name to the provider byte for byte, but for the model', async ({ name, text }) => {
    const model = `same-${lane}-${name.replaceAll(' ', '-')}`
    rig.upstream.on(model, answerJson(completion('ok')))
    const answer = await rig.post(text.replace('MODEL', `up/${model}`), [], { chunked })
    expect(answer.status).toBe(200)
    expect(rig.upstream.of(model)[0]?.body.toString()).toBe(text.replace('MODEL', model))
  })

  it('gives a JSON answer back byte for byte, fields that nobody knows included', async () => {
    const text = '{ "id":"x","unknown":[1e5, 12345678901234567890],\n"choices":[{"index":0,"message":{"role":"assistant","content":"é𝄞\\u00e9"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2,"total_tokens":3,"new":true} }\n'
    rig.upstream.on(`json-${lane}`, answerJson(text, { headers: { 'content-type': 'application/json; charset=utf-8' } }))
    const answer = await rig.post(chatBody(`up/json-${lane}`), [], { chunked })
    expect(answer.body.toString()).toBe(text)
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8')
    expect(answer.headers.get('headrace-target')).toBe(`up/json-${lane}`)
  })

  it('gives a stream back byte for byte when the client asked for usage itself', async () => {
    const events = [': a comment\n\n', textEvent('é𝄞漢'), 'event: odd\r\ndata: {"choices":[],"x":1}\r\n\r\n', textEvent('.'), finishEvent(), usageEvent(), DONE]
    rig.upstream.on(`stream-${lane}`, answerStream(events))
    const body = chatBody(`up/stream-${lane}`, { stream: true, stream_options: { include_usage: true } })
    const answer = await rig.post(body, [], { chunked })
    expect(answer).toMatchObject({ status: 200, complete: true })
    expect(answer.body.toString()).toBe(events.join(''))
    expect(rig.upstream.of(`stream-${lane}`)[0]?.body.toString()).toBe(body.replace(`up/stream-${lane}`, `stream-${lane}`))
  })

  it('asks for usage where the client did not, and withholds only the chunk that answers it', async () => {
    const events = stream(['a', 'b'])
    rig.upstream.on(`usage-${lane}`, answerStream(events))
    const answer = await rig.post(chatBody(`up/usage-${lane}`, { stream: true, x_unknown: [1, 2] }), [], { chunked })
    expect(answer.body.toString()).toBe(events.filter(event => event !== usageEvent()).join(''))
    const sent = JSON.parse(rig.upstream.of(`usage-${lane}`)[0]?.body.toString() ?? '') as unknown
    expect(sent).toEqual({ ...JSON.parse(chatBody(`usage-${lane}`)) as object, stream: true, x_unknown: [1, 2], stream_options: { include_usage: true } })
  })

  it('keeps the client\'s other stream options when it adds its own', async () => {
    rig.upstream.on(`options-${lane}`, answerStream(stream(['a'])))
    await rig.post(chatBody(`up/options-${lane}`, { stream: true, stream_options: { include_obfuscation: false, include_usage: false } }), [], { chunked })
    const sent = JSON.parse(rig.upstream.of(`options-${lane}`)[0]?.body.toString() ?? '') as { stream_options: unknown }
    expect(sent.stream_options).toEqual({ include_obfuscation: false, include_usage: true })
  })

  it('sends nothing of the client\'s own headers to the provider', async () => {
    rig.upstream.on(`hygiene-${lane}`, answerJson(completion('ok')))
    const secrets = ['cookie-canary', 'forwarded-canary', 'named-canary', 'hop-canary', 'proxy-canary', 'custom-canary', 'gzip']
    const answer = await rig.post(chatBody(`up/hygiene-${lane}`), [
      ['cookie', 'session=cookie-canary'], ['x-forwarded-for', '10.9.8.7, forwarded-canary'], ['x-forwarded-host', 'forwarded-canary'], ['forwarded', 'for=forwarded-canary'],
      ['x-secret', 'named-canary'], ['connection', 'x-secret, keep-alive'], ['keep-alive', 'timeout=5, max=hop-canary'],
      ['proxy-authorization', 'Basic proxy-canary'], ['x-custom', 'custom-canary'], ['accept-encoding', 'gzip, br'],
    ], { chunked })
    expect(answer.status).toBe(200)
    const head = rig.upstream.of(`hygiene-${lane}`)[0]?.head ?? ''
    for (const secret of [...secrets, API_KEY, 'gateway.test']) expect(head).not.toContain(secret)
    expect(head).toMatch(new RegExp(`^authorization: Bearer ${PROVIDER_KEY}$`, 'im'))
    expect(head).toMatch(new RegExp(`^host: 127\\.0\\.0\\.1:${rig.upstream.port}$`, 'im'))
    expect(/^accept-encoding: (.*)$/im.exec(head)?.[1] ?? 'identity').toBe('identity')
  })
})

describe('what comes back', () => {
  it('carries none of the provider\'s hop-by-hop headers, cookies and secrets', async () => {
    rig.upstream.on('echo', (socket, request) => {
      const key = /^authorization: (.*)$/im.exec(request.head)?.[1] ?? 'none'
      answerJson(completion('ok'), { headers: { 'x-echoed': key, 'set-cookie': 'a=b', connection: 'x-internal', 'x-internal': 'internal-canary', server: 'engine', 'openai-organization': 'org-canary' } })(socket, request)
    })
    const answer = await rig.post(chatBody('up/echo'))
    expect(answer.status).toBe(200)
    for (const word of [PROVIDER_KEY, 'set-cookie', 'internal-canary', 'org-canary', 'engine']) expect(answer.head.toLowerCase()).not.toContain(word)
  })

  const ids: readonly { readonly sent: string | null, readonly echoed: boolean }[] = [
    { sent: 'client-id_1.2:3', echoed: true }, { sent: 'x'.repeat(128), echoed: true }, { sent: 'x'.repeat(129), echoed: false },
    { sent: 'with space', echoed: false }, { sent: '<script>', echoed: false }, { sent: 'é', echoed: false }, { sent: null, echoed: false },
  ]
  it.each(ids)('has the x-request-id $sent: $echoed', async ({ sent, echoed }) => {
    rig.upstream.on('ids', answerJson(completion('ok')))
    const id = (await rig.post(chatBody('up/ids'), sent === null ? [] : [['x-request-id', sent]])).headers.get('x-request-id') ?? ''
    if (echoed) expect(id).toBe(sent)
    else expect(id).toMatch(/^[0-9a-z-]{8,64}$/)
  })

  it('passes the trace on with a span of its own, and nothing when the trace is malformed', async () => {
    const trace = '4bf92f3577b34da6a3ce929d0e0e4736'
    rig.upstream.on('trace', answerJson(completion('ok')))
    await rig.post(chatBody('up/trace'), [['traceparent', `00-${trace}-00f067aa0ba902b7-01`]])
    await rig.post(chatBody('up/trace'), [['traceparent', `00-${'0'.repeat(32)}-00f067aa0ba902b7-01`]])
    const [good, bad] = rig.upstream.of('trace')
    expect(good?.head).toMatch(new RegExp(`^traceparent: 00-${trace}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`, 'im'))
    expect(bad?.head).not.toMatch(/^traceparent:/im)
  })
})

describe('line breaks in names', () => {
  const TRICKS = ['\r\nx-injected: 1', '\nx-injected: 1', '\r\n\r\nGET /evil HTTP/1.1\r\nhost: a\r\n\r\n', '\u010d\u010ax-injected: 1', '\u0000x-injected: 1']
  it.each(TRICKS.map(trick => ({ shown: JSON.stringify(trick), trick })))('$shown in model, user and metadata injects nothing on either side', async ({ trick }) => {
    rig.upstream.on('*', answerJson(completion('ok')))
    const before = rig.upstream.requests.length
    const body = JSON.stringify({ model: `up/evil${trick}`, user: `u${trick}`, metadata: { k: trick }, messages: [] })
    const answer = await rig.post(body, [['headrace-tags', 'a=b; c']])
    expect([200, 400, 404]).toContain(answer.status)
    expect(answer.head).not.toMatch(/^(x-injected|host):/im)
    const sent = rig.upstream.requests.slice(before)
    expect(sent.length).toBe(answer.status === 200 ? 1 : 0)
    for (const request of sent) {
      expect(request.path).toBe('/v1/chat/completions')
      expect(request.head).not.toMatch(/^x-injected/im)
      expect(JSON.parse(request.body.toString())).toMatchObject({ model: `evil${trick}`, user: `u${trick}` })
    }
  })
})

describe('size', () => {
  it.each([{ mib: 1, chunked: false }, { mib: 1, chunked: true }, { mib: 20, chunked: false }, { mib: 20, chunked: true }])('a body of $mib MiB arrives whole (chunked: $chunked)', async ({ mib, chunked }) => {
    const model = `big-${mib}-${chunked}`
    rig.upstream.on(model, answerJson(completion('ok')))
    const body = chatBody(`up/${model}`, { padding: 'é0123456789abcde'.repeat(mib * 61_681) })
    expect(body.length).toBeGreaterThan(mib * 950_000)
    const answer = await rig.post(body, [], { chunked })
    expect(answer.status).toBe(200)
    expect(rig.upstream.of(model)[0]?.body.equals(Buffer.from(body.replace(`up/${model}`, model)))).toBe(true)
  })

  it('a JSON answer over 256 KiB begins before it is complete, and arrives exactly', async () => {
    const text = JSON.stringify(completion('long '.repeat(200_000)))
    let rest: () => void = () => undefined
    rig.upstream.on('long', (socket, request) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text.slice(0, 400_000)}`)
      rest = () => { request.answeredAt = performance.now(); socket.write(text.slice(400_000)) }
    })
    const socket = await rig.open(chatBody('up/long'))
    const first = await new Promise<Buffer>(resolve => socket.once('data', resolve))
    expect(first.latin1Slice(0, 15)).toBe('HTTP/1.1 200 OK')
    const parts = [first]
    socket.on('data', (part: Buffer) => parts.push(part))
    const whole = new Promise<void>(resolve => {
      socket.on('data', part => { if (part.includes('\r\n0\r\n\r\n')) resolve() })
      socket.on('close', () => resolve())
    })
    rest()
    await whole
    socket.destroy()
    const answer = parseAnswer(Buffer.concat(parts))
    expect(answer.complete).toBe(true)
    expect(answer.body.toString()).toBe(text)
  })

  it('a provider that sends 1xx answers first is still understood', async () => {
    const text = JSON.stringify(completion('ok'))
    rig.upstream.on('early', answerRaw('HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'.repeat(3), `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length}\r\n\r\n${text}`))
    expect((await rig.post(chatBody('up/early'))).body.toString()).toBe(text)
  })
})
