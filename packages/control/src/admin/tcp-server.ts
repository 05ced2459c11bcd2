import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { failure, success, type AdminAddress, type Result, type ServerConfig } from '@headrace/contract'

/** Milliseconds for a head to arrive, for a whole request, and between two on one connection. */
const HEAD_MS = 15_000
const REQUEST_MS = 30_000
const IDLE_MS = 5_000
/** At the same time; people, scrapers and followers of the log are few. */
const CONNECTIONS = 256
const HEAD_BYTES = 16_384
/** How often the certificate's files are looked at, ms. */
const RENEW_MS = 60_000

export interface TcpServer {
  readonly address: AdminAddress
  close(): Promise<void>
}

/** Serves on an address of its own, with the certificate of the public port where that has one. Fails with what the address or the certificate lacks. */
export async function startTcpServer(serve: (request: IncomingMessage, response: ServerResponse) => void, where: { readonly host: string, readonly port: number }, tls: ServerConfig['tls']): Promise<Result<TcpServer, string>> {
  const bounds = { maxHeaderSize: HEAD_BYTES, headersTimeout: HEAD_MS, requestTimeout: REQUEST_MS, keepAliveTimeout: IDLE_MS, connectionsCheckingInterval: 1_000 }
  let server: Server
  let renewing: NodeJS.Timeout | undefined
  try {
    if (tls === null) server = createServer(bounds, serve)
    else {
      const secure = createTlsServer({ ...bounds, ...readPair(tls), handshakeTimeout: HEAD_MS }, serve)
      renewing = setInterval(() => renew(secure, tls), RENEW_MS).unref()
      server = secure
    }
    server.maxConnections = CONNECTIONS
    server.listen(where)
    await once(server, 'listening')
  } catch (error) {
    clearInterval(renewing)
    return failure(error instanceof Error ? error.message : String(error))
  }
  const { address, port } = server.address() as AddressInfo // a TCP server that listens has one
  return success({
    address: { host: address, port, tls: tls !== null },
    async close() {
      clearInterval(renewing)
      const closed = once(server, 'close')
      server.close()
      server.closeAllConnections()
      await closed
    },
  })
}

type Pair = NonNullable<ServerConfig['tls']>

function readPair({ cert, key }: Pair): { readonly cert: string, readonly key: string } {
  return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') }
}

/** Files that are just being replaced do not fit together for a moment: what was good before stays in use, and workers say so. */
function renew(server: TlsServer, tls: Pair): void {
  try {
    server.setSecureContext(readPair(tls))
  } catch { /* The next look finds them whole. */ }
}
