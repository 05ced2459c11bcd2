import Anthropic from '@anthropic-ai/sdk'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { message, messageEnd, messageEvent, messageStream, MESSAGE_START, textBlock } from '../harness/messages.ts'
import { sendRaw } from '../harness/http-client.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
let client: Anthropic
beforeAll(async () => {
  rig = await startRig({ provider: { dialect: 'anthropic-messages' }, config: () => ({ relay: { max_attempts: 1 } }) })
  client = new Anthropic({ baseURL: rig.headrace.url, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

const post = (path: string, body: string, headers: readonly (readonly [string, string])[] = []) =>
  sendRaw(rig.headrace.port, { path, body, headers: [['x-api-key', API_KEY], ['content-type', 'application/json'], ...headers] })

describe('Messages in and out', () => {
  it('sends the request on byte for byte but for the model, with the client\'s own version and features', async () => {
    rig.upstream.on('same', answerJson(message([{ type: 'text', text: 'ok' }])))
    const body = '{ "model":"up/same","max_tokens":1e1,"new_field":{"b":1.0,"a":[]},"messages":[{"role":"user","content":"é\\u00e9"}],"metadata":{"user_id":"u-1"} }'
    const answer = await post('/v1/messages', body, [['anthropic-version', '2024-01-01'], ['anthropic-beta', 'a-1,b-2']])
    expect(answer.status).toBe(200)
    expect(answer.body.toString()).toBe(JSON.stringify(message([{ type: 'text', text: 'ok' }])))
    expect(answer.headers.get('request-id')).not.toBeUndefined()
    const [request] = rig.upstream.of('same')
    expect(request?.body.toString()).toBe(body.replace('up/same', 'same'))
    expect(request?.path).toBe('/v1/messages')
    expect(request?.head).toContain('\r\nanthropic-version: 2024-01-01\r\nanthropic-beta: a-1,b-2')
    expect(request?.head).toContain(`\r\nx-api-key: ${PROVIDER_KEY}`)
    expect(request?.head).not.toContain(API_KEY)
    expect((await rig.headrace.logs('model=up/same'))[0]).toMatchObject({ inputTokens: 13, outputTokens: 3, cachedInputTokens: 4, cacheWriteTokens: 2, finishReason: 'end_turn' })
  })

  it('gives a stream back byte for byte, and its usage is on record', async () => {
    const events = [': hello\n\n', ...messageStream(['one ', 'thrée 𝄞'])]
    rig.upstream.on('stream', answerStream(events))
    const answer = await post('/v1/messages', '{"model":"up/stream","stream":true,"max_tokens":9,"messages":[]}')
    expect(answer).toMatchObject({ status: 200, complete: true })
    expect(answer.body.toString()).toBe(events.join(''))
    expect((await rig.headrace.logs('model=up/stream'))[0]).toMatchObject({ outcome: 'settled', inputTokens: 13, outputTokens: 3, finishReason: 'end_turn' })
  })

  it('gives the terminator where only it is missing, and an error event where more is', async () => {
    const whole = messageStream(['hi'])
    rig.upstream.on('no-stop', answerStream([...whole.slice(0, -1), whole.at(-1)?.replace(/event: message_stop[\s\S]*/, '') ?? '']))
    expect((await post('/v1/messages', '{"model":"up/no-stop","stream":true,"max_tokens":9,"messages":[]}')).body.toString()).toBe(whole.join(''))
    rig.upstream.on('cut', answerStream([MESSAGE_START, ...textBlock(0, ['half'])]))
    const cut = await post('/v1/messages', '{"model":"up/cut","stream":true,"max_tokens":9,"messages":[]}')
    expect(cut.body.toString()).toMatch(/\nevent: error\ndata: \{"type":"error","error":\{"type":"api_error",[^\n]*\}\}\n\n$/)
    expect(cut.complete).toBe(false)
    rig.upstream.on('error-event', answerStream([MESSAGE_START, ...textBlock(0, ['half']), messageEvent({ type: 'error', error: { type: 'overloaded_error', message: 'x' } }), messageEnd()]))
    await expect(client.messages.stream({ model: 'up/error-event', max_tokens: 9, messages: [{ role: 'user', content: 'x' }] }).finalMessage()).rejects.toBeInstanceOf(Anthropic.APIError)
    expect((await rig.headrace.logs('model=up/error-event'))[0]).toMatchObject({ outcome: 'partial', errorKind: 'upstream-overloaded' })
  })

  it('counts tokens', async () => {
    rig.upstream.on('count', answerJson({ input_tokens: 42 }))
    expect(await client.messages.countTokens({ model: 'up/count', messages: [{ role: 'user', content: 'hello' }] })).toEqual({ input_tokens: 42 })
    expect(rig.upstream.of('count')[0]?.path).toBe('/v1/messages/count_tokens')
  })

  it('hands a refusal on as it is', async () => {
    const refusal = { type: 'error', error: { type: 'invalid_request_error', message: 'max_tokens: too large' }, request_id: 'req_1' }
    rig.upstream.on('refused', answerJson(refusal, { status: 400 }))
    await expect(client.messages.create({ model: 'up/refused', max_tokens: 9, messages: [] })).rejects.toMatchObject({ status: 400, error: refusal })
  })
})
