import { connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startBlackHole, type BlackHole } from '../harness/black-hole.ts'
import { chatBody, completion, textEvent } from '../harness/completions.ts'
import { renderRequest } from '../harness/http-client.ts'
import { answerJson, chunk, hang, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { API_KEY } from '../harness/start-headrace.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

let rig: Rig
let hole: BlackHole
beforeAll(async () => {
  hole = await startBlackHole()
  rig = await startRig({
    config: upstream => ({
      providers: {
        up: { base_url: upstream.url, credentials: ['sk-up-credential'] },
        hole: { base_url: `http://127.0.0.1:${hole.port}/v1`, credentials: [], timeouts: { connect: '60s' } },
      },
    }),
  })
}, 20_000)
afterAll(async () => {
  await rig?.stop()
  hole?.stop()
})

const request = (body: string, chunked: boolean): Buffer =>
  renderRequest({ body, chunked, headers: [['authorization', `Bearer ${API_KEY}`], ['content-type', 'application/json']] })

async function open(body: string, chunked: boolean): Promise<Socket> {
  const socket = connect(rig.headrace.port, '127.0.0.1')
  socket.on('error', () => undefined)
  await new Promise(resolve => socket.once('connect', resolve))
  socket.write(request(body, chunked))
  return socket
}

const firstBytes = (socket: Socket): Promise<Buffer> => new Promise(resolve => socket.once('data', resolve))

describe.each([{ lane: 'fast', chunked: false }, { lane: 'slow', chunked: true }])('a client of the $lane lane that leaves', ({ lane, chunked }) => {
  const phases: readonly { readonly phase: string, readonly script: Script, readonly stream: boolean, readonly committed: boolean }[] = [
    { phase: 'before the head of a stream', script: hang(), stream: true, committed: false },
    { phase: 'between head and first event', script: hang(STREAM_HEAD), stream: true, committed: false },
    { phase: 'in the middle of a stream', script: hang(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('first'))])), stream: true, committed: true },
    { phase: 'while a JSON call waits', script: hang(), stream: false, committed: false },
    { phase: 'in the middle of a JSON answer', script: hang('HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"id":'), stream: false, committed: false },
  ]
  const ways = [{ way: 'closes', leave: (socket: Socket) => socket.destroy() }, { way: 'resets', leave: (socket: Socket) => socket.resetAndDestroy() }]
  const cases = phases.flatMap((phase, index) => ways.map(way => ({ ...phase, ...way, model: `gone-${lane}-${index}-${way.way}` })))

  it.each(cases)('$phase ($way): the provider hears of it at once, and the log has one partial row', async ({ script, stream, committed, leave, model }) => {
    rig.upstream.on(model, script)
    const socket = await open(chatBody(`up/${model}`, { stream }), chunked)
    const [seen] = await rig.upstream.seen(model)
    if (committed) await firstBytes(socket)
    const left = performance.now()
    leave(socket)
    const abortedAt = await until('the abort upstream', () => seen?.abortedAt, 8_000)
    expect(abortedAt - left).toBeLessThanOrEqual(5_000)
    const rows = await rig.headrace.logs(`model=up/${model}`)
    expect(rows).toMatchObject([{ outcome: 'partial', errorKind: 'client-closed', attempt: 1, status: committed ? 200 : 499 }])
  })

  it('during the back-off: no further attempt is made, and the one before keeps the row of what the provider said', async () => {
    const model = `gone-${lane}-back-off`
    rig.upstream.on(model, answerJson({ error: { message: 'slow down' } }, { status: 429, headers: { 'retry-after': '2' } }), answerJson(completion('too late')))
    const socket = await open(chatBody(`up/${model}`), chunked)
    await rig.upstream.seen(model)
    const said = { attempt: 1, outcome: 'settled', errorKind: 'upstream-rate-limited', upstreamStatus: 429 }
    expect(await rig.headrace.logs(`model=up/${model}`)).toMatchObject([said])
    socket.destroy()
    await new Promise(resolve => setTimeout(resolve, 2_500))
    expect(rig.upstream.of(model).length).toBe(1)
    const rows = await rig.headrace.logs(`model=up/${model}`)
    expect(rows.toSorted((a, b) => a.attempt - b.attempt)).toMatchObject([said, { attempt: 2, outcome: 'refused', errorKind: 'client-closed', status: 499, upstreamStatus: 0 }])
  })

  it('while the connection to the provider is being made', async () => {
    const model = `hole/gone-${lane}`
    const socket = await open(chatBody(model), chunked)
    await new Promise(resolve => setTimeout(resolve, 150))
    const left = performance.now()
    socket.destroy()
    const rows = await rig.headrace.logs(`model=${model}`)
    expect(performance.now() - left).toBeLessThan(8_000)
    expect(rows).toMatchObject([{ outcome: 'partial', errorKind: 'client-closed' }])
  })

  it('before its request is whole: the provider hears nothing', async () => {
    const model = `gone-${lane}-half`
    const bytes = request(chatBody(`up/${model}`), chunked)
    const socket = connect(rig.headrace.port, '127.0.0.1')
    socket.on('error', () => undefined)
    socket.write(bytes.subarray(0, bytes.length - 12))
    await new Promise(resolve => setTimeout(resolve, 50))
    socket.destroy()
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(rig.upstream.of(model).length).toBe(0)
  })
})

it('fifty clients that leave at once leave nothing running', async () => {
  rig.upstream.on('crowd', hang(Buffer.concat([Buffer.from(STREAM_HEAD), chunk(textEvent('x'))])))
  const sockets = await Promise.all(Array.from({ length: 50 }, () => open(chatBody('up/crowd', { stream: true }), false)))
  const seen = await rig.upstream.seen('crowd', 50)
  const left = performance.now()
  for (const socket of sockets) socket.destroy()
  await until('all aborts', () => seen.every(request => request.abortedAt > 0), 8_000)
  expect(Math.max(...seen.map(request => request.abortedAt)) - left).toBeLessThanOrEqual(5_000)
  expect((await rig.headrace.logs('model=up/crowd&outcome=partial&limit=100', 50)).length).toBe(50)
})
