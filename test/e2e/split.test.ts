import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, completion, DONE, finishEvent, textEvent, usageEvent } from '../harness/completions.ts'
import { startFaultProxy, type FaultProxy, type Toxics } from '../harness/fault-proxy.ts'
import { renderRequest, sendRaw, type RawAnswer } from '../harness/http-client.ts'
import { answerJson, answerStream, chunk, LAST_CHUNK, pause, startScriptedUpstream, STREAM_HEAD, type ScriptedUpstream } from '../harness/scripted-upstream.ts'
import { API_KEY, startHeadrace, type Headrace } from '../harness/start-headrace.ts'

let upstream: ScriptedUpstream
let behind: FaultProxy
let before: FaultProxy
let headrace: Headrace
beforeAll(async () => {
  upstream = await startScriptedUpstream()
  behind = await startFaultProxy(upstream.port)
  headrace = await startHeadrace({ config: { providers: { up: { base_url: `http://127.0.0.1:${behind.port}/v1`, credentials: ['sk-up-credential'] } }, relay: { max_attempts: 1 } } })
  before = await startFaultProxy(headrace.port)
}, 20_000)
afterAll(async () => {
  await before?.stop()
  await headrace?.stop()
  await behind?.stop()
  await upstream?.stop()
})

const events = [textEvent('é𝄞漢'), ': comment\n\n', textEvent('end'), finishEvent(), usageEvent(), DONE]
const shapes = [
  { shape: 'json', body: chatBody('up/json', { user: 'é𝄞' }), chunked: false },
  { shape: 'stream', body: chatBody('up/stream', { stream: true }), chunked: false },
  { shape: 'chunked request', body: chatBody('up/json', { user: 'é𝄞' }), chunked: true },
]

const HEADERS = [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] as const
const ask = (shape: typeof shapes[number]): Promise<RawAnswer> => sendRaw(before.port, { body: shape.body, chunked: shape.chunked, headers: HEADERS })

/** Deterministic pseudo-random cuts. */
function cuts(seed: number, below: number): number[] {
  let state = seed
  return Array.from({ length: 12 }, () => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648
    return 1 + state % below
  }).sort((left, right) => left - right)
}

describe.each(shapes)('a $shape', shape => {
  const toxics: readonly { readonly name: string, readonly toxic: Toxics }[] = [
    { name: 'one byte at a time', toxic: { sliceBytes: 1 } }, { name: 'two bytes at a time', toxic: { sliceBytes: 2 } }, { name: 'seven bytes at a time', toxic: { sliceBytes: 7 } },
    ...[1, 2, 3, 4, 5, 6].map(seed => ({ name: `at random places (${seed})`, toxic: { cutAt: cuts(seed, 900) } })),
  ]
  it.each(toxics)('sent and answered $name is the same on both sides', { timeout: 15_000 }, async ({ toxic }) => {
    upstream.on('json', answerJson(completion('é𝄞漢 whole')))
    upstream.on('stream', answerStream(events))
    before.set({})
    behind.set({})
    const count = upstream.requests.length
    const plain = await ask(shape)
    before.set({ up: toxic, down: toxic })
    behind.set({ up: toxic, down: toxic })
    const sliced = await ask(shape)
    expect(plain.status).toBe(200)
    expect(sliced.status).toBe(plain.status)
    expect(sliced.complete).toBe(true)
    expect(sliced.body.equals(plain.body)).toBe(true)
    const [first, second] = upstream.requests.slice(count)
    expect(second?.body.equals(first?.body ?? Buffer.alloc(0))).toBe(true)
  })
})

describe('a provider\'s stream cut in two at every byte (check U1)', () => {
  it('gives the client the same text, wherever the cut is', { timeout: 20_000 }, async () => {
    const whole = Buffer.from(events.join(''))
    const wanted = events.filter(event => event !== usageEvent()).join('')
    behind.set({})
    const step = 3
    for (let at = 1; at < whole.length; at += step) {
      upstream.on('halved', async (socket, request) => {
        socket.write(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(whole.subarray(0, at))]))
        await pause(1)
        request.answeredAt = performance.now()
        socket.write(Buffer.concat([chunk(whole.subarray(at)), LAST_CHUNK]))
      })
      const answer = await sendRaw(headrace.port, { body: chatBody('up/halved', { stream: true }), headers: HEADERS })
      expect({ at, text: answer.body.toString(), complete: answer.complete }).toEqual({ at, text: wanted, complete: true })
    }
  })

  it('and a client\'s request cut in two at every byte is read the same', { timeout: 20_000 }, async () => {
    upstream.on('json', answerJson(completion('ok')))
    behind.set({})
    const bytes = renderRequest({ body: chatBody('up/json'), headers: HEADERS })
    for (let at = 1; at < bytes.length; at++) {
      before.set({ up: { cutAt: [at] } })
      const answer = await sendRaw(before.port, bytes)
      expect({ at, status: answer.status, complete: answer.complete }).toEqual({ at, status: 200, complete: true })
    }
  })
})
