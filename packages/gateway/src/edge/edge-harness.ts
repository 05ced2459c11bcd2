import { connect, type Socket } from 'node:net'
import { ERROR_POLICY, type ClientSink, type RequestHead, type ServerLimits } from '@headrace/contract'
import { refuseCoding } from './content-coding.ts'
import type { BodyMemory } from './door.ts'
import { createEdge, type Edge, type EdgeOptions } from './edge.ts'

/** For tests of this folder: an edge on a real socket and raw clients for it. */

export const LIMITS: ServerLimits = {
  headBytes: 16_384, bodyBytes: 100_000, jsonDepth: 64, connections: 1_000, connectionsPerAddress: 1_000, requestsPerConnection: 1_000,
  headMs: 15_000, requestMs: 60_000, keepAliveMs: 60_000, stallMs: 30_000,
}

/** There is always memory. */
export const PLENTY: BodyMemory = { setAside: () => ({ grow: () => null, arrived: () => undefined, end: () => undefined }) }

/** What `serve` or `local` was given. */
export interface Seen { readonly kind: 'serve' | 'local', readonly head: RequestHead, readonly body: string, readonly sink: ClientSink }

export interface Harness {
  readonly edge: Edge
  readonly port: number
  readonly seen: Seen[]
  close(): Promise<void>
}

/** An edge that answers every request with 200 and what it understood of it, unless `options` say otherwise. */
export async function startEdge(options: Partial<EdgeOptions> = {}): Promise<Harness> {
  const seen: Seen[] = []
  const answer = (kind: Seen['kind']) => (head: RequestHead, body: Buffer, sink: ClientSink): void => {
    seen.push({ kind, head, body: body.toString('latin1'), sink })
    sink.respond(200, 'content-type: text/plain\r\n', `${kind} ${head.path}`)
  }
  const edge = createEdge({
    limits: LIMITS, tls: null, corsOrigins: [], controlSocket: null,
    routes: new Map([['/v1/chat/completions', { dialect: 'openai-chat', operation: 'chat' }]]),
    serve: (_dialect, _operation, head, body, sink) => answer('serve')(head, body, sink),
    local: answer('local'),
    admit: refuseCoding,
    memory: PLENTY,
    encodeError: error => ({ status: ERROR_POLICY[error.kind].status, headers: 'content-type: application/json\r\n', body: JSON.stringify({ kind: error.kind, message: error.message }) }),
    ...options,
  })
  const { port } = await edge.listen({ host: '127.0.0.1', port: 0 })
  return { edge, port, seen, close: () => edge.close() }
}

/** A raw client that keeps what it received. */
export class RawClient {
  readonly socket: Socket
  text = ''
  ended = false
  #wake: () => void = () => {}

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => {
      this.text += chunk.toString('latin1')
      this.#wake()
    })
    const end = (): void => {
      this.ended = true
      this.#wake()
    }
    socket.on('end', end)
    socket.on('close', end)
    socket.on('error', end)
  }

  static to(port: number): RawClient {
    return new RawClient(connect({ port, host: '127.0.0.1', noDelay: true, allowHalfOpen: true }))
  }

  send(text: string | Buffer): this {
    this.socket.write(typeof text === 'string' ? Buffer.from(text, 'latin1') : text)
    return this
  }

  /** Resolves when `done` holds of what was received, or the peer ended; checked after each read. */
  async until(done: (text: string) => boolean): Promise<string> {
    while (!done(this.text) && !this.ended) await new Promise<void>(resolve => { this.#wake = resolve })
    return this.text
  }

  /** Everything until the peer ends. */
  async rest(): Promise<string> {
    await this.until(() => false)
    this.socket.destroy()
    return this.text
  }
}

export const PATH = '/v1/chat/completions'

/** A plain request of the fast path's shape. */
export function post(body: string, headers: readonly string[] = []): string {
  return [`POST ${PATH} HTTP/1.1`, 'Host: localhost', `Content-Length: ${body.length}`, ...headers, '', body].join('\r\n')
}

/** Waits for a condition that another socket's event brings about; fails after five seconds. */
export async function eventually(done: () => boolean): Promise<void> {
  const end = performance.now() + 5_000
  while (!done()) {
    if (performance.now() > end) throw new Error('it did not come to pass within 5 s')
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
