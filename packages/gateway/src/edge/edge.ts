import { once } from 'node:events'
import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls'
import type { ClientSink, GatewayError, RequestHead, Serve, ServerLimits } from '@headrace/contract'
import { AddressCap } from './address-cap.ts'
import { compileCors } from './cors.ts'
import { Door, refusal, renderRefusal, type BodyMemory, type Incoming, type Refusal, type Routes, type Upgrades } from './door.ts'
import { FastConnection } from './fast-connection.ts'
import { LINGER_MS } from './linger.ts'
import { SlowLane } from './slow-lane.ts'

export interface EdgeOptions {
  readonly limits: ServerLimits
  /** PEM texts, or null for plain text. */
  readonly tls: { readonly cert: string, readonly key: string } | null
  /** Allowed origins, `*` = any; empty = no CORS headers. */
  readonly corsOrigins: readonly string[]
  readonly routes: Routes
  /** POST on a route, with the whole body in hand. */
  readonly serve: Serve
  /** Called once the head is complete and the body is not wholly there yet; an error refuses the request before its body is read. */
  readonly admit: (head: RequestHead) => GatewayError | null
  /** Asked for every body that is large or does not arrive with its head. */
  readonly memory: BodyMemory
  /** A well-formed request that is no model call and is not relayed. */
  readonly local: (head: RequestHead, body: Buffer, sink: ClientSink) => void
  /** Unix socket of the control surface, to which `/admin/v1`, `/metrics` and exactly `/` are relayed; null = they are no paths of this edge. */
  readonly controlSocket: string | null
  /** Connections that go on as WebSockets; null or left out = none do. */
  readonly upgrades?: Upgrades | null
  /** Requests whose bodies are passed on as they come; null or left out = none are. */
  readonly incoming?: Incoming | null
  /** Text of the edge's own refusals. `body` is latin1, `headers` are whole lines. */
  readonly encodeError: (error: GatewayError, requestId: string, head: RequestHead | null) => { status: number, headers: string, body: string }
  /** `node-http` = the slow lane alone, for the differential test. */
  readonly listener?: 'fast' | 'node-http'
}

/** A bound socket that others hold as well; `net.Server.listen` takes it. */
export interface SharedSocket { readonly shared: object }

export interface Edge {
  /** Resolves with the real address (port 0 = any free one). Rejects if it cannot be bound. */
  listen(where: { readonly host: string, readonly port: number } | SharedSocket): Promise<{ host: string, port: number }>
  /** Affects new connections' certificates and every connection's limits; a change between TLS and plain text needs a restart. */
  reload(change: Pick<EdgeOptions, 'limits' | 'tls' | 'corsOrigins' | 'controlSocket'>): void
  /**
   * Stops accepting, lets answers finish for `graceMs`, tells those that are left to end now, and cuts what is there a second later.
   * `succeeded`: somebody else accepts from the same socket; clients are told with their next answer and meet no end that they could not foresee.
   * Called again, it hurries.
   */
  drain(graceMs: number, succeeded: boolean): Promise<void>
  close(): Promise<void>
  readonly connections: number
}

const SWEEP_MS = 1_000
/** Connections that may wait to be accepted. */
const BACKLOG = 4_096
/** Milliseconds that draining goes on accepting at most: what is in the kernel's queue would be reset by closing. */
const ACCEPT_MS = 100

/**
 * Milliseconds that an idle connection may ask once more, when another worker has taken over: the pools of the usual SDKs give up an idle connection
 * after 4 to 5 s by themselves (undici 4, httpx 5), and a request is never on its way into one that was closed.
 */
const IDLE_MS = 6_000
/** Milliseconds for the last words of answers that are broken off when the grace period is over. */
const FAREWELL_MS = 1_000
/** Milliseconds that destroyed sockets may take to say so. */
const CLOSE_MS = 1_000

/** The front door: a strict fast path on the socket itself, `node:http` for everything else. Starts nothing until `listen`. */
export function createEdge(options: EdgeOptions): Edge {
  return new FrontDoor(options)
}

class FrontDoor implements Edge {
  readonly #door: Door
  readonly #lane: SlowLane
  readonly #fast: boolean
  readonly #server: Server
  readonly #tls: TlsServer | null
  readonly #addresses = new AddressCap()
  #sweeper: NodeJS.Timeout | null = null
  /** Accepted since the start: draining watches it stand still. */
  #accepted = 0
  #handshakes = 0
  #onEmpty: (() => void) | null = null

