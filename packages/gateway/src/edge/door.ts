import { randomUUID } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ERROR_POLICY, gatewayError, type ClientSink, type DialectId, type GatewayError, type Operation, type RequestHead, type Serve, type ServeIncoming, type ServerLimits } from '@headrace/contract'
import { corsLines, type Cors } from './cors.ts'
import { HeadScan } from './head-scan.ts'
import { isRequestId, statusLine } from './header-text.ts'

export interface Route { readonly dialect: DialectId, readonly operation: Operation }

/** Path -> model call; undefined = the path is none. */
export interface Routes { get(path: string): Route | undefined }

/** Memory for bodies, which is bounded over all connections. */
export interface BodyMemory {
  /** Sets memory aside for a body of so many bytes. An error = there is none: it is not read, and the client told. */
  setAside(bytes: number): BodyShare | GatewayError
}

/** The memory that is set aside for one body. */
export interface BodyShare {
  /** The body is larger by so many bytes than was known. An error = there is no memory for them: it is not read further. */
  grow(bytes: number): GatewayError | null
  /** All of it is here, and the call has begun. */
  arrived(): void
  /** Its exchange is over, in whatever way. Called once. */
  end(): void
}

export interface Upgrades {
  readonly takes: (path: string) => boolean
  /** Answers the handshake. The socket is the other side's from now on; `first`: bytes of it that were read already. */
  readonly open: (head: RequestHead, request: IncomingMessage, socket: Duplex, first: Buffer) => Upgraded
}

/** A connection that has become something else. */
export interface Upgraded {
  /** Closes now if idle, else after what runs. */
  drain(): void
  /** The grace period is over: what runs is told to end now. */
  shutdown(): void
}

/** Bodies that come with their head and have at most so many bytes ask nobody. */
export const SMALL_BODY_BYTES = 16_384

/** Requests whose bodies are not held but passed on as they come. */
export interface Incoming {
  readonly takes: (path: string) => boolean
  readonly serve: ServeIncoming
}

/** What the embedder decides; the edge only frames. */
export interface DoorRules {
  readonly routes: Routes
  readonly serve: Serve
  readonly admit: (head: RequestHead) => GatewayError | null
  readonly memory: BodyMemory
  readonly local: (head: RequestHead, body: Buffer, sink: ClientSink) => void
  readonly controlSocket: string | null
  /** Connections that go on as WebSockets; null or left out = none do. */
  readonly upgrades?: Upgrades | null
  /** Null or left out = every body is held. */
  readonly incoming?: Incoming | null
  readonly encodeError: (error: GatewayError, requestId: string, head: RequestHead | null) => { status: number, headers: string, body: string }
}

/** One client connection, on either lane, as the edge sees it. */
export interface Connection {
  /** Compares its clock with the limits. Called about once per second. */
  sweep(): void
  /** Closes now if idle, else after the current answer. */
  drain(): void
  /** The grace period is over: whoever answers is told, a request that is still arriving is refused. */
  shutdown(): void
  destroy(): void
}

/** Bytes per ms (2 KiB/s) that a client takes at least, once it lags; and gives at least of a body that is passed on as it comes. */
export const SLOWEST_CLIENT = 2

/** What all connections of one edge share. Mutable: limits, CORS, the coarse clock and the draining flag change while connections live. */
export class Door {
  readonly rules: DoorRules
  limits: ServerLimits
  cors: Cors | null
  /** Unix socket of the control surface; null = nothing is relayed. */
  controlSocket: string | null
  /** Every answer from now on is its connection's last, and says so. */
  announcing = false
  /** Connections end as soon as they can. */
  draining = false
  /** Monotonic milliseconds as of the last tick: good to one `tick`, costs nothing to read. */
  now = performance.now()
  /** Milliseconds between two sweeps. */
  tick = 1_000
  /** `Date` header line, refreshed by the sweep. */
  dateLine = dateLine()
  readonly connections = new Set<Connection>()
  readonly scan = new HeadScan()
  /** The Host value that was last found well-formed: nearly every request repeats it. */
  lastHost = ''
  /** Gives a connection to `node:http`: `bytes` were read and not interpreted. `since` is when they began to arrive, 0 = none did. */
  handOver: (socket: Socket, bytes: Buffer, served: number, since: number) => void = () => {}

  constructor(rules: DoorRules, limits: ServerLimits, cors: Cors | null) {
    this.rules = rules
    this.limits = limits
    this.cors = cors
    this.controlSocket = rules.controlSocket
  }

  /** When a limit of `ms` that starts now is over: never early, at most a tick late. */
  deadline(ms: number): number {
    return this.now + this.tick + ms
  }

  /** When a client that has begun to lag has to have taken the `bytes` that wait for it: who takes a byte now and then is not waited for. */
  drainBy(bytes: number): number {
    return this.deadline(this.limits.stallMs + bytes / SLOWEST_CLIENT)
  }

  refresh(): void {
    this.now = performance.now()
    this.dateLine = dateLine()
  }
}

/** A request that the edge itself answers with an error. `status` overrides the kind's own where HTTP has a better one (501, 505, 417). */
export interface Refusal {
  readonly error: GatewayError
  readonly status: number
}

/** The refusal of an error as it stands in the error table. */
export function refusalOf(error: GatewayError): Refusal {
  return { error, status: ERROR_POLICY[error.kind].status }
}

export function refusal(kind: GatewayError['kind'], message: string, status = 0, retryAfterMs = 0): Refusal {
  return { error: gatewayError(kind, message, { retryAfterMs }), status: status === 0 ? ERROR_POLICY[kind].status : status }
}

export function bodyTooLarge(limit: number, name: 'body' | 'upload' = 'body'): Refusal {
  return refusal('body-too-large', `The request body is larger than this gateway takes (${limit} bytes). Send less, or raise server.limits.${name}.`)
}

export function shuttingDown(): Refusal {
  return refusal('shutting-down', 'The gateway is shutting down. Send the request again.')
}

/** Renders a refusal as a whole response that announces the end of the connection. Latin1. */
export function renderRefusal(door: Door, refused: Refusal, head: RequestHead | null): string {
  const asked = head?.header('x-request-id')
  const told = door.rules.encodeError(refused.error, isRequestId(asked) ? asked : randomUUID(), head)
  const wait = refused.error.retryAfterMs
  const retry = wait > 0 && !/^retry-after:/im.test(told.headers) ? `retry-after: ${Math.ceil(wait / 1_000)}\r\n` : ''
  const cors = door.cors === null || head === null ? '' : corsLines(door.cors, head)
  const status = told.status === ERROR_POLICY[refused.error.kind].status ? refused.status : told.status
  return `${statusLine(status)}${told.headers}${retry}${cors}${door.dateLine}content-length: ${told.body.length}\r\nconnection: close\r\n\r\n${told.body}`
}

function dateLine(): string {
  return `date: ${new Date().toUTCString()}\r\n`
}
