import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion } from '../harness/completions.ts'
import { sendRaw } from '../harness/http-client.ts'
import { answerJson } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'

let rig: Rig
let bare: Rig
beforeAll(async () => {
  [rig, bare] = await Promise.all([startRig({ config: () => ({ server: { cors_origins: ['https://app.example.com'] } }) }), startRig()])
  for (const each of [rig, bare]) each.upstream.on('cors', answerJson(completion('x')))
}, 20_000)
afterAll(() => Promise.all([rig?.stop(), bare?.stop()]))

const preflight = (port: number, origin: string): ReturnType<typeof sendRaw> =>
  sendRaw(port, { method: 'OPTIONS', headers: [['origin', origin], ['access-control-request-method', 'POST'], ['access-control-request-headers', 'authorization, content-type, headrace-tags']] })

describe('CORS', () => {
  it('answers a preflight of a configured origin without a key', async () => {
    const answer = await preflight(rig.headrace.port, 'https://app.example.com')
    expect([200, 204]).toContain(answer.status)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
    expect(answer.headers.get('access-control-allow-methods')).toContain('POST')
    for (const name of ['authorization', 'content-type', 'headrace-tags']) expect(answer.headers.get('access-control-allow-headers')?.toLowerCase()).toMatch(new RegExp(`\\*|${name}`))
    expect(answer.headers.get('access-control-allow-credentials')).toBeUndefined()
  })

  it.each([{ lane: 'fast', chunked: false }, { lane: 'slow', chunked: true }])('lets the configured origin read an answer ($lane lane), and an error', async ({ chunked }) => {
    for (const model of ['up/cors', 'no-such-model']) {
      const answer = await rig.post(chatBody(model), [['origin', 'https://app.example.com']], { chunked })
      expect(answer.headers.get('access-control-allow-origin')).toBe('https://app.example.com')
      expect(answer.headers.get('vary')?.toLowerCase()).toContain('origin')
    }
  })

  it.each(['https://evil.example.com', 'https://app.example.com.evil.test', 'http://app.example.com', 'null'])('says nothing to %s', async origin => {
    const answer = await rig.post(chatBody('up/cors'), [['origin', origin]])
    expect(answer.headers.get('access-control-allow-origin')).toBeUndefined()
    expect((await preflight(rig.headrace.port, origin)).headers.get('access-control-allow-origin')).toBeUndefined()
  })

  it('is off where it is not configured', async () => {
    const answer = await bare.post(chatBody('up/cors'), [['origin', 'https://app.example.com']])
    expect(answer.status).toBe(200)
    expect([...answer.headers.keys()].filter(name => name.startsWith('access-control-'))).toEqual([])
  })
})
