import { createServer, type ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { refusal, type Door } from './door.ts'
import { SlowConnection } from './slow-connection.ts'
import { SlowRequest } from './slow-request.ts'

type Server = ReturnType<typeof createServer<typeof SlowRequest>>

/**
 * The standard slow path: a `node:http` server that never listens. Connections come to it with the bytes already read, and stay.
 * Its own timers are off (they start with `listen`): the edge's sweep keeps the limits on both lanes.
 */
export class SlowLane {
  readonly #door: Door
  readonly #connections = new WeakMap<Duplex, SlowConnection>()
  #server: Server

  constructor(door: Door) {
    this.#door = door
    this.#server = this.#createServer()
  }

  /** New limits on heads are built into the parser: connections that are here keep the old ones. */
  reload(): void {
    this.#server = this.#createServer()
  }

  /** `bytes` were read and not interpreted; `since` as for `SlowConnection`. */
  adopt(socket: Socket, bytes: Buffer, served: number, since: number): void {
    const connection = new SlowConnection(this.#door, socket, served, since)
    this.#connections.set(socket, connection)
    socket.pause()
    if (bytes.length > 0) socket.unshift(bytes)
    this.#server.emit('connection', socket)
    connection.attach()
    socket.resume()
  }

  #createServer(): Server {
    const server = createServer({ IncomingMessage: SlowRequest, maxHeaderSize: this.#door.limits.headBytes, requireHostHeader: false, insecureHTTPParser: false, shouldUpgradeCallback: request => this.#upgrades(request) })
    // Without this Node drops header lines beyond the 2,000th in silence, a second Authorization among them.
    server.maxHeadersCount = 0
    server.keepAliveTimeout = 0
    server.on('request', (request, response) => this.#onRequest(request, response, false))
    server.on('checkContinue', (request: SlowRequest, response: ServerResponse) => this.#onRequest(request, response, true))
    server.on('checkExpectation', (request: SlowRequest, response: ServerResponse) => {
      this.#connections.get(request.socket)?.onRequest(request, response, false, refusal('invalid-request', 'The only Expect taken is "100-continue".', 417))
    })
    server.on('upgrade', (request: SlowRequest, socket: Duplex, first: Buffer) => {
      this.#connections.get(socket)?.onUpgrade(request, first)
    })
    server.on('connect', (request: SlowRequest, socket: Duplex) => {
      this.#connections.get(socket)?.refuse(refusal('method-not-allowed', `${request.method} is not allowed.`), null)
    })
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const connection = this.#connections.get(socket)
      if (connection === undefined) socket.destroy()
      else connection.onFault(error.code)
    })
    return server
  }

  /** Any other offer is a request as any: it is refused, or the offer not taken. */
  #upgrades({ method, url = '', headers }: SlowRequest): boolean {
    const { upgrades } = this.#door.rules
    return upgrades != null && method === 'GET' && headers.upgrade?.toLowerCase() === 'websocket' && upgrades.takes(url.split('?', 1)[0] ?? '')
  }

  #onRequest(request: SlowRequest, response: ServerResponse, expectsContinue: boolean): void {
    this.#connections.get(request.socket)?.onRequest(request, response, expectsContinue, null)
  }
}
