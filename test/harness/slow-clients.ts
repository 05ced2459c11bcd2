import { connect, type Socket } from 'node:net'
import { API_KEY } from './start-headrace.ts'

/** How a client is slow: it never ends its head, never ends its body, or does not read what it asked for. */
export type Slowness = 'head' | 'body' | 'read'

const HEAD = `POST /v1/chat/completions HTTP/1.1\r\nhost: gateway.test\r\nauthorization: Bearer ${API_KEY}\r\ncontent-type: application/json\r\n`

export interface SlowClients {
  readonly sockets: readonly Socket[]
  /** Those that the gateway has closed. */
  closed(): number
  /** `performance.now()` of the last one that was closed. */
  lastClosedAt(): number
  stop(): void
}

/**
 * Opens `count` connections that are slow in one way. Heads and bodies trickle in, a few bytes each `everyMs`; readers ask for `model` and take nothing.
 * Spread over the addresses of the loopback network, as over many clients.
 */
export async function startSlowClients(port: number, how: Slowness, count: number, everyMs: number, model = ''): Promise<SlowClients> {
  const sockets: Socket[] = []
  let closed = 0
  let lastClosedAt = 0
  for (let index = 0; index < count; index++) {
    const socket = connect({ port, host: '127.0.0.1', localAddress: `127.0.0.${2 + index % 200}`, noDelay: true })
    sockets.push(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => {
      closed++
      lastClosedAt = performance.now()
    })
    await new Promise<void>(resolve => {
      socket.once('connect', () => resolve())
      socket.once('close', () => resolve())
    })
    if (how === 'read') {
      const body = JSON.stringify({ model, messages: [], stream: true })
      socket.pause()
      socket.write(`${HEAD}content-length: ${body.length}\r\n\r\n${body}`)
    } else {
      socket.on('data', () => undefined)
      socket.write(how === 'head' ? HEAD : `${HEAD}content-length: 100000\r\n\r\n{"model":"`)
    }
  }
  const trickle = setInterval(() => {
    if (how !== 'read') for (const socket of sockets) if (socket.writable) socket.write(how === 'head' ? 'x-a: b\r\n' : 'aaaa')
  }, everyMs)
  return {
    sockets,
    closed: () => closed,
    lastClosedAt: () => lastClosedAt,
    stop() {
      clearInterval(trickle)
      for (const socket of sockets) socket.destroy()
    },
  }
}
