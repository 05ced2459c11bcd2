import { rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { packHeaded, unpackHeaded } from '@headrace/bytes'
import type { KeyReply, KeyRequest } from '@headrace/contract'
import type { KeyDesk } from './key-desk.ts'

export interface KeyServer { close(): Promise<void> }

/** The longest that one question may wait, ms: then it is answered with how the key stands, and may be asked again. */
const LONGEST_WAIT_MS = 30_000
/** The largest answer that may be configured, and room for its headers, bytes. */
const BODY_LIMIT = 17 * 2 ** 20

/** Answers the workers' questions for idempotency keys on a unix socket that only this user's processes reach. A socket file that is there is of a dead process. */
export async function startKeyServer(desk: KeyDesk, socket: string): Promise<KeyServer> {
  const stopping = new AbortController()
  const server = createServer((request, response) => {
    void answer(desk, request, response, stopping.signal).catch((error: unknown) => reply(response, 503, { problem: error instanceof Error ? error.message : String(error) }, null))
  })
  // A question may wait; whoever asks closes.
  server.requestTimeout = 0
  server.keepAliveTimeout = 60_000
  rmSync(socket, { force: true })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(socket, resolve)
  })
  return {
    async close() {
      stopping.abort()
      const closed = new Promise(resolve => server.close(resolve))
      server.closeAllConnections()
      await closed
    },
  }
}

async function answer(desk: KeyDesk, incoming: IncomingMessage, response: ServerResponse, stopping: AbortSignal): Promise<void> {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  const parts: Buffer[] = []
  let length = 0
  for await (const part of incoming as AsyncIterable<Buffer>) {
    length += part.length
    if (length > BODY_LIMIT) return reply(response, 413, { problem: 'too large' }, null)
    parts.push(part)
  }
  const packed = unpackHeaded(Buffer.concat(parts))
  if (packed === null) return reply(response, 400, { problem: 'not understood' }, null)
  const request = packed.head as KeyRequest // our own program speaks our own protocol
  switch (request.op) {
    case 'claim': {
      const { state, answer: kept } = await desk.claim(request.claim, Math.min(request.waitMs, LONGEST_WAIT_MS), AbortSignal.any([gone.signal, stopping]))
      return reply(response, 200, { state, sealed: kept !== null }, kept)
    }
    case 'settle': {
      // A worker of a version that did not seal its answers: none of them goes to the disk.
      if (typeof request.sealed !== 'boolean') return reply(response, 400, { problem: 'not understood' }, null)
      return reply(response, 200, { done: await desk.settle(request.name, request.token, request.sealed ? packed.bytes : null, request.until) }, null)
    }
    case 'release': return reply(response, 200, { done: await desk.release(request.name, request.token) }, null)
    default: return reply(response, 400, { problem: 'not understood' }, null)
  }
}

function reply(response: ServerResponse, status: number, head: KeyReply, body: Buffer | null): void {
  if (response.writableEnded || response.destroyed) return
  const bytes = packHeaded(head, body)
  response.writeHead(status, { 'content-type': 'application/octet-stream', 'content-length': bytes.length })
  response.end(bytes)
}