  constructor(options: EdgeOptions) {
    const door = this.#door = new Door(options, options.limits, compileCors(options.corsOrigins))
    const lane = this.#lane = new SlowLane(door)
    door.handOver = (socket, bytes, served, since) => lane.adopt(socket, bytes, served, since)
    this.#fast = options.listener !== 'node-http'
    const settings = { allowHalfOpen: true, noDelay: true }
    this.#tls = options.tls === null ? null
      : createTlsServer({ ...settings, ...options.tls, ALPNProtocols: ['http/1.1'], handshakeTimeout: options.limits.headMs })
    this.#server = this.#tls ?? createServer(settings)
    if (this.#tls !== null) this.#watchHandshakes(this.#tls)
    this.#server.on(this.#tls === null ? 'connection' : 'secureConnection', (socket: Socket) => this.#accept(socket))
  }

  get connections(): number {
    return this.#door.connections.size
  }

  async listen(where: { readonly host: string, readonly port: number } | SharedSocket): Promise<{ host: string, port: number }> {
    if ('shared' in where) this.#server.listen(where.shared, BACKLOG)
    else this.#server.listen({ ...where, backlog: BACKLOG })
    await once(this.#server, 'listening')
    this.#startSweeping()
    const address = this.#server.address() as AddressInfo // a TCP server that listens has one
    return { host: address.address, port: address.port }
  }

  reload(change: Pick<EdgeOptions, 'limits' | 'tls' | 'corsOrigins' | 'controlSocket'>): void {
    if (change.tls !== null) this.#tls?.setSecureContext(change.tls)
    this.#door.limits = change.limits
    this.#door.controlSocket = change.controlSocket
    this.#door.cors = compileCors(change.corsOrigins)
    this.#lane.reload()
    if (this.#sweeper !== null) this.#startSweeping()
  }

  async drain(graceMs: number, succeeded: boolean): Promise<void> {
    const door = this.#door
    const end = performance.now() + graceMs
    door.announcing = true
    if (succeeded) {
      // What waits in the kernel's queue is the successor's.
      this.#server.close()
      await this.#emptied(Math.min(graceMs, IDLE_MS))
      door.draining = true
    } else {
      door.draining = true
      await this.#emptyQueue()
      this.#server.close()
    }
    for (const connection of door.connections) connection.drain()
    await this.#emptied(Math.max(0, end - performance.now()))
    for (const connection of door.connections) connection.shutdown()
    await this.#emptied(FAREWELL_MS)
    await this.close()
  }

  async close(): Promise<void> {
    this.#stopSweeping()
    this.#server.close()
    for (const connection of this.#door.connections) connection.destroy()
    await this.#emptied(CLOSE_MS)
  }

  #watchHandshakes(server: TlsServer): void {
    server.on('connection', (socket: Socket) => {
      this.#handshakes++
      // Before it is secure there is nobody to be told anything.
      if (this.#refusalOf(socket, 1) !== null) socket.destroy()
    })
    server.on('secureConnection', () => { this.#handshakes-- })
    server.on('tlsClientError', (_error, socket) => {
      this.#handshakes--
      socket.destroy()
      this.#onSocketClose()
    })
  }

  #accept(socket: Socket): void {
    this.#accepted++
    socket.once('close', this.#onSocketClose)
    // Under TLS it was judged before the handshake.
    const refused = this.#tls === null ? this.#refusalOf(socket, 0) : null
    if (refused !== null) return this.#refuseConnection(socket, refused)
    if (this.#fast) new FastConnection(this.#door, socket)
    else this.#lane.adopt(socket, Buffer.alloc(0), 0, 0)
  }

  /** Runs before the connection's own close listener: it looks when that one is through. */
  readonly #onSocketClose = (): void => {
    if (this.#onEmpty !== null) process.nextTick(this.#checkEmpty)
  }

  readonly #checkEmpty = (): void => {
    if (this.#isEmpty()) this.#onEmpty?.()
  }

  /** Counts the connection where it may stay. `itself`: as what it is counted already. */
  #refusalOf(socket: Socket, itself: number): Refusal | null {
    const { connections, connectionsPerAddress } = this.#door.limits
    if (this.#door.connections.size + this.#handshakes - itself >= connections) {
      return refusal('overloaded', `This gateway holds as many connections as it may (${connections}). Try again shortly.`, 503, 1_000)
    }
    if (connectionsPerAddress >= connections || this.#addresses.enter(socket, connectionsPerAddress)) return null
    return refusal('overloaded', `Your address holds as many connections as it may (${connectionsPerAddress}). Use those that are open, or try again shortly.`, 503, 1_000)
  }

  #refuseConnection(socket: Socket, refused: Refusal): void {
    socket.on('error', () => {})
    socket.setTimeout(LINGER_MS, () => socket.destroy())
    socket.end(renderRefusal(this.#door, refused, null), 'latin1')
    socket.resume()
  }

  /** Node accepts one connection per turn of the event loop: some turns without one mean that the queue is empty. */
  async #emptyQueue(): Promise<void> {
    const end = performance.now() + ACCEPT_MS
    for (let quiet = 0, seen = this.#accepted; quiet < 3 && performance.now() < end; quiet++) {
      await new Promise(resolve => setImmediate(resolve))
      if (this.#accepted === seen) continue
      seen = this.#accepted
      quiet = 0
    }
  }

  /** A handshake under way is a client as well. */
  #isEmpty(): boolean {
    return this.#door.connections.size === 0 && this.#handshakes === 0
  }

  #emptied(graceMs: number): Promise<void> {
    if (this.#isEmpty()) return Promise.resolve()
    return new Promise(resolve => {
      const timer = setTimeout(resolve, graceMs)
      this.#onEmpty = () => {
        clearTimeout(timer)
        this.#onEmpty = null
        resolve()
      }
    })
  }

  #startSweeping(): void {
    this.#stopSweeping()
    const { headMs, requestMs, keepAliveMs } = this.#door.limits
    this.#door.tick = Math.max(20, Math.min(SWEEP_MS, Math.min(headMs, requestMs, keepAliveMs) / 4))
    this.#sweeper = setInterval(() => {
      this.#door.refresh()
      for (const connection of this.#door.connections) connection.sweep()
    }, this.#door.tick)
  }

  #stopSweeping(): void {
    if (this.#sweeper !== null) clearInterval(this.#sweeper)
    this.#sweeper = null
  }
}
