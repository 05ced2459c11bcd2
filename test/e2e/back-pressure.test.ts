import type { Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { chatBody, DONE, finishEvent, textEvent } from '../harness/completions.ts'
import { parseAnswer } from '../harness/http-client.ts'
import { workerMemory } from '../harness/process-memory.ts'
import { chunk, LAST_CHUNK, pause, STREAM_HEAD, type Script } from '../harness/scripted-upstream.ts'
import { startRig, type Rig } from '../harness/start-rig.ts'
import { until } from '../harness/until.ts'

const STALL_MS = 3_000
let rig: Rig
beforeAll(async () => { rig = await startRig({ config: () => ({ server: { limits: { stall: `${STALL_MS}ms` } } }) }) }, 20_000)
afterAll(() => rig?.stop())

const BIG = chunk(textEvent('x'.repeat(16_000)).repeat(4))
let written = 0
/** As fast as the gateway takes it, without end. */
const flood: Script = async socket => {
  socket.write(STREAM_HEAD)
  while (!socket.destroyed) {
    written += BIG.length
    if (socket.write(BIG)) continue
    await new Promise<void>(resolve => {
      socket.once('drain', resolve)
      socket.once('close', resolve)
    })
  }
}

describe('clients that do not read', () => {
  it('pause their providers, cost bounded memory and are let go after the stall limit', { timeout: 20_000 }, async () => {
    rig.upstream.on('flood', flood)
    const before = workerMemory(rig.headrace)
    const sockets: Socket[] = []
    for (let count = 0; count < 20; count++) {
      const socket = await rig.open(chatBody('up/flood', { stream: true }))
      socket.pause()
      sockets.push(socket)
    }
    await rig.upstream.seen('flood', 20)
    let last = -1
    await until('the providers to be paused', async () => {
      const still = written === last
      last = written
      await pause(150)
      return still
    })
    expect(workerMemory(rig.headrace) - before).toBeLessThanOrEqual(64 * 2 ** 20)
    const seen = rig.upstream.of('flood')
    await until('the stalled clients to be let go', () => seen.every(request => request.abortedAt > 0), STALL_MS + 4_000)
    // Not before their time: the limit counts from the last byte that the client took.
    expect(Math.min(...seen.map(request => request.abortedAt - request.arrivedAt))).toBeGreaterThanOrEqual(STALL_MS - 500)
    expect(workerMemory(rig.headrace) - before).toBeLessThanOrEqual(64 * 2 ** 20)
    expect((await rig.headrace.logs('model=up/flood', 20)).every(row => row.outcome === 'partial')).toBe(true)
    for (const socket of sockets) socket.destroy()
  })

  it('get every byte exactly when they read on', { timeout: 20_000 }, async () => {
    const events = [...Array.from({ length: 3_000 }, (_, turn) => textEvent(`${turn} ${'é𝄞-'.repeat(500)}`)), finishEvent(), DONE]
    rig.upstream.on('resume', async socket => {
      socket.write(STREAM_HEAD)
      for (const event of events) if (!socket.write(chunk(event))) await new Promise(resolve => socket.once('drain', resolve))
      socket.write(LAST_CHUNK)
    })
    const socket = await rig.open(chatBody('up/resume', { stream: true, stream_options: { include_usage: true } }))
    const parts: Buffer[] = []
    let size = 0
    let naps = 0
    await new Promise<void>(resolve => {
      socket.on('data', (part: Buffer) => {
        parts.push(part)
        size += part.length
        if (part.includes('\r\n0\r\n\r\n')) return resolve()
        if (size < (naps + 1) * 3 * 2 ** 20) return
        naps++
        socket.pause()
        setTimeout(() => socket.resume(), 400)
      })
      socket.on('close', () => resolve())
    })
    socket.destroy()
    const answer = parseAnswer(Buffer.concat(parts))
    expect(naps).toBeGreaterThanOrEqual(2)
    expect(answer.complete).toBe(true)
    expect(answer.body.equals(Buffer.from(events.join('')))).toBe(true)
  })
})
