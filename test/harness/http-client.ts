import { connect, type Socket } from 'node:net'

/** An answer as its bytes came, with the framing taken off. */
export interface RawAnswer {
  readonly status: number
  /** Status line and header lines, latin1. */
  readonly head: string
  readonly headers: ReadonlyMap<string, string>
  readonly body: Buffer
  /** True = the framing says it is whole (content length reached, or the terminal chunk seen). */
  readonly complete: boolean
}

export interface RawRequest {
  readonly method?: string
  readonly path?: string
  /** Header lines in the order given, without Host and Content-Length. */
  readonly headers?: readonly (readonly [name: string, value: string])[]
  readonly body?: string | Buffer
  /** Chunked instead of a content length: such a request is handed to the gateway's slow lane. */
  readonly chunked?: boolean
}

/** Renders one HTTP/1.1 request. */
export function renderRequest(request: RawRequest): Buffer {
  const body = Buffer.from(request.body as string ?? '')
  const method = request.method ?? 'POST'
  const lines = [`${method} ${request.path ?? '/v1/chat/completions'} HTTP/1.1`, 'host: gateway.test', ...(request.headers ?? []).map(([name, value]) => `${name}: ${value}`)]
  if (request.chunked === true) lines.push('transfer-encoding: chunked')
  else if (method !== 'GET') lines.push(`content-length: ${body.length}`)
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  if (request.chunked !== true) return Buffer.concat([head, body])
  return Buffer.concat([head, Buffer.from(`${body.length.toString(16)}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')])
}

/** Sends one request on a connection of its own and reads the answer until it is whole or the connection ends. */
export function sendRaw(port: number, request: RawRequest | Buffer, limitMs = 15_000): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    const chunks: Buffer[] = []
    let size = 0
    let parsedAt = 0
    const timer = setTimeout(() => { socket.destroy(); reject(new Error(`No whole answer in ${limitMs} ms: ${Buffer.concat(chunks).latin1Slice(0, 500)}`)) }, limitMs)
    const finish = (): void => { clearTimeout(timer); socket.destroy(); resolve(parseAnswer(Buffer.concat(chunks))) }
    socket.on('connect', () => socket.write(Buffer.isBuffer(request) ? request : renderRequest(request)))
    socket.on('data', (data: Buffer) => {
      chunks.push(data)
      size += data.length
      // Parsing is linear in what is there: look again only when it has doubled, or the end may be in sight.
      if (size < parsedAt * 2 && !data.includes('0\r\n\r\n') && data.length === 65_536) return
      parsedAt = size
      if (parseAnswer(Buffer.concat(chunks)).complete) finish()
    })
    socket.on('error', () => undefined)
    socket.on('close', finish)
  })
}

/** Opens a connection, sends the request and hands the socket over: for clients that leave, stall or read slowly. */
export function openRaw(port: number, request: RawRequest): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.off('error', reject)
      socket.on('error', () => undefined)
      socket.write(renderRequest(request), () => resolve(socket))
    })
  })
}

/** Reads the first answer in `bytes`. */
export function parseAnswer(bytes: Buffer): RawAnswer {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return { status: 0, head: bytes.latin1Slice(), headers: new Map(), body: Buffer.alloc(0), complete: false }
  const head = bytes.latin1Slice(0, headEnd)
  const headers = new Map(head.split('\r\n').slice(1).map(line => {
    const colon = line.indexOf(':')
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const
  }))
  const rest = bytes.subarray(headEnd + 4)
  const status = Number(head.split(' ', 2)[1])
  if (headers.get('transfer-encoding') === 'chunked') return { status, head, headers, ...readChunks(rest) }
  const length = Number(headers.get('content-length') ?? 0)
  return { status, head, headers, body: rest.subarray(0, length), complete: rest.length >= length }
}

function readChunks(bytes: Buffer): { body: Buffer, complete: boolean } {
  const parts: Buffer[] = []
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return { body: Buffer.concat(parts), complete: false }
    const size = Number.parseInt(bytes.latin1Slice(at, lineEnd), 16)
    if (size === 0) return { body: Buffer.concat(parts), complete: bytes.length >= lineEnd + 4 }
    parts.push(bytes.subarray(lineEnd + 2, lineEnd + 2 + size))
    at = lineEnd + 2 + size + 2
    if (Number.isNaN(size) || at > bytes.length) return { body: Buffer.concat(parts), complete: false }
  }
}
