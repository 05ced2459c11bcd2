import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { GatewayError, Origin, Timeouts, UpstreamCall, UpstreamHandler, UpstreamRequest } from '@headrace/contract'

/** For tests: a raw server whose every byte is the test's. */
export interface ScriptedServer {
  readonly origin: Origin
  readonly sockets: readonly Socket[]
  /** Resolves with the n-th connection (from 0). */
  connection(index: number): Promise<Socket>
  close(): Promise<void>
}

export async function scriptedServer(script: (socket: Socket, index: number) => void, make: (onSocket: (socket: Socket) => void) => Server = listener => createServer(listener)): Promise<ScriptedServer> {
  const sockets: Socket[] = []
  const waiters: (() => void)[] = []
  const server = make(socket => {
    socket.on('error', () => undefined)
    socket.setNoDelay(true)
    script(socket, sockets.push(socket) - 1)
    for (const wake of waiters.splice(0)) wake()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  return {
    origin: originAt((server.address() as AddressInfo).port),
    sockets,
    async connection(index) {
      while (sockets[index] === undefined) await new Promise<void>(resolve => waiters.push(resolve))
      return sockets[index]
    },
    close() {
      for (const socket of sockets) socket.destroy()
      return new Promise(resolve => server.close(() => resolve()))
    },
  }
}

export const originAt = (port: number, facts: Partial<Origin> = {}): Origin =>
  ({ tls: false, host: '127.0.0.1', port, authority: `127.0.0.1:${port}`, proxy: null, ...facts })

/** Calls `onRequest` for each whole request (content-length framing) that arrives on a socket. */
export function onRequests(socket: Socket, onRequest: (text: string) => void): void {
  let text = ''
  socket.on('data', bytes => {
    text += bytes.toString('latin1')
    for (;;) {
      const head = text.indexOf('\r\n\r\n')
      if (head === -1) return
      const length = Number(/\r\ncontent-length: (\d+)/.exec(text.slice(0, head))?.[1] ?? 0)
      if (text.length < head + 4 + length) return
      const request = text.slice(0, head + 4 + length)
      text = text.slice(head + 4 + length)
      onRequest(request)
    }
  })
}

export const LONG: Timeouts = Object.freeze({ connect: 20_000, firstToken: 20_000, idle: 20_000, total: 60_000 })

export const requestTo = (origin: Origin, facts: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
  origin, method: 'POST', path: '/v1/chat/completions', headers: 'content-type: application/json\r\n', credentialId: null,
  body: '{}', timeouts: LONG, deadline: performance.now() + 60_000, ...facts,
})

/** Collects what a call tells, in order, and resolves `ended` with its end. */
export class Witness implements UpstreamHandler {
  readonly events: string[] = []
  readonly ended: Promise<void>
  readonly onFirst: Promise<void>
  status = 0
  body = ''
  bytes = 0
  error: GatewayError | null = null
  header: (name: string) => string | undefined = () => undefined
  /** What `onData` returns. */
  wantsMore = true
  call: UpstreamCall | null = null
  #end: () => void
  #first: () => void

  constructor() {
    const ended = Promise.withResolvers<void>()
    const first = Promise.withResolvers<void>()
    this.ended = ended.promise
    this.onFirst = first.promise
    this.#end = ended.resolve
    this.#first = first.resolve
  }

  onSent(): void {
    this.events.push('sent')
  }

  onHead(status: number, head: { header(name: string): string | undefined }): void {
    this.events.push('head')
    this.status = status
    this.header = name => head.header(name)
  }

  onData(chunk: Buffer): boolean {
    if (this.events.at(-1) !== 'data') this.events.push('data')
    this.bytes += chunk.length
    if (this.body.length < 1_000_000) this.body += chunk.toString('latin1')
    this.#first()
    return this.wantsMore
  }

  onEnd(): void {
    this.events.push('end')
    this.#end()
  }

  onError(error: GatewayError): void {
    this.events.push('error')
    this.error = error
    this.#end()
  }
}

/** Resolves when a socket is closed, whether cleanly or by a reset. */
export const closing = (socket: Socket): Promise<void> => new Promise(resolve => socket.once('close', () => resolve()))
