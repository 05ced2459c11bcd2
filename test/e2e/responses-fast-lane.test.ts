import OpenAI from 'openai'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sendRaw } from '../harness/http-client.ts'
import { outputMessage, response, responseEvents, responseStream, textBegun } from '../harness/responses.ts'
import { answerJson, answerStream } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { PROVIDER_KEY, startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
let client: OpenAI
beforeAll(async () => {
  rig = await startRig({ provider: { dialect: 'openai-responses' }, config: () => ({ relay: { max_attempts: 1 }, contexts: { enabled: false } }) })
  client = new OpenAI({ baseURL: `${rig.headrace.url}/v1`, apiKey: API_KEY, maxRetries: 0 })
}, 20_000)
afterAll(() => rig?.stop())

const post = (path: string, body: string) => sendRaw(rig.headrace.port, { path, body, headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })

describe('Responses in and out', () => {
  it('sends the request on byte for byte but for the model', async () => {
    const answered = response([{ id: 'ws_1', type: 'web_search_call', status: 'completed', action: { type: 'search', query: 'q' } }, { id: 'mcp_1', type: 'mcp_call', server_label: 's', name: 'n', arguments: '{}', output: 'o' }, outputMessage('ok')], { new_field: [1.0] })
    rig.upstream.on('same', answerJson(answered))
    const body = '{ "model":"up/same","max_output_tokens":1e2,"new_field":{"b":1.0,"a":[]},"input":[{"type":"item_reference","id":"rs_1"},{"type":"reasoning","id":"rs_2","summary":[],"encrypted_content":"é\\u00e9"}],"tools":[{"type":"mcp","server_label":"s"},{"type":"web_search"}],"stream_options":null }'
    const answer = await post('/v1/responses', body)
    expect(answer.status).toBe(200)
    expect(answer.body.toString()).toBe(JSON.stringify(answered))
    expect(answer.headers.get('x-request-id')).not.toBeUndefined()
    const [request] = rig.upstream.of('same')
    expect(request?.body.toString()).toBe(body.replace('up/same', 'same'))
    expect(request?.path).toBe('/v1/responses')
    expect(request?.head).toContain(`\r\nauthorization: Bearer ${PROVIDER_KEY}`)
    expect(request?.head).not.toContain(API_KEY)
    expect((await rig.headrace.logs('model=up/same'))[0]).toMatchObject({ inputTokens: 13, outputTokens: 3, cachedInputTokens: 4, cacheWriteTokens: 2, reasoningTokens: 1, finishReason: 'completed' })
  })

  it('gives a stream back byte for byte, and its usage is on record', async () => {
    const events = [': hello\n\n', ...responseStream(['one ', 'thrée 𝄞'])]
    rig.upstream.on('stream', answerStream(events))
    const answer = await post('/v1/responses', '{"model":"up/stream","stream":true,"input":"x"}')
    expect(answer).toMatchObject({ status: 200, complete: true })
    expect(answer.body.toString()).toBe(events.join(''))
    expect(rig.upstream.of('stream')[0]?.body.toString()).toBe('{"model":"stream","stream":true,"input":"x"}')
    expect((await rig.headrace.logs('model=up/stream'))[0]).toMatchObject({ outcome: 'settled', inputTokens: 13, outputTokens: 3, finishReason: 'completed' })
  })

  it('ends a stream that breaks off, or reports an error, as one that failed', async () => {
    const begun = responseEvents(textBegun(['half']))
    rig.upstream.on('cut', answerStream(begun))
    const cut = await post('/v1/responses', '{"model":"up/cut","stream":true,"input":"x"}')
    expect(cut.complete).toBe(false)
    const told = cut.body.toString().slice(begun.join('').length)
    expect(told).toMatch(/^event: error\ndata: \{"type":"error","sequence_number":5,"code":"upstream_truncated"[^\n]*\n\nevent: response.failed\ndata: \{"type":"response.failed","sequence_number":6,"response":\{"id":"resp_1",[^\n]*"status":"failed"[^\n]*\n\n$/)
    rig.upstream.on('failed', answerStream([...begun, ...responseEvents([{ type: 'response.failed', response: response([], { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'x' } }) }], 5)]))
    await expect(client.responses.stream({ model: 'up/failed', input: 'x' }).finalResponse()).rejects.toBeInstanceOf(OpenAI.APIError)
    expect((await rig.headrace.logs('model=up/failed'))[0]).toMatchObject({ outcome: 'partial', errorKind: 'upstream-rate-limited' })
  })

  it('counts tokens', async () => {
    rig.upstream.on('count', answerJson({ object: 'response.input_tokens', input_tokens: 42 }))
    expect((await client.responses.inputTokens.count({ model: 'up/count', input: 'hello' })).input_tokens).toBe(42)
    expect(rig.upstream.of('count')[0]?.path).toBe('/v1/responses/input_tokens')
  })

  it('hands a refusal on as it is, and refuses by itself what needs stored answers', async () => {
    const error = { message: 'Bad.', type: 'invalid_request_error', param: 'input', code: 'x' }
    rig.upstream.on('refused', answerJson({ error }, { status: 400 }))
    await expect(client.responses.create({ model: 'up/refused', input: 'x' })).rejects.toMatchObject({ status: 400, error })
    await expect(client.responses.create({ model: 'up/stateful', input: 'x', previous_response_id: 'resp_1' })).rejects.toMatchObject({ status: 400, code: 'previous_response_not_found', param: 'previous_response_id' })
    expect(rig.upstream.of('stateful').length).toBe(0)
  })
})
