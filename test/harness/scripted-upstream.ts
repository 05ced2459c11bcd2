import { createServer, type AddressInfo, type Socket } from 'node:net'
import { until } from './until.ts'

/** One request as its bytes arrived. Times are `performance.now()` milliseconds; 0 = not yet. */
export interface SeenRequest {
  /** Request line and header lines, latin1, without the blank line. */
  readonly head: string
  readonly body: Buffer
  readonly path: string
  /** The model that the path names as Google's do, or `model` of the JSON body, or ''. */
  readonly model: string
  readonly arrivedAt: number
  /** When the gateway closed or reset the connection while the answer was not over. */
  abortedAt: number
  /** Set by the script when it has written its whole answer. */
  answeredAt: number
}

/** Writes what it likes to the socket: exact bytes, whenever, or nothing. */
export type Script = (socket: Socket, request: SeenRequest) => void | Promise<void>

export interface ScriptedUpstream {
  /** Base URL for a provider, `/v1` included. */
  readonly url: string
  readonly port: number
  readonly requests: SeenRequest[]
  /** What to answer to calls of `model`: the scripts in turn, the last one for ever. `*` = any other model. */
  on(model: string, ...scripts: readonly Script[]): void
  /** The requests for one model, once there are `count` of them. */
  seen(model: string, count?: number): Promise<SeenRequest[]>
  of(model: string): SeenRequest[]
  connections(): number
  stop(): Promise<void>
}

/** A provider that sends exactly the bytes it is told to, on a real socket, and remembers what it was sent. */
export async function startScriptedUpstream(port = 0): Promise<ScriptedUpstream> {
  const scripts = new Map<string, readonly Script[]>()
  const calls = new Map<string, number>()
  const requests: SeenRequest[] = []
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    readRequests(socket, request => {
      // Sent in the moment in which a script closed the connection: nobody reads it.
      if (socket.writableEnded) return
      requests.push(request)
      const key = scripts.has(request.model) ? request.model : '*'
      const turn = calls.get(key) ?? 0
      calls.set(key, turn + 1)
      const list = scripts.get(key) ?? [answerJson({ error: { message: `no script for ${request.model}` } }, { status: 500 })]
      void list[Math.min(turn, list.length - 1)]?.(socket, request)
    })
  })
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  const bound = (server.address() as AddressInfo).port
  const of = (model: string): SeenRequest[] => requests.filter(request => request.model === model)
  return {
    url: `http://127.0.0.1:${bound}/v1`, port: bound, requests, of,
    on: (model, ...list) => { scripts.set(model, list); calls.delete(model) },
    seen: (model, count = 1) => until(`${count} request(s) for ${model}`, () => of(model).length >= count ? of(model) : null),
    connections: () => sockets.size,
    async stop() {
      for (const socket of sockets) socket.destroy()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

function readRequests(socket: Socket, onRequest: (request: SeenRequest) => void): void {
  let pending: Buffer = Buffer.alloc(0)
  let parts: Buffer[] = []
  let current: SeenRequest | null = null
  const closed = (): void => {
    if (current !== null && current.answeredAt === 0 && current.abortedAt === 0) current.abortedAt = performance.now()
  }
  socket.on('end', closed)
  socket.on('close', closed)
  socket.on('data', (chunk: Buffer) => {
    parts.push(chunk)
    if (pending.length === 0 && parts.length === 1) pending = chunk
    for (;;) {
      // Large bodies come in many reads: join them only when the whole request may be there.
      if (pending.length < wanted(pending)) {
        const have = parts.reduce((sum, part) => sum + part.length, 0)
        if (have < wanted(pending)) return
      }
      pending = Buffer.concat(parts)
      const headEnd = pending.indexOf('\r\n\r\n')
      if (headEnd === -1) { parts = [pending]; return }
      const size = wanted(pending)
      if (pending.length < size) { parts = [pending]; return }
      current = toRequest(pending.latin1Slice(0, headEnd), Buffer.from(pending.subarray(headEnd + 4, size)))
      pending = pending.subarray(size)
      parts = pending.length === 0 ? [] : [pending]
      onRequest(current)
      if (pending.length === 0) return
    }
  })
}

/** Bytes of the first request in `bytes`, as far as its head tells; 1 = more is needed to say. */
function wanted(bytes: Buffer): number {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return bytes.length + 1
  const length = /\r\ncontent-length: *(\d+)/i.exec(bytes.latin1Slice(0, headEnd))
  return headEnd + 4 + Number(length?.[1] ?? 0)
}

function toRequest(head: string, body: Buffer): SeenRequest {
  const model = /"model"\s*:\s*("(?:[^"\\]|\\.)*")/.exec(body.toString('latin1', 0, 4_096) + body.toString('latin1', Math.max(4_096, body.length - 4_096)))
  const path = head.split(' ', 2)[1] ?? ''
  const named = /\/(?:models|tunedModels)\/([^?]+):[A-Za-z]+(?:\?|$)/.exec(path)?.[1]
  return {
    head, body, path, arrivedAt: performance.now(), abortedAt: 0, answeredAt: 0,
    model: named !== undefined ? decodeURIComponent(named) : model === null ? '' : JSON.parse(model[1] ?? '""') as string,
  }
}

interface AnswerFacts { readonly status?: number, readonly headers?: Readonly<Record<string, string>> }

const renderHead = (status: number, headers: Readonly<Record<string, string>>): string =>
  `HTTP/1.1 ${status} Scripted\r\n${Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`

/** A whole JSON answer with a content length; a string goes out as it is. */
export function answerJson(body: unknown, facts: AnswerFacts = {}): Script {
  return (socket, request) => {
    const text = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
    request.answeredAt = performance.now()
    socket.write(Buffer.concat([
      Buffer.from(renderHead(facts.status ?? 200, { 'content-type': 'application/json', 'content-length': String(text.length), ...facts.headers })), text,
    ]))
  }
}

export const STREAM_HEAD = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
/** One HTTP chunk. */
export const chunk = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text as string)
  return Buffer.concat([Buffer.from(`${bytes.length.toString(16)}\r\n`), bytes, Buffer.from('\r\n')])
}
export const LAST_CHUNK = Buffer.from('0\r\n\r\n')

