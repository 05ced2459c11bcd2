import { createServer, connect, type AddressInfo, type Server, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { startFaultProxy, type FaultProxy, type Toxics } from './fault-proxy.ts'

/** What one side saw: its reads, and how the connection ended. */
interface Seen { readonly bytes: string, readonly reads: number, readonly ending: 'end' | 'reset' | 'open', readonly ms: number }

const TEXT = 'abcdefghij'.repeat(5)
let speaker: Server
let proxy: FaultProxy
const opened: Socket[] = []

beforeAll(async () => {
  speaker = createServer(socket => { socket.on('error', () => undefined); socket.end(TEXT) })
  await new Promise<void>(resolve => speaker.listen(0, '127.0.0.1', resolve))
  proxy = await startFaultProxy((speaker.address() as AddressInfo).port)
})
afterEach(() => { for (const socket of opened.splice(0)) socket.destroy() })
afterAll(async () => {
  await proxy.stop()
  await new Promise(resolve => speaker.close(resolve))
})

function listen(waitMs: number): Promise<Seen> {
  return new Promise(resolve => {
    const socket = connect(proxy.port, '127.0.0.1')
    const start = performance.now()
    opened.push(socket)
    let bytes = ''
    let reads = 0
    const done = (ending: Seen['ending']): void => resolve({ bytes, reads, ending, ms: performance.now() - start })
    socket.on('data', data => { bytes += String(data); reads++ })
    socket.on('end', () => done('end'))
    socket.on('error', () => done('reset'))
    setTimeout(() => done('open'), waitMs)
  })
}

describe('the fault proxy', () => {
  const cases: readonly { readonly name: string, readonly down: Toxics, readonly bytes: number, readonly ending: Seen['ending'], readonly check?: (seen: Seen) => void }[] = [
    { name: 'passes everything when nothing is asked', down: {}, bytes: 50, ending: 'end' },
    { name: 'holds bytes back for the latency', down: { latencyMs: 60 }, bytes: 50, ending: 'end', check: seen => expect(seen.ms).toBeGreaterThanOrEqual(59) },
    { name: 'resets after exactly the bytes it was told', down: { resetAfter: 7 }, bytes: 7, ending: 'reset' },
    { name: 'resets before the first byte', down: { resetAfter: 0 }, bytes: 0, ending: 'reset' },
    { name: 'falls silent and keeps the connection open', down: { stallAfter: 12 }, bytes: 12, ending: 'open' },
    { name: 'ends one direction after the bytes it was told', down: { halfCloseAfter: 20 }, bytes: 20, ending: 'end' },
    { name: 'closes after the bytes it was told', down: { closeAfter: 3 }, bytes: 3, ending: 'end' },
    { name: 'loses nothing when it slices at every byte', down: { sliceBytes: 1 }, bytes: 50, ending: 'end' },
    { name: 'loses nothing when it cuts at given offsets', down: { cutAt: [1, 2, 30] }, bytes: 50, ending: 'end' },
    { name: 'trickles byte by byte', down: { trickleMs: 2 }, bytes: 50, ending: 'end', check: seen => { expect(seen.reads).toBeGreaterThan(10); expect(seen.ms).toBeGreaterThan(90) } },
  ]
  it.each(cases)('$name', async ({ down, bytes, ending, check }) => {
    proxy.set({ down })
    const seen = await listen(ending === 'open' ? 150 : 3_000)
    expect(seen).toMatchObject({ bytes: TEXT.slice(0, bytes), ending })
    check?.(seen)
  })

  it('keeps the other direction alive after a half close', async () => {
    const echo = createServer({ allowHalfOpen: true }, socket => { socket.on('end', () => socket.end('said after the end')); socket.resume() })
    await new Promise<void>(resolve => echo.listen(0, '127.0.0.1', resolve))
    const halfOpen = await startFaultProxy((echo.address() as AddressInfo).port)
    halfOpen.set({ up: { halfCloseAfter: 4 } })
    const socket = connect({ port: halfOpen.port, host: '127.0.0.1', allowHalfOpen: true })
    let heard = ''
    socket.on('data', data => { heard += String(data) })
    socket.write('half of this')
    await new Promise(resolve => socket.once('end', resolve))
    expect(heard).toBe('said after the end')
    socket.destroy()
    await halfOpen.stop()
    await new Promise(resolve => echo.close(resolve))
  })
})
