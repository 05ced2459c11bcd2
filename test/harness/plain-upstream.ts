import { createHash } from 'node:crypto'
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** A request as it came. */
export interface PlainRequest {
  readonly method: string
  /** Path and query. */
  readonly url: string
  readonly headers: IncomingHttpHeaders
  /** Names and values in turn. */
  readonly raw: readonly string[]
  bytes: number
  /** SHA-256 of the body, once all of it has come. */
  digest: string
  /** The body, as far as 1 MiB. */
  body: string
  aborted: boolean
}

export type PlainAnswer = (request: PlainRequest, response: ServerResponse, incoming: IncomingMessage) => void

/** A provider that takes whatever comes, never holds a large body, and says what it was told to. */
export interface PlainUpstream {
  readonly origin: string
  readonly seen: PlainRequest[]
  /** Answers for a path (without query); `early`: as soon as the head is there, and the body is the answer's to read. */
  on(path: string, answer: PlainAnswer, early?: boolean): void
  stop(): Promise<void>
}

export async function startPlainUpstream(): Promise<PlainUpstream> {
  const answers = new Map<string, { readonly answer: PlainAnswer, readonly early: boolean }>()
  const seen: PlainRequest[] = []
  const server = createServer((incoming, response) => {
    const request: PlainRequest = { method: incoming.method ?? '', url: incoming.url ?? '', headers: incoming.headers, raw: incoming.rawHeaders, bytes: 0, digest: '', body: '', aborted: false }
    seen.push(request)
    const { answer, early } = answers.get(request.url.split('?', 1)[0] ?? '') ?? { answer: echo, early: false }
    incoming.on('error', () => { request.aborted = true })
    response.on('error', () => undefined)
    if (early) return answer(request, response, incoming)
    const digest = createHash('sha256')
    const chunks: Buffer[] = []
    incoming.on('data', (chunk: Buffer) => {
      request.bytes += chunk.length
      digest.update(chunk)
      if (request.bytes <= 2 ** 20) chunks.push(chunk)
    })
    incoming.on('end', () => {
      request.digest = digest.digest('hex')
      request.body = Buffer.concat(chunks).toString('latin1')
      answer(request, response, incoming)
    })
  })
  server.keepAliveTimeout = 30_000
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    origin: `http://127.0.0.1:${port}`, seen,
    on(path, answer, early = false) { answers.set(path, { answer, early }) },
    async stop() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    },
  }
}

/** Says what came. */
const echo: PlainAnswer = ({ method, url, bytes, digest }, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ method, url, bytes, digest }))
}

/** JSON, with a content length. */
export const plainJson = (body: unknown, status = 200, headers: Readonly<Record<string, string>> = {}): PlainAnswer => (_request, response) => {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text), ...headers })
  response.end(text)
}