/** A whole stream: each text is one HTTP chunk, sent with `gapMs` between them. */
export function answerStream(events: readonly (string | Buffer)[], gapMs = 0): Script {
  return async (socket, request) => {
    socket.write(STREAM_HEAD)
    for (const [index, event] of events.entries()) {
      const last = index === events.length - 1
      if (last) request.answeredAt = performance.now()
      socket.write(last ? Buffer.concat([chunk(event), LAST_CHUNK]) : chunk(event))
      if (gapMs > 0 && !last) await pause(gapMs)
    }
  }
}

/** Sends raw bytes, piece by piece. */
export function answerRaw(...pieces: readonly (string | Buffer)[]): Script {
  return (socket, request) => {
    for (const piece of pieces) socket.write(piece)
    request.answeredAt = performance.now()
  }
}

/** Sends raw bytes and then closes: cleanly (FIN) or with a reset. */
export function answerThenClose(bytes: string | Buffer, how: 'fin' | 'reset'): Script {
  return socket => {
    const close = (): void => { if (how === 'fin') socket.end(); else socket.resetAndDestroy() }
    if (bytes.length === 0) return close()
    // A reset may overtake bytes that were just written: give the reader a moment to take them.
    socket.write(bytes, () => setTimeout(close, how === 'fin' ? 0 : 40))
  }
}

/** Takes the request and says nothing, or nothing more after `bytes`. */
export const hang = (bytes: string | Buffer = ''): Script => socket => { if (bytes.length > 0) socket.write(bytes) }

export const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))
